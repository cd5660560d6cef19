"""Every code that a finding can have is a cause (`finding` takes no other), and stands in docs/DOCTOR.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.doctor.causes import CAUSES
from scripts.doctor_table import doctor_table

ROOT = Path(__file__).parents[2]
SOURCES = [path for path in (ROOT / "backend" / "doctor").glob("*.py") if path.name != "causes.py"]


def test_the_page_holds_the_table_of_every_code() -> None:
    page = (ROOT / "docs" / "DOCTOR.md").read_text(encoding="utf-8")
    assert doctor_table() in page, "python -m scripts.doctor_table prints it"


@pytest.mark.parametrize("code", CAUSES)
def test_every_cause_can_be_found(code: str) -> None:
    assert any(f'"{code}"' in source.read_text(encoding="utf-8") for source in SOURCES)
