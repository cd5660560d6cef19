import numpy as np
import pytest

from backend.model.classifier import Probabilities, WordClassifier
from backend.model.crf import CrfTagger
from backend.model.tagger import EQUAL_SHARES, PageTagger
from backend.pipelines.annotated import AnnotatedTask, TrainingSet
from backend.pipelines.judging import cross_validated, judged_tasks
from backend.pipelines.known import KnownProbabilities
from backend.pipelines.reading import PageReader
from backend.pipelines.tuning import fast_share, tuned
from backend.training.fit_crf import fit_crf
from backend.training.scores import total
from tests.drawn import draw_form
from tests.flows.conftest import png
from tests.memorised import LABELS


class Garbage(CrfTagger):
    """A field that is sure of a label for each word, and wrong."""

    def _page_probabilities(self, page: object) -> Probabilities:
        found = super()._page_probabilities(page)
        wrong = np.full_like(found, 0.001)
        wrong[:, 1] = 1
        return wrong / wrong.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def tasks(reader: PageReader) -> list[AnnotatedTask]:
    found = []
    for number in range(6):
        drawn = draw_form(number)
        found.append(AnnotatedTask(number, (reader.read_bytes(png(drawn.image)),), (tuple(drawn.boxes),)))
    return found


def test_each_page_is_judged_by_a_learner_that_does_not_know_it(tasks: list[AnnotatedTask]) -> None:
    judged = cross_validated(tasks, LABELS)
    assert [task.task_id for task in judged] == [task.task_id for task in tasks]
    pages = TrainingSet(LABELS, tasks, ())
    knowing = PageTagger(fast=fit_crf(pages.tagged(tasks), LABELS))
    knows = total(task.scores for task in judged_tasks(knowing, tasks))
    f1 = total(task.scores for task in judged).micro.f1
    assert 0.1 < f1 < knows.micro.f1
    assert cross_validated(tasks[:1], LABELS) == []


def test_shares_stay_as_usual_without_held_out_pages(tasks: list[AnnotatedTask], memorised: WordClassifier) -> None:
    fast = fit_crf(TrainingSet(LABELS, tasks, ()).tagged(tasks), LABELS)
    assert (
        fast_share(PageTagger(fast=fast, deep=memorised), TrainingSet(LABELS, tasks, ()), KnownProbabilities())
        == EQUAL_SHARES
    )
    assert fast_share(PageTagger(fast=fast), TrainingSet(LABELS, (), tasks), KnownProbabilities()) == EQUAL_SHARES


def test_a_learner_that_is_no_good_loses_its_share(tasks: list[AnnotatedTask], memorised: WordClassifier) -> None:
    pages = TrainingSet(LABELS, tasks[:2], tasks[2:])
    good = fit_crf(pages.tagged(tasks), LABELS)
    assert (
        fast_share(PageTagger(fast=Garbage(good.content, LABELS), deep=memorised), pages, KnownProbabilities())
        < EQUAL_SHARES
    )


def test_scores_are_learnt_on_pages_not_learnt_from(tasks: list[AnnotatedTask]) -> None:
    pages = TrainingSet(LABELS, tasks, ())
    fast = fit_crf(pages.tagged(tasks), LABELS)
    scoring = tuned(PageTagger(fast=fast), pages, cross_validated(tasks, LABELS), 0.0, KnownProbabilities()).scoring
    assert scoring.slope != 1
    assert tuned(PageTagger(fast=fast), pages, (), 0.0, KnownProbabilities()).scoring.trusted(0.7) == pytest.approx(0.7)
