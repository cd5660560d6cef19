"""Fields fitted to more and more pages."""

from backend.document.label_set import LabelSet
from backend.training.fit_crf import CrfFitter, fit_crf
from tests.pages_of_words import page_of_rows

LABELS = LabelSet(("question", "answer"))
EXAMPLES = [(page_of_rows(["Name:", name]), [1, 3]) for name in ("Ann", "Bob", "Cay")]


def test_a_field_fitted_again_to_more_pages_is_that_of_all_of_them() -> None:
    fitter = CrfFitter(LABELS)
    fitter.add(EXAMPLES[:2])
    assert fitter.fit() == fit_crf(EXAMPLES[:2], LABELS)
    fitter.add(EXAMPLES[2:])
    assert fitter.fit() == fit_crf(EXAMPLES, LABELS)
    assert fitter.fit() != fit_crf(EXAMPLES[:2], LABELS)
