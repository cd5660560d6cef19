import json

import pytest
from label_studio_ml.model import LabelStudioMLBase

from backend.errors import ConfigError, LabelStudioError
from backend.ml_backend import LayoutLMv3Backend, Workshop
from backend.settings import Settings
from tests.memorised import FORMS


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
