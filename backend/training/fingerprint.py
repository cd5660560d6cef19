"""Which fit a checkpoint belongs to: the same pages, labels, base model and recipe, or another."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray

from backend.document.label_set import LabelSet
from backend.training.examples import Example
from backend.training.plan import TrainPlan

LENGTH = 24
"""Letters of a fingerprint, which names a folder."""


def fit_fingerprint(
    base: Path, labels: LabelSet, plan: TrainPlan, learn_from: Sequence[Example], held_out: Sequence[Example]
) -> str:
    """A name for a fit that begins and goes on in the same way wherever it has the same name.

    How many windows are computed at once is left out: a fit goes on in less memory.

    Args:
        base: folder of the base model; its weights are known by size and time.
    """
    weights = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(base.glob("model*"))]
    recipe = replace(plan, batch_size=plan.batch_size * plan.accumulation, accumulation=1, checkpointing=False)
    facts: dict[str, Any] = {
        "libraries": [torch.__version__, transformers.__version__],
        "base": [base.name, weights],
        "labels": labels.tag_names(),
        "plan": asdict(recipe),
        "pages": [len(learn_from), len(held_out)],
    }
    found = hashlib.sha256(json.dumps(facts).encode())
    for example in (*learn_from, *held_out):
        for array in _arrays(example):
            found.update(repr((array.shape, array.dtype.str)).encode())
            found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:LENGTH]


def _arrays(example: Example) -> Iterator[NDArray[Any]]:
    window = example.window
    yield from (window.input_ids, window.bbox, window.token_types, example.labels)
    if window.picture is not None:
        yield window.picture
