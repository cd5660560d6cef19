"""What the page shows of a project's report (docs/REPORTS.md), read with care: a damaged file must not end the page."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any
from urllib.parse import urlsplit

from backend.service.ui.charts import FORECAST_PIECES, Chart, Point, chart

Json = dict[str, Any]

NO_BOX = "nothing"
"""What stands in place of a label where people drew no box."""
EDIT_COUNTS = ("pages", "untouched_pages", "accepted", "moved", "relabelled", "added", "deleted")


@dataclass(frozen=True, slots=True)
class LabelScore:
    """How well a label is found on pages that were not learnt; `pages` are the annotated ones with it.

    `scored` tells whether the label is on any of the judged pages, so that the figures mean something.
    """

    label: str
    pages: int
    f1: float
    precision: float
    recall: float
    right: int
    drawn: int
    proposed: int

    @property
    def scored(self) -> bool:
        return self.drawn > 0 or self.proposed > 0


@dataclass(frozen=True, slots=True)
class EffortRow:
    """What people did with the boxes that some versions proposed.

    Attributes:
        share: of the boxes that were left as they were, 0 to 1; None where there was no box.
    """

    versions: str
    pages: int
    untouched_pages: int
    accepted: int
    moved: int
    relabelled: int
    added: int
    deleted: int
    share: float | None

    @property
    def boxes(self) -> int:
        return self.accepted + self.moved + self.relabelled + self.added + self.deleted


@dataclass(frozen=True, slots=True)
class SuspectRow:
    """An annotation that the model doubts; `link` is empty where Label Studio's address is not known."""

    task: int
    page: int
    drawn: str
    proposed: str
    score: float
    link: str


@dataclass(frozen=True, slots=True)
class TextScore:
    """How well OCR read the texts that people looked at: characters and words that are wrong, in proportion to all."""

    texts: int
    corrected: int
    characters: float
    words: float


@dataclass(frozen=True, slots=True)
class ReportView:
    """A report as the page shows it.

    Attributes:
        advice: sentences, the most useful first.
        overall: of all labels together.
        judged_pages: pages that the scores are of.
        curve: None before there are points.
        effort, total: by versions, and over all of them; None where nobody started from a prediction.
        ocr: None where no texts come with the boxes.
    """

    version: str
    created: str
    annotated_pages: int
    judged_pages: int
    advice: tuple[str, ...]
    overall: LabelScore
    labels: tuple[LabelScore, ...]
    curve: Chart | None
    effort: tuple[EffortRow, ...]
    total: EffortRow | None
    suspects: tuple[SuspectRow, ...]
    ocr: TextScore | None


def report_view(report: Json) -> ReportView:
    """The view of a report.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: the report is not as training runs write it.
    """
    scores, pages = report["scores"], report["pages_with_label"]
    found = {str(label): figures for label, figures in scores["labels"].items()}
    names = [*map(str, pages), *sorted(found.keys() - pages.keys())]
    effort = tuple(_effort(str(row["version"]), row) for row in report["effort"]["groups"])
    return ReportView(
        version=str(report["version"]),
        created=str(report["created"]),
        annotated_pages=int(report["annotated_pages"]),
        judged_pages=int(scores["pages"]),
        advice=tuple(str(advice["text"]) for advice in report["advice"]),
        overall=_score("all labels", int(report["annotated_pages"]), scores["micro"]),
        labels=tuple(_score(name, int(pages.get(name, 0)), found.get(name, {})) for name in names),
        curve=_curve(report["learning_curve"]),
        effort=effort,
        total=_total(effort),
        suspects=tuple(_suspect(suspect) for suspect in report["suspects"]),
        ocr=_ocr(report.get("ocr", {}).get("all", {})),
    )


def _score(label: str, pages: int, figures: Json) -> LabelScore:
    f1, precision, recall = (_share(figures.get(name, 0.0)) for name in ("f1", "precision", "recall"))
    right, drawn, proposed = (int(figures.get(name, 0)) for name in ("right", "drawn", "proposed"))
    return LabelScore(label, pages, f1, precision, recall, right, drawn, proposed)


def _curve(curve: Json) -> Chart | None:
    dots: list[Point] = [(int(point["pages"]), _share(point["f1"])) for point in curve["points"]]
    if not dots:
        return None
    # Of the fits to the same number of pages the mean; the single ones stay as dots.
    means = [(pages, _mean([f1 for _, f1 in group])) for pages, group in groupby(sorted(dots), key=lambda dot: dot[0])]
    (fewest, first), (most, last) = means[0], means[-1]
    summary = f"F1 {first:.2f} after {fewest} pages, {last:.2f} after {most} pages"
    forecast = _forecast(curve.get("forecast"))
    if forecast:
        summary += f"; forecast {forecast[-1][1]:.2f} after {forecast[-1][0]:.0f}"
    return chart(
        means,
        summary=summary,
        x_label="annotated pages learnt from",
        y_label="F1",
        y_end=1.0,
        dots=dots,
        forecast=forecast,
    )


def _forecast(law: Json | None) -> list[Point]:
    """The forecast of the learning curve, from the last measurement as far as it may be believed; empty for none."""
    if law is None:
        return []
    start, end = int(law["measured_to"]), int(law["believed_to"])
    if not 0 < start < end:
        return []
    ceiling, gap, rate = (float(law[name]) for name in ("ceiling", "gap", "rate"))
    pages = [start + (end - start) * piece / FORECAST_PIECES for piece in range(FORECAST_PIECES + 1)]
    return [(some, min(1.0, max(0.0, ceiling - gap * (some / start) ** -rate))) for some in pages]


def _effort(versions: str, row: Json) -> EffortRow:
    share = row["no_edit_share"]
    counts = {name: int(row[name]) for name in EDIT_COUNTS}
    return EffortRow(versions=versions, **counts, share=None if share is None else _share(share))


def _total(rows: tuple[EffortRow, ...]) -> EffortRow | None:
    if not rows:
        return None
    sums = {name: sum(int(getattr(row, name)) for row in rows) for name in EDIT_COUNTS}
    boxes = sum(row.boxes for row in rows)
    return EffortRow(versions="all", **sums, share=sums["accepted"] / boxes if boxes else None)


def _suspect(suspect: Json) -> SuspectRow:
    drawn = suspect["label"]
    return SuspectRow(
        task=int(suspect["task"]),
        page=int(suspect["page"]),
        drawn=NO_BOX if drawn is None else str(drawn),
        proposed=str(suspect["proposed"]),
        score=_share(suspect["score"]),
        link=web_address(str(suspect["link"])),
    )


def _ocr(counts: Json) -> TextScore | None:
    if not counts.get("texts"):
        return None
    return TextScore(int(counts["texts"]), int(counts["corrected"]), float(counts["cer"]), float(counts["wer"]))


def web_address(link: str) -> str:
    """The address, if a browser may be sent there; else empty."""
    parts = urlsplit(link)
    return link if parts.scheme in ("http", "https") and parts.hostname else ""


def _share(value: Any) -> float:
    share = float(value)
    if not 0.0 <= share <= 1.0:
        raise ValueError("a share is not within 0 and 1")
    return share


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
