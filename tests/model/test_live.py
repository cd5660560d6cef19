import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch

from backend.document.label_set import LabelSet
from backend.model.classifier import WordClassifier
from backend.model.folders import load_base
from backend.model.live import LiveModels
from backend.model.tagger import PageTagger, load_tagger, save_tagger
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
    damage(store, 2)
    served = LiveModels(tmp_path, CPU, 10**9).get(1)
    assert served is not None
    assert served.name == "v1"


def damage(store: VersionStore, number: int) -> None:
    """Change the weights, which still can be loaded."""
    weights = store.folder(number) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8] + b"\0\0\0\0\0\0\0\1")


def test_a_version_that_does_not_load_gives_way_to_one_that_is_whole(
    tmp_path: Path, classifier: WordClassifier
) -> None:
    publish(tmp_path, 1, classifier)
    damage(publish(tmp_path, 1, classifier), 2)
    store = VersionStore(ProjectFolder(tmp_path, 1))
    with store.stage() as staged:
        save_tagger(PageTagger(deep=classifier), staged)
        (staged / "labels.json").write_text("{}", encoding="utf-8")  # as published, and of no use
        store.promote(store.publish(staged, {}), "test")
    served = LiveModels(tmp_path, CPU, 10**9).get(1)
    assert served is not None
    assert served.name == "v1"


def loaded_bytes(data_dir: Path, project: int) -> int:
    """What a project's version takes once it is loaded."""
    models = LiveModels(data_dir, CPU, 10**9)
    models.get(project)
    return models.loaded_bytes[project]


def test_projects_used_longest_ago_make_room(tmp_path: Path, classifier: WordClassifier) -> None:
    for project in (1, 2, 3):
        publish(tmp_path, project, classifier)
    one = loaded_bytes(tmp_path, 1)
    models = LiveModels(tmp_path, CPU, int(2.5 * one))
    first, second = models.get(1), models.get(2)
    assert models.get(1) is first  # project 2 is now the one used longest ago
    models.get(3)
    assert models.get(1) is first
    assert models.loaded_bytes == {1: one, 3: one}
    assert models.get(2) is not second


def test_of_fifty_projects_as_many_stay_as_the_budget_holds_and_the_others_are_freed(
    tmp_path: Path, classifier: WordClassifier
) -> None:
    projects = range(1, 51)
    for project in projects:
        publish(tmp_path, project, classifier)
    budget = int(5.5 * loaded_bytes(tmp_path, 1))
    models = LiveModels(tmp_path, CPU, budget)
    loaded = []
    for project in projects:
        version = models.get(project)
        assert version is not None
        loaded.append(weakref.ref(version.tagger))
        assert sum(models.loaded_bytes.values()) <= budget
    del version
    gc.collect()
    assert [project for project, tagger in zip(projects, loaded, strict=True) if tagger()] == [46, 47, 48, 49, 50]


class SlowLoad:
    """Loading of versions that takes until it is let go; the versions of one project only."""

    def __init__(self, slow: Path) -> None:
        self.slow = slow
        self.loads = 0
        self.begun = threading.Event()
        self.let_go = threading.Event()

    def __call__(self, folder: Path, device: torch.device) -> PageTagger:
        if folder.is_relative_to(self.slow):
            self.loads += 1
            self.begun.set()
            assert self.let_go.wait(30)
        return load_tagger(folder, device)


@pytest.fixture
def slow_load(tmp_path: Path, classifier: WordClassifier, monkeypatch: pytest.MonkeyPatch) -> SlowLoad:
    """Projects 1 and 2 have versions; that of project 1 is slow to load."""
    for project in (1, 2):
        publish(tmp_path, project, classifier)
    slow = SlowLoad(ProjectFolder(tmp_path, 1).path)
    monkeypatch.setattr("backend.model.live.load_tagger", slow)
    return slow


def test_a_project_does_not_wait_for_the_version_of_another(tmp_path: Path, slow_load: SlowLoad) -> None:
    models = LiveModels(tmp_path, CPU, 10**9)
    loaded = models.get(2)
    with ThreadPoolExecutor(2) as pool:
        try:
            slow = pool.submit(models.get, 1)
            assert slow_load.begun.wait(30)
            assert pool.submit(models.get, 2).result(timeout=30) is loaded
            assert not slow.done()
        finally:
            slow_load.let_go.set()
    assert slow.result() is not None
    assert models.loaded_bytes.keys() == {1, 2}


def test_two_versions_are_not_loaded_at_the_same_time(
    tmp_path: Path, classifier: WordClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work = threading.Semaphore(1)

    def load(folder: Path, device: torch.device) -> PageTagger:
        assert at_work.acquire(blocking=False)
        try:
            return load_tagger(folder, device)
        finally:
            at_work.release()

    for project in range(1, 9):
        publish(tmp_path, project, classifier)
    monkeypatch.setattr("backend.model.live.load_tagger", load)
    with ThreadPoolExecutor(8) as pool:
        assert None not in list(pool.map(LiveModels(tmp_path, CPU, 10**9).get, range(1, 9)))


def test_requests_of_one_project_load_its_version_once(tmp_path: Path, slow_load: SlowLoad) -> None:
    models = LiveModels(tmp_path, CPU, 10**9)
    with ThreadPoolExecutor(4) as pool:
        try:
            asked = [pool.submit(models.get, 1) for _ in range(4)]
            assert slow_load.begun.wait(30)
        finally:
            slow_load.let_go.set()
        found = [future.result(timeout=30) for future in asked]
    assert slow_load.loads == 1
    assert found[0] is not None
    assert all(version is found[0] for version in found)


def test_a_project_that_loads_its_next_version_does_so_once_while_memory_is_short(
    tmp_path: Path, classifier: WordClassifier, slow_load: SlowLoad
) -> None:
    models = LiveModels(tmp_path, CPU, 10**9)
    slow_load.let_go.set()
    before = models.get(1)
    loaded = models.get(2)
    models.budget_bytes = int(0.75 * sum(models.loaded_bytes.values()))
    publish(tmp_path, 1, classifier)
    slow_load.let_go.clear()
    slow_load.begun.clear()
    slow_load.loads = 0
    with ThreadPoolExecutor(3) as pool:
        try:
            first = pool.submit(models.get, 1)
            assert slow_load.begun.wait(30)
            assert pool.submit(models.get, 2).result(timeout=30) is loaded  # makes room
            assert pool.submit(models.get, 1).result(timeout=30) is before  # does not wait
        finally:
            slow_load.let_go.set()
        assert first.result(timeout=30) is models.get(1) is not before
    assert slow_load.loads == 1
    assert sum(models.loaded_bytes.values()) <= models.budget_bytes


def test_what_was_promoted_is_loaded_before_anybody_asks_and_nobody_waits_for_it(
    tmp_path: Path, classifier: WordClassifier, slow_load: SlowLoad
) -> None:
    models = LiveModels(tmp_path, CPU, 10**9)
    slow_load.let_go.set()
    before = models.get(1)
    slow_load.loads = 0
    models.follow()
    assert slow_load.loads == 0  # nothing is new
    publish(tmp_path, 1, classifier)
    slow_load.let_go.clear()
    slow_load.begun.clear()
    with ThreadPoolExecutor(2) as pool:
        try:
            following = pool.submit(models.follow)
            assert slow_load.begun.wait(30)
            assert pool.submit(models.get, 1).result(timeout=30) is before
        finally:
            slow_load.let_go.set()
        following.result(timeout=30)
    after = models.get(1)
    assert after is not None
    assert after.name == "v2"
    assert slow_load.loads == 1


def test_a_promoted_version_that_cannot_be_loaded_is_followed_once(
    tmp_path: Path, classifier: WordClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path, 1, classifier)
    models = LiveModels(tmp_path, CPU, 10**9)
    models.get(1)
    publish(tmp_path, 1, classifier)
    broken = Mock(side_effect=MemoryError)
    monkeypatch.setattr("backend.model.live.load_tagger", broken)
    for _ in range(3):
        models.follow()
    assert broken.call_count == 1
    with pytest.raises(MemoryError):
        models.get(1)  # whoever asks is told


def test_a_load_that_failed_is_tried_again(
    tmp_path: Path, classifier: WordClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path, 1, classifier)
    models = LiveModels(tmp_path, CPU, 10**9)
    with monkeypatch.context() as broken:
        broken.setattr("backend.model.live.load_tagger", Mock(side_effect=MemoryError))
        with pytest.raises(MemoryError):
            models.get(1)
    assert models.get(1) is not None


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
