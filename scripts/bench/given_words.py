"""How well the learners label words that are given, without OCR: FUNSD's own words, the learners called directly."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import transformers
from PIL import Image

from backend.document.geometry import Box
from backend.document.label_set import OUTSIDE, LabelSet
from backend.document.page import Page, Word
from backend.inference.regions import decode_regions
from backend.model.base_models import choose_base_model
from backend.model.tagger import PageTagger
from backend.ocr.segments import follows
from backend.pipelines.annotated import AnnotatedTask, TrainingSet
from backend.pipelines.fitting import DeepFit, checkpoints_of, fit_deep
from backend.training.fit_crf import fit_crf
from scripts.bench.entities import Entity, EntityScores, score_form

transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()

LABELS = LabelSet(("header", "question", "answer"))
BACKGROUND = "other"


@dataclass(frozen=True, slots=True)
class Form(AnnotatedTask):
    """A form with the words of its file in their order, as published figures have them.

    Attributes:
        entities: those with a label; words are numbered as in the file.
    """

    entities: tuple[Entity, ...] = ()

    def tags(self, label_set: LabelSet) -> list[list[int]]:
        """The tags of the words: the entities say exactly which word belongs to which."""
        owner = {word: at for at, (_, words) in enumerate(self.entities) for word in words}
        tags: list[int] = []
        begun: set[int] = set()
        for word in range(len(self.pages[0].words)):
            if word not in owner:
                tags.append(OUTSIDE)
                continue
            at = owner[word]
            label = self.entities[at][0]
            tags.append(label_set.inside(label) if at in begun else label_set.begin(label))
            begun.add(at)
        return [tags]


def read_forms(folder: Path) -> list[Form]:
    """The forms of a folder with `annotations/*.json` and `images/*.png`, in the order of their names."""
    paths = sorted((folder / "annotations").glob("*.json"))
    return [_read_form(number, path) for number, path in enumerate(paths, start=1)]


def _read_form(number: int, path: Path) -> Form:
    with Image.open(path.parents[1] / "images" / f"{path.stem}.png") as image:
        width, height = image.size
    words: list[Word] = []
    entities: list[Entity] = []
    for entity in json.loads(path.read_text(encoding="utf-8"))["form"]:
        # A few words hold blanks, which words of OCR never do.
        written = [(text, word["box"]) for word in entity["words"] if (text := "".join(word["text"].split()))]
        if written and entity["label"] != BACKGROUND:
            entities.append((entity["label"], frozenset(range(len(words), len(words) + len(written)))))
        words += [Word(text, Box(*box), 1.0) for text, box in written]
    return form_of(number, (width, height), words, entities)


def form_of(number: int, size: tuple[int, int], words: Sequence[Word], entities: Sequence[Entity]) -> Form:
    """A form from the words of a file in its order and the entities by the words' numbers."""
    return Form(task_id=number, pages=(Page(*size, in_segments(words)),), boxes=((),), entities=tuple(entities))


def in_segments(words: Sequence[Word]) -> tuple[Word, ...]:
    """The words in their order, numbered by segment: a segment ends at another row or a wide gap."""
    found: list[Word] = []
    for word in words:
        number = found[-1].segment + (not follows(found[-1].box, word.box)) if found else 0
        found.append(replace(word, segment=number))
    return tuple(found)


def score_forms(tagger: PageTagger, forms: Sequence[Form]) -> EntityScores:
    """What a tagger makes of forms, through the decoder that serves."""
    pages = [page for form in forms for page in form.pages]
    total = EntityScores()
    for form, page, probabilities in zip(forms, pages, tagger.probabilities(pages), strict=True):
        regions = decode_regions(page, probabilities, tagger.label_set)
        proposed = [(region.label, frozenset(region.words)) for region in regions]
        total += score_form(proposed, form.entities)
    return total


def learn_given_words(
    learn: Sequence[Form], judge: Sequence[Form], folder: Path, *, deep: bool, most_steps: int
) -> Iterator[tuple[str, EntityScores]]:
    """The name of each learner with its scores: `fast`, and with `deep` also `deep` and `both`.

    Args:
        folder: for the starter, kept from call to call, and for what fitting writes.
        most_steps: cap on the optimizer steps; 0 for none.
    """
    pages = TrainingSet(LABELS, learn, ())
    fast = fit_crf(pages.tagged(learn), LABELS)
    yield "fast", score_forms(PageTagger(fast=fast), judge)
    if not deep:
        return
    work = DeepFit(
        base=choose_base_model("starter", has_gpu=False),
        starter_folder=folder / "starter",
        runs=folder / "runs",
        device=torch.device("cpu"),
        most_steps=most_steps,
        progress=lambda **fields: None,
    )
    with checkpoints_of(work.runs):
        fitted, _ = fit_deep(pages, work)
    yield "deep", score_forms(PageTagger(deep=fitted), judge)
    yield "both", score_forms(PageTagger(fast=fast, deep=fitted), judge)
