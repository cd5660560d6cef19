"""What the outputs of a model that was trained elsewhere mean in a project."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.document.label_set import OUTSIDE
from backend.label_studio.config import LabelingConfig

OUTSIDE_NAMES = frozenset({"o", "other", "others", "outside", "none", "background", "ignore"})
_PREFIXED = re.compile(r"([BIELSU])[-_](.+)")
BEGINS = "BSU"
"""Prefixes of the first word of a region, in all of the usual schemes: BIO, BIOES, BILOU."""
BEGINS_SHARE = 0.4
"""Of an output without a prefix: so much speaks for the first word of a region. Less than half, so that words of one
label that follow each other are one region."""


@dataclass(frozen=True, slots=True)
class OutputMeaning:
    """How the outputs of a model are read.

    Attributes:
        shares: (M, C) what of each output's probability counts for each tag; each row sums to 1.
        matched: the model's labels that are labels of the project, with their names there.
        unknown: the model's labels that are not; their words count as outside.
        missing: labels of the project that the model does not know.
    """

    shares: NDArray[np.float32]
    matched: dict[str, str]
    unknown: tuple[str, ...]
    missing: tuple[str, ...]


def read_outputs(outputs: Sequence[str], config: LabelingConfig) -> OutputMeaning:
    """The meaning of a model's outputs for a project.

    A label of the model is the project's of the same name, alias or value, whatever the case, or the one that lists it
    under `predicted_values`, with its prefix or without.
    """
    label_set = config.label_set
    shares = np.zeros((len(outputs), label_set.tag_count), np.float32)
    names = _names(config)
    matched: dict[str, str] = {}
    unknown: dict[str, None] = {}
    has_prefixes = any(_PREFIXED.fullmatch(output) for output in outputs) and all(
        _PREFIXED.fullmatch(output) or output.casefold() in OUTSIDE_NAMES for output in outputs
    )
    for number, output in enumerate(outputs):
        found = _PREFIXED.fullmatch(output) if has_prefixes else None
        label = found[2] if found else output
        name = names.get(_plain(output)) or names.get(_plain(label))
        if name is None:
            shares[number, OUTSIDE] = 1.0
            if label.casefold() not in OUTSIDE_NAMES:
                unknown[label] = None
            continue
        matched[label] = name
        begins = BEGINS_SHARE if found is None else float(found[1] in BEGINS)
        shares[number, label_set.begin(name)] = begins
        shares[number, label_set.inside(name)] = 1 - begins
    missing = tuple(name for name in label_set.names if name not in matched.values())
    return OutputMeaning(shares, matched, tuple(unknown), missing)


def _names(config: LabelingConfig) -> dict[str, str]:
    """The label's name by everything that a model may call it; what comes first counts before what comes later."""
    known: dict[str, str] = {}
    calls: list[tuple[Iterable[str], str]] = [((label.name,), label.name) for label in config.labels]
    calls += [(label.predicted_values, label.name) for label in config.labels]
    calls += [((label.value,), label.name) for label in config.labels]
    for texts, name in calls:
        for text in texts:
            known.setdefault(_plain(text), name)
    return known


def _plain(text: str) -> str:
    """Without case, and without what stands between words in one place and not in another."""
    return re.sub(r"[\s_-]+", " ", text).strip().casefold()
