"""Room on the disk (row FA15)."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from backend.errors import ServiceError
from backend.versions.space import free_bytes, full_disk_named, require_room
from tests.disks import fill, small_disk


def test_FA15_a_run_without_room_is_refused_with_both_figures(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 4) as disk:
        folder = disk / "projects" / "3"  # not there yet
        assert free_bytes(folder) == 4 << 20
        require_room(folder, 4 << 20)
        with pytest.raises(ServiceError) as refusal:
            require_room(folder, 9_000_000)
    assert refusal.value.code == "disk_full"
    assert refusal.value.message == "4 MB are free in DATA_DIR, a training run needs 9 MB"
    assert str(tmp_path) not in refusal.value.message + refusal.value.hint


def write_torch(folder: Path) -> None:
    torch.save(torch.zeros(400_000), str(folder / "weights.pt"))


def write_safetensors(folder: Path) -> None:
    save_file({"weights": torch.zeros(400_000)}, str(folder / "weights.safetensors"))


def write_plain(folder: Path) -> None:
    (folder / "weights").write_bytes(b"x" * 1_600_000)


@pytest.mark.parametrize("write", [write_torch, write_safetensors, write_plain])
def test_FA15_a_full_disk_has_one_name_whatever_library_meets_it(tmp_path: Path, write: object) -> None:
    assert callable(write)
    with small_disk(tmp_path / "disk") as disk:
        filler = fill(disk)
        os.truncate(filler, filler.stat().st_size - 500_000)
        with pytest.raises(ServiceError) as refusal, full_disk_named(disk):
            write(disk)
    assert refusal.value.code == "disk_full"


@pytest.mark.parametrize(
    "error", [RuntimeError("a defect"), SafetensorError("a defect"), OSError(errno.EACCES, "Permission denied")]
)
def test_other_failures_keep_their_name(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(type(error)), full_disk_named(tmp_path):
        raise error
