"""The client of Label Studio's API, against a small stand-in on loopback with real HTTP and real faults."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from operator import eq, gt, lt
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.errors import LabelStudioError
from backend.label_studio.client import LabelStudioClient
from tests.pages.loopback import Answer, Asked, Listener, closed_port, in_turn, reply

PROJECT = 3
Json = dict[str, Any]


class Studio:
    """The part of Label Studio that the client uses, with its filters, orders and times of change."""

    def __init__(self) -> None:
        self.tasks: dict[int, Json] = {}
        self.asked: list[tuple[str, Json]] = []
        self._clock = datetime(2026, 11, 20, 12, tzinfo=UTC)
        self._last_annotation = 0

    def __call__(self, asked: Asked) -> bytes:
        parts = urlsplit(asked.target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.asked.append((parts.path, query))
        if parts.path == f"/api/projects/{PROJECT}/":
            return as_json(self.project())
        if parts.path == "/api/tasks/" and query["project"] == str(PROJECT):
            return self.task_page(query)
        return reply(b"{}", 404)

    def project(self) -> Json:
        annotations = [annotation for task in self.tasks.values() for annotation in task["annotations"]]
        skipped = sum(annotation["was_cancelled"] for annotation in annotations)
        return {
            "id": PROJECT,
            "title": "forms",
            "total_annotations_number": len(annotations) - skipped,
            "skipped_annotations_number": skipped,
            "ground_truth_number": sum(annotation["ground_truth"] for annotation in annotations),
        }

    def task_page(self, query: Json) -> bytes:
        wanted = json.loads(query["query"])
        found = list(self.tasks.values())
        for item in wanted["filters"]["items"]:
            field = item["filter"].removeprefix("filter:tasks:")
            holds = {"greater": gt, "less": lt, "equal": eq}[item["operator"]]
            found = [task for task in found if holds(self.shown(task)[field], item["value"])]
        [order] = wanted["ordering"]
        found.sort(key=lambda task: task[order.split(":")[1]], reverse=order.startswith("-"))
        size = int(query["page_size"])
        start = (int(query["page"]) - 1) * size
        return as_json({"tasks": [self.shown(task) for task in found[start : start + size]], "total": len(found)})

    @staticmethod
    def shown(task: Json) -> Json:
        return {**task, "total_annotations": sum(not annotation["was_cancelled"] for annotation in task["annotations"])}

    def now(self) -> str:
        self._clock += timedelta(seconds=0.5)  # every other time without a fraction, as Label Studio writes it
        return self._clock.isoformat().replace("+00:00", "Z")

    def add_tasks(self, number: int) -> list[int]:
        first = len(self.tasks) + 1
        for task_id in range(first, first + number):
            self.tasks[task_id] = {"id": task_id, "updated_at": self.now(), "annotations": [], "data": {"image": "/x"}}
        return list(range(first, first + number))

    def annotate(self, task_id: int, **fields: bool) -> Json:
        self._last_annotation += 1
        annotation = {"id": self._last_annotation, "was_cancelled": False, "ground_truth": False, **fields}
        self.tasks[task_id]["annotations"].append(annotation)
        self.change(task_id, annotation)
        return annotation

    def change(self, task_id: int, annotation: Json, **fields: bool) -> None:
        annotation.update(fields, updated_at=self.now())
        self.store_prediction(task_id)

    def delete(self, task_id: int, annotation: Json) -> None:
        self.tasks[task_id]["annotations"].remove(annotation)
        self.store_prediction(task_id)

    def store_prediction(self, task_id: int) -> None:
        """Label Studio takes each stored prediction for a change of its task."""
        self.tasks[task_id]["updated_at"] = self.now()


def as_json(value: object) -> bytes:
    return reply(json.dumps(value).encode(), content_type="application/json")


@pytest.fixture
def studio() -> Studio:
    return Studio()


@pytest.fixture
def client(studio: Studio) -> Iterator[LabelStudioClient]:
    with Listener(studio) as server:
        yield quick_client(server.url)


def quick_client(url: str, **options: float) -> LabelStudioClient:
    return LabelStudioClient(url, "legacy", **{"patience_s": 2.0, "pause_s": 0.01, "connect_s": 1.0, **options})


def refused(act: Callable[[], object]) -> LabelStudioError:
    with pytest.raises(LabelStudioError) as refusal:
        act()
    return refusal.value


def listed(client: LabelStudioClient, page_size: int = 100) -> list[int]:
    return [task["id"] for task in client.annotated_tasks(PROJECT, page_size)]


class TestRequests:
    def test_the_project_is_asked_for_with_the_token(self) -> None:
        with Listener(lambda _: as_json({"id": PROJECT})) as server:
            assert quick_client(f"{server.url}/prefix/").project(PROJECT) == {"id": PROJECT}

        assert server.asked[0].target == "/prefix/api/projects/3/"
        assert server.asked[0].headers["authorization"] == "Token legacy"

    @pytest.mark.parametrize(
        "bad",
        [
            reply(status=500),
            reply(status=502),
            reply(status=429),
            b"",
            reply(b"<html>"),
            b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{",
        ],
    )
    def test_FA25_a_request_that_fails_for_now_is_repeated(self, bad: bytes) -> None:
        with Listener(in_turn(bad, bad, as_json({"id": PROJECT}))) as server:
            assert quick_client(server.url).project(PROJECT) == {"id": PROJECT}

    def test_FA24_retry_after_is_obeyed(self) -> None:
        start = time.monotonic()
        with Listener(in_turn(reply(status=429, retry_after="1"), as_json({"id": PROJECT}))) as server:
            quick_client(server.url).project(PROJECT)

        assert time.monotonic() - start >= 1

    @pytest.mark.parametrize("status", [401, 403])
    def test_FA23_a_refused_token_is_named_and_not_tried_again(self, status: int) -> None:
        with Listener(lambda _: reply(b"{}", status)) as server:
            error = refused(lambda: quick_client(server.url).project(PROJECT))

        assert (error.code, error.answered, len(server.asked)) == ("label_studio_auth", status, 1)
        assert "LABEL_STUDIO_API_KEY" in error.hint

    @pytest.mark.parametrize(
        ("answer", "answered"), [(reply(b"{}", 404), 404), (reply(status=302, location="http://elsewhere.test/"), 302)]
    )
    def test_an_answer_that_no_repetition_changes_is_final(self, answer: bytes, answered: int) -> None:
        with Listener(in_turn(answer)) as server:
            error = refused(lambda: quick_client(server.url).project(PROJECT))

        assert (error.code, error.answered, len(server.asked)) == ("label_studio_http", answered, 1)

    def test_FA22_patience_is_bounded(self) -> None:
        start = time.monotonic()

        error = refused(lambda: quick_client(f"http://127.0.0.1:{closed_port()}", patience_s=0.3).project(PROJECT))

        assert (error.code, error.answered) == ("label_studio_unreachable", 0)
        assert time.monotonic() - start < 2

    def test_FA22_a_run_waits_longer_each_time_up_to_a_minute_and_gives_up_after_half_an_hour(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pauses: list[float] = []
        monotonic = time.monotonic
        monkeypatch.setattr(time, "monotonic", lambda: monotonic() + sum(pauses))
        monkeypatch.setattr(time, "sleep", pauses.append)

        client = LabelStudioClient(f"http://127.0.0.1:{closed_port()}", "legacy", patience_s=1800)
        error = refused(lambda: client.project(PROJECT))

        assert error.code == "label_studio_unreachable"
        assert pauses[:7] == [1, 2, 4, 8, 16, 32, 60]
        assert set(pauses[7:]) == {60}
        assert 1800 - 60 < sum(pauses) <= 1800

    def test_the_same_client_may_be_asked_with_less_patience(self) -> None:
        client = LabelStudioClient(f"http://127.0.0.1:{closed_port()}", "legacy", patience_s=1800)
        start = time.monotonic()

        assert refused(lambda: client.with_patience(0.1).project(PROJECT)).code == "label_studio_unreachable"

        assert time.monotonic() - start < 60

    def test_FA22_a_silent_label_studio_is_given_up(self) -> None:
        def silence() -> Iterator[bytes]:
            time.sleep(2)
            yield b""

        with Listener(lambda _: silence()) as server:
            error = refused(lambda: quick_client(server.url, read_s=0.1, patience_s=0.05).project(PROJECT))

        assert error.code == "label_studio_unreachable"

    def test_FA26_an_expired_access_token_is_renewed_once(self) -> None:
        issued: list[str] = []

        def answer(asked: Asked) -> Answer:
            if asked.target == "/api/token/refresh/":
                issued.append(f"access-{len(issued) + 1}")
                return as_json({"access": issued[-1]})
            return (
                as_json({"id": PROJECT}) if asked.headers["authorization"] == "Bearer access-2" else reply(b"{}", 401)
            )

        with Listener(answer) as server:
            client = LabelStudioClient(server.url, "a.b.c")
            assert client.project(PROJECT) == {"id": PROJECT}
            assert client.headers() == {"Authorization": "Bearer access-2"}
            issued.append("spoiled")
            assert client.renew(client.headers())
            assert refused(lambda: client.project(PROJECT)).code == "label_studio_auth"

    def test_no_proxy_variable_reaches_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")
        with Listener(lambda _: as_json({"id": PROJECT})) as server:
            assert quick_client(server.url).project(PROJECT) == {"id": PROJECT}


class TestAnnotatedTasks:
    @pytest.mark.parametrize("page_size", [1, 2, 5, 6, 100])
    def test_AN19_all_come_page_by_page(self, studio: Studio, client: LabelStudioClient, page_size: int) -> None:
        annotated = studio.add_tasks(12)[1::2]
        for task_id in annotated:
            studio.annotate(task_id)

        assert listed(client, page_size) == annotated
        sizes = [query["page_size"] for path, query in studio.asked if path == "/api/tasks/"]
        assert len(sizes) == -(-len(annotated) // page_size)

    def test_the_tasks_are_asked_for_raw_and_complete(self, studio: Studio, client: LabelStudioClient) -> None:
        listed(client)

        [(_, query)] = studio.asked
        assert (query["fields"], query["resolve_uri"]) == ("all", "false")

    def test_AN01_tasks_that_were_only_skipped_are_absent(self, studio: Studio, client: LabelStudioClient) -> None:
        skipped, both, plain = studio.add_tasks(3)
        studio.annotate(skipped, was_cancelled=True)
        studio.annotate(both, was_cancelled=True)
        studio.annotate(both)

        tasks = list(client.annotated_tasks(PROJECT))

        assert [task["id"] for task in tasks] == [both]
        assert [annotation["was_cancelled"] for annotation in tasks[0]["annotations"]] == [True, False]
        assert plain not in [task["id"] for task in tasks]

    def test_a_project_without_annotations_has_none(self, studio: Studio, client: LabelStudioClient) -> None:
        studio.add_tasks(2)

        assert listed(client) == []

    def test_annotations_made_and_removed_meanwhile_shift_nothing(
        self, studio: Studio, client: LabelStudioClient
    ) -> None:
        ids = studio.add_tasks(9)
        for task_id in ids[1:]:
            studio.annotate(task_id)
        pages = client.annotated_tasks(PROJECT, page_size=3)

        seen = [next(pages)["id"]]
        studio.annotate(ids[0])
        del studio.tasks[ids[2]], studio.tasks[ids[8]]
        seen += [task["id"] for task in pages]

        assert seen == [2, 3, 4, 5, 6, 7, 8]

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda page: {**page, "tasks": page["tasks"][:-1]},
            lambda page: {**page, "tasks": []},
            lambda page: {**page, "tasks": page["tasks"][:1] * len(page["tasks"])},
            lambda page: {**page, "tasks": [{**task, "id": 1} for task in page["tasks"]]},
        ],
    )
    @pytest.mark.parametrize(("times", "comes"), [(1, True), (2, True), (99, False)])
    def test_FA25_a_short_or_repeated_page_is_asked_for_again(
        self, studio: Studio, spoil: Callable[[Json], Json], times: int, comes: bool
    ) -> None:
        for task_id in studio.add_tasks(6):
            studio.annotate(task_id)

        def faulty(asked: Asked) -> Answer:
            honest = studio(asked)
            if not 2 <= len(studio.asked) < 2 + times:
                return honest
            return as_json(spoil(json.loads(honest.partition(b"\r\n\r\n")[2])))

        with Listener(faulty) as server:
            client = quick_client(server.url)
            if comes:
                assert listed(client, 3) == [1, 2, 3, 4, 5, 6]
            else:
                assert refused(lambda: listed(client, 3)).code == "label_studio_incomplete"

    def test_FA25_a_page_that_breaks_off_is_asked_for_again(self, studio: Studio) -> None:
        for task_id in studio.add_tasks(4):
            studio.annotate(task_id)

        def breaking(asked: Asked) -> Answer:
            whole = studio(asked)
            return whole[:-30] if len(studio.asked) in (1, 3) else whole

        with Listener(breaking) as server:
            assert listed(quick_client(server.url), 2) == [1, 2, 3, 4]


class TestOpenTasks:
    def test_those_that_nobody_annotated_come_from_the_given_one_on_and_then_from_the_first(
        self, studio: Studio, client: LabelStudioClient
    ) -> None:
        studio.add_tasks(8)
        for annotated in (2, 6):
            studio.annotate(annotated)
        assert [task["id"] for task in client.open_tasks(PROJECT, 5, 2)] == [5, 7]
        assert [task["id"] for task in client.open_tasks(PROJECT, 5, 5)] == [5, 7, 8, 1, 3]
        assert [task["id"] for task in client.open_tasks(PROJECT, 1, 20)] == [1, 3, 4, 5, 7, 8]

    def test_label_studio_is_kept_from_predicting_what_it_lists(
        self, studio: Studio, client: LabelStudioClient
    ) -> None:
        studio.add_tasks(1)
        client.open_tasks(PROJECT, 1, 5)
        [(_, query)] = studio.asked
        assert query["review"] == "true"
        assert query["resolve_uri"] == "false"
        assert "fields" not in query


class TestFingerprint:
    def test_it_stays_when_nothing_happens(self, studio: Studio, client: LabelStudioClient) -> None:
        studio.annotate(studio.add_tasks(1)[0])

        assert client.fingerprint(PROJECT) == client.fingerprint(PROJECT)

    @pytest.mark.parametrize("newest", [True, False])
    def test_every_kind_of_change_is_seen(self, studio: Studio, client: LabelStudioClient, newest: bool) -> None:
        task, other = studio.add_tasks(2)
        annotation = studio.annotate(task)
        if not newest:
            studio.annotate(other)
        seen = [client.fingerprint(PROJECT)]

        for act in (
            lambda: studio.change(task, annotation),
            lambda: studio.change(task, annotation, ground_truth=True),
            lambda: studio.change(task, annotation, was_cancelled=True),
            lambda: studio.change(task, annotation, was_cancelled=False),
            lambda: studio.annotate(other),
            lambda: studio.annotate(other, was_cancelled=True),
            lambda: studio.delete(task, annotation),
        ):
            act()
            seen.append(client.fingerprint(PROJECT))

        assert len(set(seen)) == len(seen)

    def test_stored_predictions_are_no_change(self, studio: Studio, client: LabelStudioClient) -> None:
        ids = studio.add_tasks(50)
        for task_id in ids:
            studio.annotate(task_id)
        before = client.fingerprint(PROJECT)

        for task_id in ids:
            studio.store_prediction(task_id)

        assert client.fingerprint(PROJECT) == before

    def test_mostly_one_short_page_is_read(self, studio: Studio, client: LabelStudioClient) -> None:
        for task_id in studio.add_tasks(200):
            studio.annotate(task_id)

        client.fingerprint(PROJECT)

        assert [path for path, _ in studio.asked] == [f"/api/projects/{PROJECT}/", "/api/tasks/"]
        assert int(studio.asked[1][1]["page_size"]) <= 20

    def test_the_search_is_bounded_and_rather_sees_a_change_too_many(
        self, studio: Studio, client: LabelStudioClient
    ) -> None:
        ids = studio.add_tasks(500)
        for task_id in ids:
            studio.annotate(task_id)
        for task_id in ids:
            studio.store_prediction(task_id)
        studio.asked.clear()

        predicted = client.fingerprint(PROJECT)

        assert len(studio.asked) < 30
        assert client.fingerprint(PROJECT) == predicted
        studio.change(ids[0], studio.tasks[ids[0]]["annotations"][0])
        assert client.fingerprint(PROJECT) != predicted

    def test_an_empty_project_has_one(self, studio: Studio, client: LabelStudioClient) -> None:
        assert client.fingerprint(PROJECT) == client.fingerprint(PROJECT)

    @settings(max_examples=25, deadline=None)
    @given(st.lists(st.tuples(st.sampled_from(["add", "change", "delete", "predict"]), st.integers(0, 4)), max_size=12))
    def test_it_changes_with_annotations_and_with_nothing_else(self, acts: list[tuple[str, int]]) -> None:
        studio = Studio()
        ids = studio.add_tasks(5)
        with Listener(studio) as server:
            client = quick_client(server.url)
            before = client.fingerprint(PROJECT)
            for act, index in acts:
                task_id = ids[index]
                annotations = studio.tasks[task_id]["annotations"]
                changed = act == "add" or (act in ("change", "delete") and bool(annotations))
                if act == "add":
                    studio.annotate(task_id)
                elif act == "change" and annotations:
                    studio.change(task_id, annotations[0])
                elif act == "delete" and annotations:
                    studio.delete(task_id, annotations[0])
                elif act == "predict":
                    studio.store_prediction(task_id)
                after = client.fingerprint(PROJECT)
                assert (after != before) == changed
                before = after
