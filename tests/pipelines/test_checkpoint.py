"""A model that was fine-tuned elsewhere becomes a version, by the same door as one that was trained here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    BertConfig,
    BertForTokenClassification,
    LayoutLMConfig,
    LayoutLMForTokenClassification,
    LiltConfig,
    LiltForTokenClassification,
    PretrainedConfig,
    PreTrainedModel,
)

from backend.document.label_set import LabelSet
from backend.errors import RequestError, VersionError
from backend.label_studio.config import LabelingConfig, parse_labeling_config
from backend.model.base_models import imported_base
from backend.model.classifier import WordClassifier
from backend.model.imported import load_checkpoint
from backend.model.tagger import PageTagger, load_tagger, save_tagger
from backend.pipelines import checkpoint as story
from backend.pipelines.annotated import AnnotatedTask
from backend.pipelines.checkpoint import Imported, ImportScene, checkpoint_meaning, import_checkpoint, import_told
from backend.pipelines.checkpoint_labels import read_outputs
from backend.pipelines.reading import PageReader
from backend.versions.project import ProjectFolder
from backend.versions.store import VersionStore
from tests.drawn import DrawnPage
from tests.memorised import CPU
from tests.tiny_model import byte_tokenizer, save_tiny_base

THEIRS = LabelSet(("TITLE", "QUESTION", "ANSWER"))
CONFIG = parse_labeling_config(
    """<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">
    <Label value="answer"/><Label value="question"/><Label value="header" predicted_values="TITLE"/>
    <Label value="date"/></RectangleLabels></View>"""
)
"""The same labels in another order and under other names, and one that the model does not know."""


@pytest.fixture(scope="module")
def folder(memorised: WordClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model that knows the drawn form by heart, as `save_pretrained` leaves it, with other names for its labels."""
    saved = tmp_path_factory.mktemp("theirs") / "model"
    memorised.model.save_pretrained(saved)
    memorised.encoder.tokenizer.save(str(saved / "tokenizer.json"))
    change_config(saved, lambda content: content | {"id2label": dict(enumerate(THEIRS.tag_names()))})
    return saved


def change_config(folder: Path, change: Callable[[dict[str, object]], dict[str, object]]) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))


def annotated(drawn: DrawnPage, reader: PageReader, form_png: bytes) -> list[AnnotatedTask]:
    page = reader.read_bytes(form_png)
    return [AnnotatedTask(number, (page,), (tuple(drawn.boxes),)) for number in (1, 2)]


def run_import(
    folder: Path, data_dir: Path, tasks: list[AnnotatedTask], config: LabelingConfig = CONFIG
) -> tuple[VersionStore, Imported]:
    loaded = load_checkpoint(folder, segment_boxes=True)
    project = ProjectFolder(data_dir, 3)
    scene = ImportScene(project, config, tasks, CPU, 0.5, "theirs")
    return VersionStore(project), import_checkpoint(loaded, checkpoint_meaning(loaded, config), scene)


@pytest.fixture(autouse=True)
def no_fresh_process(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Spares the seconds of a fresh process; the flows have it."""
    tried: list[Path] = []
    monkeypatch.setattr(story, "try_in_fresh_process", tried.append)
    return tried


def test_a_model_is_judged_on_all_annotated_pages_and_served(
    folder: Path,
    tmp_path: Path,
    drawn_form: DrawnPage,
    reader: PageReader,
    form_png: bytes,
    no_fresh_process: list[Path],
) -> None:
    store, imported = run_import(folder, tmp_path, annotated(drawn_form, reader, form_png))
    assert imported.verdict.metrics["held_out"]["micro"]["f1"] > 0.6
    assert store.current() == imported.version == 1
    assert len(no_fresh_process) == 1
    manifest = store.manifest(1)
    assert (manifest["trained_on"], manifest["learners"], manifest["base_model"]) == ([], ["deep"], "theirs")
    told = "\n".join(import_told(imported, 3))
    assert "TITLE -> header" in told
    assert "does not know: date" in told
    assert "project 3 serves v1" in told


SMALL = {
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 96,
    "max_position_embeddings": 130,
    "pad_token_id": 1,
    "id2label": dict(enumerate(THEIRS.tag_names())),
}


@pytest.mark.parametrize(
    ("kind", "configuration"),
    [(LiltForTokenClassification, LiltConfig), (LayoutLMForTokenClassification, LayoutLMConfig)],
)
def test_models_of_the_other_kinds_are_served_too(
    kind: type[PreTrainedModel],
    configuration: type[PretrainedConfig],
    tmp_path: Path,
    reader: PageReader,
    form_png: bytes,
) -> None:
    theirs, tokenizer = tmp_path / "theirs", byte_tokenizer()
    torch.manual_seed(0)
    kind(configuration(vocab_size=tokenizer.get_vocab_size(), **SMALL)).save_pretrained(theirs)
    tokenizer.save(str(theirs / "tokenizer.json"))
    store, _ = run_import(theirs, tmp_path / "data", [])
    page = reader.read_bytes(form_png)
    [found] = load_tagger(store.folder(1), CPU).probabilities([page])
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=0.001)
    assert found[:, CONFIG.label_set.begin("date")].max() == 0
    assert np.abs(found[0] - found[-1]).max() > 0.001  # each word has its own


def test_the_version_says_what_the_model_says(
    folder: Path, tmp_path: Path, memorised: WordClassifier, reader: PageReader, form_png: bytes
) -> None:
    store, _ = run_import(folder, tmp_path, [])
    page = reader.read_bytes(form_png)
    [theirs] = memorised.probabilities([page])
    [ours] = load_tagger(store.folder(1), CPU).probabilities([page])
    names = {"TITLE": "header", "QUESTION": "question", "ANSWER": "answer"}
    for label, name in names.items():
        for tag in ("begin", "inside"):
            of_theirs, of_ours = getattr(THEIRS, tag)(label), getattr(CONFIG.label_set, tag)(name)
            np.testing.assert_allclose(ours[:, of_ours], theirs[:, of_theirs], atol=0.02)  # bfloat16 where that pays
    assert ours[:, CONFIG.label_set.begin("date")].max() == 0


def test_later_fits_start_from_the_model(folder: Path, tmp_path: Path) -> None:
    assert imported_base(ProjectFolder(tmp_path, 3).base) is None
    store, _ = run_import(folder, tmp_path, [])
    base = imported_base(ProjectFolder(tmp_path, 3).base)
    assert base is not None
    assert base.folder is not None
    assert base.is_used
    weights = base.folder / "model.safetensors"
    assert weights.samefile(store.folder(1) / "model.safetensors")


def test_a_live_version_that_learnt_the_pages_stays(
    folder: Path,
    tmp_path: Path,
    memorised: WordClassifier,
    drawn_form: DrawnPage,
    reader: PageReader,
    form_png: bytes,
) -> None:
    store = VersionStore(ProjectFolder(tmp_path, 3))
    with store.stage() as staged:
        save_tagger(PageTagger(deep=memorised), staged)
        store.promote(store.publish(staged, {"trained_on": [1, 2]}), "test")
    _, imported = run_import(folder, tmp_path, annotated(drawn_form, reader, form_png))
    assert store.current() == 1
    assert store.numbers() == [1, 2]
    assert "promote it by hand" in imported.verdict.reason
    assert "keeps, but does not serve, v2" in "\n".join(import_told(imported, 3))


def test_a_model_without_a_label_of_the_project_is_refused(folder: Path, tmp_path: Path) -> None:
    other = parse_labeling_config(
        """<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">
        <Label value="total"/></RectangleLabels></View>"""
    )
    with pytest.raises(RequestError, match=r"the model knows O, B-TITLE.* the project total") as refused:
        run_import(folder, tmp_path, [], other)
    assert refused.value.code == "checkpoint_labels"
    assert "predicted_values" in refused.value.hint


def without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def cut_off(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])


def without_boxes(folder: Path) -> None:
    config = BertConfig(
        vocab_size=400, hidden_size=24, num_hidden_layers=1, num_attention_heads=2, intermediate_size=24
    )
    BertForTokenClassification(config).save_pretrained(folder)


@pytest.mark.parametrize(
    ("damage", "code", "cause"),
    [
        (without("config.json"), "checkpoint_incomplete", "lacks config.json"),
        (without("tokenizer.json"), "checkpoint_incomplete", "lacks tokenizer.json"),
        (without("model.safetensors"), "checkpoint_incomplete", "lacks model.safetensors"),
        (pickled, "checkpoint_incomplete", "is a pickle, which can run any code"),
        (cut_off, "checkpoint_unsuitable", "does not load"),
        (lambda folder: (folder / "config.json").write_text("{"), "checkpoint_unsuitable", "is no JSON"),
        (lambda folder: (folder / "tokenizer.json").write_text("{"), "checkpoint_unsuitable", "does not load"),
        (without_boxes, "checkpoint_unsuitable", "takes no word boxes"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused_with_a_remedy(
    tmp_path: Path, damage: Callable[[Path], object], code: str, cause: str
) -> None:
    folder = save_tiny_base(tmp_path / "model")
    damage(folder)
    with pytest.raises(RequestError, match=cause) as refused:
        load_checkpoint(folder, segment_boxes=True)
    assert refused.value.code == code
    assert refused.value.hint


def test_a_base_model_without_a_trained_head_is_no_checkpoint(tmp_path: Path) -> None:
    folder = save_tiny_base(tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    kept = {name: tensor for name, tensor in weights.items() if not name.startswith("classifier")}
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(RequestError, match=r"its weights lack 2 tensors, classifier\.bias") as refused:
        load_checkpoint(folder, segment_boxes=True)
    assert "BASE_MODEL" in refused.value.hint


def test_the_meaning_of_outputs_of_other_labels_is_damage(folder: Path, tmp_path: Path) -> None:
    store, _ = run_import(folder, tmp_path, [])
    meaning = read_outputs(THEIRS.tag_names(), CONFIG)
    assert meaning.shares.shape == (7, 9)
    outputs = store.folder(1) / "outputs.json"
    outputs.write_text(outputs.read_text().replace("1.0", "0.5"))
    with pytest.raises(VersionError, match="cannot be loaded"):
        load_tagger(store.folder(1), CPU)
