"""The priority of a run, in a worker that has a session to itself and in one that has not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from backend.jobs.priority import NICENESS

AUTOGROUP = Path("/proc/self/autogroup")
"""Missing where the kernel does not group processes by session, empty where a control group holds this process."""
GROUPED = AUTOGROUP.exists() and bool(AUTOGROUP.read_text(encoding="ascii").strip())
groups_by_session = pytest.mark.skipif(not GROUPED, reason="processes are not grouped by session here")

WORKER = """
import os, sys
from pathlib import Path
from backend.jobs.priority import step_back
if not os.fork():
    step_back()
    autogroup = Path("/proc/self/autogroup")
    print(os.getpriority(os.PRIO_PROCESS, 0), autogroup.read_text() if autogroup.exists() else "")
    sys.exit()
os.wait()
"""


def told(*, own_session: bool) -> list[str]:
    """Niceness of a run's process, then the words of its autogroup."""
    answer = subprocess.run(
        [sys.executable, "-c", WORKER], capture_output=True, text=True, check=True, start_new_session=own_session
    )
    return answer.stdout.split()


def test_a_run_steps_back() -> None:
    assert told(own_session=True)[0] == str(NICENESS)


@groups_by_session
def test_so_does_its_session_where_it_is_the_worker_s_alone() -> None:
    assert told(own_session=True)[-1] == str(NICENESS)


@groups_by_session
def test_the_session_of_others_is_left_as_it_is() -> None:
    before = AUTOGROUP.read_text(encoding="ascii").split()[-1]
    assert told(own_session=False)[-1] == before
