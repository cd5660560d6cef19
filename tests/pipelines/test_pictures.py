from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.pipelines.pictures import KeptPictures, model_picture


@pytest.fixture
def pictures(tmp_path: Path) -> KeptPictures:
    return KeptPictures(tmp_path / "ocr")


def test_a_kept_picture_comes_back_to_the_bit(pictures: KeptPictures) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 200, 3), np.uint8)
    picture = model_picture(Image.fromarray(noise))
    assert pictures.get(b"file") is None
    pictures.put(b"file", picture)
    back = pictures.get(b"file")
    assert back is not None
    assert back.flags.c_contiguous
    assert np.array_equal(back, picture)
    assert pictures.get(b"another file") is None


@pytest.mark.parametrize("content", [b"", b"no picture", b"RIFF\x04\0\0\0WEBPVP8L"])
def test_a_damaged_one_counts_as_none(pictures: KeptPictures, content: bytes) -> None:
    pictures.put(b"file", model_picture(Image.new("RGB", (300, 400), "white")))
    [kept] = pictures.folder.glob("*/*.webp")
    kept.write_bytes(content)
    assert pictures.get(b"file") is None


def test_a_disk_that_takes_nothing_costs_no_answer(pictures: KeptPictures) -> None:
    pictures.folder.write_bytes(b"")  # a file where the folder should be
    pictures.put(b"file", model_picture(Image.new("RGB", (300, 400), "white")))
    assert pictures.get(b"file") is None
