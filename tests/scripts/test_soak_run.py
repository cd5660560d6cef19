"""A short share of the soak: the real product, some kills."""

from __future__ import annotations

import pytest

from scripts.soak.options import NONE, Options
from scripts.soak.session import soak


@pytest.mark.slow
def test_P11_seeded_kills_lose_nothing_and_need_no_repair() -> None:
    outcome = soak(Options(seconds=60, kills=4, seed=3, bases=(NONE,), annotate_every_s=2.0))
    faults = {kind: found for kind, found in outcome.ledger.faults.items() if found}
    missed = [figure for figure in outcome.figures() if figure.met is False]
    assert outcome.good, f"{faults}\n{missed}"
