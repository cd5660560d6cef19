"""Images that stand in the task itself as `data:` URIs."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import unquote_to_bytes

from backend.errors import TaskError


def decode_data_uri(uri: str, *, max_bytes: int) -> bytes:
    """The bytes of a base64 `data:` URI.

    Raises:
        TaskError: `image_bad_data_uri`, or `image_too_large` before anything is decoded.
    """
    head, comma, body = uri.partition(",")
    if not comma or not head.lower().endswith(";base64"):
        raise TaskError("image_bad_data_uri", "a data: URI must have the form data:image/png;base64,...")
    if len(body) > max_bytes * 2:
        raise _too_large(max_bytes)
    packed = b"".join(unquote_to_bytes(body).split()).rstrip(b"=")
    try:
        data = base64.b64decode(packed + b"=" * (-len(packed) % 4), validate=True)
    except binascii.Error:
        raise TaskError("image_bad_data_uri", "the base64 text of the data: URI is damaged") from None
    if len(data) > max_bytes:
        raise _too_large(max_bytes)
    return data


def _too_large(max_bytes: int) -> TaskError:
    return TaskError("image_too_large", f"the data: URI holds more than {max_bytes / 1e6:g} MB", "raise MAX_IMAGE_MB")
