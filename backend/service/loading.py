"""The prediction side, loaded in the background while the routes already answer."""

from __future__ import annotations

import importlib
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from backend.errors import BackendError, ServiceError
from backend.settings import Settings

log = logging.getLogger(__name__)

FIRST_RETRY_S = 5.0
LONGEST_RETRY_S = 60.0
FOLLOW_S = 0.5
"""How often it is looked for promotions."""


class PredictAnswer(Protocol):
    """What became of the tasks of one request.

    Attributes:
        results: one entry per task, in order: a prediction, or an empty list.
        errors: why entries are empty: task, index, code, message.
    """

    @property
    def results(self) -> Sequence[Any]: ...

    @property
    def errors(self) -> Sequence[Mapping[str, Any]]: ...


class Predictor(Protocol):
    """The prediction side, as `backend.ml_backend` provides it."""

    def answer(
        self,
        project_id: int,
        tasks: list[Any],
        label_config: str,
        context: dict[str, Any] | None,
        *,
        deadline: float,
        is_awaited: Callable[[], bool],
    ) -> PredictAnswer:
        """Predict tasks; what is not done at `deadline`, a time of `time.monotonic`, stays empty.

        So does what is not done when `is_awaited` tells that nobody waits for the answer any more.
        """
        ...

    def describe(self) -> Mapping[str, Any]:
        """What `/health` tells about it, at once: `device` and `base_model` with its licence"""
        ...

    def loaded_bytes(self) -> Mapping[int, int]:
        """By project the memory of the weights that are loaded for it, at once."""
        ...

    def read_ahead(self, project_id: int) -> None:
        """Tell that somebody looks at a project, whose pages may be read in advance; at once."""
        ...

    def follow_promotions(self) -> None:
        """Load what was promoted since; seconds if anything was."""
        ...


def import_predictor(settings: Settings) -> Predictor:
    """The real prediction side.

    The one late import of the web process: torch and label_studio_ml take seconds, and `/health` has to answer within
    two of the start.
    """
    predictor: Predictor = importlib.import_module("backend.ml_backend").load_predictor(settings)
    return predictor


class PredictorLoader:
    """Loads the prediction side in a thread of its own, again after a while when that fails, and then new versions."""

    def __init__(self, load: Callable[[], Predictor], *, first_retry_s: float = FIRST_RETRY_S) -> None:
        self._load = load
        self._first_retry_s = first_retry_s
        self._changed = threading.Condition()
        self._predictor: Predictor | None = None
        self._failure: ServiceError | None = None
        self._looked_at: set[int] = set()  # projects, before the prediction side can be told
        self._stopped = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name="predictor-loader", daemon=True).start()

    def stop(self) -> None:
        """Load no more; what is loaded stays."""
        self._stopped.set()

    @property
    def state(self) -> str:
        """`loading`, `ready` or `failed`."""
        if self._predictor is not None:
            return "ready"
        return "loading" if self._failure is None else "failed"

    @property
    def failure(self) -> ServiceError | None:
        """Why loading failed, while it has; it is tried again."""
        return self._failure

    def facts(self) -> dict[str, Any]:
        """What the loaded side tells about itself; empty before it is loaded."""
        return dict(self._predictor.describe()) if self._predictor is not None else {}

    def loaded_bytes(self) -> Mapping[int, int]:
        """By project the memory of the weights that are loaded for it; empty before the prediction side is loaded."""
        return self._predictor.loaded_bytes() if self._predictor is not None else {}

    def read_ahead(self, project_id: int) -> None:
        """Tell the prediction side that somebody looks at a project, now or when it is loaded."""
        with self._changed:
            if self._predictor is None:
                self._looked_at.add(project_id)
                return
        self._predictor.read_ahead(project_id)

    def wait(self, deadline: float) -> Predictor:
        """The prediction side, as soon as it is loaded.

        Args:
            deadline: time of `time.monotonic` at which to give up.

        Raises:
            ServiceError: `model_not_loaded` when it is still loading then; or why loading failed.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._predictor is not None or self._failure is not None, max(0.0, deadline - time.monotonic())
            )
            if self._predictor is not None:
                return self._predictor
            raise self._failure or ServiceError("model_not_loaded", "the model is still loading", "ask again soon")

    def _run(self) -> None:
        pause_s = self._first_retry_s
        while not self._stopped.is_set():
            try:
                predictor = self._load()
            except Exception as error:
                log.exception("the model could not be loaded; trying again", extra={"retry_s": pause_s})
                self._tell(None, _as_service_error(error))
            else:
                self._tell(predictor, None)
                while not self._stopped.wait(FOLLOW_S):
                    predictor.follow_promotions()
                return
            self._stopped.wait(pause_s)
            pause_s = min(2 * pause_s, LONGEST_RETRY_S)

    def _tell(self, predictor: Predictor | None, failure: ServiceError | None) -> None:
        with self._changed:
            self._predictor, self._failure = predictor, failure
            self._changed.notify_all()
        if predictor is not None:
            while self._looked_at:
                predictor.read_ahead(self._looked_at.pop())


def _as_service_error(error: Exception) -> ServiceError:
    """A failure to load as `/predict` and `/health` tell it; only our own errors are known to hold no path."""
    if isinstance(error, BackendError):
        code = error.code if isinstance(error, ServiceError) else "model_not_loaded"
        return ServiceError(code, error.message, error.hint)
    return ServiceError("model_not_loaded", f"the model could not be loaded ({type(error).__name__})", "see the log")
