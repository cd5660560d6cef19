"""The live versions while folders are damaged, deleted and swapped beneath them."""

from __future__ import annotations

import json
import random
import shutil
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.document.label_set import LabelSet
from backend.model.classifier import WordClassifier
from backend.model.folders import load_base
from backend.model.live import LiveModels
from backend.model.tagger import PageTagger, save_tagger
from backend.versions.files import sha256_of
from backend.versions.project import ProjectFolder
from backend.versions.store import VersionStore
from tests.pages_of_words import page_of_rows
from tests.tiny_model import save_tiny_base

CPU = torch.device("cpu")
LABELS = LabelSet(("question", "answer"))
OTHER_LABELS = LabelSet(("a", "b", "c"))
PAGE = page_of_rows(["Name:", "Ann"], ["Date:", "Monday"])
SWAPS = 20
PREDICTIONS = 1000


def classifier(folder: Path, labels: LabelSet, seed: int) -> WordClassifier:
    """A model with random weights, other ones for each seed."""
    model, encoder = load_base(save_tiny_base(folder), labels)
    torch.manual_seed(seed)
    for weights in model.parameters():
        torch.nn.init.normal_(weights, std=0.2)
    return WordClassifier(model, encoder, labels, CPU)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[WordClassifier]:
    """Two with the same labels, which predict differently, and one with other labels."""
    folder = tmp_path_factory.mktemp("bases")
    return [classifier(folder / str(seed), labels, seed) for seed, labels in enumerate((LABELS, LABELS, OTHER_LABELS))]


@pytest.fixture
def store(tmp_path: Path) -> VersionStore:
    return VersionStore(ProjectFolder(tmp_path, 1))


def publish(store: VersionStore, model: WordClassifier) -> int:
    with store.stage() as staged:
        save_tagger(PageTagger(deep=model), staged)
        number = store.publish(staged, {})
    store.promote(number, "test")
    return number


def live(tmp_path: Path) -> LiveModels:
    return LiveModels(tmp_path, CPU, 10**9)


def found(models: LiveModels) -> np.ndarray:
    """(W, C) what the live version of project 1 gives the words of the page."""
    version = models.get(1)
    assert version is not None
    return version.tagger.probabilities([PAGE])[0]


def missing_file(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def wrong_checksum(folder: Path) -> None:
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.unlink()  # it may be linked from another version
    weights.write_bytes(content)


def wrong_label_count(folder: Path) -> None:
    """As a defective release might have published it: the manifest agrees, the files do not fit each other."""
    labels = folder / "labels.json"
    labels.write_text('{"names": ["question"], "once": {}}')
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["labels.json"] = {"bytes": labels.stat().st_size, "sha256": sha256_of(labels)}
    (folder / "manifest.json").write_text(json.dumps(manifest))


DAMAGES = [missing_file, wrong_checksum, wrong_label_count]


@pytest.mark.parametrize("damage", DAMAGES)
def test_FA17_a_damaged_version_is_passed_over_for_the_older_one(
    tmp_path: Path, store: VersionStore, models: list[WordClassifier], damage: object, caplog: pytest.LogCaptureFixture
) -> None:
    publish(store, models[0])
    number = publish(store, models[1])
    assert callable(damage)
    damage(store.folder(number))
    served = live(tmp_path).get(1)
    assert served is not None
    assert served.name == "v1"
    faults = [record for record in caplog.records if record.message == "version cannot be served"]
    assert {(record.levelname, record.__dict__["version"]) for record in faults} == {("ERROR", "v2")}


@pytest.mark.parametrize("damage", DAMAGES)
def test_FA17_P4_a_promoted_version_that_is_damaged_leaves_the_one_in_memory(
    tmp_path: Path, store: VersionStore, models: list[WordClassifier], damage: object
) -> None:
    publish(store, models[0])
    serving = live(tmp_path)
    before = serving.get(1)
    number = publish(store, models[1])
    assert callable(damage)
    damage(store.folder(number))
    assert serving.get(1) is before


def test_FA19_with_every_version_damaged_a_project_is_untrained_and_the_folders_stay(
    tmp_path: Path, store: VersionStore, models: list[WordClassifier], caplog: pytest.LogCaptureFixture
) -> None:
    for model in models[:2]:
        publish(store, model)
    missing_file(store.folder(1))
    wrong_label_count(store.folder(2))
    serving = live(tmp_path)
    assert [serving.get(1) for _ in range(5)] == [None] * 5
    assert len([record for record in caplog.records if record.message == "version cannot be served"]) == 2, "once each"
    assert store.numbers() == [1, 2]
    publish(store, models[0])
    served = serving.get(1)
    assert served is not None
    assert served.name == "v3"


def test_FA20_a_version_deleted_from_disk_serves_on_from_memory_and_is_not_loaded_again(
    tmp_path: Path, store: VersionStore, models: list[WordClassifier], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    publish(store, models[0])
    serving = live(tmp_path)
    before = found(serving)
    shutil.rmtree(store.folder(1))
    for _ in range(5):
        serving.follow()
        assert np.array_equal(found(serving), before)
    assert [record.message for record in caplog.records].count("version loaded") == 1
    publish(store, models[1])
    assert not np.array_equal(found(serving), before), "the next version is served"
    shutil.rmtree(store.folder(2))
    store.project.current.write_text("1")
    assert serving.get(1) is None, "what is on no disk and in no memory is not served"


def test_FA38_a_thousand_predictions_during_twenty_swaps_are_each_of_one_version_wholly(
    tmp_path: Path, store: VersionStore, models: list[WordClassifier]
) -> None:
    expected = {}
    serving = live(tmp_path)
    for model in models:
        number = publish(store, model)
        expected[f"v{number}"] = found(serving)
    seen: Counter[str] = Counter()
    done = threading.Event()

    def predict(number: int) -> tuple[str, bool]:
        version = serving.get(1)
        assert version is not None
        answers = [version.tagger.probabilities([PAGE])[0] for _ in range(2)]  # two pages of one request
        whole = all(answer.shape == expected[version.name].shape for answer in answers)
        seen[version.name] += 1
        return version.name, whole and all(np.allclose(answer, expected[version.name]) for answer in answers)

    def swap() -> None:
        order = random.Random(1)
        for at in range(1, SWAPS + 1):
            while sum(seen.values()) < at * PREDICTIONS // (SWAPS + 1) and not done.is_set():
                done.wait(0.002)
            store.promote(order.choice([number for number in (1, 2, 3) if number != store.current()]), "test")
            serving.follow()

    swapping = threading.Thread(target=swap)
    swapping.start()
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(predict, range(PREDICTIONS)))
    done.set()
    swapping.join(60)
    assert not swapping.is_alive()
    assert len(answers) == PREDICTIONS
    assert {name for name, whole in answers if not whole} == set()
    assert set(seen) == {"v1", "v2", "v3"}
    swaps = [line for line in store.history() if line["event"] == "promoted"]
    assert len(swaps) == 3 + SWAPS
