"""The measurements, one after the other."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from scripts.bench.data_sets import Source
from scripts.bench.given_words import learn_given_words, read_forms
from scripts.bench.latency import measure_latency
from scripts.bench.pages import DataSet
from scripts.bench.replay import replay
from scripts.bench.results import BOTH, FAST, Results
from scripts.bench.session import Session, session
from scripts.bench.spoilt import refuse_shuffled
from tests.studio import Studio

SETTINGS: Mapping[str, Mapping[str, str]] = {BOTH: {}, FAST: {"BASE_MODEL": "none"}}
"""What a backend with these learners has that differs from the default."""
FORMS_LEARNT = (10, 50, 149)
PAGES_BEFORE, PAGES_SINGLE = 20, 10
TIMES_SPOILT = 10


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked for.

    Attributes:
        learners: of `BOTH` and `FAST` those to measure.
        orders: most orders of each kind of pages.
        checkpoints: numbers of annotated pages; empty for those of each kind.
        settings: of the backend, over everything else.
        ocr: folder of OCR results, which all backends share.
        out: where the figures are written.
    """

    learners: tuple[str, ...]
    orders: int
    checkpoints: tuple[int, ...]
    seed: int
    settings: Mapping[str, str]
    ocr: Path
    out: Path


@dataclass(frozen=True, slots=True)
class Bench:
    """Measures, tells on standard error how far it is, and writes what is known after each measurement."""

    plan: Plan
    results: Results = field(default_factory=Results)

    def given_words(self, folder: Path) -> None:
        """The learners called directly, on forms whose words are given; `folder` holds FUNSD."""
        learn, judge = read_forms(folder / "training_data"), read_forms(folder / "testing_data")
        steps = int(self.plan.settings.get("TRAIN_MAX_STEPS", "0"))
        with tempfile.TemporaryDirectory() as aside:
            for count in FORMS_LEARNT:
                say(f"given words, {count} forms")
                deep = BOTH in self.plan.learners
                for learner, scores in learn_given_words(
                    learn[:count], judge, Path(aside), deep=deep, most_steps=steps
                ):
                    say(f"  {learner}: entity F1 {scores.exact.f1:.3f}, by runs of words {scores.runs.f1:.3f}")
                    self.results.words[learner, count] = scores
                self._write()

    def replays(self, studio: Studio, source: Source) -> None:
        """An annotator goes through the pages, in each order and with each choice of learners."""
        for learners in self.plan.learners:
            for order in range(min(self.plan.orders, source.orders)):
                pages = source.data_set(order, self.plan.seed)
                asked = self.plan.checkpoints or source.checkpoints
                checkpoints = [count for count in asked if count <= len(pages.learn)]
                if not checkpoints:
                    say(f"skipped: {source.name}, there are {len(pages.learn)} pages to annotate")
                    return
                with self._at_work(studio, pages, learners) as at_work:
                    found = replay(at_work, pages.learn, pages.judge, checkpoints, say)
                self.results.replays.setdefault((source.name, learners), []).append(found)
                self._write()

    def latency(self, studio: Studio, source: Source) -> None:
        """Single pages saved in a project that has some."""
        pages = source.data_set(0, self.plan.seed)
        for learners in self.plan.learners:
            with self._at_work(studio, pages, learners) as at_work:
                single = pages.learn[PAGES_BEFORE : PAGES_BEFORE + PAGES_SINGLE]
                found = measure_latency(at_work, pages.learn[:PAGES_BEFORE], single, say)
            self.results.latencies[source.name, learners] = found
            self._write()

    def spoilt(self, studio: Studio, source: Source) -> None:
        """Labels that become nonsense, where the model learns and also where it is judged.

        The fast learner is alone here: the gate is the same, and seconds are not minutes.
        """
        chosen = source.data_set(0, self.plan.seed)
        pages = chosen.learn[:PAGES_BEFORE]
        with self._at_work(studio, chosen, FAST) as at_work:
            say(f"  {len(pages)} pages learnt: {at_work.learn(pages).version}")
            learnt = [page for page in pages if not at_work.is_held_out(page)]
            for what, spoilt in (("learnt pages", learnt), ("all pages", pages)):
                found = refuse_shuffled(at_work, pages, spoilt, TIMES_SPOILT, say)
                self.results.refusals[f"{source.name}, labels of {what} shuffled"] = found
                self._write()

    @contextmanager
    def _at_work(self, studio: Studio, pages: DataSet, learners: str) -> Iterator[Session]:
        say(f"{pages.name}, {learners}")
        settings = {**SETTINGS[learners], **self.plan.settings}
        with (
            tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
            session(studio, pages, self.plan.ocr, Path(folder) / "data", settings) as at_work,
        ):
            yield at_work

    def _write(self) -> None:
        self.plan.out.parent.mkdir(parents=True, exist_ok=True)
        self.plan.out.write_text(json.dumps(self.results.to_json(), indent=1) + "\n", encoding="utf-8")


def say(text: str) -> None:
    """Tell how far it is."""
    print(text, file=sys.stderr, flush=True)
