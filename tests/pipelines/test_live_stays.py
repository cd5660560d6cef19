"""While a version is made, and whatever becomes of that, the one before is served (rows P4, FA15, FA45)."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backend.document.label_set import LabelSet
from backend.document.region import LabelledBox
from backend.errors import BackendError, ServiceError
from backend.model.base_models import BaseModel
from backend.model.classifier import WordClassifier
from backend.model.folders import load_base
from backend.model.live import LiveModels
from backend.model.tagger import CRF_FILE, JUDGED_CRF_FILE, LABELS_FILE, SERVING_FILE, PageTagger
from backend.pipelines import offer
from backend.pipelines.annotated import AnnotatedTask, TrainingSet
from backend.pipelines.offer import Offers
from backend.training.fit_crf import fit_crf
from backend.versions.project import ProjectFolder
from backend.versions.store import VersionStore
from tests.disks import fill, small_disk
from tests.memorised import CPU
from tests.pages_of_words import page_of_rows
from tests.tiny_model import save_tiny_base

LABELS = LabelSet(("name",))
PAGE = page_of_rows(["Name:", "", "Ann", "Lee"], ["Date:", "", "12.03.2024"])
BOXES = (LabelledBox("name", PAGE.words[1].box),)
PAGES = TrainingSet(LABELS, [AnnotatedTask(number, (PAGE,), (BOXES,)) for number in (1, 2)], [])
BASE = BaseModel("tiny", "none", "of a test")


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> WordClassifier:
    model, encoder = load_base(save_tiny_base(tmp_path_factory.mktemp("base")), LABELS)
    return WordClassifier(model, encoder, LABELS, CPU)


def tagger(deep: WordClassifier | None = None) -> PageTagger:
    return PageTagger(fast=fit_crf(PAGES.tagged(PAGES.learn_from), LABELS), deep=deep)


def offers(data_dir: Path) -> Offers:
    return Offers(ProjectFolder(data_dir, 3), BASE, PAGES, CPU, lambda **fields: None)


def make(data_dir: Path, deep: WordClassifier | None = None) -> int:
    """A version that is offered and, there being nothing against it, promoted."""
    number, verdict = offers(data_dir).make(tagger(deep), {"learners": ["fast"], "trained_on": [1]}, try_fresh=False)
    assert verdict.promote
    return number


def served(data_dir: Path) -> str:
    live = LiveModels(data_dir, CPU, 10**9).get(3)
    assert live is not None
    assert len(live.tagger.probabilities([PAGE])[0]) == len(PAGE.words)
    return live.name


class Trouble(RuntimeError):
    """Something that nobody thought of."""


@pytest.mark.parametrize(
    ("where", "what"),
    [
        (offer, "save_tagger"),
        (offer, "try_in_fresh_process"),
        (offer, "load_tagger"),
        (offer, "judge"),
        (VersionStore, "publish"),
        (VersionStore, "promote"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_P4_the_version_before_serves_during_each_step_and_when_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: Any, what: str
) -> None:
    assert make(tmp_path) == 1
    seen: list[str] = []

    def fail(*args: Any, **kwargs: Any) -> None:
        seen.append(served(tmp_path))
        raise Trouble

    monkeypatch.setattr(where, what, fail)
    with pytest.raises(Trouble):
        offers(tmp_path).make(tagger(), {"learners": ["fast"], "trained_on": [1]}, try_fresh="fresh" in what)
    assert seen == ["v1"], "while that step was under way"
    assert served(tmp_path) == "v1"
    store = VersionStore(ProjectFolder(tmp_path, 3))
    assert store.current() == 1
    for number in store.numbers():
        store.verify(number)
    assert not list(store.project.versions.glob(".tmp-*"))


@pytest.mark.parametrize("room", [0, 20_000, 300_000])
def test_FA15_a_version_for_which_there_is_no_room_is_named_so_and_leaves_the_one_before(
    tmp_path: Path, deep: WordClassifier, room: int
) -> None:
    with small_disk(tmp_path / "disk", 4) as disk:
        make(disk)
        filler = fill(disk)
        os.truncate(filler, filler.stat().st_size - room)
        with pytest.raises((ServiceError, OSError)) as failure:
            make(disk, deep)
        assert is_full(failure.value)
        store = VersionStore(ProjectFolder(disk, 3))
        assert store.numbers() == [1]
        assert not list(store.project.versions.glob(".tmp-*"))
        assert served(disk) == "v1"
        filler.unlink()
        make(disk, deep)
        assert store.current() == max(store.numbers()) > 1


def is_full(error: BaseException) -> bool:
    """Whether a run that meets this fails as `disk_full`."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOSPC
    return isinstance(error, BackendError) and error.code == "disk_full"


def first_release(folder: Path) -> None:
    """As versions were when there was one learner: no field, no shares, few facts."""
    for name in (SERVING_FILE, CRF_FILE, JUDGED_CRF_FILE):
        (folder / name).unlink(missing_ok=True)
    (folder / LABELS_FILE).write_text(json.dumps({"names": list(LABELS.names)}))


def release_before(folder: Path) -> None:
    """As versions were before shares and scores were chosen."""
    (folder / SERVING_FILE).unlink()


@pytest.mark.parametrize("older", [first_release, release_before])
def test_FA45_a_version_of_an_earlier_release_is_served_compared_and_followed_by_new_ones(
    tmp_path: Path, deep: WordClassifier, older: Callable[[Path], None]
) -> None:
    store = VersionStore(ProjectFolder(tmp_path, 3))
    with store.stage() as staged:
        offer.save_tagger(tagger(deep), staged)
        older(staged)
        facts = {"base_model": "tiny", "base_model_licence": "none", "labels": ["name"], "trained_on": [1]}
        store.publish(staged, facts | {"held_out": [], "metrics": {}})
    store.promote(1, "better")
    assert served(tmp_path) == "v1"
    assert make(tmp_path) == 2
    assert store.rollback("downgrade") == 1
    assert served(tmp_path) == "v1"
