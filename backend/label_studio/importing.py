"""Files and tasks into a project of Label Studio."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

from backend.errors import LabelStudioError
from backend.label_studio.client import LabelStudioClient
from backend.label_studio.tokens import ADDRESS_HINT

Json = dict[str, Any]

TRIES = 4
PAUSE_S = 1.0
"""Before the second try; it doubles from one to the next."""


def upload_image(client: LabelStudioClient, project_id: int, name: str, data: bytes) -> str:
    """The address, as it stands in task data, of an image file that was uploaded to a project; no task is made of it.

    An upload whose answer got lost is sent again: the file that nobody names does no harm.

    Raises:
        LabelStudioError: nothing was uploaded, or nobody can tell.
    """
    path, query = f"/api/projects/{project_id}/import", {"commit_to_project": "false"}
    answer = _repeated(lambda: client.post(path, query=query, files={name: (name, data)}))
    uploads = answer.get("file_upload_ids") if isinstance(answer, dict) else None
    if not uploads:
        raise _unexpected("names no uploaded file")
    file = client.get(f"/api/import/file-upload/{uploads[0]}").get("file")
    if not isinstance(file, str):
        raise _unexpected("does not say where an uploaded file is")
    return "/data/" + quote(file)


def import_tasks(client: LabelStudioClient, project_id: int, tasks: Sequence[Json]) -> int:
    """How many tasks were made of these in a project, all at once.

    Where the answer got lost the project's tasks are counted: they are sent again only if none was made.

    Args:
        tasks: each an object with `data`, and `annotations` or `predictions` if it has any.

    Raises:
        LabelStudioError: none was made; where `answered` is 0 nobody can tell.
    """
    before = _task_count(client, project_id)

    def send() -> int:
        if _task_count(client, project_id) >= before + len(tasks):
            return len(tasks)
        answer = client.post(f"/api/projects/{project_id}/import", list(tasks))
        made = answer.get("task_count") if isinstance(answer, dict) else None
        if not isinstance(made, int):
            raise _unexpected("does not say how many tasks it made")
        return made

    made: int = _repeated(send)
    return made


def _task_count(client: LabelStudioClient, project_id: int) -> int:
    return int(client.project(project_id).get("task_number") or 0)


def _repeated(send: Callable[[], Any]) -> Any:
    """What a request comes to that may be sent again when its answer got lost."""
    for pause_s in (PAUSE_S * 2**again for again in range(TRIES - 1)):
        try:
            return send()
        except LabelStudioError as error:
            if 0 < error.answered < 500:
                raise
        time.sleep(pause_s)
    return send()


def _unexpected(what: str) -> LabelStudioError:
    return LabelStudioError("label_studio_http", f"Label Studio {what}", ADDRESS_HINT, answered=200)
