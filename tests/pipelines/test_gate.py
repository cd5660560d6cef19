from dataclasses import replace

import numpy as np
import pytest

from backend.document.page import Page
from backend.model.classifier import Probabilities, WordClassifier
from backend.model.tagger import PageTagger
from backend.pipelines.annotated import AnnotatedTask, TrainingSet
from backend.pipelines.gate import Champion, Estimate, judge, score_tasks
from backend.pipelines.judging import judged_tasks
from backend.pipelines.reading import PageReader
from backend.training.align import align
from backend.training.judged import JudgedTask
from tests.drawn import DrawnPage
from tests.memorised import LABELS


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


@pytest.fixture(scope="module")
def few(held_out: list[AnnotatedTask]) -> TrainingSet:
    """A project too small for held-out tasks."""
    return TrainingSet(LABELS, held_out, ())


def kept_aside(tasks: list[AnnotatedTask]) -> TrainingSet:
    return TrainingSet(LABELS, [replace(tasks[0], task_id=100)], tasks)


def test_a_memorised_form_scores_high(memorised: WordClassifier, held_out: list[AnnotatedTask]) -> None:
    assert score_tasks(PageTagger(deep=memorised), held_out).micro.f1 > 0.8


@pytest.mark.parametrize(("new", "old", "promoted"), [(0.9, 0.4, True), (0.4, 0.9, False), (0.5, 0.5, True)])
def test_not_worse_is_promoted_and_worse_is_refused(
    memorised: WordClassifier, held_out: list[AnnotatedTask], new: float, old: float, promoted: bool
) -> None:
    champion = Champion(Knows(memorised, held_out[0], old), frozenset())
    verdict = judge(Knows(memorised, held_out[0], new), champion, kept_aside(held_out), ())
    assert verdict.promote is promoted
    assert "held-out pages" in verdict.reason
    assert (verdict.metrics["f1"] >= verdict.metrics["live_f1"]) is promoted
    assert verdict.metrics["difference"]["low"] <= verdict.metrics["difference"]["high"]


def test_pages_that_the_live_version_learnt_from_do_not_count(
    memorised: WordClassifier, held_out: list[AnnotatedTask]
) -> None:
    """What is left, one page, is too few to compare on."""
    pages = kept_aside(held_out)
    knows_two = Champion(Knows(memorised, held_out[0], 1.0), frozenset({1, 2}))
    verdict = judge(Knows(memorised, held_out[0], 0.5), knows_two, pages, ())
    assert verdict.promote
    assert "too few to compare" in verdict.reason
    knows_one = replace(knows_two, trained_on=frozenset({1}))
    assert not judge(Knows(memorised, held_out[0], 0.5), knows_one, pages, ()).promote


def test_the_first_version_is_promoted(memorised: WordClassifier, held_out: list[AnnotatedTask]) -> None:
    verdict = judge(Knows(memorised, held_out[0], 0.0), None, kept_aside(held_out), ())
    assert verdict.promote
    assert verdict.metrics["held_out"]["pages"] == 3


def proposing(tasks: list[AnnotatedTask], tagger: PageTagger) -> list[JudgedTask]:
    """As cross-validation would have it, were its learners as good as the tagger."""
    return judged_tasks(tagger, tasks)


def test_a_small_project_serves_what_its_pages_do_not_speak_against(
    memorised: WordClassifier, held_out: list[AnnotatedTask], few: TrainingSet
) -> None:
    champion = Champion(Knows(memorised, held_out[0], 0.8), frozenset({1, 2, 3}), when_made=Estimate(0.7, (1, 2, 3)))
    cross = proposing(held_out, Knows(memorised, held_out[0], 0.7))
    verdict = judge(Knows(memorised, held_out[0], 0.9), champion, few, cross)
    assert verdict.promote
    assert verdict.metrics["cross_validated"]["pages"] == 3


def test_annotations_that_contradict_earlier_ones_are_refused(
    memorised: WordClassifier, held_out: list[AnnotatedTask], few: TrainingSet
) -> None:
    champion = Champion(Knows(memorised, held_out[0], 0.2), frozenset({1, 2, 3}), when_made=Estimate(0.9, (1, 2, 3)))
    cross = proposing(held_out, Knows(memorised, held_out[0], 0.1))
    verdict = judge(Knows(memorised, held_out[0], 0.1), champion, few, cross)
    assert not verdict.promote
    assert "neither version fits" in verdict.reason


def test_labels_that_mean_something_else_now_are_no_contradiction(
    memorised: WordClassifier, held_out: list[AnnotatedTask], few: TrainingSet
) -> None:
    """The live version is useless on them, the new one is not."""
    champion = Champion(Knows(memorised, held_out[0], 0.0), frozenset({1, 2, 3}), when_made=Estimate(0.9, (1, 2, 3)))
    cross = proposing(held_out, Knows(memorised, held_out[0], 0.7))
    assert judge(Knows(memorised, held_out[0], 0.8), champion, few, cross).promote


def test_harder_pages_are_no_contradiction(
    memorised: WordClassifier, held_out: list[AnnotatedTask], few: TrainingSet
) -> None:
    """The live version still fits the pages it was once judged on."""
    champion = Champion(Knows(memorised, held_out[0], 0.9), frozenset({1, 2}), when_made=Estimate(0.9, (1, 2)))
    cross = proposing(held_out, Knows(memorised, held_out[0], 0.3))
    assert judge(Knows(memorised, held_out[0], 0.9), champion, few, cross).promote


def test_a_version_that_does_not_even_fit_its_own_pages_is_refused(
    memorised: WordClassifier, held_out: list[AnnotatedTask], few: TrainingSet
) -> None:
    champion = Champion(Knows(memorised, held_out[0], 0.8), frozenset({1, 2, 3}), when_made=Estimate(0.8, (1, 2, 3)))
    cross = proposing(held_out, Knows(memorised, held_out[0], 0.8))
    verdict = judge(Knows(memorised, held_out[0], 0.1), champion, few, cross)
    assert not verdict.promote
    assert "training failed" in verdict.reason
