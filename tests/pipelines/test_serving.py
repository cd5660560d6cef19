"""From what a version proposes to what a project is served."""

from __future__ import annotations

from backend.document.field_rule import FieldRule, Keep
from backend.document.geometry import Box
from backend.document.region import Region
from backend.label_studio.config import ConfigLabel, LabelingConfig
from backend.pipelines.serving import PredictedPage, served_document, served_regions

BOX = Box(0, 0, 10, 10)
CONFIG = LabelingConfig(
    control="label",
    image="image",
    value_key="image",
    labels=(
        ConfigLabel("total", "Total", ("B-TOTAL",), score_threshold=0.6),
        ConfigLabel("date", "Date", ("when",)),
        ConfigLabel("all", "All", score_threshold=0.0),
    ),
)


def served(*regions: tuple[str, float], **learnt: float) -> list[tuple[str, float]]:
    predicted = PredictedPage(tuple(Region(label, BOX, "", score) for label, score in regions), 0.5, learnt)
    return [(region.label, region.score) for region in served_regions(predicted, CONFIG)]


def test_labels_are_those_of_the_project_as_it_is_now() -> None:
    assert served(("B-TOTAL", 0.9), ("gone", 0.9), ("date", 0.9)) == [("total", 0.9), ("date", 0.9)]


def test_regions_under_the_stated_score_of_their_label_are_left_out() -> None:
    assert served(("total", 0.59), ("total", 0.6), ("B-TOTAL", 0.3)) == [("total", 0.6)]
    assert served(("date", 0.01), ("all", 0.0)) == [("date", 0.01), ("all", 0.0)]


def test_a_stated_threshold_stands_in_place_of_the_learnt_one() -> None:
    assert served(("total", 0.65), ("all", 0.1), total=0.9, all=0.9) == [("total", 0.65), ("all", 0.1)]
    assert served(("when", 0.4), ("when", 0.5), ("date", 0.4), when=0.5) == [("date", 0.5), ("date", 0.4)]


def test_a_document_is_served_by_its_field_rules() -> None:
    rule = FieldRule(Keep.BEST, required=True)
    config = LabelingConfig("label", "image", "image", labels=(ConfigLabel("total", "Total", rule=rule),))
    pages = [
        PredictedPage((Region("total", BOX, "a", 0.4), Region("total", BOX, "b", 0.6)), 0.9),
        PredictedPage((Region("total", BOX, "c", 0.5),), 0.7),
    ]
    regions, score = served_document(pages, config)
    assert [[region.text for region in page] for page in regions] == [["b"], []]
    assert score == 0.7
    _, lacking = served_document([PredictedPage((), 1.0)], config)
    assert lacking < 0.1


def test_a_required_field_under_its_threshold_is_lacking() -> None:
    label = ConfigLabel("total", "Total", score_threshold=0.9, rule=FieldRule(required=True))
    config = LabelingConfig("label", "image", "image", labels=(label,))
    regions, score = served_document([PredictedPage((Region("total", BOX, "a", 0.8),), 1.0)], config)
    assert (regions, score < 0.1) == ([[]], True)
