import base64
import json
import time

import pytest
import torch
from label_studio_ml.model import LabelStudioMLBase

from backend import timing
from backend.document.label_set import LabelSet
from backend.errors import ConfigError, LabelStudioError
from backend.ml_backend import LayoutLMv3Backend, Predictor
from backend.model import faults
from backend.model.tagger import PageTagger, save_tagger
from backend.pipelines.read_ahead import ReadAhead
from backend.service.app import create_app
from backend.service.services import EXTENSION, Services
from backend.settings import Settings
from backend.training.fit_crf import fit_crf
from backend.versions.project import ProjectFolder, ProjectRecord, save_record
from backend.versions.store import VersionStore
from backend.workshop import Workshop
from tests.drawn import DrawnPage
from tests.memorised import FORMS, png
from tests.pages_of_words import page_of_rows


def test_it_is_what_label_studio_people_subclass(settings: Settings) -> None:
    backend = LayoutLMv3Backend(FORMS, project="3.1700000000", workshop=Workshop(settings))
    assert isinstance(backend, LabelStudioMLBase)
    assert backend.project_id == 3
    assert backend.parsed_label_config["label"]["labels"] == ["header", "question", "answer"]


def test_the_constructor_says_what_is_wrong_with_a_configuration(settings: Settings) -> None:
    with pytest.raises(ConfigError, match="No RectangleLabels"):
        LayoutLMv3Backend('<View><Image name="image" value="$image"/></View>', workshop=Workshop(settings))


def test_an_untrained_project_is_predicted_as_due(settings: Settings) -> None:
    backend = LayoutLMv3Backend(FORMS, project=3, workshop=Workshop(settings))
    assert backend.predict([{"id": 1, "data": {"image": "/data/upload/1/a.png"}}]) == [[]]


def test_training_without_label_studio_says_what_to_set(settings: Settings) -> None:
    with pytest.raises(LabelStudioError, match="not known"):
        LayoutLMv3Backend(FORMS, project=3, workshop=Workshop(settings)).fit()


def test_a_connection_is_kept_until_label_studio_announces_another(settings: Settings) -> None:
    workshop = Workshop(settings)
    first = workshop.connection(3)
    assert workshop.connection(3) is first
    record = workshop.project(3).record
    record.parent.mkdir(parents=True)
    record.write_text(
        json.dumps(
            {
                "project_id": 3,
                "hostname": "http://studio:8080",
                "access_token": "t",
                "label_config": FORMS,
                "updated": 1.0,
            }
        ),
        encoding="utf-8",
    )
    assert workshop.connection(3).base_url == "http://studio:8080"


class Heard:
    def __init__(self) -> None:
        self.steps: list[str] = []
        self.found: list[bool] = []

    def step_took(self, step: str, seconds: float) -> None:
        self.steps.append(step)

    def cache_asked(self, found: bool) -> None:
        self.found.append(found)


def test_a_prediction_tells_its_steps_and_the_models_that_it_loaded(settings: Settings, drawn_form: DrawnPage) -> None:
    labels = LabelSet(("question", "answer"))
    fast = fit_crf([(page_of_rows(["Name:", "Ann"]), [labels.begin("question"), labels.begin("answer")])], labels)
    store = VersionStore(ProjectFolder(settings.data_dir, 3))
    with store.stage() as staged:
        save_tagger(PageTagger(fast=fast), staged)
        store.promote(store.publish(staged, {}), "test")
    image = "data:image/png;base64," + base64.b64encode(png(drawn_form.image)).decode()
    task = {"id": 1, "data": {"image": image}}
    predictor, heard = Predictor(settings), Heard()
    timing.listen(heard)
    assert predictor.loaded_bytes() == {}
    for _ in range(2):
        assert predictor.answer(3, [task], FORMS, None, deadline=time.monotonic() + 60).errors == []
    assert heard.steps == ["fetch", "decode", "ocr", "model", "regions", "fetch", "model", "regions"]
    assert heard.found == [False, True]
    assert predictor.loaded_bytes() == {3: len(fast.content)}


def test_an_opened_task_and_a_look_at_the_project_have_pages_read_ahead(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    wished: list[tuple[int, int | None]] = []
    monkeypatch.setattr(ReadAhead, "wish", lambda self, project, opened=None: wished.append((project, opened)))
    predictor = Predictor(settings)
    one, two = ({"id": number, "data": {"image": "/data/upload/1/a.png"}} for number in (11, 12))
    predictor.answer(3, [one], FORMS, None, deadline=time.monotonic() + 60)
    predictor.answer(3, [one, two], FORMS, None, deadline=time.monotonic() + 60)  # nobody opened these
    predictor.answer(3, [None], FORMS, None, deadline=time.monotonic() + 60)  # type: ignore[list-item]
    predictor.read_ahead(4)
    assert wished == [(3, 11), (3, None), (4, None)]


def test_pages_are_read_ahead_only_where_label_studio_can_be_asked(settings: Settings) -> None:
    workshop = Workshop(settings)
    assert workshop.ahead(3) is None
    save_record(settings.data_dir, ProjectRecord(3, "http://studio:8080", "", FORMS))
    assert workshop.ahead(3) is None  # no token
    save_record(settings.data_dir, ProjectRecord(3, "http://studio:8080", "t0ken", FORMS))
    ahead = workshop.ahead(3)
    assert ahead is not None
    assert ahead.config.value_key == "image"
    assert ahead.reader is workshop.reader  # whose cache is that of training too


def test_FA33_health_names_the_cpu_in_place_of_a_gpu_that_failed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "_failed", set())
    predictor = Predictor(settings)
    monkeypatch.setitem(predictor.workshop.__dict__, "device", torch.device("cuda"))
    app = create_app(settings, predictor_loader=lambda: predictor)
    services: Services = app.extensions[EXTENSION]
    services.loader.wait(time.monotonic() + 30)

    def shown() -> str:
        services.health.refresh()
        return str(app.test_client().get("/health").get_json()["device"])

    assert shown() == "cuda"
    faults.give_up(torch.device("cuda"), RuntimeError("CUDA error: device is gone"))
    assert shown() == "cpu (gpu error)"
    services.stop()
