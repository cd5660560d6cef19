"""Findings on a project whose Label Studio answers what the real one answers only under other settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from backend.doctor.content import examine_config, examine_image
from backend.doctor.finding import Level
from backend.doctor.project import examine_project
from backend.doctor.way_back import examine_way_back
from backend.doctor.webhook import examine_webhook
from backend.label_studio.config import parse_labeling_config
from backend.settings import Settings
from tests.doctor.stand_in import PROJECT, case_at, case_of, codes, stand_in
from tests.pages.loopback import Listener, closed_port, reply

MakeSettings = Callable[..., Settings]

FORM = """<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">
<Label value="question"/></RectangleLabels></View>"""
CONFIG = parse_labeling_config(FORM)
HEALTHY = b'{"status": "UP", "model_class": "LayoutLMv3Backend"}'
BLOCKED = (403, {"detail": "URL resolves to a reserved network address (block: 127.0.0.0/8)"})


def test_a_blocked_address_is_named(make_settings: MakeSettings) -> None:
    """What the real one says; the flow of the same name, which is slow, has it say so."""
    answers: dict[str, Any] = {"GET /api/webhooks/": (200, []), "POST /api/webhooks/": BLOCKED}
    with case_of(answers, make_settings, fix=True) as case:
        found = examine_webhook(case, {"url": "http://127.0.0.1:9090"})
    assert codes(found) == ["webhook_blocked"]
    assert "SSRF_PROTECTION_ENABLED=false" in found[0].remedy


def test_a_host_that_label_studio_does_not_know_is_named(make_settings: MakeSettings) -> None:
    unknown = (500, {"detail": "Can't resolve hostname backend.internal"})
    with case_of({"GET /api/webhooks/": (200, []), "POST /api/webhooks/": unknown}, make_settings) as case:
        assert codes(examine_webhook(case, {"url": "http://backend.internal:9090"})) == ["webhook_unresolved"]


def test_a_webhook_that_may_not_be_made_is_named(make_settings: MakeSettings) -> None:
    forbidden = (403, {"detail": "You do not have permission to create webhooks for this project."})
    answers: dict[str, Any] = {"GET /api/webhooks/": (200, []), "POST /api/webhooks/": forbidden}
    with case_of(answers, make_settings, fix=True) as case:
        found = examine_webhook(case, {"url": "http://127.0.0.1:9090"})
    assert codes(found) == ["webhook_not_fixed"]
    assert "http://127.0.0.1:9090/webhook" in found[0].remedy


def test_nothing_stays_of_the_question_in_a_label_studio_that_takes_any_action(make_settings: MakeSettings) -> None:
    answers: dict[str, Any] = {"GET /api/webhooks/": (200, []), "POST /api/webhooks/": (201, {"id": 7})}
    with stand_in(answers) as listener:
        found = examine_webhook(case_at(listener.url, make_settings), {"url": "http://127.0.0.1:9090"})
        assert codes(found) == ["webhook_missing"]
        assert (listener.asked[-1].method, listener.asked[-1].target) == ("DELETE", "/api/webhooks/7/")


def test_a_webhook_that_something_else_answers_is_named(make_settings: MakeSettings) -> None:
    with Listener(lambda asked: reply(b"<html/>")) as other:
        hook = {"id": 1, "url": f"{other.url}/webhook", "is_active": True, "send_payload": True}
        answers: dict[str, Any] = {"GET /api/webhooks/": (200, [{**hook, "send_for_all_actions": True}])}
        with case_of(answers, make_settings) as case:
            assert codes(examine_webhook(case, {"url": other.url})) == ["webhook_failed"]


GOOD_HOOK = {"is_active": True, "send_payload": True, "send_for_all_actions": True}


def hook_to(url: str, **changed: Any) -> dict[str, Any]:
    """What Label Studio answers that has one webhook, a good one but for what is changed."""
    return {"GET /api/webhooks/": (200, [{"id": 1, "url": f"{url}/webhook", **GOOD_HOOK, **changed}])}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"is_active": False}, "switched off"),
        ({"send_payload": False}, "no payload"),
        ({"send_for_all_actions": False, "actions": ["ANNOTATION_CREATED"]}, "ANNOTATION_UPDATED"),
    ],
)
def test_a_webhook_that_tells_too_little_is_named(
    make_settings: MakeSettings, changed: dict[str, Any], said: str
) -> None:
    with case_of(hook_to("http://127.0.0.1:9090", **changed), make_settings) as case:
        [found] = examine_webhook(case, {"url": "http://127.0.0.1:9090"})
    assert codes([found]) == ["webhook_off"]
    assert said in found.found


@pytest.mark.parametrize(
    ("user", "given"), [("robot", True), ("somebody", False), ("", False)], ids=["ours", "of another", "none"]
)
def test_a_refused_webhook_gets_our_password_only_where_label_studio_has_it(
    make_settings: MakeSettings, user: str, given: bool
) -> None:
    with Listener(lambda asked: reply(b"", 401)) as backend:
        answers = hook_to(backend.url) | {"PATCH /api/webhooks/1/": (200, {"id": 1})}
        with stand_in(answers) as studio:
            case = case_at(studio.url, make_settings, fix=True)
            case = replace(case, settings=replace(case.settings, basic_auth_user="robot", basic_auth_pass="secret"))
            method = "BASIC_AUTH" if user else "NONE"
            found = examine_webhook(case, {"url": backend.url, "auth_method": method, "basic_auth_user": user})
            sent = b"".join(asked.body for asked in studio.asked if asked.method == "PATCH")
    assert "webhook_refused" in codes(found)
    assert (b"Basic cm9ib3Q6c2VjcmV0" in sent) == given


def test_a_configuration_that_the_backend_refuses_is_named(make_settings: MakeSettings) -> None:
    with (
        Listener(lambda asked: reply(HEALTHY)) as backend,
        case_of(connected(backend.url, "ER", error_message="no RectangleLabels"), make_settings) as case,
    ):
        [found] = examine_way_back(case)[1]
    assert codes([found]) == ["setup_refused"]
    assert "no RectangleLabels" in found.found


@pytest.mark.parametrize(("method", "code"), [("NONE", "basic_auth_missing"), ("BASIC_AUTH", "basic_auth_wrong")])
def test_a_password_that_label_studio_lacks_is_told_from_a_wrong_one(
    make_settings: MakeSettings, method: str, code: str
) -> None:
    with (
        Listener(lambda asked: reply(b"", 401, www_authenticate="Basic")) as backend,
        case_of(connected(backend.url, "DI", auth_method=method), make_settings) as case,
    ):
        assert codes(examine_way_back(case)[1]) == [code]


@pytest.mark.parametrize(("answer", "code"), [(BLOCKED, "connect_blocked"), ((400, {}), "not_connected")])
def test_whether_an_address_could_be_connected_is_told(
    make_settings: MakeSettings, answer: tuple[int, Any], code: str
) -> None:
    with case_of({"GET /api/ml/": (200, []), "POST /api/ml/": answer}, make_settings) as case:
        assert codes(examine_way_back(replace(case, backend_url="http://10.0.0.1:9090"))[1]) == [code]


def connected(url: str, state: str, **fields: str) -> dict[str, Any]:
    return {"GET /api/ml/": (200, [{"id": 1, "url": url, "state": state, **fields}])}


def test_an_address_that_only_this_machine_reaches_is_named(make_settings: MakeSettings) -> None:
    with (
        Listener(lambda asked: reply(HEALTHY)) as backend,
        case_of(connected(backend.url, "DI"), make_settings) as case,
    ):
        reached, found = examine_way_back(case)
    assert (codes(found), reached) == (["backend_url_one_sided"], [])
    assert "host.docker.internal" in found[0].remedy


def test_an_address_that_only_label_studio_reaches_is_well(make_settings: MakeSettings) -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    with case_of(connected(url, "CO"), make_settings) as case:
        reached, [found] = examine_way_back(case)
    assert (found.level, len(reached)) == (Level.OK, 1)
    assert "this machine does not" in found.found


def test_a_backend_that_cannot_predict_is_named(make_settings: MakeSettings) -> None:
    down = b'{"status": "DOWN", "error": {"message": "tesseract is not installed"}}'
    with (
        Listener(lambda asked: reply(down, 503)) as backend,
        case_of(connected(backend.url, "DI"), make_settings) as case,
    ):
        [found] = examine_way_back(case)[1]
    assert codes([found]) == ["backend_down"]
    assert "tesseract" in found.found


def test_backends_of_others_in_the_same_project_are_left_alone(make_settings: MakeSettings) -> None:
    with (
        Listener(lambda asked: reply(HEALTHY)) as ours,
        Listener(lambda asked: reply(b'{"model_class": "X"}')) as other,
    ):
        both = [{"id": 1, "url": other.url, "state": "CO"}, {"id": 2, "url": ours.url, "state": "CO"}]
        with case_of({"GET /api/ml/": (200, both)}, make_settings) as case:
            reached, found = examine_way_back(case)
    assert codes(found) == []
    assert [backend["id"] for backend in reached] == [2]
    assert {asked.method for asked in other.asked} == {"GET"}


@pytest.mark.parametrize(
    ("data", "image", "code"),
    [
        ({"image": "/data/upload/1/a.png"}, (401, {}), "image_auth"),
        ({"image": "/data/upload/1/a.png"}, (403, {}), "image_auth"),
        ({"image": "/data/upload/1/a.png"}, (404, {}), "image_unavailable"),
        ({"image": "/data/upload/1/a.png"}, (200, "<html>login</html>"), "image_unreadable"),
        ({"image": "http://10.0.0.1/a.png"}, (200, {}), "image_unavailable"),
        ({"page": "/data/upload/1/a.png"}, (200, {}), "task_wrong"),
    ],
)
def test_an_image_that_does_not_come_is_named(
    make_settings: MakeSettings, data: dict[str, str], image: tuple[int, Any], code: str
) -> None:
    tasks = (200, {"tasks": [{"id": 5, "data": data}], "total": 1})
    with case_of({"GET /api/tasks/": tasks, "GET /data/upload/1/a.png": image}, make_settings) as case:
        found = examine_image(case, CONFIG)
    assert codes([found]) == [code]
    assert "task 5" in found.tried


def test_a_project_without_tasks_has_no_image_to_try(make_settings: MakeSettings) -> None:
    with case_of({"GET /api/tasks/": (200, {"tasks": [], "total": 0})}, make_settings) as case:
        assert examine_image(case, CONFIG).level is Level.SKIPPED


@pytest.mark.parametrize(
    ("xml", "code"),
    [
        ("<View>", "config_wrong"),
        ('<View><Image name="a" value="$a"/></View>', "config_wrong"),
        ("<View/>", "config_empty"),
        (FORM.replace("<View>", '<View><Image name="other" value="$other"/>'), "config_warning"),
        (FORM, None),
    ],
)
def test_a_labeling_config_is_judged_as_the_product_reads_it(xml: str, code: str | None) -> None:
    config, found = examine_config(xml, PROJECT)
    assert codes(found) == ([code] if code else [])
    assert (config is None) == (code in ("config_wrong", "config_empty"))


def test_a_language_of_the_labeling_config_is_looked_for(make_settings: MakeSettings) -> None:
    own = FORM.replace('<Image name="image"', '<Image name="image" ocr_engine="rapidocr" ocr_languages="deu"')
    answers = {f"GET /api/projects/{PROJECT}/": (200, {"title": "forms", "label_config": own})}
    with case_of(answers, make_settings) as case:
        assert "ocr_setting" in codes(list(examine_project(case)))


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_a_project_that_label_studio_does_not_give_is_named(make_settings: MakeSettings, status: int) -> None:
    expected = {401: "token_wrong", 403: "token_forbidden", 404: "project_missing", 500: "label_studio_fault"}
    with case_of({f"GET /api/projects/{PROJECT}/": (status, {})}, make_settings) as case:
        assert codes(list(examine_project(case))) == [expected[status]]
