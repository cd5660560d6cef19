"""The bench's data, its way to spoil labels, and what it prints."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from backend.label_studio.config import parse_labeling_config
from backend.reports.effort import EditCounts
from backend.training.calibrate import JudgedRegion
from backend.training.scores import Counts, Scores
from scripts.bench.acceptance import acceptance
from scripts.bench.data_sets import drawn_sources, shuffled
from scripts.bench.entities import EntityScores
from scripts.bench.latency import NEVER, Latency
from scripts.bench.replay import Checkpoint
from scripts.bench.results import BOTH, FAST, Results, mean_f1, pooled_ece
from scripts.bench.session import Settled
from scripts.bench.spoilt import shuffled_labels
from scripts.bench.tables import tables
from scripts.bench_learning import chosen_sources, read_options


def checkpoint(pages: int, right: int, drawn: int, judged: list[JudgedRegion] | None = None) -> Checkpoint:
    return Checkpoint(
        pages=pages,
        settled=Settled("v2", 7.0, 62.0, {}),
        scores=Scores({"total": Counts(right, drawn, drawn)}, 20),
        judged=judged or [],
        opened=EditCounts(accepted=3, added=1),
        opened_strict=None,
    )


def test_drawn_pages_are_the_same_for_the_same_seed_and_none_is_learnt_and_judged() -> None:
    for source in drawn_sources():
        pages, again, other = source.data_set(0, 1), source.data_set(0, 1), source.data_set(1, 1)
        assert [page.name for page in pages.learn] == [page.name for page in again.learn]
        assert [page.name for page in pages.learn] != [page.name for page in other.learn]
        assert not {page.name for page in pages.learn} & {page.name for page in pages.judge}
        assert max(source.checkpoints) <= len(pages.learn)
        config = parse_labeling_config(pages.label_config)
        page = pages.learn[0]
        assert len(page.boxes(config)) == len(page.results) > 0


def test_a_prediction_is_read_with_the_scores_of_its_boxes() -> None:
    pages = drawn_sources()[0].data_set(0, 0)
    config, page = parse_labeling_config(pages.label_config), pages.learn[0]
    text = {"type": "textarea", "from_name": "transcription", "value": {"text": ["x"]}}
    prediction = {"result": [*({**result, "score": 0.25} for result in page.results), text]}
    regions = page.proposed(prediction, config)
    assert [(region.label, region.box) for region in regions] == [(box.label, box.box) for box in page.boxes(config)]
    assert {region.score for region in regions} == {0.25}


def names(*arguments: str) -> list[str]:
    return [source.name for source in chosen_sources(read_options(arguments))]


def test_drawn_pages_stand_in_for_real_ones_that_are_missing(tmp_path: Path) -> None:
    (tmp_path / "to_label_studio.py").touch()
    (tmp_path / "sroie").mkdir()
    assert names("--folder", str(tmp_path)) == ["receipts", "drawn forms"]
    assert names("--folder", str(tmp_path), "--data", "receipts") == ["receipts"]
    assert names("--folder", str(tmp_path), "--data", "forms") == []
    assert names("--folder", str(tmp_path), "--data", "drawn") == ["drawn receipts", "drawn forms"]


@pytest.mark.parametrize(
    "arguments", [("--pages", "10,5"), ("--pages", "0"), ("--parts", "replay,magic"), ("--setting", "PORT")]
)
def test_options_that_make_no_sense_are_refused(arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit):
        read_options(arguments)


def test_an_order_holds_every_item_once() -> None:
    assert sorted(shuffled(range(60), 2, 0)) == list(range(60))
    assert shuffled(range(60), 2, 0) != shuffled(range(60), 2, 1)


def test_shuffled_labels_are_as_many_as_before_in_other_places() -> None:
    pages = [page.results for page in drawn_sources()[0].data_set(0, 0).learn[:10]]
    spoilt = shuffled_labels(pages, Random(0))

    def labels(annotations: object) -> list[str]:
        return [result["value"]["rectanglelabels"][0] for results in annotations for result in results]  # type: ignore[attr-defined]

    assert Counter(labels(spoilt)) == Counter(labels(pages))
    assert sum(one != other for one, other in zip(labels(spoilt), labels(pages), strict=True)) > len(labels(pages)) / 2
    assert [[result["value"]["x"] for result in page] for page in spoilt] == [
        [result["value"]["x"] for result in page] for page in pages
    ]


def test_each_order_counts_the_same_and_scores_are_judged_together() -> None:
    sure = [JudgedRegion("total", 0.95, True)] * 9
    same = [checkpoint(5, 1, 10, sure), checkpoint(5, 5, 10, [JudgedRegion("total", 0.95, False)])]
    assert mean_f1(same) == pytest.approx(0.3)
    assert pooled_ece(same) == pytest.approx(0.05)  # 0.95 said, 9 of 10 right


def test_tables_hold_what_was_measured_and_nothing_else() -> None:
    results = Results()
    assert [*tables(results), *acceptance(results)] == []
    results.replays["receipts", BOTH] = [[checkpoint(5, 5, 10)], [checkpoint(5, 6, 10)]]
    results.words[BOTH, 10] = EntityScores(Counts(6, 10, 10), Counts(7, 10, 10))
    results.latencies["receipts", BOTH] = Latency([4.0, 9.0, NEVER])
    text = "\n".join(tables(results))
    assert "| 5 | 0.550 | 0.500 0.600 | 0.550 | 0.550 | 0.000 | 75% | - | 7 | 62 |" in text
    assert "| both | 10 | 0.600 | 0.700 |" in text
    assert "| receipts | both | 9.0 | 4.0 9.0 never |" in text


def test_the_acceptance_table_says_what_is_reached_and_what_is_missed() -> None:
    results = Results()
    results.replays["receipts", BOTH] = [[checkpoint(5, 6, 10), checkpoint(40, 8, 10)]]
    results.replays["receipts", FAST] = [[checkpoint(5, 1, 10)]]  # no figure is asked for after five pages
    results.latencies["receipts", BOTH] = Latency([4.0, 9.0, 12.0])
    results.latencies["receipts", FAST] = Latency([20.0])
    results.refusals["receipts, labels shuffled"] = [True, False]
    (text,) = acceptance(results)
    assert text.splitlines()[2:] == [
        "| receipts, both, 5 pages, region F1 | >= 0.55 | 0.600 | reached |",
        "| receipts, both, 40 pages, region F1 | >= 0.85 | 0.800 | missed |",
        "| receipts, saved page to live version, median s | <= 10 | 9.000 | reached |",
        "| receipts, both, 40 pages, calibration error | <= 0.08 | 0.000 | reached |",
        "| receipts, labels shuffled, refused | 2 of 2 | 1 of 2 | missed |",
    ]


def test_the_figures_can_be_written_as_json() -> None:
    results = Results()
    results.replays["receipts", BOTH] = [[checkpoint(5, 5, 10, [JudgedRegion("total", 0.9, True)])]]
    results.latencies["receipts", BOTH] = Latency([4.0, NEVER])
    results.words[FAST, 10] = EntityScores(Counts(6, 10, 10), Counts(7, 10, 10))
    written = results.to_json()
    (order,) = written["replays"][0]["orders"]
    assert order[0]["scores"]["micro"]["f1"] == 0.5
    assert order[0]["opened"]["accepted"] == 3
    assert written["latencies"][0]["seconds"] == [4.0, None]
    assert written["given_words"][0]["exact"]["f1"] == 0.6
