"""The machine that figures come from, as far as others need to know it to compare."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from backend.cores import cores

CPU_FACTS = Path("/proc/cpuinfo")
PACKAGES = ("torch", "transformers", "onnxruntime")


def machine() -> dict[str, str | int | float]:
    """Date, processor, cores, memory in GB, and the versions of what does the work."""
    facts: dict[str, str | int | float] = {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": _processor(),
        "cores": cores(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "python": platform.python_version(),
        "tesseract": _tesseract(),
    }
    return facts | {package: version(package) for package in PACKAGES}


def _processor() -> str:
    found = re.search(r"^model name\s*: (.+)$", CPU_FACTS.read_text(encoding="ascii", errors="replace"), re.MULTILINE)
    return found[1] if found else platform.machine()


def _tesseract() -> str:
    told = subprocess.run(["tesseract", "--version"], capture_output=True, text=True, check=True).stdout
    return told.splitlines()[0].removeprefix("tesseract ")
