"""How this process reaches Label Studio for one project, and with which token.

A token goes to the origin it belongs to and nowhere else: the configured key to the configured address, the token of
`/setup` to the configured address or, when none is configured, to the address that came with it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from backend.document.page import PageRef
from backend.errors import LabelStudioError
from backend.label_studio.client import LabelStudioClient
from backend.label_studio.image_urls import image_url
from backend.pages.fetch import Fetcher
from backend.settings import Settings
from backend.versions.project import ProjectRecord

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Connection:
    """Label Studio as seen by one project.

    Attributes:
        base_url: where this process reaches it; empty when nobody said.
        announced: the address that Label Studio announced in `/setup`, as it stands in task data.
        client: None without an address.
    """

    base_url: str
    announced: str
    client: LabelStudioClient | None
    fetcher: Fetcher

    def fetch(self, ref: PageRef) -> bytes:
        """The bytes of a page's image file.

        Raises:
            TaskError: this image cannot be had.
            LabelStudioError: Label Studio is down or refuses the token.
        """
        return self.fetcher.fetch(image_url(ref, base_url=self.base_url, announced=self.announced))

    def required_client(self) -> LabelStudioClient:
        """The client, for work that cannot be done without Label Studio.

        Raises:
            LabelStudioError: nobody said where Label Studio is.
        """
        if self.client is None:
            raise LabelStudioError(
                "label_studio_unknown",
                "the address of Label Studio is not known",
                "set LABEL_STUDIO_URL, or open the project's Model page so that Label Studio announces itself",
            )
        return self.client


def connect(settings: Settings, record: ProjectRecord | None, *, patience_s: float = 15.0) -> Connection:
    """The connection of a project.

    Args:
        record: what Label Studio said in `/setup`, if it ever did.
        patience_s: how long a request is repeated while Label Studio is down or busy.
    """
    announced = record.hostname if record else ""
    base_url = settings.label_studio_url or announced
    token = token_for(settings, record)
    check = checks_certificate(settings)
    client = LabelStudioClient(base_url, token, check_certificate=check, patience_s=patience_s) if base_url else None
    fetcher = Fetcher(
        origin=base_url or None,
        auth=client.headers if client else None,
        renew=client.renew if client else None,
        check_certificate=check,
        hosts=settings.image_hosts,
        max_bytes=settings.max_image_mb * 1_000_000,
    )
    return Connection(base_url, announced, client, fetcher)


def token_for(settings: Settings, record: ProjectRecord | None) -> str:
    """The configured key where it belongs to a configured address, else the token of `/setup`; empty for none."""
    configured = settings.label_studio_api_key if settings.label_studio_url else ""
    return configured or (record.access_token if record else "")


def checks_certificate(settings: Settings) -> bool:
    """Whether Label Studio's certificate has to be valid."""
    # Only where somebody wrote both down may it not be: an address that was announced is anybody's.
    return settings.label_studio_tls_check or not settings.label_studio_url
