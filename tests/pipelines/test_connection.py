import pytest

from backend.errors import LabelStudioError
from backend.pipelines.connection import connect
from backend.settings import load_settings
from backend.versions.project import ProjectRecord

SETUP = ProjectRecord(1, "http://localhost:8080", "legacy-of-setup", "<View/>", 0.0)
KEY = {"LABEL_STUDIO_API_KEY": "configured-key"}
URL = {"LABEL_STUDIO_URL": "http://studio.internal:8080"}


def token_of(environ: dict[str, str], record: ProjectRecord | None) -> tuple[str, str]:
    """(address, Authorization) that a project would be asked with."""
    connection = connect(load_settings(environ), record)
    return connection.base_url, connection.required_client().headers().get("Authorization", "")


def test_the_configured_key_goes_to_the_configured_address() -> None:
    assert token_of(KEY | URL, SETUP) == ("http://studio.internal:8080", "Token configured-key")
    assert token_of(KEY | URL, None) == ("http://studio.internal:8080", "Token configured-key")


def test_the_configured_key_never_goes_to_an_address_that_a_request_named() -> None:
    assert token_of(KEY, SETUP) == ("http://localhost:8080", "Token legacy-of-setup")


def test_without_settings_label_studio_is_where_and_who_it_says() -> None:
    assert token_of({}, SETUP) == ("http://localhost:8080", "Token legacy-of-setup")


def test_the_configured_address_wins_over_the_announced_one() -> None:
    assert token_of(URL, SETUP) == ("http://studio.internal:8080", "Token legacy-of-setup")
    assert connect(load_settings(URL), SETUP).announced == "http://localhost:8080"


def test_training_without_any_address_says_what_to_set() -> None:
    with pytest.raises(LabelStudioError, match="not known") as refusal:
        connect(load_settings({}), None).required_client()
    assert "LABEL_STUDIO_URL" in refusal.value.hint
