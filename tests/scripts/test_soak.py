"""The checks of the soak: each must find what it is there for."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from backend.document.geometry import Box
from backend.document.region import Region
from backend.label_studio.client import LabelStudioClient
from backend.label_studio.config import parse_labeling_config
from backend.label_studio.results import regions_to_results
from backend.versions.project import ProjectFolder
from backend.versions.store import VersionStore
from scripts.soak.answers import Asked, Reply, error_faults, read_predictions
from scripts.soak.kills import Behind
from scripts.soak.ledger import LOST, PARTIAL, WRONG, Ledger, Silence
from scripts.soak.load import repeating
from scripts.soak.moments import wait_for
from scripts.soak.options import Options
from scripts.soak.plan import CHECKPOINT, PROMOTE, RENAME, SAVE, TARGETS, plan
from scripts.soak.product import Product
from scripts.soak.studio import SoakStudio
from scripts.soak.verdict import Outcome, not_known, settled_growth
from scripts.soak.versions import VersionWatch
from scripts.speed.memory_process import Taken
from scripts.speed.served_studio import serve
from tests.flows.conftest import label_config
from tests.waiting import wait_until

PROJECT = 1
SIZES = ((560, 1000), (561, 1000), (562, 1000))
CONFIG = parse_labeling_config(label_config("receipts"))
TASKS = [{"id": number, "data": {"image": f"/{number}.png"}} for number in (7, 8, 9)]
ASKED = Asked(TASKS, SIZES, CONFIG, trained=True)


def right_answer() -> dict[str, Any]:
    """Of two tasks predictions, as the backend writes them, and of the last one none for lack of time."""
    regions = [Region("total", Box(100, 200, 150, 230), "12.00", 0.9), Region("date", Box(0, 0, 560, 20), "", 0.4)]
    results: list[Any] = [
        {
            "result": regions_to_results(regions, page_size=size, config=CONFIG, item_index=0),
            "score": 0.4,
            "model_version": "v3",
        }
        for size in SIZES[:2]
    ]
    errors = [{"task": 9, "index": 2, "code": "deadline", "message": "not ready", "hint": ""}]
    return {"results": [*results, []], "errors": errors}


def test_a_right_answer_has_no_fault() -> None:
    read = read_predictions(right_answer(), ASKED)
    assert read.faults == ()
    assert read.codes == ("deadline",)
    assert read.version == 3


def spoilt(change: Callable[[dict[str, Any]], object]) -> tuple[str, ...]:
    answer = deepcopy(right_answer())
    change(answer)
    return read_predictions(answer, ASKED).faults


def first_value(answer: dict[str, Any]) -> dict[str, Any]:
    value: dict[str, Any] = answer["results"][0]["result"][0]["value"]
    return value


@pytest.mark.parametrize(
    "change",
    [
        lambda answer: answer["results"].reverse(),
        lambda answer: answer["results"].insert(0, answer["results"].pop(1)),
        lambda answer: answer["results"].pop(),
        lambda answer: answer["results"].append([]),
        lambda answer: answer["results"].__setitem__(0, None),
        lambda answer: answer["results"].__setitem__(0, {"score": 0.5, "model_version": "v3"}),
        lambda answer: answer["results"].__setitem__(0, []),
        lambda answer: answer["results"][1].update(model_version="v4"),
        lambda answer: [entry.update(model_version="untrained") for entry in answer["results"][:2]],
        lambda answer: answer["results"][1].update(score=float("nan")),
        lambda answer: answer["errors"].clear(),
        lambda answer: answer["errors"][0].update(task=8),
        lambda answer: answer["errors"][0].update(index=1),
        lambda answer: answer["errors"][0].update(code="internal"),
        lambda answer: answer["errors"][0].update(code="untrained"),
        lambda answer: answer["errors"][0].update(code="image_truncated"),
        lambda answer: first_value(answer).update(x=-1),
        lambda answer: first_value(answer).update(width=99),
        lambda answer: first_value(answer).update(height=0),
        lambda answer: first_value(answer).update(y=None),
        lambda answer: first_value(answer).update(rectanglelabels=["question"]),
        lambda answer: first_value(answer).update(rectanglelabels=[]),
        lambda answer: answer["results"][0]["result"][0].update(from_name="transcription"),
        lambda answer: answer["results"][0]["result"][0].update(score=2),
        lambda answer: answer.pop("errors"),
    ],
)
def test_a_wrong_answer_is_found(change: Callable[[dict[str, Any]], object]) -> None:
    assert spoilt(change)


def refused(status: int, **changes: Any) -> list[str]:
    error = {"code": "busy", "message": "too many", "hint": ""}
    body = {"error": error, "request_id": "1"} | changes
    return error_faults(Reply(0, 1, status, {"Retry-After": "5"}, body))


def test_only_a_clear_error_passes() -> None:
    assert refused(429) == []
    assert refused(503) == []
    assert refused(500) == ["status 500"]
    assert refused(503, error={"code": "", "message": "no code", "hint": ""}) == ["the error has no code"]
    assert refused(503, request_id=None) == ["the error has no request_id"]
    assert error_faults(Reply(0, 1, 503, {}, None)) == ["status 503 without an error object"]
    assert error_faults(Reply(0, 1, 503, {}, {"error": {}, "request_id": "1"}))[-1] == "no Retry-After"


def test_only_requests_that_touch_a_silence_may_have_no_answer() -> None:
    silence = Silence()
    assert not silence.covers(0, time.monotonic())
    before = time.monotonic()
    with silence.allowed():
        assert silence.covers(before, time.monotonic())
        assert not silence.covers(0, before - 1)
    after = time.monotonic() + 1
    assert not silence.covers(after, after + 1)


# Versions


def publish(data_dir: Path, **facts: Any) -> int:
    """A version of the project with a file of weights, not promoted."""
    store = VersionStore(ProjectFolder(data_dir, PROJECT))
    store.project.versions.mkdir(parents=True, exist_ok=True)
    with store.stage() as staged:
        (staged / "weights").write_bytes(b"many numbers")
        return store.publish(staged, facts)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def watch(tmp_path: Path, ledger: Ledger) -> VersionWatch:
    return VersionWatch(tmp_path, [PROJECT], ledger)


def test_whole_and_promoted_versions_pass(tmp_path: Path, watch: VersionWatch, ledger: Ledger) -> None:
    store = VersionStore(ProjectFolder(tmp_path, PROJECT))
    assert not watch.is_trained(PROJECT)
    for _ in range(2):
        store.promote(publish(tmp_path), "better")
        watch.look()
    watch.served(PROJECT, 1)
    watch.served(PROJECT, 2)
    assert watch.is_trained(PROJECT)
    assert watch.count() == 2
    assert not ledger.faults


def test_a_partial_version_is_found_where_it_is_listed(tmp_path: Path, watch: VersionWatch, ledger: Ledger) -> None:
    number = publish(tmp_path)
    (tmp_path / f"projects/{PROJECT}/versions/{number}/weights").write_bytes(b"many")
    (tmp_path / f"projects/{PROJECT}/versions/2").mkdir()
    watch.look()
    watch.look()
    assert len(ledger.faults[PARTIAL]) == 2
    assert "has 4 bytes instead of 12" in ledger.faults[PARTIAL][0]


def test_a_version_that_is_answered_must_be_there_and_promoted(
    tmp_path: Path, watch: VersionWatch, ledger: Ledger
) -> None:
    number = publish(tmp_path)
    watch.served(PROJECT, number)
    assert "never promoted" in ledger.faults[WRONG][0]
    watch.served(PROJECT, 5)
    assert any("not whole" in fault for fault in ledger.faults[PARTIAL])


def test_a_pruned_version_is_no_partial_one(tmp_path: Path, watch: VersionWatch, ledger: Ledger) -> None:
    store = VersionStore(ProjectFolder(tmp_path, PROJECT))
    for _ in range(3):
        store.promote(publish(tmp_path), "better")
    store.prune(1)
    watch.listed(PROJECT, 1)
    assert not ledger.faults


# Annotations


@pytest.fixture
def studio() -> Iterator[SoakStudio]:
    with serve(SoakStudio) as running:
        running.add_project(PROJECT, label_config("receipts"))
        for _ in range(3):
            running.save(PROJECT, running.upload(PROJECT, b"page")["id"], [{"type": "rectanglelabels"}])
        yield running


def exported(studio: SoakStudio) -> list[int]:
    return [task["id"] for task in LabelStudioClient(studio.url, "0" * 40).annotated_tasks(PROJECT, page_size=2)]


def test_the_stand_in_exports_what_was_saved_and_tells_of_changes(studio: SoakStudio) -> None:
    client = LabelStudioClient(studio.url, "0" * 40)
    unlabelled = studio.upload(PROJECT, b"page")["id"]
    assert exported(studio) == [1, 2, 3]
    assert [task["id"] for task in client.open_tasks(PROJECT, 1, 5)] == [unlabelled]
    before = client.fingerprint(PROJECT)
    assert client.fingerprint(PROJECT) == before
    studio.save(PROJECT, 2, [])
    assert client.fingerprint(PROJECT) != before


def test_an_annotation_is_known_when_the_newest_version_was_made_from_its_last_state(
    tmp_path: Path, studio: SoakStudio
) -> None:
    folder = ProjectFolder(tmp_path, PROJECT)
    assert not_known(studio, folder) == {1, 2, 3}
    exported(studio)
    publish(tmp_path, trained_on=[1, 2], held_out=[3])
    assert not_known(studio, folder) == set()


def test_lost_annotations_are_found(tmp_path: Path, studio: SoakStudio) -> None:
    folder = ProjectFolder(tmp_path, PROJECT)
    exported(studio)
    publish(tmp_path, trained_on=[1], held_out=[3])
    assert not_known(studio, folder) == {2}  # not in the version
    publish(tmp_path, trained_on=[1, 2, 3], held_out=[])
    studio.save(PROJECT, 3, [])
    assert not_known(studio, folder) == {3}  # changed since it was exported
    new = studio.upload(PROJECT, b"page")["id"]
    studio.save(PROJECT, new, [])
    assert not_known(studio, folder) == {3, new}  # never exported


def test_a_version_from_before_the_last_export_does_not_count(tmp_path: Path, studio: SoakStudio) -> None:
    store = VersionStore(ProjectFolder(tmp_path, PROJECT), clock=lambda: time.time() - 60)
    store.project.versions.mkdir(parents=True)
    with store.stage() as staged:
        store.publish(staged, {"trained_on": [1, 2, 3], "held_out": []})
    exported(studio)
    assert not_known(studio, store.project) == {1, 2, 3}


# Moments, processes and the plan


def test_the_plan_is_the_same_for_a_seed_and_has_every_target() -> None:
    deep, shallow = [True] * 50, [False] * 50
    assert plan(deep, 1) == plan(deep, 1)
    assert plan(deep, 1) != plan(deep, 2)
    assert {kill.target for kill in plan(deep[: len(TARGETS)], 3)} == set(TARGETS)
    assert CHECKPOINT in {kill.aim for kill in plan(deep, 1)}
    assert CHECKPOINT not in {kill.aim for kill in plan(shallow, 1)}


@pytest.mark.parametrize("aim", [SAVE, RENAME, PROMOTE])
def test_moments_of_a_save_are_met(tmp_path: Path, aim: str) -> None:
    store = VersionStore(ProjectFolder(tmp_path, PROJECT))
    enough = threading.Event()

    def make_versions() -> None:
        while not enough.wait(0.05):
            store.promote(publish(tmp_path), "better")

    maker = threading.Thread(target=make_versions)
    assert not wait_for(aim, [store.project], 0.1, lambda: True)
    maker.start()
    try:
        assert not wait_for(aim, [store.project], 0.3, lambda: False)
        assert wait_for(aim, [store.project], 30, lambda: True)
    finally:
        enough.set()
        maker.join()


def test_a_process_over_the_data_folder_that_nobody_looks_after_is_an_orphan(tmp_path: Path, ledger: Ledger) -> None:
    product = Product(tmp_path, {}, ledger)
    assert product.orphans() == []
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    with subprocess.Popen(command, env={**os.environ, "DATA_DIR": str(tmp_path)}) as left:
        wait_until(lambda: any(str(left.pid) in found for found in product.orphans()), 20, "the orphan is found")
        left.kill()
    assert product.orphans() == []


def test_a_defect_of_the_soak_itself_ends_it() -> None:
    def fail() -> None:
        raise KeyError("a defect")

    with pytest.raises(KeyError), repeating(fail, 0.01):
        time.sleep(0.1)


# The verdict


def outcome(ledger: Ledger, **changes: Any) -> Outcome:
    taken = Taken(500.0, 400.0, 30, 20, 1)
    samples = {1: [(0.0, taken), (40.0, taken), (90.0, changes.get("last", taken))]}
    return Outcome(
        Options(60, 0), ledger, samples, [1.0], 3, 10, changes.get("trained_on", 10), changes.get("defects", [])
    )


def test_a_soak_without_faults_is_good(ledger: Ledger) -> None:
    assert outcome(ledger).good


@pytest.mark.parametrize("kind", [WRONG, PARTIAL, LOST])
def test_a_fault_makes_it_bad(ledger: Ledger, kind: str) -> None:
    ledger.fault(kind, "something")
    assert not outcome(ledger).good
    assert outcome(ledger).to_json()["faults"][kind]


def test_what_takes_too_long_or_leaks_makes_it_bad(ledger: Ledger) -> None:
    assert not outcome(ledger, defects=["a line"]).good
    assert not outcome(ledger, trained_on=9).good
    assert not outcome(ledger, last=Taken(500.0, 400.0, 300, 20, 1)).good
    assert not outcome(ledger, last=Taken(500.0, 400.0, 30, 200, 1)).good
    ledger.took("until the run is resumed", 121)
    assert not outcome(ledger).good


def test_growth_counts_from_when_a_process_has_settled() -> None:
    few, many = Taken(1.0, 1.0, 10, 5, 0), Taken(1.0, 1.0, 25, 15, 0)
    assert settled_growth([(0, few), (31, many), (60, many)]) == (0, 0)
    assert settled_growth([(0, few), (10, many)]) == (0, 0)


def test_time_that_does_not_count_is_taken_while_it_is_so() -> None:
    waits = [True, False, False]
    behind = Behind(lambda: waits.pop(0))
    time.sleep(0.05)
    found = behind.look()
    assert found >= 0.05
    time.sleep(0.05)
    assert behind.look() == found
    assert behind.look() == found
