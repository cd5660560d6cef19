"""What the operator is told when the start is over: the base model with its licence, and what is missing."""

from __future__ import annotations

import base64
import http.client
import json
from typing import Any

from backend.ocr.installed import ocr_lacks
from backend.settings import Settings


def start_notes(settings: Settings, host: str, port: int) -> list[str] | None:
    """Lines for the terminal, from the settings and from what the web server at this address says of itself.

    None while the web server does not know its base model yet; never waits for it.
    """
    health = _health(settings, host, port)
    if not _is_told(health):
        return None
    lines = _model_lines(health)
    if not settings.label_studio_api_key:
        lines.append(
            "LABEL_STUDIO_API_KEY is not set: the token that Label Studio sends in /setup will be used, which a new "
            "installation refuses (enable legacy tokens there, or set a personal access token here)."
        )
    elif not settings.label_studio_url:
        lines.append("LABEL_STUDIO_API_KEY is not used: set LABEL_STUDIO_URL too, so that it goes nowhere else.")
    lines += [f"{missing}." for missing in ocr_lacks(settings.ocr_engine, settings.ocr_languages)]
    return lines


def _model_lines(health: dict[str, Any]) -> list[str]:
    base = health.get("base_model") or {}
    model = health.get("model") or {}
    if model.get("reason"):
        return [f"Predictions do not work yet: {model['reason']}"]
    licence = f", licence {base['licence']}" if base.get("licence") else ""
    reason = f" ({base['reason']})" if base.get("reason") else ""
    return [f"Base model: {base.get('name', 'unknown')}{licence}{reason}; device: {health.get('device', 'unknown')}."]


def _is_told(health: dict[str, Any]) -> bool:
    """Whether the web server knows its base model, or why it never will."""
    base, model = health.get("base_model") or {}, health.get("model") or {}
    return bool(base.get("licence") or model.get("reason"))


def _health(settings: Settings, host: str, port: int) -> dict[str, Any]:
    credentials = f"{settings.basic_auth_user}:{settings.basic_auth_pass}".encode()
    headers = {"Authorization": f"Basic {base64.b64encode(credentials).decode()}"} if settings.basic_auth_user else {}
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/health", headers=headers)
        answer = json.loads(connection.getresponse().read())
    except (OSError, ValueError, http.client.HTTPException):
        return {}
    finally:
        connection.close()
    return answer if isinstance(answer, dict) else {}
