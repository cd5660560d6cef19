from dataclasses import replace

import numpy as np
import pytest

from backend.document.page import Page
from backend.model.classifier import Probabilities, WordClassifier
from backend.model.tagger import PageTagger
from backend.pipelines.annotated import AnnotatedTask
from backend.pipelines.gate import Champion, judge, score_tasks
from backend.pipelines.reading import PageReader
from backend.training.align import align
from tests.drawn import DrawnPage


class Knows(PageTagger):
    """A classifier that is right about a share of the words and calls the others background."""

    def __init__(self, like: WordClassifier, task: AnnotatedTask, share: float) -> None:
        super().__init__(deep=like)
        self.tags = align(task.pages[0], task.boxes[0], like.label_set)
        self.share = share

    def probabilities(self, pages: object) -> list[Probabilities]:
        known = round(self.share * len(self.tags))
        tags = [*self.tags[:known], *[0] * (len(self.tags) - known)]
        found = np.eye(self.label_set.tag_count, dtype=np.float32)[tags]
        assert isinstance(pages, list)
        return [found for _ in pages]


@pytest.fixture(scope="module")
def held_out(reader: PageReader, form_png: bytes, drawn_form: DrawnPage) -> list[AnnotatedTask]:
    page: Page = reader.read_bytes(form_png)
    return [AnnotatedTask(number, (page,), (tuple(drawn_form.boxes),)) for number in (1, 2, 3)]


def test_a_memorised_form_scores_high(memorised: WordClassifier, held_out: list[AnnotatedTask]) -> None:
    assert score_tasks(PageTagger(deep=memorised), held_out).micro.f1 > 0.8


@pytest.mark.parametrize(("new", "old", "promoted"), [(0.9, 0.4, True), (0.4, 0.9, False), (0.5, 0.5, True)])
def test_not_worse_is_promoted_and_worse_is_refused(
    memorised: WordClassifier, held_out: list[AnnotatedTask], new: float, old: float, promoted: bool
) -> None:
    champion = Champion(Knows(memorised, held_out[0], old), frozenset())
    verdict = judge(Knows(memorised, held_out[0], new), champion, held_out)
    assert verdict.promote is promoted
    assert "held-out pages" in verdict.reason
    assert (verdict.metrics["f1"] >= verdict.metrics["live_f1"]) is promoted


def test_pages_that_the_live_version_learnt_from_do_not_count(
    memorised: WordClassifier, held_out: list[AnnotatedTask]
) -> None:
    champion = Champion(Knows(memorised, held_out[0], 1.0), frozenset({1, 2}))
    verdict = judge(Knows(memorised, held_out[0], 0.5), champion, held_out)
    assert verdict.promote
    assert "1 held-out pages" in verdict.reason
    assert not judge(Knows(memorised, held_out[0], 0.5), replace(champion, trained_on=frozenset({1})), held_out).promote


def test_the_first_version_is_promoted(memorised: WordClassifier, held_out: list[AnnotatedTask]) -> None:
    verdict = judge(Knows(memorised, held_out[0], 0.0), None, held_out)
    assert verdict.promote
    assert verdict.metrics["held_out"]["pages"] == 3
