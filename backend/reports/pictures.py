"""The pictures of a report, as PNG: colours that colour-blind people can tell apart, no window, no global state."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from backend.reports.forecast import PowerLaw
from backend.reports.learning_curve import CurvePoint
from backend.reports.report import Report
from backend.versions.store import version_name

# M. Okabe, K. Ito, "Color Universal Design", 2008.
BLUE, ORANGE, GREEN, RED, PURPLE, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#777777"
DOTS_PER_INCH = 110
LONGEST_NAME = 26
MOST_LABELS = 30
"""Labels shown in a picture; the JSON has all."""
PANELS_A_ROW = 3
LEAST_WRITTEN = 0.08
"""Share of a bar in which its figure has room."""
LEAST_WIDTH = 5
"""Pages shown at least."""
ALL = "all labels"


def draw_pictures(report: Report, folder: Path) -> None:
    """Write every picture of `versions.reports.PICTURES` into an existing folder."""
    figures = {
        "scores.png": draw_scores,
        "learning_curve.png": draw_learning_curve,
        "confusion.png": draw_confusion,
        "effort.png": draw_effort,
    }
    # Without math parsing: a label such as "$ total $" is no formula.
    style = matplotlib.rc_context(
        {"font.size": 11, "axes.spines.top": False, "axes.spines.right": False, "text.parse_math": False}
    )
    with style, warnings.catch_warnings():
        # A label in a script that the font lacks is drawn as boxes; that is no reason to fill the log.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        for name, draw in figures.items():
            draw(report).savefig(folder / name, dpi=DOTS_PER_INCH, bbox_inches="tight", format="png")


def draw_scores(report: Report) -> Figure:
    """Precision, recall and F1 of each label, the lowest F1 at the bottom."""
    by_f1 = sorted(report.scores.by_label.items(), key=lambda item: item[1].f1)[:MOST_LABELS]
    rows = [*by_f1, (ALL, report.scores.micro)]
    figure = Figure(figsize=(8, 1.9 + 0.42 * len(rows)), layout="constrained")
    axes = figure.subplots()
    if not by_f1:
        return _empty(figure, axes, _title(report, "Scores by label"), "no page was judged yet")
    places = range(len(rows))
    measures = (("precision", "<", BLUE, 55), ("recall", ">", ORANGE, 55), ("F1", "D", "black", 70))
    axes.hlines(places, 0, 1, color="#DDDDDD", linewidth=1, zorder=1)
    for name, marker, color, size in measures:
        values = [getattr(counts, name.lower()) for _, counts in rows]
        axes.scatter(values, places, s=size, marker=marker, color=color, label=name, zorder=3, clip_on=False)
    axes.set_yticks(places, [f"{_short(label)} ({counts.drawn} drawn)" for label, counts in rows])
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlabel(f"share of boxes, 0 to 1, on {report.scores.pages} pages that were not learnt (IoU 0.5 or more)")
    axes.set_title(_title(report, "Scores by label"), loc="left")
    _legend(figure, axes)
    return figure


def draw_learning_curve(report: Report) -> Figure:
    """F1 over pages learnt, in a panel for all labels and one for each."""
    panels: list[tuple[str, Sequence[CurvePoint], PowerLaw | None, int]] = [
        (ALL, report.curve.overall, report.laws.get(None), report.pages),
        *(
            (label, points, report.laws.get(label), report.label_pages[label])
            for label, points in list(report.curve.labels.items())[: MOST_LABELS - 1]
        ),
    ]
    columns = min(PANELS_A_ROW, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(3.6 * columns + 0.6, 2.8 * rows + 0.9), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, panel in zip(grid, panels, strict=False):
        _draw_curve(axes, *panel)
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    figure.suptitle(_title(report, "Learning curve of the fast learner, with forecast"), x=0.01, ha="left")
    figure.supylabel("F1 on pages that were not learnt", fontsize=11)
    _legend(figure, max(grid, key=lambda axes: len(axes.get_legend_handles_labels()[1])))
    return figure


def _draw_curve(axes: Axes, name: str, points: Sequence[CurvePoint], law: PowerLaw | None, now: int) -> None:
    axes.set_title(_short(name), fontsize=11)
    axes.set_xlabel("pages learnt from" if name == ALL else "pages with it learnt from", fontsize=10)
    axes.set_ylim(0, 1)
    axes.set_xlim(0, max(now * 1.1, law.furthest if law else 0, LEAST_WIDTH))
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.set_axisbelow(True)
    axes.grid(color="#EEEEEE")
    if not points:
        axes.text(0.5, 0.5, "too few pages", transform=axes.transAxes, ha="center", va="center", color=GREY)
        return
    pages, f1 = [point.pages for point in points], [point.f1 for point in points]
    axes.scatter(pages, f1, color=BLUE, s=26, label="measured", clip_on=False)
    if now:
        axes.axvline(now, color=GREY, linewidth=1, linestyle=":", label="annotated now")
    if law is None:
        return
    least = min(point.pages for point in points)
    for start, end, style, meaning in (
        (least, law.largest, "-", "fitted power law"),
        (law.largest, law.furthest, "--", "forecast"),
    ):
        along = np.linspace(start, end, 60)
        axes.plot(along, [law.f1(count) for count in along], style, color=RED, linewidth=1.8, label=meaning)


def draw_confusion(report: Report) -> Figure:
    """What was proposed, by what people drew; a row is a drawn label, a column a proposed one."""
    mistakes = report.mistakes
    labels = mistakes.labels[:MOST_LABELS]
    axis = (*labels, None)
    counts = np.array([[mistakes.counts[drawn, proposed] for proposed in axis] for drawn in axis])
    side = len(axis)
    figure = Figure(figsize=(3.6 + 0.62 * side, 2.4 + 0.5 * side), layout="constrained")
    axes = figure.subplots()
    if not counts.any():
        return _empty(figure, axes, _title(report, "Drawn and proposed labels"), "no page was judged yet")
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    # Of what nobody drew only the share of the proposals means anything.
    shares[-1] = counts[-1] / np.maximum(counts.sum(axis=0), 1)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row, column in np.ndindex(side, side):
        if counts[row, column]:
            ink = "white" if shares[row, column] > 0.6 else "black"
            axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=ink, fontsize=10)
    names = [_short(label) for label in labels]
    axes.set_xticks(range(side), [*names, "(nothing)"], rotation=40, ha="right")
    axes.set_yticks(range(side), [*names, "(nothing)"])
    axes.set_xlabel("proposed")
    axes.set_ylabel("drawn by people")
    axes.set_title(_title(report, "Drawn and proposed labels, boxes"), loc="left")
    axes.spines[:].set_visible(False)
    axes.axhline(side - 1.5, color="white", linewidth=3)
    axes.axvline(side - 1.5, color="white", linewidth=3)
    figure.colorbar(image, ax=axes, label="share of the row (last row: of the column)", shrink=0.9)
    return figure


def draw_effort(report: Report) -> Figure:
    """What became of the proposed boxes, and those that were missing, by the version that proposed them."""
    versions = list(report.effort.grouped().items())[-MOST_LABELS:]
    figure = Figure(figsize=(8.6, 2.2 + 0.5 * max(1, len(versions))), layout="constrained")
    axes = figure.subplots()
    title = _title(report, "What people did with proposed boxes", with_version=False)
    if not versions:
        return _empty(figure, axes, title, "no page was annotated from a prediction yet")
    kinds = (
        ("accepted", GREEN, ""),
        ("moved", "#F0E442", "//"),
        ("relabelled", ORANGE, "\\\\"),
        ("deleted", RED, "xx"),
        ("added", PURPLE, ".."),
    )
    places = np.arange(len(versions))
    left = np.zeros(len(versions))
    boxes = np.array([counts.accepted + counts.edits for _, counts in versions])
    for kind, color, hatch in kinds:
        share = np.array([getattr(counts, kind) for _, counts in versions]) / np.maximum(boxes, 1) * 100
        axes.barh(places, share, left=left, color=color, hatch=hatch, edgecolor="white", label=kind, height=0.7)
        left += share
    for place, (_, counts) in enumerate(versions):
        if (counts.no_edit_share or 0.0) >= LEAST_WRITTEN:
            axes.text(1.5, place, f"{counts.no_edit_share:.0%}", va="center", color="white", fontweight="bold")
    names = [
        f"{_short(name)} ({counts.pages} pages, {total} boxes)"
        for (name, counts), total in zip(versions, boxes, strict=True)
    ]
    axes.set_yticks(places, names)
    axes.invert_yaxis()  # the oldest version on top
    axes.set_xlim(0, 100)
    axes.set_xlabel("share of boxes in percent; accepted ones needed no edit")
    axes.set_title(title, loc="left")
    _legend(figure, axes)
    return figure


def _legend(figure: Figure, axes: Axes) -> None:
    """A legend of the axes below the whole picture."""
    handles, names = axes.get_legend_handles_labels()
    if handles:
        figure.legend(handles, names, loc="outside lower center", ncols=len(names), frameon=False)


def _empty(figure: Figure, axes: Axes, title: str, reason: str) -> Figure:
    """A picture of nothing that says so."""
    axes.set_axis_off()
    axes.set_title(title, loc="left")
    axes.text(0.5, 0.5, reason, transform=axes.transAxes, ha="center", va="center", color=GREY)
    return figure


def _title(report: Report, subject: str, *, with_version: bool = True) -> str:
    version = f", {version_name(report.version)}" if with_version else ""
    return f"{subject}: project {report.project_id}{version}"


def _short(name: str) -> str:
    """A label's name without its middle where it is long: names often differ at their ends."""
    if len(name) <= LONGEST_NAME:
        return name
    half = LONGEST_NAME // 2
    return f"{name[: half - 1]}…{name[-half:]}"
