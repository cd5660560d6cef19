"""Pages of a task (rows RQ06 to RQ08, CF11)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from backend.document.page import PageRef
from backend.errors import TaskError
from backend.label_studio.config import LabelingConfig, parse_labeling_config
from backend.label_studio.tasks import task_pages

RECORDINGS = Path(__file__).parents[3] / "shared" / "label-studio" / "recordings"

ONE = LabelingConfig(control="label", image="image", value_key="image")
MANY = LabelingConfig(control="label", image="image", value_key="pages", multi_page=True)


def task(**data: Any) -> dict[str, Any]:
    return {"id": 7, "data": data}


def refused(value: object, config: LabelingConfig = ONE) -> str:
    with pytest.raises(TaskError) as caught:
        task_pages(value, config)
    return caught.value.code


def test_a_task_of_one_page_has_page_0() -> None:
    assert task_pages(task(image="/data/upload/1/a%20b.png"), ONE) == [PageRef(7, 0, "/data/upload/1/a%20b.png")]


def test_a_list_is_pages_in_order() -> None:
    assert task_pages(task(pages=["a", "b"]), MANY) == [PageRef(7, 0, "a"), PageRef(7, 1, "b")]


def test_a_single_address_is_a_page_of_a_multi_page_project() -> None:
    assert task_pages(task(pages="a"), MANY) == [PageRef(7, 0, "a")]


@pytest.mark.parametrize(
    ("key", "data", "url"),
    [
        ("data.image", {"data": {"image": "u"}}, "u"),
        ("images[1]", {"images": ["t", "u"]}, "u"),
        ("pages[0].url", {"pages": [{"url": "u"}]}, "u"),
        ("data.image", {"data.image": "flat", "data": {"image": "nested"}}, "flat"),
        ("image url", {"image url": "u"}, "u"),
    ],
)
def test_CF11_a_path_is_followed(key: str, data: dict[str, Any], url: str) -> None:
    assert task_pages(task(**data), LabelingConfig(value_key=key)) == [PageRef(7, 0, url)]


@pytest.mark.parametrize(
    "broken", [None, [], "task", 3, {}, {"data": {"image": "u"}}, {"id": True, "data": {}}, {"id": "7", "data": {}}]
)
def test_RQ06_a_task_without_id_is_malformed(broken: object) -> None:
    assert refused(broken) == "task_malformed"


@pytest.mark.parametrize("data", [None, [], "u"])
def test_RQ06_a_task_without_data_is_malformed(data: object) -> None:
    assert refused({"id": 1, "data": data}) == "task_malformed"


@pytest.mark.parametrize("key", ["image", "data.image", "images[0]", "images[99999999999]", "image[0]"])
def test_RQ07_an_absent_key_is_named(key: str) -> None:
    with pytest.raises(TaskError) as caught:
        task_pages(task(other="u", data="text", images={}), LabelingConfig(value_key=key))
    assert caught.value.code == "image_key_missing"
    assert key in caught.value.message


@pytest.mark.parametrize("value", [None, 3, "", "  ", {"url": "u"}, ["u"], True])
def test_RQ08_a_value_that_is_no_address_is_refused(value: object) -> None:
    assert refused(task(image=value)) == "image_value_type"


@pytest.mark.parametrize("value", [[], ["u", 3], ["u", ""], [["u"]], {"0": "u"}])
def test_RQ08_pages_that_are_not_all_addresses_are_refused(value: object) -> None:
    assert refused(task(pages=value), MANY) == "image_value_type"


@pytest.mark.parametrize(("name", "pages"), [("open-task", 1), ("open-task-multipage", 2)])
def test_tasks_as_label_studio_sends_them_have_their_pages(name: str, pages: int) -> None:
    if not RECORDINGS.is_dir():
        pytest.skip("the recorded requests of Label Studio are not here")
    requests = json.loads((RECORDINGS / f"{name}.json").read_text())["requests"]
    body = next(request["body"] for request in requests if request["path"] == "/predict")
    config = parse_labeling_config(body["label_config"])
    assert [len(task_pages(task, config)) for task in body["tasks"]] == [pages]
