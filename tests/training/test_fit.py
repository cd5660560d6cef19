import math
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
import torch

from backend.document.label_set import LabelSet
from backend.document.page import Page
from backend.encoding.tokens import Encoder
from backend.errors import TrainingRefused
from backend.model.classifier import WordClassifier
from backend.model.folders import load_base
from backend.training.examples import Collator, page_examples
from backend.training.fit import fit
from backend.training.plan import TrainPlan
from tests.pages_of_words import page_of_rows
from tests.tiny_model import save_tiny_base

LABELS = LabelSet(("question", "answer"))
CPU = torch.device("cpu")
PAGE = page_of_rows(["Name:", "", "Ann", "Lee"], ["Date:", "", "12.03.2024"], ["Thank", "you"])
TAGS = [1, 3, 4, 1, 3, 0, 0]
QUICK = TrainPlan(
    steps=60, body_rate=3e-3, head_rate=3e-3, warm_up=0.1, label_smoothing=0.0, jitter_scale=0.02, jitter_shift=5
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_base(tmp_path_factory.mktemp("base"))


def fitted(
    base: Path, workdir: Path, plan: TrainPlan, *, judged: bool = False, meanwhile: Callable[[], None] = lambda: None
) -> tuple[WordClassifier, list[float]]:
    torch.manual_seed(0)
    model, encoder = load_base(base, LABELS)
    examples = page_examples(PAGE, TAGS, encoder)
    losses: list[float] = []

    def progress(step: int, steps: int, loss: float | None) -> None:
        if loss is not None:
            losses.append(loss)

    held_out = examples if judged else []
    model = fit(
        model,
        encoder,
        examples,
        held_out,
        plan=plan,
        device=CPU,
        workdir=workdir,
        progress=progress,
        meanwhile=meanwhile,
    )
    return WordClassifier(model, encoder, LABELS, CPU), losses


def test_one_page_is_memorised(base: Path, tmp_path: Path) -> None:
    classifier, losses = fitted(base, tmp_path, QUICK)
    assert classifier.probabilities([PAGE])[0].argmax(axis=1).tolist() == TAGS
    assert losses[-1] < losses[0] / 4


def test_the_best_checkpoint_is_kept_and_the_run_stops_early(base: Path, tmp_path: Path) -> None:
    steps: list[int] = []
    model, encoder = load_base(base, LABELS)
    examples = page_examples(PAGE, TAGS, encoder)
    plan = TrainPlan(steps=400, body_rate=3e-3, head_rate=3e-3, evaluations=20, patience=2, label_smoothing=0.0)
    model = fit(
        model,
        encoder,
        examples,
        examples,
        plan=plan,
        device=CPU,
        workdir=tmp_path,
        progress=lambda step, total, loss: steps.append(step),
    )
    assert max(steps) < 400
    assert WordClassifier(model, encoder, LABELS, CPU).probabilities([PAGE])[0].argmax(axis=1).tolist() == TAGS


def test_the_same_seed_gives_the_same_losses(base: Path, tmp_path: Path) -> None:
    plan = TrainPlan(steps=12, body_rate=3e-3, head_rate=3e-3)
    first = fitted(base, tmp_path / "one", plan)[1]
    assert first
    assert fitted(base, tmp_path / "two", plan)[1] == first


@pytest.mark.parametrize("rate", [10.0, 1e6])
def test_a_run_that_diverges_ends_within_a_few_steps(base: Path, tmp_path: Path, rate: float) -> None:
    done: list[None] = []
    plan = TrainPlan(steps=200, body_rate=rate, head_rate=rate)
    with pytest.raises(TrainingRefused, match=r"diverged: the loss is \S+ at step \d+") as refusal:
        fitted(base, tmp_path, plan, meanwhile=lambda: done.append(None))
    assert refusal.value.code == "diverged"
    assert len(done) < 20


def test_weights_that_are_no_numbers_are_noticed_at_the_next_step(base: Path, tmp_path: Path) -> None:
    model, encoder = load_base(base, LABELS)
    steps = count(1)

    def poison() -> None:
        if next(steps) == 3:
            with torch.no_grad():
                model.classifier.weight[0, 0] = float("inf")

    with pytest.raises(TrainingRefused, match="at step 4") as refusal:
        fit(
            model,
            encoder,
            page_examples(PAGE, TAGS, encoder),
            [],
            plan=QUICK,
            device=CPU,
            workdir=tmp_path,
            progress=lambda *told: None,
            meanwhile=poison,
        )
    assert refusal.value.code == "diverged"


def test_a_last_step_that_spoils_the_weights_is_noticed(base: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingRefused, match="last step"):
        fitted(base, tmp_path, TrainPlan(steps=1, body_rate=math.inf, head_rate=math.inf))


def test_a_page_without_words_makes_no_example(base: Path) -> None:
    assert page_examples(Page(10, 10, ()), [], load_base(base, LABELS)[1]) == []


@pytest.fixture(scope="module")
def encoder(base: Path) -> Encoder:
    return load_base(base, LABELS)[1]


def test_jitter_moves_the_page_as_a_whole_and_only_when_asked(encoder: Encoder) -> None:
    examples = page_examples(PAGE, TAGS, encoder)
    plain = Collator(encoder.spec.pad_id)(examples)
    moved = Collator(encoder.spec.pad_id, jitter_scale=0.1, jitter_shift=50, seed=1)(examples)
    assert torch.equal(plain["labels"], moved["labels"])
    assert not torch.equal(plain["bbox"], moved["bbox"])
    assert moved["bbox"].min() >= 0
    assert moved["bbox"].max() <= 1000
    assert torch.equal(moved["bbox"][0, 0], torch.zeros(4, dtype=torch.long))
    # words of one row stay on one row
    assert moved["bbox"][0, 1, 1] == moved["bbox"][0, 2, 1]
    assert torch.equal(Collator(encoder.spec.pad_id)(examples)["bbox"], plain["bbox"])


def test_other_work_is_done_after_each_step_and_changes_nothing(base: Path, tmp_path: Path) -> None:
    plan = TrainPlan(steps=6, body_rate=3e-3, head_rate=3e-3)
    drawn: list[float] = []
    alone = fitted(base, tmp_path / "one", plan)[1]
    beside = fitted(base, tmp_path / "two", plan, meanwhile=lambda: drawn.append(float(torch.rand(1))))[1]
    assert len(drawn) == plan.steps
    assert beside == alone


def test_a_thrifty_fit_learns_the_same(base: Path, tmp_path: Path) -> None:
    plain = replace(QUICK, steps=12, batch_size=2, label_smoothing=0.05, jitter_scale=0.0, jitter_shift=0)
    thrifty = replace(plain, batch_size=1, accumulation=2, checkpointing=True)
    assert losses_of(base, tmp_path / "one", thrifty) == pytest.approx(
        losses_of(base, tmp_path / "two", plain), rel=0.05
    )


def losses_of(base: Path, workdir: Path, plan: TrainPlan) -> list[float]:
    """Of a fit without dropout, whose random numbers are others for other batches."""
    torch.manual_seed(0)
    model, encoder = load_base(base, LABELS)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    losses: list[float] = []
    fit(
        model,
        encoder,
        page_examples(PAGE, TAGS, encoder) * 2,
        [],
        plan=plan,
        device=CPU,
        workdir=workdir,
        progress=lambda step, steps, loss: losses.append(loss) if loss is not None else None,
    )
    return losses
