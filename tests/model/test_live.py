import threading
from pathlib import Path

import pytest
import torch

from backend.document.label_set import LabelSet
from backend.model.classifier import WordClassifier
from backend.model.folders import load_base
from backend.model.live import LiveModels
from backend.model.tagger import PageTagger, save_tagger
from backend.versions.project import ProjectFolder
from backend.versions.store import VersionStore
from tests.pages_of_words import page_of_rows
from tests.tiny_model import save_tiny_base

LABELS = LabelSet(("question", "answer"))
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> WordClassifier:
    return WordClassifier(*load_base(save_tiny_base(tmp_path_factory.mktemp("base")), LABELS), LABELS, CPU)


def publish(data_dir: Path, project: int, classifier: WordClassifier) -> VersionStore:
    store = VersionStore(ProjectFolder(data_dir, project))
    with store.stage() as staged:
        save_tagger(PageTagger(deep=classifier), staged)
        store.promote(store.publish(staged, {}), "test")
    return store


def test_a_project_without_versions_has_none(tmp_path: Path) -> None:
    assert LiveModels(tmp_path, CPU, 10**9).get(1) is None


def test_a_promotion_is_followed_at_once_and_loaded_once(tmp_path: Path, classifier: WordClassifier) -> None:
    models = LiveModels(tmp_path, CPU, 10**9)
    publish(tmp_path, 1, classifier)
    first = models.get(1)
    assert first is not None
    assert first.name == "v1"
    assert models.get(1) is first
    store = publish(tmp_path, 1, classifier)
    second = models.get(1)
    assert second is not None
    assert second.name == "v2"
    store.rollback("test")
    again = models.get(1)
    assert again is not None
    assert again.name == "v1"
    first.tagger.probabilities([page_of_rows(["still", "works"])])  # for the request that holds it


def test_a_damaged_version_gives_way_to_the_one_before(tmp_path: Path, classifier: WordClassifier) -> None:
    publish(tmp_path, 1, classifier)
    store = publish(tmp_path, 1, classifier)
    weights = store.folder(2) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8] + b"\0\0\0\0\0\0\0\1")
    served = LiveModels(tmp_path, CPU, 10**9).get(1)
    assert served is not None
    assert served.name == "v1"


def test_projects_used_longest_ago_make_room(tmp_path: Path, classifier: WordClassifier) -> None:
    for project in (1, 2, 3):
        publish(tmp_path, project, classifier)
    models = LiveModels(tmp_path, CPU, int(2.5 * classifier.bytes))
    first, second = models.get(1), models.get(2)
    assert models.get(1) is first  # project 2 is now the one used longest ago
    models.get(3)
    assert models.get(1) is first
    assert models.loaded_bytes == {1: classifier.bytes, 3: classifier.bytes}
    assert models.get(2) is not second


def test_answers_during_swaps_are_wholly_of_one_version(tmp_path: Path, classifier: WordClassifier) -> None:
    models = LiveModels(tmp_path, CPU, 10**9)
    store = publish(tmp_path, 1, classifier)
    publish(tmp_path, 1, classifier)
    page = page_of_rows(["Name:", "Ann"])
    seen: set[str] = set()
    faults: list[Exception] = []
    stop = threading.Event()

    def predict() -> None:
        while not stop.is_set():
            try:
                version = models.get(1)
                assert version is not None
                assert len(version.tagger.probabilities([page])[0]) == 2
                seen.add(version.name)
            except Exception as fault:
                faults.append(fault)
                return

    threads = [threading.Thread(target=predict) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in (1, 2) * 5:
        store.promote(number, "test")
        models.get(1)
    stop.set()
    for thread in threads:
        thread.join()
    assert faults == []
    assert seen <= {"v1", "v2"}
    assert seen
