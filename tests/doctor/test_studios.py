"""Several projects, and the Label Studio that they come from."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from backend.doctor.studios import examine_projects
from backend.settings import Settings
from tests.doctor.stand_in import TOKEN, Answers, codes, stand_in

MakeSettings = Callable[..., Settings]

WHO = "/api/current-user/whoami"
TOKEN_REFUSED = (401, {"detail": "Invalid token."})


def examined(answers: Answers, make_settings: MakeSettings) -> tuple[list[str], list[str]]:
    """The codes of what is wrong with two projects of one Label Studio, and the paths that it was asked for."""
    with stand_in(answers) as studio:
        settings = make_settings(LABEL_STUDIO_URL=studio.url, LABEL_STUDIO_API_KEY=TOKEN)
        found = codes(list(examine_projects(settings, (3, 4), fix=False, backend_url="")))
        return found, [urlsplit(asked.target).path for asked in studio.asked]


def test_a_label_studio_is_looked_at_once_for_all_its_projects(make_settings: MakeSettings) -> None:
    found, asked = examined({}, make_settings)
    assert found == ["project_missing", "project_missing"]
    assert asked.count(WHO) == 1
    assert {"/api/projects/3/", "/api/projects/4/"} <= set(asked)


@pytest.mark.parametrize("path", ["/api/version/", WHO])
def test_projects_are_not_asked_about_where_label_studio_or_its_token_fails(
    make_settings: MakeSettings, path: str
) -> None:
    found, asked = examined({f"GET {path}": TOKEN_REFUSED}, make_settings)
    assert len(found) == 1
    assert not [path for path in asked if path.startswith("/api/projects/")]
