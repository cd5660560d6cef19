"""Predictions by the web process as it runs: gunicorn, the real prediction side, real images over real HTTP."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest
import requests

from backend.service.json_body import BODY_TIMEOUT_S
from tests import mixed_faults
from tests.memorised import png
from tests.mixed_faults import CONFIG, IN_THE_IMAGE, IN_THE_TASK, good_page, image_host, mixed_tasks, width_of
from tests.pages.loopback import Asked, Listener, reply
from tests.service.web_process import WebProcess, settled_memory, web_process
from tests.waiting import wait_until

PROJECT = 3
LIMITS = {
    "MAX_IMAGE_MB": str(mixed_faults.MOST_MB),
    "MAX_MEGAPIXELS": str(mixed_faults.MOST_MEGAPIXELS),
    "MAX_BODY_MB": "8",
}


@pytest.fixture(scope="module")
def host() -> Iterator[Listener]:
    with image_host() as listener:
        yield listener


@pytest.fixture(scope="module")
def web(host: Listener, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebProcess]:
    data_dir = tmp_path_factory.mktemp("web") / "data"
    mixed_faults.publish_version(data_dir, PROJECT)
    with web_process(data_dir, IMAGE_HOSTS="127.0.0.1", LOG_LEVEL="DEBUG", **LIMITS) as running:
        yield running


def good_task(host: Listener, number: int = 0) -> dict[str, Any]:
    return {"id": 100 + number, "data": {"image": f"{host.url}/good/{number}"}}


# A batch in which thirty tasks are broken, each in another way


def assert_mixed(web: WebProcess, host: Listener, faults: tuple[mixed_faults.Fault, ...], seed: int) -> None:
    mixed = mixed_tasks(host.url, faults, seed)
    answer = web.predict([one.task for one in mixed], CONFIG)
    assert answer.status_code == 200, answer.text
    results, errors = answer.json()["results"], answer.json()["errors"]
    assert len(results) == len(mixed) == mixed_faults.TASKS
    assert sum(bool(entry) for entry in results) == mixed_faults.GOOD
    for one, entry in zip(mixed, results, strict=True):
        if one.code:
            assert entry == [], one.row
            continue
        assert entry["model_version"] == "v1"
        assert {result["value"]["rectanglelabels"][0] for result in entry["result"]} == {"question", "answer"}
        assert width_of(entry) == one.width  # the prediction is of this task's own page
    expected = [(at, one.task.get("id") if one.task else None, one.code) for at, one in enumerate(mixed) if one.code]
    assert [(error["index"], error["task"], error["code"]) for error in errors] == expected
    assert all(error["message"] for error in errors)

    # One line for each, with its ids and its cause
    lines = web.log(request_id=answer.headers["X-Request-Id"], message="task not predicted")
    assert sorted((line["index"], line.get("task"), line["code"]) for line in lines) == expected
    assert all(line["cause"] and line["project"] == PROJECT for line in lines)


@pytest.mark.parametrize("seed", range(3))
def test_a_hundred_tasks_of_which_thirty_are_broken_keep_their_order(
    web: WebProcess, host: Listener, seed: int
) -> None:
    """P1 and P2."""
    faults = (IN_THE_IMAGE, IN_THE_TASK + IN_THE_IMAGE[:21], IN_THE_IMAGE[9:] + IN_THE_TASK)[seed]
    assert_mixed(web, host, faults, seed)


def test_eight_requests_of_ten_tasks_are_all_answered_or_told_to_come_back(web: WebProcess, host: Listener) -> None:
    tasks = [good_task(host, at % mixed_faults.GOOD_PAGES) for at in range(10)]
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(web.predict, tasks, CONFIG) for _ in range(8)]
        answers = [future.result() for future in asked]
    assert {answer.status_code for answer in answers} <= {200, 429}
    assert sum(answer.status_code == 200 for answer in answers) >= 6
    for answer in answers:
        if answer.status_code == 200:
            assert [width_of(entry) for entry in answer.json()["results"]] == [
                mixed_faults.GOOD_WIDTH + at % mixed_faults.GOOD_PAGES for at in range(10)
            ]
        else:
            assert int(answer.headers["Retry-After"]) > 0
            assert answer.json()["error"]["code"] == "busy"


@pytest.mark.parametrize("version", ["v999", "LayoutLMv3", "1", None])
def test_RQ15_an_unknown_version_gets_the_served_one_which_the_answer_names(
    web: WebProcess, host: Listener, version: str | None
) -> None:
    (entry,) = web.predict([good_task(host)], CONFIG, model_version=version).json()["results"]
    assert entry["model_version"] == "v1"


@pytest.mark.parametrize("project", ["3.1700000000", 3, {"id": 3}])
def test_RQ13_every_form_of_a_project_gets_its_version(web: WebProcess, host: Listener, project: object) -> None:
    (entry,) = web.predict([good_task(host)], CONFIG, project=project).json()["results"]
    assert entry["model_version"] == "v1"


def test_RQ17_a_project_that_was_never_trained_gets_empty_entries(web: WebProcess, host: Listener) -> None:
    answer = web.predict([good_task(host, 0), good_task(host, 1)], CONFIG, project=7)
    assert (answer.status_code, answer.json()["results"]) == (200, [[], []])
    assert [(error["task"], error["code"]) for error in answer.json()["errors"]] == [
        (100, "untrained"),
        (101, "untrained"),
    ]
    mixed_faults.publish_version(web.data_dir, 7)  # asked again once there is a version, it has predictions
    assert all(web.predict([good_task(host, 0), good_task(host, 1)], CONFIG, project=7).json()["results"])


@pytest.mark.parametrize("config", ["<View/>", CONFIG.replace('<Label value="question"/><Label value="answer"/>', "")])
def test_CF05_without_labels_predictions_are_empty(web: WebProcess, host: Listener, config: str) -> None:
    answer = web.predict([good_task(host)], config)
    assert (answer.status_code, answer.json()["results"]) == (200, [[]])
    assert answer.json()["errors"][0]["code"] == "no_labels"


# Bodies that are too much


def test_RQ09_the_memory_of_ten_thousand_tasks_is_given_back(web: WebProcess) -> None:
    def refuse() -> None:
        answer = web.predict([{"id": number, "data": {"image": "/a.png"}} for number in range(10_000)], CONFIG)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_many_tasks")
        assert "the limit is 1000" in answer.json()["error"]["message"]

    for _ in range(3):
        refuse()
    before = settled_memory(web.worker)
    for _ in range(10):
        refuse()
    assert settled_memory(web.worker) - before < 8_000_000  # a body alone is 0.5 MB, and 6 MB once it is read


def test_RQ10_of_a_body_without_end_no_more_than_the_limit_is_held(web: WebProcess) -> None:
    before, highest = settled_memory(web.worker), 0
    sent = 0
    with socket.create_connection(("127.0.0.1", web.port), timeout=30) as connection:
        connection.sendall(
            b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        piece = b"%x\r\n" % 1_000_000 + b"x" * 1_000_000 + b"\r\n"
        try:
            while sent < 200:
                connection.sendall(piece)
                sent += 1
                highest = max(highest, web.worker.memory_info().rss)
        except OSError:
            pass  # refused, as it should be
    assert sent < 100  # the limit is 8 MB; some more is under way
    assert highest - before < 40_000_000
    assert web.log(code="body_too_large", status=413, route="/predict")


def raw_answer(web: WebProcess, request: bytes) -> tuple[int, dict[str, Any]]:
    with socket.create_connection(("127.0.0.1", web.port), timeout=30) as connection:
        connection.sendall(request)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.status, json.loads(answer.read())


def test_RQ10_a_true_length_over_the_limit_is_refused_unread(web: WebProcess) -> None:
    status, body = raw_answer(
        web, b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9000000\r\n\r\n{"
    )
    assert (status, body["error"]["code"]) == (413, "body_too_large")
    assert "8 MB" in body["error"]["message"]


def test_RQ10_a_length_that_is_too_short_ends_the_body_there(web: WebProcess) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n"
    status, body = raw_answer(web, head + b'{"a": "' + b"x" * 100_000)
    assert (status, body["error"]["code"]) == (400, "bad_json")
    assert requests.get(f"{web.url}/health", timeout=10).status_code == 200


@pytest.mark.parametrize(
    ("request_bytes", "status", "code"),
    [
        (b"POST /webhook?key=s3cret HTTP/9.9\r\n\r\n", 400, "bad_http"),
        (b"nonsense s3cret\r\n\r\n", 400, "bad_http"),
        (b"GET /health HTTP/1.1\r\ns3cret header: x\r\n\r\n", 400, "bad_http"),
        (b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", 400, "bad_http"),
        (b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n", 400, "bad_http"),
        (b"GET /" + b"s3cret" * 2000 + b" HTTP/1.1\r\n\r\n", 414, "address_too_long"),
        (b"GET / HTTP/1.1\r\nCookie: " + b"s3cret" * 5000 + b"\r\n\r\n", 431, "headers_too_large"),
        (b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n", 400, "bad_chunks"),
    ],
    ids=["version", "line", "header", "negative", "no number", "address", "headers", "chunks"],
)
def test_RQ10_what_is_no_http_is_answered_in_the_same_form(
    web: WebProcess, request_bytes: bytes, status: int, code: str
) -> None:
    got, body = raw_answer(web, request_bytes)
    assert (got, body["error"]["code"]) == (status, code)
    (line,) = web.log(request_id=body["request_id"])
    assert (line["code"], line["status"]) == (code, status)
    assert "s3cret" not in web.log_file.read_text()
    assert requests.get(f"{web.url}/health", timeout=10).status_code == 200


@pytest.mark.slow
def test_RQ11_a_body_of_a_byte_a_second_is_given_up_while_others_are_served(web: WebProcess) -> None:
    head = b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n"
    started = time.monotonic()
    slow = [socket.create_connection(("127.0.0.1", web.port), timeout=60) for _ in range(3)]
    for connection in slow:
        connection.sendall(head)
    while time.monotonic() - started < BODY_TIMEOUT_S - 2:
        for connection in slow:
            connection.sendall(b"{")
        asked = time.monotonic()
        assert requests.get(f"{web.url}/health", timeout=10).status_code == 200
        assert time.monotonic() - asked < 1
        time.sleep(1)
    for connection in slow:
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert (answer.status, json.loads(answer.read())["error"]["code"]) == (408, "body_too_slow")
        connection.close()
    assert BODY_TIMEOUT_S - 2 < time.monotonic() - started < BODY_TIMEOUT_S + 10
    wait_until(lambda: not open_connections(web.worker), 20, "no thread is left with one of them")


def open_connections(process: psutil.Process) -> list[object]:
    return [found for found in process.net_connections("tcp") if found.status == psutil.CONN_ESTABLISHED]


# Callers that go away, and processes that do


def slow_pages() -> Listener:
    """Serves small pages, all different, five a second."""

    def answer(asked: Asked) -> bytes:
        time.sleep(0.2)
        return reply(png(good_page(int(asked.target.rpartition("/")[2])).image))

    return Listener(answer)


def test_RQ24_after_the_client_hung_up_no_further_task_is_begun(web: WebProcess) -> None:
    with slow_pages() as pages:
        tasks = [{"id": at, "data": {"image": f"{pages.url}/{100 + at}"}} for at in range(60)]
        body = json.dumps({"project": 11, "tasks": tasks, "label_config": CONFIG}).encode()
        mixed_faults.publish_version(web.data_dir, 11)
        head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        with socket.create_connection(("127.0.0.1", web.port), timeout=30) as client:
            client.sendall(head.encode() + b"\r\n" + body)
            wait_until(lambda: pages.asked, 30, "the prediction has begun")
        wait_until(lambda: web.log(code="client_gone"), 30, "it is noticed")
        (line,) = web.log(code="client_gone")
        assert (line["project"], line["route"], line["status"], line["level"]) == (11, "/predict", 499, "WARNING")
        begun = len(pages.asked)
        assert begun < 30
        # No line for the tasks that were not begun, and nothing from gunicorn
        assert web.log(request_id=line["request_id"], message="task not predicted") == []
        assert "Traceback" not in web.log_file.read_text()
        assert all(web.predict([{"id": 1, "data": tasks[0]["data"]}], CONFIG, project=11).json()["results"])
        assert len(pages.asked) <= begun + 3  # those under way, and this one


@pytest.mark.slow  # its ten seconds are for a machine that does nothing else
def test_FA30_a_process_that_the_kernel_killed_for_memory_is_back_in_ten_seconds(web: WebProcess) -> None:
    killed = web.worker
    killed.send_signal(signal.SIGKILL)  # as the kernel does

    def is_back() -> bool:
        try:
            return requests.get(f"{web.url}/health", timeout=1).status_code == 200
        except requests.RequestException:
            return False

    killed_at = time.monotonic()
    wait_until(is_back, 10, "/health answers")
    assert time.monotonic() - killed_at < 10
    assert web.worker.pid != killed.pid
    wait_until(web.is_ready, 60, "the prediction side is loaded")
    assert not psutil.pid_exists(killed.pid)


def test_every_line_of_the_log_is_of_one_form(web: WebProcess) -> None:
    """Those of gunicorn too."""
    lines = [json.loads(line) for line in web.log_file.read_text().splitlines()]
    assert {"gunicorn.error", "backend.service.access_log"} <= {line["logger"] for line in lines}
    assert all({"time", "level", "message"} <= line.keys() for line in lines)


def test_every_error_tells_its_request_and_so_does_its_line_in_the_log(web: WebProcess) -> None:
    refused = [
        requests.post(f"{web.url}/predict", data=b"{", headers={"Content-Type": "application/json"}, timeout=10),
        requests.post(f"{web.url}/setup", json={"project": 3, "schema": "<View>"}, timeout=10),
        requests.get(f"{web.url}/nowhere", timeout=10),
        web.predict([], CONFIG, project="../x"),
    ]
    for answer in refused:
        told = answer.json()
        assert told["request_id"] == answer.headers["X-Request-Id"]
        (line,) = web.log(request_id=told["request_id"])
        assert (line["code"], line["cause"]) == (told["error"]["code"], told["error"]["message"])
        assert line["status"] == answer.status_code
