"""Fixtures of the jobs' tests."""

from __future__ import annotations

import pytest

from backend.settings import Settings
from backend.versions.project import ProjectFolder


@pytest.fixture
def folder(settings: Settings) -> ProjectFolder:
    return ProjectFolder(settings.data_dir, 3)
