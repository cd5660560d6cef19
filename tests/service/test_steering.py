"""What a project asks for, as `/setup` answers it; and an OCR engine of somebody's own in a running web server."""

from __future__ import annotations

import base64
import io
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image

from backend.jobs.changes import read_changes
from backend.service.app import create_app
from backend.service.loading import import_predictor
from backend.service.services import EXTENSION
from backend.settings import Settings
from backend.versions.project import ProjectFolder, load_record
from tests.conftest import SettingsFactory
from tests.own_engine import ENGINE_NAME, install_engine
from tests.service.test_routes import CONFIG, setup_body
from tests.service.web_process import web_process
from tests.waiting import wait_until

TEXT = '<TextArea name="text" toName="image" perRegion="true"/></View>'


def with_image(stated: str) -> str:
    return CONFIG.replace("<Image ", f"<Image {stated} ")


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"schema": with_image('ocr_languages="eng+xyz"')}, "'xyz' is missing: apt install tesseract-ocr-xyz"),
        ({"extra_params": '{"ocr_languages": "xyz"}'}, "'xyz' is missing"),
        ({"extra_params": {"ocr_engine": "nobody"}}, "no OCR engine 'nobody'"),
        ({"extra_params": {"ocr_engine": "rapidocr", "ocr_languages": "deu"}}, "RapidOCR does not read deu"),
        ({"extra_params": {"ocr_language": "eng"}}, "'ocr_languages' is meant"),
        ({"extra_params": "ocr_languages=eng"}, "ocr_languages=eng"),
        ({"schema": with_image('ocr_engine="os:system"')}, 'ocr_engine="os:system"'),
    ],
)
def test_what_cannot_be_had_is_refused_in_the_words_that_label_studio_shows(
    client: FlaskClient, settings: Settings, facts: dict[str, Any], words: str
) -> None:
    answer = client.post("/setup", json=setup_body(**facts))
    assert answer.status_code == 400
    assert words in answer.status
    assert load_record(ProjectFolder(settings.data_dir, 3)) is None


def test_what_a_project_asks_for_is_remembered_and_is_a_change_to_train_on(
    client: FlaskClient, settings: Settings
) -> None:
    folder = ProjectFolder(settings.data_dir, 3)
    client.post("/setup", json=setup_body())
    before = read_changes(folder).changed
    answer = client.post("/setup", json=setup_body(extra_params={"ocr_engine": "tesseract", "of_another": 1}))
    assert answer.get_json()["warnings"] == ["the extra param 'of_another' means nothing to this backend"]
    record = load_record(folder)
    assert record is not None
    assert record.extra_params == {"ocr_engine": "tesseract"}
    assert read_changes(folder).changed == before + 1
    client.post("/setup", json=setup_body(extra_params='{"ocr_engine": "tesseract"}'))
    assert read_changes(folder).changed == before + 1


def drawn_box(left: float, width: float) -> dict[str, Any]:
    value = {"x": left, "y": 1, "width": width, "height": 4, "rotation": 0, "rectanglelabels": ["header"]}
    region = {"id": "a", "from_name": "label", "to_name": "image", "type": "rectanglelabels", "value": value}
    return {"result": [{**region, "original_width": 400, "original_height": 500, "image_rotation": 0}]}


def test_an_engine_of_somebodys_own_reads_the_pages_of_the_service(tmp_path: Path) -> None:
    installed = install_engine(tmp_path)
    buffer = io.BytesIO()
    Image.new("RGB", (400, 500), "white").save(buffer, "PNG")
    page = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    environ = {"OCR_ENGINE": ENGINE_NAME, "OCR_LANGUAGES": "deu+fra", "PYTHONPATH": str(installed)}
    with web_process(tmp_path / "data", **environ) as web:
        answer = web.predict(
            [{"id": 1, "data": {"image": page}}],
            CONFIG.replace("</View>", TEXT),
            params={"context": drawn_box(1, 70)},
        )
    [prediction] = answer.json()["results"]
    texts = [result["value"]["text"] for result in prediction["result"] if result["type"] == "textarea"]
    assert texts == [["Hello deu+fra"]]


def test_a_broken_engine_is_told_by_health_and_ends_nothing(
    tmp_path: Path, make_settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(install_engine(tmp_path, "greeting_ocr:Nothing")))
    settings = make_settings(OCR_ENGINE=ENGINE_NAME, BASE_MODEL="none")
    app = create_app(settings, predictor_loader=partial(import_predictor, settings))
    try:
        client = app.test_client()
        wait_until(lambda: client.get("/health").get_json()["model"]["state"] == "failed", 60, "loading fails")
        answer = client.get("/health")
        assert answer.status_code == 503
        assert answer.get_json()["error"]["code"] == "ocr_engine"
        assert "'greeting' cannot be imported (AttributeError)" in answer.get_json()["error"]["message"]
        assert client.post("/setup", json=setup_body()).status_code == 200
    finally:
        app.extensions[EXTENSION].stop()
