"""What webhooks mean (rows RQ13, RQ14, RQ18, RQ19), with the bodies that Label Studio really sends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import RequestError
from backend.label_studio.events import EventKind, parse_event, project_id
from backend.versions.project import ProjectFolder

RECORDINGS = Path(__file__).parents[3] / "shared" / "label-studio" / "recordings"


def kind_of(action: str, **payload: Any) -> tuple[EventKind, int]:
    event = parse_event({"action": action, "project": {"id": 3}, **payload})
    return event.kind, event.count


@pytest.mark.parametrize(
    ("name", "kind", "count"),
    [
        ("webhook-annotation-created", EventKind.CHANGED, 1),
        ("webhook-annotation-updated", EventKind.CHANGED, 1),
        ("webhook-annotation-skipped", EventKind.IGNORED, 0),
        ("webhook-annotations-created-from-predictions", EventKind.CHANGED, 2),
        ("webhook-annotations-deleted", EventKind.CHANGED, 1),
        ("webhook-project-updated", EventKind.IGNORED, 0),
        ("webhook-tasks-created", EventKind.IGNORED, 0),
        ("webhook-tasks-deleted", EventKind.IGNORED, 0),
        ("start-training", EventKind.TRAIN, 1),
    ],
)
def test_an_event_as_label_studio_sends_it_is_understood(name: str, kind: EventKind, count: int) -> None:
    if not RECORDINGS.is_dir():
        pytest.skip("the recorded requests of Label Studio are not here")
    requests = json.loads((RECORDINGS / f"{name}.json").read_text())["requests"]
    bodies = [request["body"] for request in requests if request["path"] == "/webhook"]
    assert bodies
    for body in bodies:
        event = parse_event(body)
        assert (event.project_id, event.kind, event.count) == (body["project"]["id"], kind, count)
        assert event.label_config == body["project"]["label_config"]


def test_RQ19_the_project_may_be_a_number_and_the_rest_missing() -> None:
    event = parse_event({"action": "ANNOTATION_CREATED", "project": 3})
    assert (event.project_id, event.kind, event.label_config) == (3, EventKind.CHANGED, None)


def test_an_annotation_that_became_a_skip_is_a_change() -> None:
    assert kind_of("ANNOTATION_UPDATED", annotation={"was_cancelled": True}) == (EventKind.CHANGED, 1)


def test_several_annotations_of_one_event_are_counted() -> None:
    assert kind_of("ANNOTATIONS_CREATED", annotation=[{}, {}, {}]) == (EventKind.CHANGED, 3)
    assert kind_of("ANNOTATIONS_DELETED", annotations=[{"id": 1}, {"id": 2}]) == (EventKind.CHANGED, 2)


def test_tasks_imported_with_annotations_are_a_change() -> None:
    tasks = [{"total_annotations": 1}, {"total_annotations": 0}, {}, None, {"total_annotations": "2"}]
    assert kind_of("TASKS_CREATED", tasks=tasks) == (EventKind.CHANGED, 1)


@pytest.mark.parametrize("payload", [None, "x", 3, {}, []])
@pytest.mark.parametrize("action", ["ANNOTATION_CREATED", "ANNOTATIONS_CREATED", "ANNOTATIONS_DELETED"])
def test_a_change_is_believed_whatever_its_payload(action: str, payload: object) -> None:
    assert kind_of(action, annotation=payload, annotations=payload) == (EventKind.CHANGED, 1)


@pytest.mark.parametrize("action", ["PROJECT_UPDATED", "LABEL_LINK_CREATED", "TASKS_DELETED", "SOMETHING_NEW"])
def test_RQ18_other_actions_are_ignored(action: str) -> None:
    assert kind_of(action) == (EventKind.IGNORED, 0)


@pytest.mark.parametrize("action", [None, "", 3, ["START_TRAINING"]])
def test_RQ18_an_event_without_action_is_refused(action: object) -> None:
    with pytest.raises(RequestError) as caught:
        parse_event({"action": action, "project": 3})
    assert caught.value.code == "bad_action"


def test_an_event_without_payload_is_refused_with_a_remedy() -> None:
    with pytest.raises(RequestError) as caught:
        parse_event({"action": "ANNOTATION_CREATED"})
    assert caught.value.code == "bad_project"
    assert "payload" in caught.value.message


@pytest.mark.parametrize("value", ["3.1700000000", "3", 3, {"id": 3}, {"id": "3"}, "0003"])
def test_RQ13_every_form_of_a_project_is_its_number(value: object) -> None:
    assert project_id(value) == 3


NO_PROJECTS = [
    *("../../x", "3/../../x", "3" * 10_000, "3\x00", "3\n", "", " 3", "-3", "3.", "٣", "3.1e5", "3." + "1" * 21),
    *(3.5, -3, 10**12, True, None, [3], {}, {"id": {"id": 3}}, {"id": None}),
]


@pytest.mark.parametrize("value", NO_PROJECTS)
def test_RQ14_anything_else_is_no_project(value: object) -> None:
    with pytest.raises(RequestError) as caught:
        project_id(value)
    assert (caught.value.code, caught.value.http_status) == ("bad_project", 400)


@given(number=st.integers(0, 10**12 - 1), created=st.integers(0, 10**11))
def test_every_form_that_label_studio_sends_names_the_same_project(number: int, created: int) -> None:
    forms: list[object] = [number, str(number), f"{number}.{created}", {"id": number}, {"id": f"{number}.{created}"}]
    assert {project_id(form) for form in forms} == {number}


@given(value=st.text())
def test_no_text_leads_out_of_the_data_folder(value: str) -> None:
    try:
        folder = ProjectFolder(Path("/data"), project_id(value))
    except RequestError:
        return
    assert folder.path.parent == Path("/data/projects")
    assert folder.path.name.isdigit()
