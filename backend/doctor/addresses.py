"""Addresses of the backend as Label Studio knows them: compared, extended and shown."""

from __future__ import annotations

from urllib.parse import quote, urlsplit, urlunsplit


def webhook_url(backend_url: str, key: str = "") -> str:
    """Where Label Studio is to send events.

    Args:
        key: `WEBHOOK_KEY`; empty for none.
    """
    plain = f"{backend_url.rstrip('/')}/webhook"
    return f"{plain}?key={quote(key, safe='')}" if key else plain


def is_same(one: str, other: str) -> bool:
    """Whether two addresses lead to the same place, whatever key they carry."""
    return without_secrets(one).rstrip("/").lower() == without_secrets(other).rstrip("/").lower()


def without_secrets(url: str) -> str:
    """An address to be shown: no user, no password, and nothing behind the path."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that cannot be understood"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
