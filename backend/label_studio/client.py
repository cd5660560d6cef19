"""Label Studio's API, as far as this backend needs it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import copy
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_before_delay
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from backend.errors import LabelStudioError
from backend.label_studio.tokens import ADDRESS_HINT, KEY_HINT, Tokens, open_session

Json = dict[str, Any]

# Listing tasks makes Label Studio ask its backends for predictions first, where a project evaluates automatically.
_LIST_READ_S = 120.0
_LONGEST_PAUSE_S = 60.0
_PAGE_TRIES = 3
# How far the search for the newest annotation goes; mostly the first task of the first page has it.
_NEWEST_PAGE_SIZE = 20
_NEWEST_PAGES = 20
_NEVER = datetime.min.replace(tzinfo=UTC)
_COUNTERS = ("total_annotations_number", "skipped_annotations_number", "ground_truth_number")


class _TryLater(LabelStudioError):
    """A failure that may pass by itself.

    Attributes:
        after_s: how long Label Studio asked to wait, None when it did not say.
    """

    def __init__(self, code: str, message: str, *, answered: int = 0, after_s: float | None = None) -> None:
        super().__init__(code, message, ADDRESS_HINT, answered=answered)
        self.after_s = after_s


class LabelStudioClient:
    """One Label Studio; safe to use from several threads.

    Args:
        base_url: Label Studio as this backend reaches it, possibly with a path.
        token: personal or legacy, empty for none.
        check_certificate: as in `open_session`.
        connect_s: longest wait for a connection.
        read_s: longest wait for the next bytes.
        patience_s: how long a request is repeated while Label Studio is down, busy or failing.
        pause_s: wait before the first repetition; it doubles from one to the next, up to a minute.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        check_certificate: bool = True,
        connect_s: float = 3.0,
        read_s: float = 30.0,
        patience_s: float = 15.0,
        pause_s: float = 1.0,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._tokens = Tokens(self.base_url, token, check_certificate=check_certificate)
        self._connect_s = connect_s
        self._read_s = read_s
        self._session = open_session(check_certificate=check_certificate)
        self._retrying = Retrying(
            retry=retry_if_exception(_may_pass),
            wait=lambda state: _pause(state, pause_s),
            stop=stop_before_delay(patience_s),
            reraise=True,
        )

    def headers(self) -> dict[str, str]:
        """The `Authorization` header, for fetching images from Label Studio."""
        return self._tokens.headers()

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Forget a token that Label Studio refused; gives whether `headers` has another now."""
        return self._tokens.renew(refused)

    def with_patience(self, patience_s: float) -> LabelStudioClient:
        """The same client, which repeats a request for so long."""
        other = copy(self)
        other._retrying = self._retrying.copy(stop=stop_before_delay(patience_s))
        return other

    @property
    def has_token(self) -> bool:
        """Whether it can ask for anything at all."""
        return self._tokens.given

    def project(self, project_id: int) -> Json:
        """The project as Label Studio describes it, with its labeling configuration."""
        return self._get(f"/api/projects/{project_id}/", {}, self._read_s)

    def annotated_tasks(self, project_id: int, page_size: int = 100) -> Iterator[Json]:
        """Every task with an annotation that was not skipped, by ascending id, one page in memory at a time.

        Annotations are complete, skipped ones of the same task among them (`was_cancelled`); `data` is as stored.
        Listing has a side effect in Label Studio: where a project evaluates predictions automatically, it first asks
        its backends to predict the tasks of the page that have no prediction.

        Each page asks for the ids behind the last one seen, so that a task that is annotated or deleted meanwhile
        shifts nothing, and is compared with the count that comes with it.

        Raises:
            LabelStudioError: also `label_studio_incomplete`, when pages and counts do not agree.
        """
        last_id = 0
        while True:
            tasks, total = self._page_behind(project_id, last_id, page_size)
            yield from tasks
            if len(tasks) == total:
                return
            last_id = tasks[-1]["id"]

    def open_tasks(self, project_id: int, first_id: int, most: int) -> list[Json]:
        """Tasks that nobody has annotated, by ascending id from `first_id` on, then those before it from the first on.

        They come without annotations and predictions, `data` as stored. Label Studio is told that the list is for a
        review: so it asks no backend for predictions, whatever the project's settings are.
        """
        behind = self._open(project_id, [_filter("id", first_id - 1)], most)
        missing = most - len(behind)
        before = [_filter("id", first_id, "less")]
        return behind + (self._open(project_id, before, missing) if missing and first_id > 1 else [])

    def _open(self, project_id: int, filters: list[Json], most: int) -> list[Json]:
        open_ = _filter("total_annotations", 0, "equal")
        parameters = _listing(project_id, [open_, *filters], "tasks:id", 1, most) | {"review": "true"}
        tasks: list[Json] = _task_list(self._get("/api/tasks/", parameters, self._read_s))["tasks"]
        return tasks

    def fingerprint(self, project_id: int) -> str:
        """A short text that changes when an annotation of the project is added, changed, skipped or deleted.

        It is made of the project's counters, which every addition and deletion changes, and of the newest annotation,
        which every addition and change replaces. Predictions do not count, although Label Studio takes each stored
        one for a change of its task.
        """
        project = self.project(project_id)
        return "-".join([*(str(project.get(name)) for name in _COUNTERS), self._newest_annotation(project_id)])

    def _newest_annotation(self, project_id: int) -> str:
        """Id and time of the annotation that changed last; the time of the last changed task in rare cases.

        A task's time of change is never before that of its annotations, so among tasks from the last changed on, the
        search ends at the first one that is older than the best annotation so far: mostly the second one. When
        predictions were just stored for very many annotated tasks it ends early with the time of a task, which is a
        change too many, never one too few.
        """
        newest, newest_id = _NEVER, 0
        seen = 0
        for page in range(1, _NEWEST_PAGES + 1):
            answer = self._tasks(project_id, [], "-tasks:updated_at", page, _NEWEST_PAGE_SIZE)
            for task in answer["tasks"]:
                if _time(task) < newest:
                    return f"{newest_id}@{newest.isoformat()}"
                newest, newest_id = max([(newest, newest_id), *((_time(it), it["id"]) for it in task["annotations"])])
            seen += len(answer["tasks"])
            if seen >= answer["total"] or not answer["tasks"]:
                return f"{newest_id}@{newest.isoformat()}"
        first = self._tasks(project_id, [], "-tasks:updated_at", 1, 1)
        return f"task@{first['tasks'][0]['updated_at']}"

    def _page_behind(self, project_id: int, last_id: int, page_size: int) -> tuple[list[Json], int]:
        """The tasks that follow `last_id`, at most a page of them, and how many there are in all behind it."""
        behind = _filter("id", last_id)
        for _ in range(_PAGE_TRIES):
            answer = self._tasks(project_id, [behind], "tasks:id", 1, page_size)
            tasks, total = answer["tasks"], answer["total"]
            ids = [last_id, *(task["id"] for task in tasks)]
            if len(tasks) == min(page_size, total) and all(one < next_ for one, next_ in pairwise(ids)):
                return tasks, total
        raise LabelStudioError(
            "label_studio_incomplete",
            f"Label Studio lists {len(tasks)} annotated tasks behind task {last_id} and counts {total}",
            "look into Label Studio's log; nothing is trained on a part of the annotations",
        )

    def _tasks(self, project_id: int, filters: list[Json], ordering: str, page: int, page_size: int) -> Json:
        """A page of the annotated tasks of a project, with their annotations and `total`."""
        filters = [_filter("total_annotations", 0), *filters]
        parameters = _listing(project_id, filters, ordering, page, page_size) | {"fields": "all"}
        return _task_list(self._get("/api/tasks/", parameters, max(self._read_s, _LIST_READ_S)))

    def _get(self, path: str, query: Mapping[str, str | int], read_s: float) -> Json:
        """The JSON object at a path, asked for again while it may help and patience lasts."""
        return self._retrying(self._answer, path, query, read_s)

    def _answer(self, path: str, query: Mapping[str, str | int], read_s: float) -> Json:
        headers = self._tokens.headers()
        response = self._response(path, query, read_s, headers)
        if response.status_code == 401 and self._tokens.renew(headers):
            response = self._response(path, query, read_s, self._tokens.headers())
        return _json_object(response, path)

    def _response(
        self, path: str, query: Mapping[str, str | int], read_s: float, headers: Mapping[str, str]
    ) -> requests.Response:
        try:
            # A redirect is not followed: it would lead past the origin that the token belongs to.
            return self._session.get(
                self.base_url + path,
                params=query,
                headers=dict(headers),
                timeout=(self._connect_s, read_s),
                allow_redirects=False,
            )
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as fault:
            raise _TryLater("label_studio_unreachable", "Label Studio cannot be reached") from fault
        except requests.RequestException as fault:
            raise LabelStudioError(
                "label_studio_http", "Label Studio's address cannot be asked", ADDRESS_HINT
            ) from fault


def _json_object(response: requests.Response, path: str) -> Json:
    """The object of a good answer; `path` names the request in an error."""
    status = response.status_code
    if status in (401, 403):
        raise LabelStudioError(
            "label_studio_auth", f"Label Studio refuses the token ({status})", KEY_HINT, answered=status
        )
    if status == 429 or status >= 500:
        raise _TryLater(
            "label_studio_http",
            f"Label Studio answers {status} to {path}",
            answered=status,
            after_s=_retry_after_s(response),
        )
    if status != 200:
        raise LabelStudioError(
            "label_studio_http", f"Label Studio answers {status} to {path}", ADDRESS_HINT, answered=status
        )
    try:
        answer = response.json()
    except requests.exceptions.JSONDecodeError:
        answer = None
    if not isinstance(answer, dict):
        raise _TryLater("label_studio_http", f"the answer to {path} is not from Label Studio", answered=status)
    return answer


def _listing(project_id: int, filters: list[Json], ordering: str, page: int, page_size: int) -> dict[str, str | int]:
    """The query of a list of tasks."""
    return {
        "project": project_id,
        "page": page,
        "page_size": page_size,
        "resolve_uri": "false",
        "query": json.dumps({"filters": {"conjunction": "and", "items": filters}, "ordering": [ordering]}),
    }


def _task_list(answer: Json) -> Json:
    """An answer, if it is a list of tasks with their `total`."""
    if not isinstance(answer.get("tasks"), list) or not isinstance(answer.get("total"), int):
        raise LabelStudioError("label_studio_http", "Label Studio lists no tasks where it should", ADDRESS_HINT)
    return answer


def _filter(field: str, value: int, operator: str = "greater") -> Json:
    return {"filter": f"filter:tasks:{field}", "operator": operator, "type": "Number", "value": value}


def _time(record: Json) -> datetime:
    return datetime.fromisoformat(record["updated_at"])


def _may_pass(fault: BaseException) -> bool:
    # The exchange of a personal access token knows no `_TryLater`.
    return isinstance(fault, _TryLater) or (
        isinstance(fault, LabelStudioError) and (fault.answered >= 500 or fault.code == "label_studio_unreachable")
    )


def _pause(state: RetryCallState, first_s: float) -> float:
    fault = state.outcome.exception() if state.outcome else None
    backoff = min(first_s * 2.0 ** (state.attempt_number - 1), _LONGEST_PAUSE_S)
    asked = fault.after_s if isinstance(fault, _TryLater) else None
    return backoff if asked is None else max(asked, backoff)


def _retry_after_s(response: requests.Response) -> float | None:
    try:
        return Retry().get_retry_after(response.raw)
    except InvalidHeader:
        return None
