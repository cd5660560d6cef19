"""A project that states its OCR, in a real Label Studio: refused while a language is missing, then read in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.drawn import draw_form
from tests.flows.conftest import files, label_config
from tests.flows.prelabeled import give_a_version
from tests.running import Backend, backend
from tests.studio import Studio
from tests.tessdata import with_languages

pytestmark = pytest.mark.label_studio


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    folder = tmp_path_factory.mktemp("backend")
    languages = with_languages(folder / "tessdata", "eng", "deu")
    settings = {"BASE_MODEL": "none", "READ_AHEAD_PAGES": "0", "TESSDATA_PREFIX": str(languages)}
    with backend(folder / "data", **settings) as started:
        yield started


def pages_read(data_dir: Path) -> int:
    """How many pages were read, each in other languages counted anew."""
    return len(list((data_dir / "ocr").rglob("*.json")))


def test_the_languages_of_a_project_are_asked_for_and_read_in(studio: Studio, running: Backend) -> None:
    project = studio.create_project("steering", label_config("forms_german").replace("deu+eng", "xyz"))
    [task] = studio.upload(project, files([draw_form(0)], "steering"))
    with pytest.raises(AssertionError, match="'xyz' is missing: apt install tesseract-ocr-xyz"):
        studio.connect(project, running.url)

    config = label_config("forms_german")
    studio.api("PATCH", f"/api/projects/{project}/", {"label_config": config})
    kept = studio.api("GET", f"/api/projects/{project}/")["label_config"]
    assert 'ocr_languages="deu+eng"' in kept
    studio.connect(project, running.url)
    version = give_a_version(running.data_dir, project)
    studio.retrieve_predictions(project, [task])
    assert [it["model_version"] for it in studio.predictions(task)] == [f"v{version}"]
    assert pages_read(running.data_dir) == 1

    # The same image for a project that says it by extra params, as somebody types them: other languages, read anew.
    other = studio.create_project("typed", label_config("forms"))
    [typed] = studio.upload(other, files([draw_form(0)], "steering"))
    studio.connect(other, running.url, extra_params='{"ocr_languages": "deu", "ocr_engine": "tesseract"}')
    give_a_version(running.data_dir, other)
    studio.retrieve_predictions(other, [typed])
    assert studio.predictions(typed)
    assert pages_read(running.data_dir) == 2
