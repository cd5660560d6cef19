"""A report as short text, the advice first. Works on the written report, so that nothing heavy is imported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Json = Mapping[str, Any]

MOST_LISTED = 10


def report_lines(report: Json) -> Iterator[str]:
    """The lines of a report."""
    judged = report["scores"]["pages"]
    yield (
        f"Project {report['project']}, {report['version']}, {report['created']}: {report['annotated_pages']} annotated "
        f"pages, judged on {judged} that were not learnt"
    )
    yield ""
    yield "What to do next"
    yield from (f"  {number}. {advice['text']}" for number, advice in enumerate(report["advice"], 1))
    yield ""
    yield from _scores(report["scores"])
    yield from _forecast(report["learning_curve"]["forecast"])
    yield from _effort(report["effort"])
    yield from _ocr(report.get("ocr"))  # reports of older versions have none
    yield from _confusion(report["confusion"])
    yield from _suspects(report["suspects"])


def _scores(scores: Json) -> Iterator[str]:
    rows = {**scores["labels"], "all": scores["micro"]}
    width = max(len(name) for name in rows)
    yield "How well boxes are found (right label, IoU 0.5 or more)"
    yield f"  {'label':{width}}    F1  precision  recall  right  proposed  drawn"
    for name, row in rows.items():
        yield (
            f"  {name:{width}}  {row['f1']:.2f}       {row['precision']:.2f}    {row['recall']:.2f}"
            f"  {row['right']:5}  {row['proposed']:8}  {row['drawn']:5}"
        )
    yield ""


def _forecast(forecast: Json | None) -> Iterator[str]:
    if forecast is not None:
        yield f"Forecast for the fast learner with {forecast['believed_to']} pages: F1 {forecast['f1_there']:.2f}"
        yield ""


def _effort(effort: Json) -> Iterator[str]:
    if not effort["groups"]:
        return
    yield "What people did with proposed boxes"
    for row in effort["groups"]:
        share = row["no_edit_share"]
        told = "no boxes" if share is None else f"{share:.0%} of the boxes needed no edit"
        yield (
            f"  {row['version']}: {told} ({row['accepted']} accepted, {row['moved']} moved, {row['relabelled']} "
            f"relabelled, {row['deleted']} deleted, {row['added']} added), {row['untouched_pages']} of {row['pages']} "
            "pages untouched"
        )
    yield ""


def _ocr(ocr: Json | None) -> Iterator[str]:
    if ocr is None or not ocr["all"]["texts"]:
        return
    rows = {**ocr["labels"], "all": ocr["all"]}
    width = max(len(name) for name in rows)
    yield "How well OCR reads the texts that people left (edits as a share of the text: CER by character, WER by word)"
    yield f"  {'label':{width}}    CER    WER  texts  corrected"
    for name, row in rows.items():
        yield f"  {name:{width}}  {row['cer']:5.1%}  {row['wer']:5.1%}  {row['texts']:5}  {row['corrected']:9}"
    yield ""


def _confusion(confusion: Json) -> Iterator[str]:
    names = [*confusion["labels"], None]
    cells = [
        (count, drawn, proposed)
        for drawn, row in zip(names, confusion["counts"], strict=True)
        for proposed, count in zip(names, row, strict=True)
        if count and drawn != proposed
    ]
    if not cells:
        return
    yield "Most frequent mistakes"
    for count, drawn, proposed in sorted(cells, key=lambda cell: -cell[0])[:MOST_LISTED]:
        yield f"  {count:4} x  {_place(drawn)} drawn, {_place(proposed)} proposed"
    yield ""


def _suspects(suspects: list[Json]) -> Iterator[str]:
    if not suspects:
        return
    yield "Annotations to look at"
    for suspect in suspects[:MOST_LISTED]:
        yield (
            f"  task {suspect['task']}, page {suspect['page']}: {_place(suspect['label'])} drawn, "
            f"{_place(suspect['proposed'])} proposed with score {suspect['score']:.2f}  {suspect['link']}"
        )
    if len(suspects) > MOST_LISTED:
        yield f"  and {len(suspects) - MOST_LISTED} more in the JSON"
    yield ""


def _place(label: str | None) -> str:
    return "nothing" if label is None else f'"{label}"'
