"""Pages and training steps a second on a GPU, against the library's eager model in float32 and the peak of the GPU."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForTokenClassification

from backend.document.geometry import Box
from backend.document.page import Page, Word
from backend.encoding.batch import pad_windows
from backend.model.classifier import WordClassifier, model_inputs
from backend.model.folders import load_base
from scripts.speed.figures import Figure, Options, measured
from scripts.speed.models import BASE_SIZE, LABELS, base_folder
from scripts.speed.train import steps_of

PART = "gpu"
BATCHES, QUICK_BATCHES = (1, 8, 32, 128), (1, 2)
ROUNDS = 5
COLUMNS, ROWS = 10, 34
"""Of the words on a page, which nearly fill a window."""
MATRIX, QUICK_MATRIX = 8192, 256
"""Rows and columns of the matrices whose product shows what the GPU can do."""


def measure(options: Options) -> list[Figure]:
    if not torch.cuda.is_available():
        print(f"skipped: {PART}, there is no GPU here", file=sys.stderr)
        return []
    return [*pages_on(torch.device("cuda"), options), *steps_of(options, PART, "cuda", (BASE_SIZE,))]


def pages_on(device: torch.device, options: Options) -> Iterator[Figure]:
    """Pages a second by batch, base size, both ways in turn; OCR is not in it."""
    with tempfile.TemporaryDirectory() as name:
        folder = base_folder(Path(name), BASE_SIZE, options.seed)
        ours = WordClassifier(*load_base(folder, LABELS), LABELS, device)
        plain = AutoModelForTokenClassification.from_pretrained(folder, dtype=torch.float32).to(device).eval()
    page = _full_page()
    window = ours.encoder.encode(page)[0]
    arithmetic = _arithmetic(plain, model_inputs(pad_windows([window], 0), device))
    peak = _peak(device, QUICK_MATRIX if options.quick else MATRIX)
    yield measured(PART, "product of bfloat16 matrices", [peak / 1e12], "TFLOP/s")
    for batch in QUICK_BATCHES if options.quick else BATCHES:
        inputs = model_inputs(pad_windows([window] * batch, 0), device)
        plains, own = [], []
        for _ in range(ROUNDS + 1):
            plains.append(batch / _seconds(partial(_tags, plain, inputs)))
            own.append(batch / _seconds(partial(ours.probabilities, [page] * batch)))
        what = f"pages a second, {batch} at once, {BASE_SIZE}"
        yield measured(PART, f"{what}, eager float32", plains[1:], "pages/s")
        yield measured(PART, what, own[1:], "pages/s")
        ratios = [one / other for one, other in zip(own[1:], plains[1:], strict=True)]
        yield measured(PART, f"{what}, against eager float32", ratios, "x")
        yield measured(PART, f"{what}, of the matrix peak", [100 * one * arithmetic / peak for one in own[1:]], "%")


def _tags(model: torch.nn.Module, inputs: dict[str, torch.Tensor]) -> list[list[int]]:
    """(B, L) the likeliest tags."""
    found: list[list[int]] = model(**inputs).logits.argmax(-1).tolist()
    return found


def _full_page() -> Page:
    """A page of words that have one token each."""
    words = [
        Word("total", Box(20 + 95 * column, 20 + 28 * row, 100 + 95 * column, 40 + 28 * row), 0.9, row)
        for row in range(ROWS)
        for column in range(COLUMNS)
    ]
    return Page(1000, 1000, tuple(words), np.full((3, 224, 224), 255, np.uint8))


def _arithmetic(model: torch.nn.Module, inputs: dict[str, torch.Tensor]) -> float:
    """Floating point operations of one pass."""
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model(**inputs)
    return float(counter.get_total_flops())


def _peak(device: torch.device, size: int) -> float:
    """Floating point operations a second in products of large bfloat16 matrices, the best of several."""
    matrix = torch.randn(size, size, device=device, dtype=torch.bfloat16)

    def multiply() -> None:
        (matrix @ matrix)[0, 0].item()  # asking for a number waits until it is there

    return 2 * size**3 / min(_seconds(multiply) for _ in range(ROUNDS + 1))


def _seconds(work: Callable[[], object]) -> float:
    with torch.inference_mode():
        started = time.perf_counter()
        work()
        return time.perf_counter() - started
