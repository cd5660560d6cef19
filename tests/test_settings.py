from pathlib import Path

import pytest

from backend.errors import SettingsError
from backend.settings import SETTINGS, load_settings


def test_an_empty_environment_gives_the_defaults() -> None:
    settings = load_settings({})
    assert settings.port == 9090
    assert settings.base_model == "auto"
    assert settings.queue_url.startswith("unix://")
    assert settings.data_dir.is_absolute()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "ninety"),
        ("PORT", "70000"),
        ("TRAIN_QUIET_S", "-1"),
        ("TRAIN_QUIET_S", "nan"),
        ("DEVICE", "tpu"),
        ("LABEL_STUDIO_URL", "localhost:8080"),
        ("LOG_LEVEL", "loud"),
        ("OCR_PAGE_SEGMENTATION", "99"),
    ],
)
def test_a_bad_value_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name) as refusal:
        load_settings({name: value})
    assert value in refusal.value.message


def test_a_bad_redis_url_is_refused_without_showing_it() -> None:
    with pytest.raises(SettingsError) as refusal:
        load_settings({"REDIS_URL": "http://:secret@redis"})
    assert "secret" not in refusal.value.message


@pytest.mark.parametrize("name", ["LABEL_STUDIO_URL", "LABEL_STUDIO_HOST", "LABEL_STUDIO_HOSTNAME"])
def test_the_address_of_label_studio_has_three_names(name: str) -> None:
    assert load_settings({name: "http://studio:8080/"}).label_studio_url == "http://studio:8080"


def test_redis_may_be_given_by_host_and_port() -> None:
    assert load_settings({"REDIS_HOST": "redis", "REDIS_PORT": "6380"}).redis_url == "redis://redis:6380/0"


def test_the_quiet_time_is_no_longer_than_the_longest_delay() -> None:
    with pytest.raises(SettingsError, match="TRAIN_LONGEST_DELAY_S='60'") as refusal:
        load_settings({"TRAIN_QUIET_S": "61", "TRAIN_LONGEST_DELAY_S": "60"})
    assert "TRAIN_QUIET_S=61" in refusal.value.message
    assert load_settings({"TRAIN_QUIET_S": "60", "TRAIN_LONGEST_DELAY_S": "60"}).train_quiet_s == 60


def test_user_and_password_go_together() -> None:
    with pytest.raises(SettingsError, match="BASIC_AUTH"):
        load_settings({"BASIC_AUTH_USER": "me"})


def test_blank_values_count_as_not_set() -> None:
    assert load_settings({"PORT": " ", "DATA_DIR": ""}).port == 9090


def test_data_dir_knows_the_home_folder() -> None:
    assert load_settings({"DATA_DIR": "~/pages"}).data_dir == Path("~/pages").expanduser().resolve()


def test_every_setting_says_what_it_means() -> None:
    assert all(setting.meaning for setting in SETTINGS)
    assert len({setting.name for setting in SETTINGS}) == len(SETTINGS)


def test_reports_are_told_to_those_that_are_named() -> None:
    assert load_settings({}).report_to == ()
    environ = {"REPORT_TO": "TensorBoard, mlflow,tensorboard", "MLFLOW_TRACKING_URI": "http://mlflow:5000"}
    assert load_settings(environ).report_to == ("tensorboard", "mlflow")
    assert load_settings({"REPORT_TO": "wandb", "WANDB_MODE": "offline"}).report_to == ("wandb",)


@pytest.mark.parametrize(
    ("value", "cause"),
    [("comet", "may hold tensorboard"), ("mlflow", "MLFLOW_TRACKING_URI"), ("wandb", "WANDB_API_KEY or WANDB_MODE")],
)
def test_reports_that_cannot_be_told_end_the_start(value: str, cause: str) -> None:
    with pytest.raises(SettingsError, match=f"REPORT_TO='{value}' .*{cause}"):
        load_settings({"REPORT_TO": value})
