import dataclasses

import pytest

from backend.training.fit import rate_share
from backend.training.plan import TrainPlan, plan_for


def test_more_pages_never_mean_fewer_steps() -> None:
    steps = [plan_for(pages, starter=True).steps for pages in range(1, 400)]
    assert steps == sorted(steps)
    assert steps[4] < 200 < steps[99]


def test_the_cap_holds() -> None:
    assert plan_for(1000, starter=False, most_steps=30).steps == 30


def test_a_pretrained_base_learns_more_slowly_than_the_starter() -> None:
    assert plan_for(10, starter=False).body_rate < plan_for(10, starter=True).body_rate


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"steps": 5, "batch_size": 0}, {"steps": 5, "warm_up": 1.0}])
def test_a_recipe_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"step|share"):
        TrainPlan(**wrong)


def test_the_rate_rises_then_falls_to_the_floor() -> None:
    plan = dataclasses.replace(plan_for(10, starter=True), steps=100)
    shares = [rate_share(step, plan) for step in range(101)]
    assert shares[:10] == sorted(shares[:10])
    assert max(shares) == 1
    assert shares[10:] == sorted(shares[10:], reverse=True)
    assert shares[-1] == pytest.approx(plan.floor)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 4, 6])
def test_a_thriftier_plan_learns_from_as_many_windows_in_a_step(batch_size: int) -> None:
    plan: TrainPlan | None = TrainPlan(steps=5, batch_size=batch_size)
    seen = []
    while plan is not None:
        seen.append(plan)
        plan = plan.thriftier()
    assert {one.batch_size * one.accumulation for one in seen} == {batch_size}
    assert (seen[-1].batch_size, seen[-1].checkpointing) == (1, True)
    assert len(set(seen)) == len(seen)
