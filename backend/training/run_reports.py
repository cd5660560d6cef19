"""The course of a deep fit, told to TensorBoard, MLflow or Weights & Biases where somebody asks for it.

By default nothing is told to anybody. What is told are figures and the recipe: no weights, nothing of a document.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.integrations import MLflowCallback, TensorBoardCallback, WandbCallback

LOG = logging.getLogger(__name__)

INTEGRATIONS: dict[str, Callable[[], TrainerCallback]] = {
    "tensorboard": TensorBoardCallback,
    "mlflow": MLflowCallback,
    "wandb": WandbCallback,
}


@dataclass(frozen=True, slots=True)
class RunReports:
    """Who is told of a fit.

    Attributes:
        to: names of `INTEGRATIONS`.
        folder: for TensorBoard; each fit gets a folder in it.
        name: of the fit, for people.
    """

    to: tuple[str, ...] = ()
    folder: Path = Path()
    name: str = ""

    def callbacks(self, fit_id: str) -> list[TrainerCallback]:
        """A callback for each that can be told; of the others the log says what is missing.

        Args:
            fit_id: of this very fit; one that goes on after it was stopped is told to the same folder.
        """
        made = [self._callback(name, fit_id) for name in self.to]
        return [callback for callback in made if callback is not None]

    def _callback(self, name: str, fit_id: str) -> TrainerCallback | None:
        try:
            callback = INTEGRATIONS[name]()
        except (RuntimeError, ImportError):
            LOG.warning(
                f"REPORT_TO={name} has no effect: the package {name} is not installed",
                extra={"code": "report_package_missing", "remedy": f"pip install {name}"},
            )
            return None
        if name == "tensorboard":
            callback.logging_dir = str(self._folder_of(fit_id))
        return CarefulCallback(name, callback)

    def _folder_of(self, fit_id: str) -> Path:
        known = next(self.folder.glob(f"*-{fit_id[:8]}"), None)
        return known or self.folder / f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{fit_id[:8]}"


class CarefulCallback(TrainerCallback):  # type: ignore[misc] # transformers is not followed by mypy
    """Tells somebody of a fit, which goes on whatever becomes of that.

    Saved checkpoints are not told of, so no weights go anywhere.
    """

    def __init__(self, name: str, callback: TrainerCallback) -> None:
        self.name = name
        self.callback = callback
        self.works = True

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._tell(self.callback.on_train_begin, args, state, control, **kwargs)

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self._tell(self.callback.on_log, args, state, control, **kwargs)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._tell(self.callback.on_train_end, args, state, control, **kwargs)

    def _tell(self, event: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        if not self.works:
            return
        try:
            event(*args, **kwargs)
        except Exception as error:  # code and servers of others: a report that fails must not cost the run
            self.works = False
            about = {"code": "report_failed", "cause": type(error).__name__}
            LOG.warning(f"{self.name} takes no reports: this fit goes on without", extra=about)
