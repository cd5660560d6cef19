"""The sample forms: what is uploaded, and how the first ones are annotated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.drawn import draw_form
from tests.drawn.uploads import drawn_results, png

FORMS = 24
ANNOTATED = 10
"""More than the backend needs for its first version; the others are for the person in front of it."""

LABEL_CONFIG = Path(__file__).resolve().parents[2] / "label_configs" / "forms.xml"


@dataclass(frozen=True)
class SampleForm:
    """A form to upload.

    Attributes:
        image: PNG.
        results: its annotation in Label Studio's form; None for a form that nobody annotates.
    """

    name: str
    image: bytes
    results: list[dict[str, Any]] | None


def sample_forms() -> Iterator[SampleForm]:
    """The same forms each time, the annotated ones first."""
    for number in range(FORMS):
        page = draw_form(number)
        yield SampleForm(
            f"form-{number + 1:02}.png", png(page.image), drawn_results(page) if number < ANNOTATED else None
        )
