import math

import pytest

from backend.errors import TrainingRefused
from backend.training.divergence import LARGEST_LOSS, WATCHED_STEPS, LossWatch

CLASSES = 9
GUESSING = math.log(CLASSES)


def watched(losses: list[float]) -> LossWatch:
    watch = LossWatch(CLASSES)
    for step, loss in enumerate(losses, start=1):
        watch.see(step, loss)
    return watch


def test_a_run_that_learns_goes_on_even_over_a_page_that_surprises_it() -> None:
    surprise = LARGEST_LOSS * GUESSING * 2
    watched([GUESSING, GUESSING, 1.5, 1.0, 0.8, surprise, 0.6, 0.5])


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number_ends_the_run_at_once(loss: float) -> None:
    with pytest.raises(TrainingRefused, match="at step 3") as refusal:
        watched([2.0, 1.0, loss])
    assert refusal.value.code == "diverged"


def test_a_loss_that_explodes_ends_the_run_once_it_lasts() -> None:
    high = LARGEST_LOSS * GUESSING + 0.01
    watched([1.0, *[high] * (WATCHED_STEPS - 1)])
    with pytest.raises(TrainingRefused, match=f"at step {WATCHED_STEPS + 1}, guessing gives 2.2"):
        watched([1.0, *[high] * WATCHED_STEPS])
