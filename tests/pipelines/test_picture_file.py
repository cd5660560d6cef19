"""Pictures that are left to a file."""

import numpy as np
import pytest

from backend.document.page import Page, PageRef
from backend.pipelines import picture_file
from backend.pipelines.picture_file import SHAPE, PictureFile
from backend.pipelines.reading import Fetch, RememberedPages


def picture(number: int) -> picture_file.Picture:
    return np.random.default_rng(number).integers(0, 255, SHAPE, np.uint8)


def test_pictures_are_given_back_as_they_were_from_all_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_file, "IN_A_FILE", 2)
    file = PictureFile()
    kept = [file.keep(picture(number)) for number in range(5)]
    assert all((one == picture(number)).all() for number, one in enumerate(kept))
    with pytest.raises(ValueError, match="read-only"):
        kept[0][:] = 0


class Drawn:
    """Reads pages with a picture each."""

    def read(self, ref: PageRef, fetch: Fetch, *, picture: bool = False) -> Page:
        return Page(100, 100, (), _picture(ref.task_id) if picture else None)


_picture = picture


def test_remembered_pages_hold_views_of_the_file() -> None:
    pages = RememberedPages(Drawn())
    page = pages.read(PageRef(7, 0, ""), lambda ref: b"", picture=True)
    assert isinstance(page.picture, np.memmap)
    assert (page.picture == picture(7)).all()
    assert pages.read(PageRef(7, 0, ""), lambda ref: b"").picture is page.picture
