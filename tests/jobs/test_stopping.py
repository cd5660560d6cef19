"""SIGTERM in the process of a run."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

from backend.jobs.stopping import stop_put_off

SCRIPT = """
import os, signal
from backend.jobs.stopping import stop_put_off
with stop_put_off() as asked:
    assert not asked()
    os.kill(os.getpid(), signal.SIGTERM)
    assert asked()
    print("kept what it had", flush=True)
print("went on", flush=True)
"""


def test_the_end_is_put_off_until_the_work_is_done() -> None:
    ended = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert ended.stdout == "kept what it had\n"
    assert ended.returncode == -signal.SIGTERM


def test_outside_of_it_nothing_is_changed() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stop_put_off():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_another_thread_is_never_told() -> None:
    told: list[bool] = []

    def work() -> None:
        with stop_put_off() as asked:
            told.append(asked())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert told == [False]
