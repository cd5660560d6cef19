"""Whether Label Studio finds its way to this backend: what is connected to a project, and how it answers there."""

from __future__ import annotations

from typing import Any

from backend.doctor.addresses import is_same, without_secrets
from backend.doctor.asking import Answer, look
from backend.doctor.case import Case
from backend.doctor.causes import finding, passed
from backend.doctor.finding import Finding, Level
from backend.doctor.studio import refused

Json = dict[str, Any]

CHECK = "Way back"
MODEL_CLASS = "LayoutLMv3Backend"
"""What `/health` of this backend calls itself."""

DISCONNECTED, ERROR = "DI", "ER"
"""States that Label Studio gives a backend that it does not reach, and one whose `/setup` fails."""


def examine_way_back(case: Case) -> tuple[list[Json], list[Finding]]:
    """The connected backends that are this one and can be reached, as Label Studio lists them, and the findings.

    Label Studio tries each address before it lists them, so that what it says is of this moment.
    """
    tried = "asked Label Studio for the project's backends"
    answer = case.studio.ask("GET", "/api/ml/", query={"project": case.project_id})
    if not answer.ok or not isinstance(answer.content, list):
        return [], [refused(answer, CHECK, tried, case.project_id)]
    connected = [ml for ml in answer.content if not case.backend_url or is_same(str(ml.get("url")), case.backend_url)]
    if not connected:
        return [], [_not_connected(case, tried)]
    looks = [(ml, look("GET", f"{str(ml['url']).rstrip('/')}/health")) for ml in connected]
    ours = [(ml, health) for ml, health in looks if not _is_another(health)]
    if not ours:
        found = f"what answers at {without_secrets(looks[0][0]['url'])} is no LayoutLMv3 backend"
        other = finding(Level.FAILED, "other_backend", CHECK, tried, found, project_id=case.project_id)
        return [], [other]
    findings = [_examine_backend(case, ml, health) for ml, health in ours]
    return [ml for ml, _ in ours if ml.get("state") != DISCONNECTED], findings


def _not_connected(case: Case, tried: str) -> Finding:
    """Nothing is connected; with `--backend-url`, also whether it could be."""
    number = case.project_id
    if not case.backend_url:
        return finding(Level.FAILED, "not_connected", CHECK, tried, "there is none", project_id=number)
    shown = without_secrets(case.backend_url)
    # A time that is no number: Label Studio looks at the address and connects nothing.
    answer = case.studio.ask("POST", "/api/ml/", {"project": number, "url": case.backend_url, "timeout": "none"})
    if answer.status == 403:
        found = f"{shown} is not connected, and would be refused: {answer.told}"
        return finding(Level.FAILED, "connect_blocked", CHECK, tried, found, project_id=number)
    return finding(Level.FAILED, "not_connected", CHECK, tried, f"{shown} is not among them", project_id=number)


def _is_another(health: Answer) -> bool:
    """Whether an ML backend of another kind answers."""
    known = health.content.get("model_class") if health.ok and isinstance(health.content, dict) else MODEL_CLASS
    return known != MODEL_CLASS


def _examine_backend(case: Case, ml: Json, health: Answer) -> Finding:
    """Args: health: what `/health` of the connected address answers to this machine, which sends no password."""
    shown = without_secrets(str(ml["url"]))
    tried = f"had Label Studio call {shown}/health and /setup, and called /health from here"
    state = ml.get("state")
    if state == ERROR:
        found = f"/setup is refused: {ml.get('error_message')}"
        return finding(Level.FAILED, "setup_refused", CHECK, tried, found, project_id=case.project_id)
    if state != DISCONNECTED:
        here = "" if health.status else f"; this machine does not ({health.fault}), which need not be wrong"
        return passed(CHECK, tried, f"Label Studio reaches it{here}", project_id=case.project_id)
    code, found = _unreached(ml, health)
    return finding(Level.FAILED, code, CHECK, tried, found, project_id=case.project_id)


def _unreached(ml: Json, health: Answer) -> tuple[str, str]:
    """Why Label Studio may not reach an address, and what came back."""
    if health.asks_password:
        if ml.get("auth_method") == "BASIC_AUTH":
            return "basic_auth_wrong", "the backend refuses the user name or the password that Label Studio sends"
        return "basic_auth_missing", "the backend asks for a password, and Label Studio was told none"
    told = health.content if isinstance(health.content, dict) else {}
    if health.ok and told:
        return "backend_url_one_sided", "Label Studio does not reach it, this machine does"
    if told.get("status") == "DOWN":
        error = told.get("error") or {}
        return "backend_down", f"the backend says that it cannot predict: {error.get('message', 'its log says why')}"
    return "backend_url_wrong", f"Label Studio does not reach it; from here: {health.told}"
