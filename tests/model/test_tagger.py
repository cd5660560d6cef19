import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.document.label_set import LabelSet
from backend.document.page import Page
from backend.errors import VersionError
from backend.model.classifier import WordClassifier
from backend.model.crf import CRF_FILE, CrfTagger
from backend.model.folders import WEIGHTS_FILE, load_base
from backend.model.scoring import Scoring
from backend.model.tagger import PageTagger, completed, load_tagger, mean, save_tagger
from backend.training.fit_crf import fit_crf
from tests.model.test_classifier import ROUNDED
from tests.pages_of_words import page_of_rows
from tests.tiny_model import save_tiny_base

LABELS = LabelSet(("question", "answer"))
CPU = torch.device("cpu")
PAGE = page_of_rows(["Name:", "", "Ann", "Lee"], ["Date:", "", "12.03.2024"], ["Thank", "you"])
TAGS = [1, 3, 4, 1, 3, 0, 0]


@pytest.fixture(scope="module")
def fast() -> CrfTagger:
    return fit_crf([(PAGE, TAGS), (Page(10, 10, ()), [])], LABELS)


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> WordClassifier:
    return WordClassifier(*load_base(save_tiny_base(tmp_path_factory.mktemp("base")), LABELS), LABELS, CPU)


def test_the_field_learns_a_page_in_a_moment(fast: CrfTagger) -> None:
    (found, empty) = fast.probabilities([PAGE, Page(10, 10, ())])
    assert found.argmax(axis=1).tolist() == TAGS
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    assert empty.shape == (0, LABELS.tag_count)


def test_the_same_pages_make_the_same_field(fast: CrfTagger) -> None:
    again = fit_crf([(PAGE, TAGS)], LABELS)
    np.testing.assert_array_equal(again.probabilities([PAGE])[0], fast.probabilities([PAGE])[0])


def test_tags_that_no_page_shows_have_no_probability() -> None:
    fast = fit_crf([(PAGE, [1, 0, 0, 1, 0, 0, 0])], LABELS)
    (found,) = fast.probabilities([PAGE])
    assert found[:, 3:].max() == 0


def test_two_learners_meet_in_the_middle(fast: CrfTagger, deep: WordClassifier) -> None:
    (found,) = PageTagger(fast=fast, deep=deep).probabilities([PAGE])
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(found, mean(fast.probabilities([PAGE])[0], deep.probabilities([PAGE])[0]), atol=0.01)
    assert (PageTagger(deep=deep).probabilities([PAGE])[0] != found).any()


def test_labels_that_the_field_never_learnt_are_left_to_the_deep_learner() -> None:
    field, deep = np.array([[0.9, 0.1, 0.0]], np.float32), np.array([[0.1, 0.1, 0.8]], np.float32)
    whole = completed(field, deep, np.array([True, True, False]))
    np.testing.assert_allclose(whole, [[0.18, 0.02, 0.8]], atol=1e-6)
    assert mean(whole, deep, 0.7).argmax() == 2
    assert mean(field, deep, 0.7).argmax() == 0


def test_what_one_rules_out_is_unlikely_for_both() -> None:
    one, other = np.array([[0.5, 0.5, 0.0]], np.float32), np.array([[0.5, 0.0, 0.5]], np.float32)
    assert mean(one, other).argmax() == 0
    assert mean(one, other)[0, 1:].max() < 0.01


def test_a_saved_tagger_predicts_the_same(fast: CrfTagger, deep: WordClassifier, tmp_path: Path) -> None:
    tagger = PageTagger(fast=fast, deep=deep)
    save_tagger(tagger, tmp_path)
    again = load_tagger(tmp_path, CPU)
    np.testing.assert_allclose(again.probabilities([PAGE])[0], tagger.probabilities([PAGE])[0], atol=ROUNDED)


def test_linked_weights_are_in_memory_once(fast: CrfTagger, deep: WordClassifier, tmp_path: Path) -> None:
    first, second, copy = (tmp_path / name for name in ("first", "second", "copy"))
    for folder in (first, second, copy):
        folder.mkdir()
    save_tagger(PageTagger(fast=fast, deep=deep), first)
    loaded = load_tagger(first, CPU)
    save_tagger(loaded, second, deep_from=first)
    save_tagger(PageTagger(fast=fast, deep=deep), copy)
    assert load_tagger(second, CPU).deep is loaded.deep
    assert load_tagger(copy, CPU).deep is not loaded.deep
    assert load_tagger(copy, CPU).fast is not loaded.fast


def test_a_version_without_a_field_is_served_by_the_deep_learner_alone(deep: WordClassifier, tmp_path: Path) -> None:
    save_tagger(PageTagger(deep=deep), tmp_path)
    assert load_tagger(tmp_path, CPU).fast is None


def test_a_version_of_the_field_alone_needs_no_weights(fast: CrfTagger, tmp_path: Path) -> None:
    save_tagger(PageTagger(fast=fast), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [CRF_FILE, "labels.json", "serving.json"]
    again = load_tagger(tmp_path, CPU)
    assert again.label_set == LABELS
    assert not again.visual
    np.testing.assert_array_equal(again.probabilities([PAGE])[0], fast.probabilities([PAGE])[0])


def test_a_saved_tagger_knows_which_labels_are_drawn_once(tmp_path: Path) -> None:
    once = {LABELS.names[0]: 0.9}
    save_tagger(PageTagger(fast=fit_crf([(PAGE, TAGS)], LabelSet(LABELS.names, once))), tmp_path)
    assert load_tagger(tmp_path, CPU).label_set.once == once


def test_a_version_without_a_learner_is_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text('{"names": ["question"]}', encoding="utf-8")
    with pytest.raises(VersionError):
        load_tagger(tmp_path, CPU)


def test_a_damaged_field_is_refused(fast: CrfTagger, deep: WordClassifier, tmp_path: Path) -> None:
    save_tagger(PageTagger(fast=fast, deep=deep), tmp_path)
    (tmp_path / CRF_FILE).write_bytes(b"garbage")
    with pytest.raises(VersionError, match="cannot be loaded"):
        load_tagger(tmp_path, CPU)


def test_the_shares_of_the_learners_count(fast: CrfTagger, deep: WordClassifier) -> None:
    alone = fast.probabilities([PAGE])[0]
    near, far = (PageTagger(fast=fast, deep=deep, fast_share=share).probabilities([PAGE])[0] for share in (0.95, 0.05))
    assert abs(near - alone).mean() < 0.2 * abs(far - alone).mean()


def test_how_a_version_is_served_is_saved_with_it(fast: CrfTagger, tmp_path: Path) -> None:
    scoring = Scoring(slope=0.5, shift=-0.1, thresholds={"question": 0.4})
    save_tagger(PageTagger(fast=fast, fast_share=0.3, scoring=scoring), tmp_path)
    again = load_tagger(tmp_path, CPU)
    assert (again.fast_share, again.scoring) == (0.3, scoring)
    (tmp_path / "serving.json").unlink()  # a version of an earlier release
    assert load_tagger(tmp_path, CPU).scoring == Scoring()


def test_the_refitted_field_is_served_and_the_judged_one_compared(fast: CrfTagger, tmp_path: Path) -> None:
    refitted = fit_crf([(PAGE, [0] * len(TAGS))], LABELS)
    save_tagger(PageTagger(fast=fast), tmp_path, refitted=refitted)
    served, judged = load_tagger(tmp_path, CPU), load_tagger(tmp_path, CPU, as_judged=True)
    assert served.probabilities([PAGE])[0].argmax(axis=1).tolist() == [0] * len(TAGS)
    assert judged.probabilities([PAGE])[0].argmax(axis=1).tolist() == TAGS


def test_a_deep_learner_that_is_there_already_is_linked(fast: CrfTagger, deep: WordClassifier, tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    after.mkdir()
    save_tagger(PageTagger(deep=deep), before)
    save_tagger(PageTagger(fast=fast, deep=deep), after, deep_from=before)
    assert (after / WEIGHTS_FILE).stat().st_ino == (before / WEIGHTS_FILE).stat().st_ino
    shutil.rmtree(before)
    (found,) = load_tagger(after, CPU).probabilities([PAGE])
    np.testing.assert_allclose(found, PageTagger(fast=fast, deep=deep).probabilities([PAGE])[0], atol=ROUNDED)
