"""The webhook by which Label Studio tells of annotations: whether it works; made or repaired where that is wanted."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from backend.doctor.addresses import is_same, webhook_url, without_secrets
from backend.doctor.asking import look
from backend.doctor.case import Case
from backend.doctor.causes import finding, passed
from backend.doctor.finding import Finding, Level
from backend.doctor.studio import refused

Json = dict[str, Any]

CHECK = "Webhook"

NO_ACTION = "DOCTOR"
"""An action that there is not: Label Studio refuses a webhook for it, and the backend ignores an event of it."""

NEEDED_ACTIONS = {
    "ANNOTATION_CREATED",
    "ANNOTATION_UPDATED",
    "ANNOTATIONS_CREATED",
    "ANNOTATIONS_DELETED",
    "TASKS_CREATED",
}

FIXABLE = {"webhook_missing", "webhook_off", "webhook_refused"}

MOST_REPAIRS = 2
"""The second one gives a webhook that was just made the password that it turned out to need."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with the webhook.

    Attributes:
        hook: as Label Studio lists it; None where there is none.
    """

    code: str
    found: str
    hook: Json | None = None


def examine_webhook(case: Case, backend: Json) -> list[Finding]:
    """The findings on the webhook of one connected backend: what was done, and last how it is now.

    Args:
        backend: as Label Studio lists it.
    """
    done: list[Finding] = []
    for _ in range(MOST_REPAIRS):
        state, fault = _look(case, backend)
        if fault is None or fault.code not in FIXABLE or not case.fix:
            return [*done, state]
        done.append(_repair(case, backend, fault))
        if done[-1].level is not Level.OK:
            return done
    return [*done, _look(case, backend)[0]]


def _look(case: Case, backend: Json) -> tuple[Finding, Fault | None]:
    """How the webhook is now, and what is wrong with it if something is."""
    number, url = case.project_id, webhook_url(str(backend["url"]))
    shown = without_secrets(url)
    tried = f"looked for a webhook to {shown}"
    listed = case.studio.ask("GET", "/api/webhooks/", query={"project": number})
    if not listed.ok or not isinstance(listed.content, list):
        return refused(listed, CHECK, tried, number), None
    fault = _fault(case, url, [hook for hook in listed.content if is_same(str(hook.get("url")), url)])
    if fault is None or fault.hook is not None:
        tried += ", and sent it an event that means nothing"
    if fault is None:
        return passed(CHECK, tried, "it is there, on, and answers", project_id=number), None
    found, code = fault.found, fault.code
    return finding(Level.FAILED, code, CHECK, tried, found, project_id=number, project=number, url=shown), fault


def _fault(case: Case, url: str, hooks: list[Json]) -> Fault | None:
    """What keeps events from arriving; None where one of the webhooks brings them."""
    refusal = _address_fault(case, url)
    if refusal is not None:
        return refusal
    faults = [_hook_fault(case, hook) for hook in hooks]
    if None in faults:
        return None
    return faults[0] if faults else Fault("webhook_missing", "there is none")


def _address_fault(case: Case, url: str) -> Fault | None:
    """Whether Label Studio would take an address for a webhook: asked for one that it refuses for its action."""
    payload = {"project": case.project_id, "url": url, "actions": [NO_ACTION]}
    answer = case.studio.ask("POST", "/api/webhooks/", payload)
    content = answer.content if isinstance(answer.content, dict) else {}
    if answer.status == 201:  # a Label Studio that takes any action: nothing is to stay of the question
        case.studio.ask("DELETE", f"/api/webhooks/{content.get('id')}/")
    elif answer.status == 403 and "address" in answer.told:
        return Fault("webhook_blocked", f"Label Studio does not send there: {answer.told}")
    elif answer.status == 500 and "resolve" in answer.told:
        return Fault("webhook_unresolved", f"Label Studio does not find the host: {answer.told}")
    errors = content.get("validation_errors")
    if isinstance(errors, dict) and "url" in errors:
        return Fault("webhook_url_invalid", f"Label Studio makes no webhook for this address: {errors['url']}")
    return None


def _hook_fault(case: Case, hook: Json) -> Fault | None:
    if not hook.get("is_active"):
        return Fault("webhook_off", "it is switched off", hook)
    if not hook.get("send_payload"):
        return Fault("webhook_off", "it sends no payload, so that no project is named", hook)
    unsent = NEEDED_ACTIONS - set(hook.get("actions") or ())
    if not hook.get("send_for_all_actions") and unsent:
        return Fault("webhook_off", f"it does not tell of {', '.join(sorted(unsent))}", hook)
    event = {"action": NO_ACTION, "project": {"id": case.project_id}}
    answer = look("POST", str(hook["url"]), event, hook.get("headers") or {})
    if answer.status in (401, 403):
        return Fault("webhook_refused", f"the event is refused ({answer.status})", hook)
    ignored = isinstance(answer.content, dict) and answer.content.get("status") == "ignored"
    # Where this machine gets no answer Label Studio still may: it just reached the backend under the same address.
    return None if ignored or not answer.status else Fault("webhook_failed", f"an event gets {answer.told}", hook)


def _repair(case: Case, backend: Json, fault: Fault) -> Finding:
    """Make the webhook, or change the one that is there; what was done."""
    number = case.project_id
    wanted, done = _wanted(case, backend, fault)
    if fault.hook is None:
        answer = case.studio.ask("POST", "/api/webhooks/", {"project": number, **wanted})
        verb = "made"
    else:
        answer = case.studio.ask("PATCH", f"/api/webhooks/{fault.hook['id']}/", wanted)
        verb = "changed"
    shown = without_secrets(webhook_url(str(backend["url"])))
    tried = f"--fix: asked Label Studio for a webhook to {shown}"
    if not answer.ok or not isinstance(answer.content, dict):
        return finding(Level.FAILED, "webhook_not_fixed", CHECK, tried, answer.told, project_id=number, url=shown)
    return passed(CHECK, tried, f"{verb} webhook {answer.content.get('id')}: {done}", project_id=number)


def _wanted(case: Case, backend: Json, fault: Fault) -> tuple[Json, str]:
    """What the webhook is to be like, and the same in words."""
    hook = fault.hook or {"url": webhook_url(str(backend["url"]))}
    wanted: Json = {"url": hook["url"], "is_active": True, "send_payload": True, "send_for_all_actions": True}
    told = "on, with payload, for all actions"
    if case.settings.webhook_key:
        wanted["url"] = webhook_url(str(backend["url"]), case.settings.webhook_key)
        told += ", WEBHOOK_KEY in its address"
    elif fault.code == "webhook_refused" and _knows_password(case, backend):
        wanted["headers"] = {**(hook.get("headers") or {}), **_credentials(case)}
        told += ", user name and password of BASIC_AUTH_USER in its headers"
    return wanted, told


def _knows_password(case: Case, backend: Json) -> bool:
    """Whether Label Studio sends our user name and password to this address already: only then may an event too."""
    user = case.settings.basic_auth_user
    return bool(user) and backend.get("auth_method") == "BASIC_AUTH" and backend.get("basic_auth_user") == user


def _credentials(case: Case) -> dict[str, str]:
    """The header `Authorization` of `BASIC_AUTH_USER`."""
    pair = f"{case.settings.basic_auth_user}:{case.settings.basic_auth_pass}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
