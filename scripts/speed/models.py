"""The two sizes of models that are measured, as live versions of projects of a data folder."""

from __future__ import annotations

from pathlib import Path

import torch
import transformers
from transformers import LayoutLMv3Config, LayoutLMv3ForTokenClassification

from backend.document.label_set import LabelSet
from backend.document.page import Page
from backend.model.classifier import WordClassifier
from backend.model.crf import CrfTagger
from backend.model.folders import load_base
from backend.model.starter import ensure_starter
from backend.model.tagger import PageTagger, save_tagger
from backend.ocr.segments import arrange
from backend.pipelines.pictures import model_picture
from backend.training.align import align
from backend.training.fit_crf import fit_crf
from backend.versions.project import ProjectFolder
from backend.versions.store import VersionStore
from tests.drawn import draw_form

BASE_SIZE, STARTER = "base size", "starter"
PROJECTS = {BASE_SIZE: 1, STARTER: 2}
LABELS = LabelSet(("header", "question", "answer"))
FORMS_LEARNT = 10
"""Drawn forms from which the fast learner of each version is fitted."""
CPU = torch.device("cpu")

transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()


def save_versions(data_dir: Path, seed: int) -> None:
    """A live version of each size: a deep learner that nobody trained, since weights do not change the speed."""
    fast = fit_crf(drawn_examples(FORMS_LEARNT), LABELS)
    for size, project in PROJECTS.items():
        folder = base_folder(data_dir, size, seed)
        save_version(data_dir, project, fast, WordClassifier(*load_base(folder, LABELS), LABELS, CPU))


def save_version(data_dir: Path, project: int, fast: CrfTagger | None, deep: WordClassifier) -> Path:
    """The folder of a new live version of a project."""
    store = VersionStore(ProjectFolder(data_dir, project))
    with store.stage() as staged:
        save_tagger(PageTagger(fast=fast, deep=deep), staged)
        number = store.publish(staged, {})
    store.promote(number, "to be measured")
    return store.folder(number)


def version_folder(data_dir: Path, size: str) -> Path:
    """The folder of the version that is live in the project of a size."""
    store = VersionStore(ProjectFolder(data_dir, PROJECTS[size]))
    return store.folder(store.current() or 0)


def base_folder(data_dir: Path, size: str, seed: int) -> Path:
    """A base model of this size; that of base size has random weights."""
    starter = ensure_starter(data_dir / "base" / "starter")
    folder = data_dir / "base" / "layoutlmv3-base"
    if size == STARTER or folder.exists():
        return starter if size == STARTER else folder
    torch.manual_seed(seed)
    # As released: 514 positions and one token type, everything else is the default. The vocabulary is the starter's,
    # so that a word has as many tokens as a true vocabulary gives it.
    config = LayoutLMv3Config(max_position_embeddings=514, type_vocab_size=1, pad_token_id=0)
    LayoutLMv3ForTokenClassification(config).save_pretrained(folder)
    (folder / "tokenizer.json").write_bytes((starter / "tokenizer.json").read_bytes())
    return folder


def drawn_examples(count: int) -> list[tuple[Page, list[int]]]:
    """Drawn forms, with pictures, and the tags of their words; no OCR is needed."""
    found = []
    for drawn in map(draw_form, range(count)):
        page = Page(*drawn.size, arrange(drawn.words), model_picture(drawn.image))
        found.append((page, align(page, drawn.boxes, LABELS)))
    return found
