"""What tests of the predict story start from."""

from __future__ import annotations

import time

import pytest

from backend.label_studio.config import LabelingConfig
from backend.model.classifier import WordClassifier
from backend.model.live import LoadedVersion
from backend.model.tagger import PageTagger
from backend.pipelines.predict import Scene
from backend.pipelines.reading import PageReader


@pytest.fixture
def scene(config: LabelingConfig, reader: PageReader, memorised: WordClassifier, form_png: bytes) -> Scene:
    """A request to a project whose live version has memorised the page that every address leads to."""
    return Scene(
        config=config,
        reader=reader,
        fetch=lambda ref: form_png,
        version=LoadedVersion(7, PageTagger(deep=memorised)),
        context=None,
        deadline=time.monotonic() + 60,
    )
