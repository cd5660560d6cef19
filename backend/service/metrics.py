"""What `/metrics` tells of this process, in the form of Prometheus.

Labels hold routes, codes, states and the numbers of projects: nothing of a document, of a label's name or of a token.
"""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from flask import Flask, Response, g
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.registry import Collector

from backend import timing
from backend.errors import BackendError
from backend.service.access_log import route_name
from backend.service.loading import PredictAnswer
from backend.service.states import PREFIX

OK = "ok"
REQUEST_BUCKETS_S = (0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 90)
STEP_BUCKETS_S = (0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


# Prometheus notices by itself when a counter began anew; the times of creation would be a third more series.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """The counters of one application; they begin at 0 with its process.

    Args:
        states: looked at with each scrape.
    """

    def __init__(self, states: Collector) -> None:
        # Not the library's own registry: an application made anew would find its names taken there.
        self._registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)
        self._registry.register(states)
        self._requests = self._counter("http_requests", "Requests answered.", ["route", "status"])
        self._request_seconds = Histogram(
            f"{PREFIX}_http_request_duration_seconds",
            "Time from a request's arrival to its answer.",
            ["route"],
            buckets=REQUEST_BUCKETS_S,
            registry=self._registry,
        )
        self._step_seconds = Histogram(
            f"{PREFIX}_predict_step_duration_seconds",
            "Time of the steps of a prediction: fetch, decode and ocr of a page, model and regions of a task.",
            ["step"],
            buckets=STEP_BUCKETS_S,
            registry=self._registry,
        )
        self._tasks = self._counter("predicted_tasks", "Tasks of prediction requests: ok, or why not.", ["outcome"])
        self._errors = self._counter("http_errors", "Requests answered with an error, by its code.", ["route", "code"])
        lookups = self._counter("ocr_cache_lookups", "Pages looked up among the OCR results kept.", ["result"])
        self._cache_hits, self._cache_misses = lookups.labels("hit"), lookups.labels("miss")

    def _counter(self, name: str, meaning: str, labels: Sequence[str]) -> Counter:
        return Counter(f"{PREFIX}_{name}", meaning, labels, registry=self._registry)

    # A listener of `timing`

    def step_took(self, step: str, seconds: float) -> None:
        self._step_seconds.labels(step).observe(seconds)

    def cache_asked(self, found: bool) -> None:
        (self._cache_hits if found else self._cache_misses).inc()

    # Told by the routes

    def answered(self, route: str, status: int, seconds: float) -> None:
        """A request was answered; `route` is a rule of the application, not an address."""
        self._requests.labels(route, str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)

    def refused(self, route: str, code: str) -> None:
        """A request was answered with an error."""
        self._errors.labels(route, code).inc()

    def predicted(self, answer: PredictAnswer) -> None:
        """Tasks got their answers."""
        outcomes = Tally(str(error["code"]) for error in answer.errors)
        outcomes[OK] = len(answer.results) - len(answer.errors)
        for outcome, count in outcomes.items():
            self._tasks.labels(outcome).inc(count)

    @contextmanager
    def failures_of(self, tasks: int) -> Iterator[None]:
        """Counts this many tasks by the reason for which what happens inside fails as a whole, if it does."""
        try:
            yield
        except Exception as error:
            self._tasks.labels(error.code if isinstance(error, BackendError) else "internal").inc(tasks)
            raise

    def answer(self) -> Response:
        """Everything as Prometheus reads it."""
        return Response(generate_latest(self._registry), content_type=CONTENT_TYPE_LATEST)


def keep_metrics(app: Flask, metrics: Metrics) -> None:
    """Count the requests of an application that keeps an access log, and listen to the steps of its predictions."""

    @app.after_request
    def count(answer: Response) -> Response:
        metrics.answered(route_name(), answer.status_code, time.monotonic() - g.started)
        if code := g.get("error_code"):
            metrics.refused(route_name(), code)
        return answer

    timing.listen(metrics)
