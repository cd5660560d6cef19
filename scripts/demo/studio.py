"""Label Studio as somebody meets it who signed in with a password, as browsers do."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import requests

from backend.errors import LabelStudioError
from scripts.demo.backend_health import Watch

EMAIL, PASSWORD = "demo@example.com", "sample-forms"
"""Known to everybody: this Label Studio listens on loopback only."""

TIMEOUT_S = 150.0
START_S = 600.0
LOOK_S = 0.5
START_OVER = "or start over with make demo ARGS=--fresh"

Json = Any


class SignedIn:
    """A signed-in user's requests.

    Args:
        url: Label Studio, without a slash at the end.

    Raises:
        LabelStudioError: `label_studio_auth` for a login that is not known there; each request raises
            `label_studio_unreachable` and `label_studio_http`.
    """

    def __init__(self, url: str, email: str, password: str) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy stands between parts of one machine or one network
        self._send("GET", "/user/login/")
        self._send("POST", "/user/login/", data={"email": email, "password": password}, allow_redirects=False)
        if self._response("GET", "/api/current-user/whoami").status_code != 200:
            raise LabelStudioError(
                "label_studio_auth",
                f"Label Studio at {url} does not let {email} in with the demonstration's password",
                f"set it back to the one that make demo prints, {START_OVER}",
            )

    def personal_token(self) -> str:
        """A new personal access token. An older one of this user is revoked: only one can be valid."""
        for old in self.get("/api/token/"):
            self.post("/api/token/blacklist/", {"refresh": old["token"]})
        token: str = self.post("/api/token/", {})["token"]
        return token

    def get(self, path: str) -> Json:
        return self._send("GET", path)

    def post(self, path: str, content: Json) -> Json:
        return self._send("POST", path, json=content)

    def patch(self, path: str, content: Json) -> Json:
        return self._send("PATCH", path, json=content)

    def delete(self, path: str) -> None:
        self._send("DELETE", path)

    def upload(self, project: int, files: Sequence[tuple[str, bytes]]) -> None:
        """Upload (name, bytes), as the import page does; each becomes a task, in this order."""
        self._send("POST", f"/api/projects/{project}/import", files=[(name, (name, data)) for name, data in files])

    def tasks(self, project: int) -> list[Json]:
        """The tasks of a small project by ascending id, with their annotations and predictions."""
        listed = self.get(f"/api/tasks/?project={project}&page=1&page_size=500&fields=all")["tasks"]
        return sorted(listed, key=lambda task: int(task["id"]))

    def _send(self, method: str, path: str, **content: Any) -> Json:
        """The JSON of the answer; None where there is none, as behind the login page."""
        answer = self._response(method, path, **content)
        if answer.status_code >= 400:
            raise LabelStudioError(
                "label_studio_http",
                f"Label Studio answers {answer.status_code} to {method} {path}",
                f"its log says why; try again, {START_OVER}",
                answered=answer.status_code,
            )
        is_json = answer.headers.get("Content-Type", "").startswith("application/json")
        return answer.json() if answer.content and is_json else None

    def _response(self, method: str, path: str, **content: Any) -> requests.Response:
        headers = {"X-CSRFToken": self._session.cookies.get("csrftoken", ""), "Referer": self.url}
        try:
            return self._session.request(method, self.url + path, headers=headers, timeout=TIMEOUT_S, **content)
        except requests.RequestException as fault:
            raise LabelStudioError(
                "label_studio_unreachable", f"Label Studio does not answer at {self.url}", "its log says why"
            ) from fault


def sign_in_when_up(url: str, watch: Watch) -> SignedIn:
    """Signed in, as soon as Label Studio answers.

    Raises:
        LabelStudioError: it does not answer in time, or does not know the login.
    """
    last_try = time.monotonic() + START_S
    while True:
        try:
            return SignedIn(url, EMAIL, PASSWORD)
        except LabelStudioError as fault:
            starting = fault.code == "label_studio_unreachable" or fault.answered >= 500
            if not starting or time.monotonic() > last_try:
                raise
        watch()
        time.sleep(LOOK_S)
