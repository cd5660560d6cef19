"""The names of everything that can go wrong, in one tree.

    BackendError                 code, message, hint and the HTTP status it becomes
    ├── SettingsError            an environment variable cannot be used; the process does not start
    ├── RequestError             400, 401, 413, 415, 429: the caller must change the request
    │   ├── ConfigError          400: the labeling configuration cannot be served
    │   └── ClientGone           499, in the log only: nobody waits for the answer any more
    ├── TaskError                200 with `[]`: this one page cannot be predicted, the others can
    │   └── OutOfMemory          the memory of this machine is not enough for the page
    ├── ServiceError             503: something every page needs is missing or down
    │   └── LabelStudioError     Label Studio does not answer, or refuses the token
    ├── VersionError             a model version on disk is incomplete or damaged
    ├── TrainingRefused          a run cannot start or its result cannot be used; the live version stays
    └── TrainingStopped          its process is to end: the run goes on from its checkpoint in another one

A message names the thing, the value met and what to do. It never holds a path of this machine, a token or the
text of a document, because it travels to Label Studio.
"""

from __future__ import annotations

from typing import ClassVar


class BackendError(Exception):
    """A failure with a stable code, a sentence for a person and an HTTP status."""

    status: ClassVar[int] = 500

    def __init__(self, code: str, message: str, hint: str = "", *, status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.http_status = status if status is not None else self.status


class SettingsError(BackendError):
    """An environment variable holds a value that cannot be used."""


class RequestError(BackendError):
    """The request itself is wrong; asking again unchanged will not help."""

    status = 400


class ConfigError(RequestError):
    """The labeling configuration cannot be served by this backend."""


class ClientGone(RequestError):
    """The client hung up before its answer; what it asked for is not worked on any more."""

    status = 499  # as nginx notes it

    def __init__(self) -> None:
        super().__init__("client_gone", "the client hung up before its answer")


class TaskError(BackendError):
    """One page cannot be predicted; it stays due in Label Studio and the others go on."""

    status = 200


class OutOfMemory(TaskError):
    """The memory of this machine is not enough for a single page."""

    def __init__(self) -> None:
        super().__init__(
            "out_of_memory",
            "the memory of the backend's machine is not enough for this page",
            "other programs, or a training run, have most of it: try again later, or give the machine more",
        )


class ServiceError(BackendError):
    """Something that every page needs is missing or down; asking again later may help."""

    status = 503


class LabelStudioError(ServiceError):
    """Label Studio does not answer as expected.

    Attributes:
        answered: HTTP status of Label Studio's answer, 0 when there was none.
    """

    def __init__(self, code: str, message: str, hint: str = "", *, answered: int = 0) -> None:
        super().__init__(code, message, hint)
        self.answered = answered


class VersionError(BackendError):
    """A model version on disk is incomplete, damaged or of an unknown format."""

    status = 503


class TrainingRefused(BackendError):
    """A training run cannot start, or its result cannot be used; the live version stays."""

    status = 409


class TrainingStopped(BackendError):
    """The process of a run is to end; what it has learnt is kept, and the run goes on from there in another one."""

    status = 503

    def __init__(self) -> None:
        super().__init__("stopped", "the training process was told to end; the run goes on in the next one")
