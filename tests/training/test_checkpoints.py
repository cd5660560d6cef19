"""A fit that was stopped or killed goes on from its last whole checkpoint, and comes to the very same weights."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from backend.errors import ServiceError, TrainingStopped
from backend.training import checkpoints as checkpoints_module
from backend.training.checkpoints import BEST, LARGEST_SHARE, MARKER, Checkpoints, remove_foreign
from tests.disks import fill, small_disk
from tests.tiny_model import save_tiny_base
from tests.training.fits import STEPS, Fit, same_weights

NEVER_S = 1e9


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def whole(base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[bool, dict[str, torch.Tensor]]:
    """The weights of fits that nothing happened to, with held-out pages and without."""
    folder = tmp_path_factory.mktemp("whole")
    return {
        judged: dict(Fit(base, folder / str(judged), judged=judged, every_s=NEVER_S).run()) for judged in (True, False)
    }


@pytest.mark.parametrize("judged", [True, False])
@pytest.mark.parametrize("stop_after", [1, 4, 6, 8])
def test_FA42_a_fit_told_to_end_writes_a_checkpoint_and_goes_on_from_it_to_the_same_weights(
    base: Path, tmp_path: Path, whole: dict[bool, dict[str, torch.Tensor]], stop_after: int, judged: bool
) -> None:
    fit = Fit(base, tmp_path, judged=judged, every_s=NEVER_S)
    with pytest.raises(TrainingStopped):
        fit.run(stop_after=stop_after)
    assert [path.name for path in fit.checkpoints()] == [f"checkpoint-{stop_after}"]
    weights = fit.run()
    assert fit.steps == list(range(1, STEPS + 1)), "no step is done twice"
    assert same_weights(weights, whole[judged])


def test_FA09_a_fit_that_is_killed_goes_on_from_its_last_checkpoint_to_the_same_weights(
    base: Path, tmp_path: Path, whole: dict[bool, dict[str, torch.Tensor]]
) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; from tests.training.fits import Fit\n"
        "fit = Fit(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "fit.run(meanwhile=lambda: len(fit.steps) == 6 and os.kill(os.getpid(), signal.SIGKILL))\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(base), str(tmp_path)])
    assert killed.returncode == -signal.SIGKILL
    fit = Fit(base, tmp_path, every_s=NEVER_S)
    weights = fit.run()
    assert fit.steps == list(range(6, STEPS + 1))
    assert same_weights(weights, whole[True])


def test_two_checkpoints_are_kept(base: Path, tmp_path: Path) -> None:
    fit = Fit(base, tmp_path)
    fit.run()
    assert [path.name for path in fit.checkpoints()] == ["checkpoint-7", "checkpoint-8"]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()  # not in place: another checkpoint may link the same file
    path.write_bytes(content)


def nonsense(path: Path) -> None:
    path.write_text('{"files": 3}')


@pytest.mark.parametrize("damage", [Path.unlink, cut, flip, nonsense], ids=["gone", "cut", "flipped", "nonsense"])
@pytest.mark.parametrize("name", [MARKER, BEST, "model.safetensors", "optimizer.pt", "rng_state.pth"])
def test_FA18_a_damaged_checkpoint_is_passed_over_for_the_earlier_one_or_the_beginning(
    made: Path, tmp_path: Path, name: str, damage: Callable[[Path], None]
) -> None:
    folder = tmp_path / "fit"
    shutil.copytree(made, folder)
    found = Checkpoints(folder, 0)
    latest = found.newest()
    assert latest is not None
    assert latest.step == 8
    damage(folder / "checkpoint-8" / name)
    earlier = found.newest()
    assert earlier is not None
    assert earlier.step == 7
    damage(folder / "checkpoint-7" / name)
    assert found.newest() is None
    assert not found.best.exists(), "nothing of a damaged fit is taken over"


@pytest.fixture(scope="module")
def made(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a fit with its two checkpoints."""
    folder = tmp_path_factory.mktemp("made") / "fit"
    Fit(base, folder).run()
    return folder


def test_FA18_a_fit_goes_on_from_the_earlier_checkpoint_or_begins_anew_to_the_same_weights(
    base: Path, made: Path, tmp_path: Path, whole: dict[bool, dict[str, torch.Tensor]]
) -> None:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    cut(tmp_path / "checkpoint-8" / "optimizer.pt")
    fit = Fit(base, tmp_path, every_s=NEVER_S)
    assert same_weights(fit.run(), whole[True])
    assert fit.steps[0] == 8
    for left in fit.checkpoints():
        (left / MARKER).unlink()
    again = Fit(base, tmp_path, every_s=NEVER_S)
    assert same_weights(again.run(), whole[True])
    assert again.steps[0] == 1


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return open, (str(self.mark), "w")


@pytest.mark.parametrize("name", ["optimizer.pt", "scheduler.pt", "rng_state.pth", "training_args.bin"])
def test_P9_a_checkpoint_is_never_run_as_code(base: Path, made: Path, tmp_path: Path, name: str) -> None:
    folder, mark = tmp_path / "fit", tmp_path / "mark"
    shutil.copytree(made, folder)
    spoilt = folder / "checkpoint-8"
    torch.save(Bomb(mark), spoilt / name)
    marker = json.loads((spoilt / MARKER).read_text())
    marker["files"] = checkpoints_module.files_on_disk(spoilt)
    marker["files"].pop(MARKER)
    (spoilt / MARKER).write_text(json.dumps(marker))
    fit = Fit(base, folder, every_s=NEVER_S)
    if name == "training_args.bin":
        fit.run()  # which nobody reads
    else:
        with pytest.raises(Exception, match=r"[Ww]eights.only"):
            fit.run()
    assert not mark.exists()


def test_checkpoints_of_other_fits_are_removed(tmp_path: Path) -> None:
    for name in ("own", "other"):
        (tmp_path / name / "checkpoint-3").mkdir(parents=True)
    remove_foreign(tmp_path, tmp_path / "own")
    assert [path.name for path in tmp_path.iterdir()] == ["own"]
    remove_foreign(tmp_path / "nowhere", tmp_path / "own")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_checkpoints_that_take_long_are_written_seldom(tmp_path: Path) -> None:
    clock = Clock()
    made = Checkpoints(tmp_path, 0, every_s=60, clock=clock)
    assert not made.due()
    clock.now = 60
    assert made.due()
    with made.writing(1, lambda: 1):
        (tmp_path / "checkpoint-1").mkdir()
        clock.now += 5
    assert not made.due()
    clock.now += 5 / LARGEST_SHARE - 1
    assert not made.due()
    clock.now += 1
    assert made.due()


def test_FA15_where_a_checkpoint_has_no_room_none_is_written_and_the_fit_goes_on(
    base: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with small_disk(tmp_path / "disk") as disk:
        leave(disk, 3 * weights_of(base))  # for the best weights, not for a checkpoint
        fit = Fit(base, disk / "fit")
        fit.run()
        assert fit.checkpoints() == []
    assert [record.message for record in caplog.records].count(
        "no room for checkpoints: a run that is killed starts again"
    ) == 1
    assert len(fit.steps) == STEPS


def test_FA15_a_disk_that_is_full_in_the_middle_of_a_checkpoint_is_named_and_what_was_written_is_gone(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Somebody else took the room after it had been looked for.
    monkeypatch.setattr(checkpoints_module.Checkpoints, "has_room", lambda self: True)
    size = weights_of(base)
    for left in (size // 2, size + size // 2):  # in the weights, in the state of the optimizer
        with small_disk(tmp_path / "disk") as disk:
            leave(disk, left)
            fit = Fit(base, disk / "fit", judged=False)
            with pytest.raises(ServiceError) as refusal:
                fit.run()
            assert refusal.value.code == "disk_full"
            assert fit.checkpoints() == []


def weights_of(base: Path) -> int:
    return sum(path.stat().st_size for path in base.glob("*.safetensors"))


def leave(disk: Path, size: int) -> None:
    """Take all room but so many bytes."""
    filler = fill(disk)
    os.truncate(filler, filler.stat().st_size - size)


def test_FA32_a_fit_goes_on_from_its_checkpoint_in_smaller_batches(base: Path, tmp_path: Path) -> None:
    fit = Fit(base, tmp_path, every_s=NEVER_S)
    with pytest.raises(TrainingStopped):
        fit.run(stop_after=4)
    fit.plan = replace(fit.plan, batch_size=1, accumulation=2)
    fit.run()
    assert fit.steps == list(range(1, STEPS + 1))


def test_a_kill_while_a_checkpoint_is_written_leaves_the_one_before(base: Path, tmp_path: Path) -> None:
    """Killed at the marker of the third checkpoint, which is written last."""
    script = (
        "import os, signal, sys; from pathlib import Path; from tests.training.fits import Fit\n"
        "from backend.training import checkpoints\n"
        "def write(path, content): path.parent.name == 'checkpoint-3' and os.kill(os.getpid(), signal.SIGKILL)\n"
        "real = checkpoints.write_json\n"
        "checkpoints.write_json = lambda path, content: (write(path, content), real(path, content))\n"
        "Fit(Path(sys.argv[1]), Path(sys.argv[2])).run()\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(base), str(tmp_path)], env={**os.environ})
    assert killed.returncode == -signal.SIGKILL
    assert (tmp_path / "checkpoint-3").is_dir()
    found = Checkpoints(tmp_path, 0).newest()
    assert found is not None
    assert found.step == 2
