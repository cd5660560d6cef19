"""Labels of a project from its configuration through training, saving and loading to predictions (CF08, CF10)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest
import torch

from backend.document.geometry import union
from backend.document.label_set import LabelSet
from backend.document.page import Page
from backend.document.region import LabelledBox
from backend.label_studio.annotations import annotation_boxes
from backend.label_studio.config import LabelingConfig, parse_labeling_config
from backend.label_studio.results import regions_to_results
from backend.model.classifier import WordClassifier
from backend.model.folders import load_base
from backend.model.tagger import PageTagger, load_tagger, save_tagger
from backend.pipelines.serving import predict_pages, served_regions
from backend.training.align import align
from backend.training.fit_crf import fit_crf
from backend.versions.project import ProjectFolder
from backend.versions.store import VersionStore
from tests.pages_of_words import page_of_rows
from tests.tiny_model import save_tiny_base

CPU = torch.device("cpu")
ODD_NAMES = (
    "with blanks  and more",
    "quotes \"'`",
    "<b>&amp;</b>",
    "a/b",
    "../../etc/passwd",
    "one,two",
    "two\nlines\tand tabs",
    "\U0001f9fe emoji",
    "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "x" * 500,
    "O",
    "B-X",
    "I-X",
    "total",
    "Total",
    "total ",
    " total",
)


def config_of(names: Sequence[str]) -> LabelingConfig:
    labels = "".join(f"<Label value={quoteattr(name, {chr(10): '&#10;', chr(9): '&#9;'})}/>" for name in names)
    return parse_labeling_config(
        f'<View><RectangleLabels name="label" toName="image">{labels}</RectangleLabels>'
        '<Image name="image" value="$image"/></View>'
    )


def page_with(count: int) -> Page:
    """A page of so many rows, each of three words of its own."""
    return page_of_rows(*[[f"key{row}", "", f"first{row}", f"second{row}"] for row in range(count)])


def annotated(page: Page, names: Sequence[str], config: LabelingConfig) -> list[LabelledBox]:
    """The two last words of each row, annotated with one label a row as Label Studio has it."""
    results = []
    for row, name in enumerate(names):
        box = union(word.box for word in page.words if word.text in (f"first{row}", f"second{row}"))
        value = {"x": box.left / 10, "y": box.top / 10, "width": box.width / 10, "height": box.height / 10}
        value |= {"rotation": 0, "rectanglelabels": [name]}  # type: ignore[dict-item]
        results.append({"type": "rectanglelabels", "from_name": "label", "to_name": "image", "value": value})
    read = annotation_boxes({"result": results}, config, {0: page.size})
    assert not read.ignored
    return read.boxes[0]


def trained(folder: Path, names: Sequence[str], config: LabelingConfig, *, deep: bool = False) -> PageTagger:
    """A version that has learnt a row for each of these labels, saved as one of project 3 and loaded."""
    page = page_with(len(names))
    tags = align(page, annotated(page, names, config), config.label_set)
    classifier = None
    if deep:
        base = save_tiny_base(folder / "base")
        classifier = WordClassifier(*load_base(base, config.label_set), config.label_set, CPU)
    store = VersionStore(ProjectFolder(folder / "data", 3))
    with store.stage() as staged:
        save_tagger(PageTagger(fast=fit_crf([(page, tags)], config.label_set), deep=classifier), staged)
        number = store.publish(staged, {"labels": list(config.label_set.names)})
    store.promote(number, "test")
    return load_tagger(store.folder(number), CPU)


def predicted(tagger: PageTagger, count: int, config: LabelingConfig) -> dict[str, str]:
    """By text the label of each result for a page of so many rows."""
    page = page_with(count)
    (found,) = predict_pages([page], tagger)
    results = regions_to_results(served_regions(found, config), page_size=page.size, config=config, item_index=0)
    return {result["meta"]["text"][0]: result["value"]["rectanglelabels"][0] for result in results}


def rows(*names: str) -> dict[str, str]:
    return {f"first{row} second{row}": name for row, name in enumerate(names) if name}


def test_CF08_odd_label_names_survive_training_saving_loading_and_predicting(tmp_path: Path) -> None:
    config = config_of(ODD_NAMES)
    tagger = trained(tmp_path, ODD_NAMES, config)
    assert tagger.label_set.names == ODD_NAMES
    assert predicted(tagger, len(ODD_NAMES), config) == rows(*ODD_NAMES)
    # No name is used as the name of a file.
    files = {path.name for path in (tmp_path / "data").rglob("*")}
    assert not [name for name in files if any(odd in name for odd in ODD_NAMES if len(odd) > 1)]
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_CF08_the_deep_learner_keeps_odd_label_names_too(tmp_path: Path) -> None:
    tagger = trained(tmp_path, ODD_NAMES, config_of(ODD_NAMES), deep=True)
    assert tagger.deep is not None
    assert tagger.deep.label_set.names == ODD_NAMES


@pytest.fixture
def of_three(tmp_path: Path) -> PageTagger:
    """A version that was trained while the project had three labels."""
    return trained(tmp_path, ("a", "b", "c"), config_of(("a", "b", "c")))


def test_CF10_reordered_labels_are_served_by_their_names(of_three: PageTagger) -> None:
    assert predicted(of_three, 3, config_of(("a", "b", "c"))) == rows("a", "b", "c")
    assert predicted(of_three, 3, config_of(("c", "a", "b"))) == rows("a", "b", "c")


def test_CF10_a_removed_or_renamed_label_is_not_predicted_and_shifts_no_other(of_three: PageTagger) -> None:
    assert predicted(of_three, 3, config_of(("b", "c"))) == rows("", "b", "c")
    assert predicted(of_three, 3, config_of(("a", "new name", "c"))) == rows("a", "", "c")


def test_CF10_an_added_label_appears_after_the_next_run(of_three: PageTagger, tmp_path: Path) -> None:
    more = config_of(("added", "a", "b", "c"))
    assert predicted(of_three, 3, more) == rows("a", "b", "c")
    again = trained(tmp_path, ("a", "b", "c", "added"), more)
    assert predicted(again, 4, more) == rows("a", "b", "c", "added")


def test_CF08_label_sets_of_any_names_have_tags_of_their_own() -> None:
    labels = LabelSet(ODD_NAMES)
    assert len(set(labels.tag_names())) == labels.tag_count
