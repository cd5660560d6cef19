"""Where this backend fetches an image that Label Studio's task data names."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from urllib.parse import SplitResult, unquote, urlsplit

from backend.document.page import PageRef
from backend.errors import TaskError

_STORAGE_SCHEMES = ("s3", "gs", "azure-blob")
_WEB_SCHEMES = ("http", "https")
_DEFAULT_PORTS = {"http": 80, "https": 443}
# Each pass undoes one layer of percent-encoding; what still changes after so many is no honest name.
_DECODING_PASSES = 4


def image_url(ref: PageRef, *, base_url: str, announced: str) -> str:
    """The absolute address of a page's image, as this backend reaches it.

    Args:
        base_url: Label Studio as this backend reaches it, possibly with a path; empty when nobody said.
        announced: the `hostname` of `/setup`, which stands in task data and may be reachable for browsers only.

    Raises:
        TaskError: `url_path` for a path that climbs, `url_storage` or `url_no_label_studio` where Label Studio is
            needed and not known, `url_scheme` for anything else that is no address of an image.
    """
    url = ref.url.strip()
    scheme = url.partition(":")[0].lower() if ":" in url.partition("/")[0] else ""
    if scheme == "data":
        return url
    if scheme in _STORAGE_SCHEMES:
        return _storage_url(url, ref.task_id, base_url)
    if scheme in _WEB_SCHEMES:
        path = _path_in_label_studio(url, base_url, announced)
        return url if path is None or not base_url else _label_studio_url(path, base_url)
    if not scheme and url.startswith("/") and not url.startswith(("//", "/\\")):
        return _label_studio_url(_without_prefix(url, base_url, announced), base_url)
    raise TaskError(
        "url_scheme",
        "the image's address is of a kind that this backend does not fetch",
        "use an upload, a storage connected to Label Studio, or an http(s) address",
    )


def _storage_url(uri: str, task_id: int, base_url: str) -> str:
    if not base_url:
        raise TaskError(
            "url_storage",
            "images in a cloud storage are fetched through Label Studio, whose address is not known",
            "set LABEL_STUDIO_URL",
        )
    return f"{base_url.rstrip('/')}/tasks/{task_id}/resolve/?fileuri={urlsafe_b64encode(uri.encode()).decode()}"


def _label_studio_url(path: str, base_url: str) -> str:
    if _climbs(path):
        raise TaskError(
            "url_path", "the image's path leaves the folder it names", "correct the path in the task's data"
        )
    if not base_url:
        raise TaskError(
            "url_no_label_studio",
            "the image lies in Label Studio, whose address is not known",
            "set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY",
        )
    return base_url.rstrip("/") + path


def _path_in_label_studio(url: str, base_url: str, announced: str) -> str | None:
    """Path and query below Label Studio's root, None for an address somewhere else."""
    parts = _split(url)
    for root in (announced, base_url):
        known = _split(root)
        prefix = known.path.rstrip("/")
        if root and _origin(parts) == _origin(known) and f"{parts.path}/".startswith(f"{prefix}/"):
            return url[url.index("/", len(parts.scheme) + 3) :][len(prefix) :] if parts.path else "/"
    return None


def _without_prefix(path: str, base_url: str, announced: str) -> str:
    """A stored path without the prefix under which Label Studio is served: the one in the addresses has it already."""
    for root in (announced, base_url):
        prefix = _split(root).path.rstrip("/")
        if prefix and path.startswith(f"{prefix}/"):
            return path[len(prefix) :]
    return path


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        raise TaskError("url_malformed", "the address of the image cannot be understood") from None


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    try:
        port = parts.port
    except ValueError:
        raise TaskError("url_malformed", "the address of the image has no valid port") from None
    return parts.scheme, parts.hostname, port or _DEFAULT_PORTS.get(parts.scheme)


def _climbs(path: str) -> bool:
    """Whether a path holds `..` or a control character under any number of percent-encodings."""
    name = path.partition("?")[0].partition("#")[0]
    for _ in range(_DECODING_PASSES):
        if ".." in name.replace("\\", "/").split("/") or any(ord(character) < 32 for character in name):
            return True
        decoded = unquote(name)
        if decoded == name:
            return False
        name = decoded
    return True
