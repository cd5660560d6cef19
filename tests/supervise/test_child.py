from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from backend.supervise.child import Child, start_process, stop_process
from tests.supervise.processes import is_alive
from tests.waiting import wait_until

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, subprocess, sys, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "print(subprocess.Popen(['sleep', '60']).pid, flush=True); time.sleep(60)",
]


def test_a_child_that_ends_is_started_again(tmp_path: Path) -> None:
    child = Child("sleeper", SLEEP, cwd=tmp_path, env=os.environ)
    child.look_after()
    first = child.pid
    assert first is not None
    child.look_after()
    assert child.pid == first
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: child.look_after() or child.pid not in (None, first), 20, "it runs again")
    assert child.ends == 1
    child.stop(5)
    assert child.pid is None


def test_a_child_that_ends_at_once_is_started_ever_more_rarely(tmp_path: Path) -> None:
    child = Child("quitter", ["true"], cwd=tmp_path, env=os.environ)
    ended_by = time.monotonic() + 4
    while time.monotonic() < ended_by:
        child.look_after()
        time.sleep(0.02)
    assert 2 <= child.ends <= 3, "started at 0, 1 and 3 seconds"
    child.stop(1)


def test_a_child_runs_in_its_folder_with_its_environment(tmp_path: Path) -> None:
    script = "import os, pathlib; pathlib.Path('told').write_text(os.environ['ASKED'])"
    child = Child("teller", [sys.executable, "-c", script], cwd=tmp_path, env={**os.environ, "ASKED": "for"})
    child.look_after()
    wait_until((tmp_path / "told").exists, 20, "it told")
    wait_until(lambda: (tmp_path / "told").read_text() == "for", 20, "what was asked for")
    child.stop(1)


def test_a_child_that_does_not_listen_is_killed_with_its_own_children(tmp_path: Path) -> None:
    with (tmp_path / "pid").open("wb") as output:
        process = start_process(STUBBORN, output=output)
    wait_until((tmp_path / "pid").read_text, 20, "it runs")
    stop_process(process, 0.2)
    assert process.returncode == -signal.SIGKILL
    wait_until(lambda: not is_alive(int((tmp_path / "pid").read_text())), 20, "its child is gone")


def test_FA42_a_child_ends_when_its_parent_is_killed() -> None:
    script = (
        "import sys, time; from backend.supervise.child import start_process\n"
        f"print(start_process({SLEEP!r}).pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_alive(pid)
        parent.kill()
    wait_until(lambda: not is_alive(pid), 20, "the child is gone")
