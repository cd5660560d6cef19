"""Label Studio and the backend as children of the demonstration, each with a folder and a port of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from backend.errors import ServiceError
from backend.supervise.child import start_process, stop_process
from scripts.demo.studio import EMAIL, PASSWORD
from tests.running import without_settings
from tests.studio import environment

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
PORTS_TRIED = 100
LABEL_STUDIO_STOP_S = 10.0
BACKEND_STOP_S = 45.0
LOG_LINES_SHOWN = 15


@dataclass(frozen=True)
class Running:
    """A child.

    Attributes:
        url: where it listens, or will.
        log: what it wrote.
    """

    name: str
    url: str
    log: Path
    process: subprocess.Popen[bytes]

    def check(self) -> None:
        """Return if it runs.

        Raises:
            ServiceError: it has ended; the end of its log is in the message, which is for the terminal only.
        """
        status = self.process.poll()
        if status is not None:
            last = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES_SHOWN:]
            raise ServiceError("ended", "\n".join([f"{self.name} ended with status {status}. Its log ends:", *last]))


@contextmanager
def label_studio(program: str, folder: Path, port: int) -> Iterator[Running]:
    """Label Studio, started a moment ago, with the demonstration's user; ends with the block.

    Raises:
        ServiceError: `label_studio_missing`.
    """
    command = [program, "start", "--no-browser", "--internal-host", HOST, "--port", str(port)]
    command += ["--username", EMAIL, "--password", PASSWORD]
    # Without a host its pages hold no absolute addresses, and browsers may call it localhost or 127.0.0.1.
    environ = environment(str(folder), HOST, str(port)) | {"LABEL_STUDIO_HOST": ""}
    if shutil.which(program) is None:
        hint = "make demo installs it; one of your own is named by LABEL_STUDIO_BIN"
        raise ServiceError("label_studio_missing", f"the program {program} is not there", hint)
    with _running("Label Studio", command, folder, port, environ, LABEL_STUDIO_STOP_S) as started:
        yield started


@contextmanager
def backend(folder: Path, port: int, studio_url: str, token: str) -> Iterator[Running]:
    """The backend as `make run` starts it, connected to this Label Studio by a token; ends with the block.

    Of the settings in the environment none reaches it: the demonstration's project has nothing to do with yours.
    """
    environ = without_settings(os.environ) | {
        "HOST": HOST,
        "PORT": str(port),
        "DATA_DIR": str(folder),
        "LABEL_STUDIO_URL": studio_url,
        "LABEL_STUDIO_API_KEY": token,
        "BASE_MODEL": "starter",  # nothing is downloaded, also where there is a GPU
    }
    command = [sys.executable, "-m", "backend", "run"]
    with _running("The backend", command, folder, port, environ, BACKEND_STOP_S) as started:
        yield started


@contextmanager
def _running(
    name: str, command: Sequence[str], folder: Path, port: int, environ: Mapping[str, str], patience_s: float
) -> Iterator[Running]:
    folder.mkdir(parents=True, exist_ok=True)
    log = folder.with_suffix(".log")
    with log.open("wb") as output:
        process = start_process(command, cwd=ROOT, env=environ, output=output)
    try:
        yield Running(name, f"http://{HOST}:{port}", log, process)
    finally:
        stop_process(process, patience_s)


def free_port(wanted: int) -> int:
    """The first port from `wanted` on that nobody listens on.

    Raises:
        ServiceError: `port_in_use`, none of them is free.
    """
    for port in range(wanted, wanted + PORTS_TRIED):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: not the ports just given back
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise ServiceError("port_in_use", f"no port from {wanted} to {port} is free", "give another one with --port")
