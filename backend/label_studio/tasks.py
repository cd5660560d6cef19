"""From a task of Label Studio to the pages that it shows."""

from __future__ import annotations

import re
from typing import Any

from backend.document.page import PageRef
from backend.errors import TaskError
from backend.label_studio.config import LabelingConfig

_PATH_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")
_ABSENT = object()


def task_pages(task: object, config: LabelingConfig) -> list[PageRef]:
    """The pages of a task in their order, one for a task of a single page.

    Raises:
        TaskError: `task_malformed` no id or no data; `image_key_missing` the key of the configuration is not in
            the data; `image_value_type` its value is no address, or a list where the configuration has one page.
    """
    if not isinstance(task, dict):
        raise TaskError("task_malformed", "a task must be an object")
    task_id, data = task.get("id"), task.get("data")
    if isinstance(task_id, bool) or not isinstance(task_id, int):
        raise TaskError("task_malformed", "the task has no id, or one that is not a whole number")
    if not isinstance(data, dict):
        raise TaskError("task_malformed", "the task has no data")
    value = _value_at(data, config.value_key)
    if value is _ABSENT:
        raise TaskError(
            "image_key_missing",
            f"the task's data has no {config.value_key!r}, which the labeling configuration names",
            "import the task with this key, or change value of the Image tag",
        )
    return [PageRef(task_id, index, url) for index, url in enumerate(_urls(value, config))]


def _value_at(data: dict[str, Any], key: str) -> object:
    """What stands under a key, or under a path such as `data.image` or `images[0]`."""
    if key in data:
        return data[key]
    value: Any = data
    for step in _PATH_STEP.finditer(key):
        name, index = step[1], step[2]
        if name is not None and isinstance(value, dict) and name in value:
            value = value[name]
        elif index is not None and isinstance(value, list) and len(index) < 10 and int(index) < len(value):
            value = value[int(index)]
        else:
            return _ABSENT
    return value


def _urls(value: object, config: LabelingConfig) -> list[str]:
    if isinstance(value, str) and value.strip():
        return [value]
    if config.multi_page and isinstance(value, list) and value:
        urls = [url for url in value if isinstance(url, str) and url.strip()]
        if len(urls) == len(value):
            return urls
    expected = "a list of addresses" if config.multi_page else "one address"
    raise TaskError("image_value_type", f"the value of {config.value_key!r} in the task's data must be {expected}")
