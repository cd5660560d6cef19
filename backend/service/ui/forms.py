"""Forms that only our own pages can send: a signed token in each, and a look at where the browser says it came from.

There is no login of our own to tie a token to: a browser sends basic-auth credentials along with a form of any page, so
what protects is that no other page can read the token.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from flask import Request
from itsdangerous import BadSignature, URLSafeTimedSerializer

from backend.errors import RequestError, ServiceError
from backend.service.json_body import read_body
from backend.versions.files import write_atomic
from backend.versions.locks import locked

MOST_FORM_BYTES = 10_000
MOST_FIELDS = 10
VALID_S = 12 * 3600
"""How long a page may lie open before its buttons have to be loaded anew."""
KEY_BYTES = 32


class FormTokens:
    """Makes and checks the tokens of one data folder, whichever web process over it made them.

    Args:
        key_file: where the key lies, readable by its owner only; made when it is first needed.
    """

    def __init__(self, key_file: Path) -> None:
        self._key_file = key_file
        self._serializer: URLSafeTimedSerializer | None = None

    def new(self) -> str:
        """A token to go into a form; empty where the key cannot be kept: nothing can be changed there anyway."""
        try:
            return str(self._signer().dumps("form"))
        except OSError:
            return ""

    def check(self, token: str) -> None:
        """Raises RequestError, 403 `form_expired`, for a token that was not made here or lately."""
        try:
            self._signer().loads(token, max_age=VALID_S)
        except OSError as error:
            raise ServiceError("storage", "the data folder cannot be read", "see DATA_DIR") from error
        except BadSignature:  # SignatureExpired is one
            hint = "load the page again and press the button once more"
            raise RequestError("form_expired", "the form is too old, or not of this page", hint, status=403) from None

    def _signer(self) -> URLSafeTimedSerializer:
        if self._serializer is None:
            self._serializer = URLSafeTimedSerializer(self._key(), salt="status page")
        return self._serializer

    def _key(self) -> bytes:
        with locked(self._key_file.with_suffix(".lock")):
            known = self._key_file.read_bytes() if self._key_file.exists() else b""
            if len(known) != KEY_BYTES:
                known = secrets.token_bytes(KEY_BYTES)
                write_atomic(self._key_file, known, mode=0o600)
            return known


def read_form(request: Request, tokens: FormTokens) -> Mapping[str, str]:
    """The fields of a form that one of our pages sent.

    Raises:
        RequestError: 403 `cross_site` or `form_expired`; 400, 408, 413 for a body that cannot be read.
        ServiceError: `storage`.
    """
    if not _is_same_origin(request):
        hint = "use the buttons of the page itself; a proxy in between must keep the Host header"
        raise RequestError("cross_site", "the form was sent by a page of another origin", hint, status=403)
    request.max_content_length = MOST_FORM_BYTES
    body = read_body(request)
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise RequestError("bad_form", "the form cannot be read", "use the buttons of the page itself") from error
    form = {name: values[0] for name, values in fields.items()}
    tokens.check(form.get("token", ""))
    return form


def _is_same_origin(request: Request) -> bool:
    """What the browser says of the page that sent a form; True where it says nothing, for the token decides too."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.host
