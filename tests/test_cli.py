import json
import subprocess
import sys
from pathlib import Path

import pytest

from backend.model.classifier import WordClassifier
from backend.model.tagger import PageTagger, save_tagger
from backend.versions.project import ProjectFolder
from backend.versions.store import VersionStore
from tests.drawn import DrawnPage
from tests.running import ROOT


def backend(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "backend", *arguments],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "DATA_DIR": str(data_dir), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory, drawn_form: DrawnPage) -> Path:
    path = tmp_path_factory.mktemp("page") / "page.png"
    drawn_form.image.save(path)
    return path


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory, memorised: WordClassifier) -> Path:
    folder = tmp_path_factory.mktemp("version")
    save_tagger(PageTagger(deep=memorised), folder)
    return folder


def test_help_names_every_command(tmp_path: Path) -> None:
    answer = backend(tmp_path, "--help")
    assert answer.returncode == 0
    for command in ("run", "worker", "predict", "train", "versions", "promote", "rollback", "evaluate", "report"):
        assert f"    {command} " in answer.stdout


def test_predict_prints_label_studio_results(tmp_path: Path, page_file: Path, version: Path) -> None:
    answer = backend(
        tmp_path, "predict", str(page_file), "--label-config", "label_configs/forms.xml", "--version", str(version)
    )
    assert answer.returncode == 0, answer.stderr
    prediction = json.loads(answer.stdout)
    assert {item["type"] for item in prediction["result"]} >= {"rectanglelabels"}
    assert len(prediction["result"]) > 5


def test_predict_without_a_version_shows_what_ocr_read(tmp_path: Path, page_file: Path) -> None:
    answer = backend(tmp_path, "predict", str(page_file), "--label-config", "label_configs/forms.xml")
    assert answer.returncode == 0, answer.stderr
    prediction = json.loads(answer.stdout)
    assert prediction["result"] == []
    assert prediction["model_version"] == "untrained"
    assert len(prediction["words"]) > 10


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("predict", "no-such.png", "--label-config", "label_configs/forms.xml"), "file_missing"),
        (("predict", "README.md", "--label-config", "label_configs/forms.xml"), "image_not_image"),
        (("predict", "README.md", "--label-config", "README.md"), "config_xml"),
        (("promote", "--project", "1", "4"), "version_missing"),
        (("rollback", "--project", "1"), "no_earlier_version"),
        (("evaluate", "--project", "1"), "untrained"),
        (("report", "--project", "1"), "no_report"),
        (("report", "--project", "1", "--version", "2"), "no_report"),
    ],
)
def test_a_fault_is_one_line_with_its_code(tmp_path: Path, arguments: tuple[str, ...], code: str) -> None:
    answer = backend(tmp_path, "--quiet", *arguments)
    assert answer.returncode == 1
    assert answer.stderr.startswith(f"{code}: ")
    assert "Traceback" not in answer.stderr


def test_versions_are_listed_promoted_and_rolled_back(tmp_path: Path, memorised: WordClassifier) -> None:
    store = VersionStore(ProjectFolder(tmp_path, 1))
    for _ in range(2):
        with store.stage() as staged:
            save_tagger(PageTagger(deep=memorised), staged)
            store.promote(store.publish(staged, {"metrics": {"held_out": {"pages": 0}}}), "test")
    assert "v2 live" in backend(tmp_path, "versions", "--project", "1").stdout
    assert "v1" in backend(tmp_path, "rollback", "--project", "1").stdout
    assert store.current() == 1
    assert "v2" in backend(tmp_path, "promote", "--project", "1", "2").stdout
    assert store.current() == 2


def test_a_bad_setting_ends_the_process_with_its_name(tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "backend", "run"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "PORT": "ninety"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert answer.returncode == 1
    assert answer.stderr.startswith("bad_setting: PORT='ninety'")
