from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backend.versions.locks import Busy, is_locked, locked


@contextmanager
def held_elsewhere(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the lock."""
    script = (
        "import sys, time; from pathlib import Path; from backend.versions.locks import locked\n"
        "with locked(Path(sys.argv[1])):\n"
        "    print('held', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        try:
            yield holder
        finally:
            holder.kill()


def test_two_processes_never_hold_one_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with held_elsewhere(path):
        assert is_locked(path)
        started = time.monotonic()
        with pytest.raises(Busy), locked(path, patience_s=0.2):
            pass
        assert 0.2 <= time.monotonic() - started < 2


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with held_elsewhere(path) as holder:
        holder.kill()
        holder.wait()
        assert not is_locked(path)
        with locked(path, patience_s=0):
            assert is_locked(path)


def test_threads_of_one_process_exclude_each_other_too(tmp_path: Path) -> None:
    with locked(tmp_path / "lock"), pytest.raises(Busy), locked(tmp_path / "lock", patience_s=0):
        pass


def test_a_folder_can_be_locked(tmp_path: Path) -> None:
    with locked(tmp_path, patience_s=0):
        assert is_locked(tmp_path)
    assert not is_locked(tmp_path)


def test_a_lock_that_nobody_ever_took_is_free_and_not_made_by_looking(tmp_path: Path) -> None:
    assert not is_locked(tmp_path / "lock")
    assert not (tmp_path / "lock").exists()
