"""Who may call: optional basic authentication, and a key in the address for webhooks."""

from __future__ import annotations

import hmac

from flask import Flask, Response, request

from backend.errors import RequestError
from backend.settings import Settings


def guard(app: Flask, settings: Settings) -> None:
    """Ask for credentials on every route, where the settings have any.

    Label Studio sends none with its webhook events, so `/webhook` is open unless `WEBHOOK_KEY` is set. An open webhook
    can only say "look at project N".
    """

    @app.before_request
    def check_credentials() -> None:
        if request.endpoint == "backend.webhook":
            if not settings.webhook_key or _same(request.args.get("key", ""), settings.webhook_key):
                return
        elif not settings.basic_auth_user:
            return
        if not _has_credentials(settings):
            raise RequestError("unauthorized", "user name or password of the ML backend missing or wrong", status=401)

    @app.after_request
    def ask_for_credentials(answer: Response) -> Response:
        if answer.status_code == 401:
            answer.headers["WWW-Authenticate"] = 'Basic realm="ml-backend", charset="UTF-8"'
        return answer


def _has_credentials(settings: Settings) -> bool:
    try:
        given = request.authorization  # None where the header is missing or cannot be read
    except ValueError:  # but for characters outside ASCII where base64 should be
        return False
    if given is None or given.type != "basic" or not settings.basic_auth_user:
        return False
    # Both are compared always, so that the time taken does not tell which one was wrong.
    user_matches = _same(given.username or "", settings.basic_auth_user)
    password_matches = _same(given.password or "", settings.basic_auth_pass)
    return user_matches and password_matches


def _same(given: str, expected: str) -> bool:
    """Whether two texts are equal, in a time that does not depend on where they differ."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode("utf-8", "replace"))
