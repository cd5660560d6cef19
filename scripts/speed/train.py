"""An optimizer step of two full windows, by us and by a plain `Trainer`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from scripts.speed import ours, plain
from scripts.speed.figures import Figure, Options, measured
from scripts.speed.models import BASE_SIZE, STARTER, base_folder
from scripts.speed.processes import fresh_process

PART = "train"
BATCH_SIZE = 2
ROUNDS, PLAIN_STEPS, OUR_STEPS = 2, 3, 5
"""Steps are those of each round, with the first, which is left out."""
ASKED = {BASE_SIZE: 2.5, STARTER: None}


def measure(options: Options) -> list[Figure]:
    return steps_of(options, PART, "cpu", (BASE_SIZE,) if options.quick else tuple(ASKED))


def steps_of(options: Options, part: str, device: str, sizes: tuple[str, ...]) -> list[Figure]:
    """Both ways in turn on a device; the aim is one for the processor."""
    figures = []
    with (
        tempfile.TemporaryDirectory() as name,
        fresh_process(plain=True) as plain_process,
        fresh_process() as our_process,
    ):
        folder = Path(name)
        for size in sizes:
            base = our_process.submit(base_folder, folder, size, options.seed).result()
            plains: list[float] = []
            own: list[float] = []
            for _ in range(1 if options.quick else ROUNDS):
                plain_run = plain_process.submit(plain.train, base, folder / "run", PLAIN_STEPS, BATCH_SIZE, device)
                plains += plain_run.result()
                own += our_process.submit(ours.train, base, OUR_STEPS, BATCH_SIZE, device).result()
            what = f"training step {BATCH_SIZE} x {plain.MOST_TOKENS}, {size}"
            typical = measured(part, f"{what}, the plain way", plains, "s")
            ratios = [typical.value / one for one in own]
            aim = ASKED[size] if device == "cpu" else None
            figures += [
                typical,
                measured(part, what, own, "s"),
                measured(part, f"{what}, against the plain way", ratios, "x", at_least=aim),
            ]
    return figures
