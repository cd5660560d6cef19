"""A project's place on disk and what Label Studio told about it."""

from __future__ import annotations

import logging
import re
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from backend.errors import RequestError
from backend.versions.files import read_json, write_json

LOG = logging.getLogger(__name__)

_LARGEST = 10**12 - 1


@dataclass(frozen=True, slots=True)
class ProjectFolder:
    """Where everything of one project lies; nothing is made by asking.

    Raises:
        RequestError: `bad_project`: the number cannot be a folder's name.
    """

    data_dir: Path
    project_id: int

    def __post_init__(self) -> None:
        if not 0 <= self.project_id <= _LARGEST:
            raise RequestError("bad_project", f"project must be a number from 0 to {_LARGEST}")

    @property
    def path(self) -> Path:
        return self.data_dir / "projects" / str(self.project_id)

    @property
    def record(self) -> Path:
        return self.path / "project.json"

    @property
    def changes(self) -> Path:
        return self.path / "changes.json"

    @property
    def changes_lock(self) -> Path:
        return self.path / "changes.lock"

    @property
    def run(self) -> Path:
        return self.path / "run.json"

    @property
    def train_lock(self) -> Path:
        return self.path / "train.lock"

    @property
    def stay_lock(self) -> Path:
        return self.path / "stay.lock"

    @property
    def push_lock(self) -> Path:
        return self.path / "push.lock"

    @property
    def runs(self) -> Path:
        return self.path / "runs"

    @property
    def base(self) -> Path:
        """The base model that is this project's own, if a model was imported into it."""
        return self.path / "base"

    @property
    def tensorboard(self) -> Path:
        """Logs of deep fits for TensorBoard, where these are wanted; may be removed at any time."""
        return self.path / "tensorboard"

    @property
    def versions(self) -> Path:
        return self.path / "versions"

    @property
    def current(self) -> Path:
        return self.path / "current"

    @property
    def history(self) -> Path:
        return self.path / "history.jsonl"

    @property
    def reports(self) -> Path:
        return self.path / "reports"


def known_projects(data_dir: Path) -> list[int]:
    """The numbers of the projects that have a folder, in order."""
    try:
        names = [entry.name for entry in (data_dir / "projects").iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(int(name) for name in names if re.fullmatch(r"0|[1-9][0-9]{0,11}", name, re.ASCII))


@dataclass(frozen=True, slots=True)
class ProjectRecord:
    """What Label Studio told about a project in `/setup`, and in webhooks since.

    Attributes:
        hostname: Label Studio's address as it announced it.
        access_token: the legacy token it sent; empty where it sends none.
        label_config: labeling configuration (XML).
        extra_params: what the extra params of the connected backend say, as far as they mean anything here.
        updated: seconds since the epoch.
        title: for people, as the last webhook told it; empty before one did.
    """

    project_id: int
    hostname: str = ""
    access_token: str = field(default="", repr=False)
    label_config: str = ""
    updated: float = 0.0
    extra_params: dict[str, Any] = field(default_factory=dict)
    title: str = ""


def load_record(folder: ProjectFolder) -> ProjectRecord | None:
    """The record of a project; None when there is none that can be read."""
    try:
        content = read_json(folder.record)
        if content is None:
            return None
        return ProjectRecord(
            project_id=folder.project_id,
            hostname=str(content["hostname"]),
            access_token=str(content["access_token"]),
            label_config=str(content["label_config"]),
            updated=float(content["updated"]),
            extra_params=dict(content.get("extra_params") or {}),
            title=str(content.get("title", "")),
        )
    except (ValueError, KeyError, TypeError) as error:
        # The next /setup writes it anew.
        LOG.error("project record set aside", extra={"project": folder.project_id, "cause": type(error).__name__})
        return None


def save_record(data_dir: Path, record: ProjectRecord) -> bool:
    """Keep a record where it says something new; whether it did."""
    folder = ProjectFolder(data_dir, record.project_id)
    known = load_record(folder)
    if known is not None and replace(known, updated=record.updated) == record:
        return False
    write_json(folder.record, asdict(record), mode=0o600)
    return True
