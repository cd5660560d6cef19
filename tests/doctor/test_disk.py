from __future__ import annotations

from pathlib import Path

import pytest

from backend.doctor.disk import FULL_BYTES, LOW_BYTES, examine_disk
from backend.doctor.finding import Level
from tests.disks import fill, make_read_only, small_disk
from tests.doctor.stand_in import codes


def test_a_folder_that_can_be_written_is_well_and_stays_empty(tmp_path: Path) -> None:
    found = examine_disk(tmp_path, free_bytes=lambda folder: LOW_BYTES)
    assert found.level is Level.OK
    assert "2.0 GB" in found.found
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("free", "code"), [(LOW_BYTES - 1, "disk_low"), (FULL_BYTES - 1, "disk_full")])
def test_little_room_is_named(tmp_path: Path, free: int, code: str) -> None:
    assert codes([examine_disk(tmp_path, free_bytes=lambda folder: free)]) == [code]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert codes([examine_disk(tmp_path / "none")]) == ["data_dir_missing"]
    assert not (tmp_path / "none").exists()


def test_a_disk_that_takes_nothing_is_named(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as folder:
        fill(folder)
        assert codes([examine_disk(folder)]) == ["disk_full"]
        assert codes([examine_disk(folder, free_bytes=lambda folder: LOW_BYTES)]) == ["disk_full"]  # told by the write
        make_read_only(folder)
        assert codes([examine_disk(folder)]) == ["data_dir_read_only"]
