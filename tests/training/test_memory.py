from pathlib import Path

import psutil
import pytest
import torch

from backend.training import memory
from backend.training.memory import bytes_needed, plan_that_fits, room_for_training
from backend.training.plan import TrainPlan
from tests.tiny_model import save_tiny_base

CPU = torch.device("cpu")
PLAN = TrainPlan(steps=10, batch_size=4)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_base(tmp_path_factory.mktemp("base"))


def test_a_plan_is_as_thrifty_as_it_must_be_and_no_more(base: Path) -> None:
    assert plan_that_fits(PLAN, base, 10**12) == PLAN
    halved = plan_that_fits(PLAN, base, bytes_needed(PLAN, base) - 1)
    assert (halved.batch_size, halved.accumulation, halved.checkpointing) == (2, 2, False)
    thriftiest = plan_that_fits(PLAN, base, 0)
    assert (thriftiest.batch_size, thriftiest.accumulation, thriftiest.checkpointing) == (1, 4, True)


def test_each_thriftier_plan_needs_less(base: Path) -> None:
    needed = []
    plan: TrainPlan | None = PLAN
    while plan is not None:
        needed.append(bytes_needed(plan, base))
        plan = plan.thriftier()
    assert len(needed) == 4
    assert needed == sorted(needed, reverse=True)


def test_a_containers_limit_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    free = psutil.virtual_memory().available
    assert room_for_training(CPU) == pytest.approx(free, rel=0.5)
    (tmp_path / "memory.max").write_text("3000000\n")
    (tmp_path / "memory.current").write_text("1000000\n")
    assert room_for_training(CPU) == 2_000_000
    (tmp_path / "memory.max").write_text("max\n")
    assert room_for_training(CPU) == pytest.approx(free, rel=0.5)
