from __future__ import annotations

from functools import partial

import pytest

from backend.service import app
from backend.service.ui.examination import Examination


@pytest.fixture(autouse=True)
def no_examination(monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening the doctor's page asks nobody: a real examination would go on behind the end of the test."""
    monkeypatch.setattr(app, "Examination", partial(Examination, examine=lambda settings: ()))
