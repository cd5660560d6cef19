"""Label Studio itself: whether it is at its address, and what it says to the token."""

from __future__ import annotations

from backend.doctor.asking import Answer, Studio
from backend.doctor.causes import finding, passed
from backend.doctor.finding import Finding, Level

REACHED = "Label Studio"
TOKEN = "Token"


def examine_address(studio: Studio) -> Finding:
    """Whether Label Studio answers at its address, asked without the token."""
    tried = f"asked {studio.base_url}/api/version/"
    answer = studio.ask("GET", "/api/version/", anonymous=True)
    if answer.status == 0:
        return finding(Level.FAILED, "label_studio_unreachable", REACHED, tried, answer.fault)
    release = answer.content.get("release") if isinstance(answer.content, dict) else None
    if not answer.ok or not isinstance(release, str):
        found = answer.told if not answer.ok else "an answer that is not Label Studio's"
        return finding(Level.FAILED, "label_studio_wrong", REACHED, tried, found)
    return passed(REACHED, tried, f"Label Studio {release}")


def examine_token(studio: Studio, origin: str) -> Finding:
    """Which kind of token it is, and whether Label Studio takes it.

    Args:
        origin: where the token comes from, in words.
    """
    if not studio.tokens.given:
        return finding(Level.FAILED, "token_missing", TOKEN, "looked for a token", "there is none")
    kind = "personal access token" if studio.tokens.personal else "legacy token"
    how = ", exchanged for a short-lived one" if studio.tokens.personal else ""
    tried = f"asked who I am with the {kind} {origin}{how}"
    answer = studio.ask("GET", "/api/current-user/whoami")
    if answer.ok and isinstance(answer.content, dict):
        # By number: whoever may see the findings need not know the address of the user.
        return passed(TOKEN, tried, f"user {answer.content.get('id')} of Label Studio")
    return finding(Level.FAILED, _token_cause(answer), TOKEN, tried, answer.told)


def _token_cause(answer: Answer) -> str:
    if answer.status not in (400, 401, 403):
        return "label_studio_fault"
    return "token_legacy_disabled" if "legacy token authentication" in answer.told else "token_wrong"


def refused(answer: Answer, check: str, tried: str, project_id: int) -> Finding:
    """The finding on a question about a project that Label Studio does not answer well."""
    code = {401: "token_wrong", 403: "token_forbidden", 404: "project_missing"}.get(answer.status, "label_studio_fault")
    return finding(Level.FAILED, code, check, tried, answer.told, project_id=project_id)
