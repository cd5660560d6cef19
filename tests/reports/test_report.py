"""A whole report on drawn receipts: put together by the pipeline's step, written, drawn, told as text."""

from __future__ import annotations

import io
import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from backend.document.region import LabelledBox
from backend.label_studio.config import LabelingConfig, parse_labeling_config
from backend.model.tagger import PageTagger
from backend.pipelines.annotated import TrainingSet
from backend.pipelines.judging import FOLDS, cross_validated
from backend.pipelines.reporting import Reporter
from backend.reports.effort import EditCounts, Effort
from backend.reports.ocr_quality import TextPair, measure_ocr
from backend.reports.pictures import draw_pictures
from backend.reports.report import Report, build_report
from backend.reports.text import report_lines
from backend.reports.write import write_report
from backend.training.fit_crf import fit_crf
from backend.versions.project import ProjectFolder
from backend.versions.reports import PICTURES, required_report
from tests.flows.conftest import label_config
from tests.reports.judged import receipts, refit

PAGES = 12
SLIP = 5
"""Task whose total a person called a date."""


@pytest.fixture(scope="module")
def config() -> LabelingConfig:
    return parse_labeling_config(label_config("receipts"))


@pytest.fixture(scope="module")
def pages(config: LabelingConfig) -> TrainingSet:
    tasks = receipts(PAGES)
    [boxes] = tasks[SLIP - 1].boxes
    slipped = tuple(LabelledBox("date" if box.label == "total" else box.label, box.box) for box in boxes)
    tasks[SLIP - 1] = replace(tasks[SLIP - 1], boxes=(slipped,))
    return TrainingSet(config.label_set, tasks, ())


@pytest.fixture(scope="module")
def report(config: LabelingConfig, pages: TrainingSet) -> Report:
    return build_report(
        4,
        7,
        config=config,
        tasks=pages.learn_from,
        judged=cross_validated(pages.learn_from, config.label_set),
        effort=Effort({}),
        refit=refit,
        label_studio_url="http://studio:8080",
        clock=lambda: 0.0,
    )


def nothing(report: Report) -> Report:
    """A report as it is before there is anything to tell."""
    return replace(
        report,
        pages=0,
        scores=replace(report.scores, by_label={}, pages=0),
        curve=replace(report.curve, overall=(), labels=dict.fromkeys(report.curve.labels, ())),
        laws={},
        mistakes=replace(report.mistakes, counts=type(report.mistakes.counts)()),
        suspects=(),
    )


def test_the_report_finds_the_slip_and_links_to_its_task(report: Report) -> None:
    suspects = [suspect for suspect in report.suspects if suspect.task_id == SLIP]
    assert [(suspect.drawn, suspect.proposed) for suspect in suspects] == [("date", "total")]
    assert suspects[0].link == f"http://studio:8080/projects/4/data?task={SLIP}"


def test_the_report_counts_pages_and_judges_all_of_them(report: Report) -> None:
    content = json.loads(json.dumps(report.to_json()))
    assert (content["project"], content["version"], content["created"]) == (4, "v7", "1970-01-01T00:00:00Z")
    assert content["annotated_pages"] == content["scores"]["pages"] == PAGES
    assert content["pages_with_label"] == {"company": 12, "date": 12, "address": 12, "total": 11}
    assert sum(map(sum, content["confusion"]["counts"])) >= content["scores"]["micro"]["drawn"]
    assert content["learning_curve"]["points"]
    assert content["advice"]


def test_the_text_begins_with_the_advice(report: Report) -> None:
    lines = list(report_lines(report.to_json()))
    assert lines[0].startswith("Project 4, v7")
    assert lines[2] == "What to do next"
    assert lines[3] == f"  1. {report.advice[0].text}"
    assert any(f"task {SLIP}, page 1" in line and '"total" proposed' in line for line in lines)


def test_nothing_to_tell_is_told_too(report: Report, tmp_path: Path) -> None:
    empty = nothing(report)
    assert list(report_lines(empty.to_json()))
    draw_pictures(empty, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(PICTURES)


def test_effort_is_told_by_version(report: Report) -> None:
    told = replace(report, effort=Effort({"v3": EditCounts(10, 4, accepted=30, moved=8, deleted=2)}))
    [line] = [line for line in report_lines(told.to_json()) if line.startswith("  v3")]
    assert "75% of the boxes needed no edit" in line
    assert "4 of 10 pages untouched" in line


def test_ocr_is_told_where_people_left_texts(report: Report) -> None:
    assert not [line for line in report_lines(report.to_json()) if "OCR" in line]
    texts = measure_ocr([TextPair("date", "2O24", "2024"), TextPair("total", "12.50", "12.50")])
    lines = list(report_lines(replace(report, ocr=texts).to_json()))
    [first] = [at for at, line in enumerate(lines) if line.startswith("How well OCR reads")]
    assert [line.split() for line in lines[first + 1 : first + 5]] == [
        ["label", "CER", "WER", "texts", "corrected"],
        ["date", "25.0%", "100.0%", "1", "1"],
        ["total", "0.0%", "0.0%", "1", "0"],
        ["all", "11.1%", "50.0%", "2", "1"],
    ]
    older = {key: value for key, value in report.to_json().items() if key != "ocr"}
    assert list(report_lines(older))


def test_pictures_are_drawn_for_labels_of_any_name(report: Report, tmp_path: Path) -> None:
    names = {"company": "$ x_1^2 $", "date": "日付", "address": "a very long name " * 5, "total": "<b>&"}
    renamed = replace(
        report,
        scores=replace(report.scores, by_label={names[key]: value for key, value in report.scores.by_label.items()}),
        curve=replace(report.curve, labels={names[key]: value for key, value in report.curve.labels.items()}),
        label_pages={names[key]: value for key, value in report.label_pages.items()},
        effort=Effort({"v1": EditCounts(5, 1, 8, 1, 1, 1, 1), "v2": EditCounts(5, 5)}),
    )
    draw_pictures(renamed, tmp_path)
    for name in PICTURES:
        with Image.open(tmp_path / name) as picture:
            assert picture.format == "PNG"
            assert 500 < picture.width < 3000
            assert len(set(picture.convert("L").tobytes())) > 10


def test_a_report_replaces_the_one_before(report: Report, tmp_path: Path) -> None:
    project = ProjectFolder(tmp_path, 4)
    for pages in (1, 2):
        write_report(project, replace(report, pages=pages))
    assert required_report(project, 7)["annotated_pages"] == 2
    assert sorted(path.name for path in project.reports.iterdir()) == ["7"]
    assert sorted(path.name for path in (project.reports / "7").iterdir()) == sorted([*PICTURES, "report.json"])


def test_a_run_reports_on_its_version(config: LabelingConfig, pages: TrainingSet, tmp_path: Path) -> None:
    project = ProjectFolder(tmp_path, 4)
    held_out = TrainingSet(config.label_set, pages.learn_from[4:], pages.learn_from[:4])
    tagger = PageTagger(fast=fit_crf(held_out.tagged(held_out.learn_from), config.label_set))
    calls: list[int] = []
    reporter = Reporter(project, config, held_out, Effort({}), "", meanwhile=lambda: calls.append(1))
    reporter.report(3, tagger)
    content = required_report(project, 3)
    assert content["annotated_pages"] == PAGES
    assert content["scores"]["pages"] == 4  # judged on what the version itself did not learn
    assert len(calls) == FOLDS + len(content["learning_curve"]["points"])
    with Image.open(io.BytesIO((project.reports / "3" / "scores.png").read_bytes())) as picture:
        picture.verify()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_small_project_is_reported_on_too(config: LabelingConfig, tmp_path: Path, count: int) -> None:
    project = ProjectFolder(tmp_path, 4)
    few = TrainingSet(config.label_set, receipts(count), ())
    tagger = PageTagger(fast=fit_crf(few.tagged(few.learn_from), config.label_set))
    Reporter(project, config, few, Effort({}), "").report(1, tagger)
    content = required_report(project, 1)
    assert content["scores"]["pages"] == (count if count > 1 else 0)
    assert content["advice"][0]["text"].startswith(f"Label {8 - count} more pages: {count} annotated so far")


def test_a_report_that_cannot_be_made_is_logged_and_no_more(
    config: LabelingConfig, pages: TrainingSet, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tagger = PageTagger(fast=fit_crf(pages.tagged(pages.learn_from), config.label_set))
    project = ProjectFolder(tmp_path, 4)
    project.path.mkdir(parents=True)
    project.reports.write_text("a file where the folder should be")
    with caplog.at_level(logging.ERROR):
        Reporter(project, config, pages, Effort({}), "").report(3, tagger)
    assert [record.message for record in caplog.records] == ["no report"]
