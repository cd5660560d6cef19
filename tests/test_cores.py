import os
from pathlib import Path

import pytest

from backend import cores as module
from backend.cores import core_taken, cores, cores_for_one, cores_left


def test_no_more_cores_than_the_process_is_bound_to() -> None:
    assert 1 <= cores() <= len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("quota", "bound_to", "found"),
    [
        ("max 100000\n", 8, 8),
        ("400000 100000\n", 8, 4),
        ("150000 100000\n", 8, 1),
        ("50000 100000\n", 8, 1),
        ("1600000 100000\n", 8, 8),
        ("", 8, 8),
    ],
)
def test_a_containers_share_of_time_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, quota: str, bound_to: int, found: int
) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    monkeypatch.setattr(module, "CPU_QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(bound_to)))
    assert cores() == found


def test_cores_are_given_back_also_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "cores", lambda: 4)
    with core_taken(), core_taken():
        assert cores_left() == 2
    with pytest.raises(RuntimeError), core_taken():
        raise RuntimeError
    assert cores_left() == 4


def test_one_core_is_always_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "cores", lambda: 2)
    with core_taken(), core_taken(), core_taken():
        assert cores_left() == 1


@pytest.mark.parametrize("several", [2, 3])
def test_one_alone_gets_all_cores_and_one_beside_others_its_own(monkeypatch: pytest.MonkeyPatch, several: int) -> None:
    monkeypatch.setattr(module, "cores", lambda: several)
    with core_taken():
        assert cores_for_one() == several
        with core_taken():
            assert cores_for_one() == 1
