"""Strict entity F1 for forms whose words are given: an entity is a label and the exact set of its words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from backend.training.scores import Counts

Entity = tuple[str, frozenset[int]]
"""The label and the numbers of the words."""


@dataclass(frozen=True, slots=True)
class EntityScores:
    """Counts over forms.

    Attributes:
        exact: an entity is right when label and set of words are those of a true one.
        runs: as seqeval's strict mode counts tags that are put in the file's order of the words: each unbroken run of
            words of one proposed entity counts as an entity, so that parts that are right by themselves score.
    """

    exact: Counts = field(default_factory=Counts)
    runs: Counts = field(default_factory=Counts)

    def __add__(self, other: EntityScores) -> EntityScores:
        return EntityScores(self.exact + other.exact, self.runs + other.runs)


def score_form(proposed: Sequence[Entity], true: Sequence[Entity]) -> EntityScores:
    """Scores of one form; words are numbered in the order of the data set's file."""
    return EntityScores(_counts(proposed, true), _counts(runs(proposed), runs(true)))


def _counts(proposed: Iterable[Entity], true: Iterable[Entity]) -> Counts:
    found, wanted = set(proposed), set(true)
    return Counts(len(found & wanted), len(found), len(wanted))


def runs(entities: Iterable[Entity]) -> list[Entity]:
    """The entities cut where their words do not follow each other."""
    found: list[Entity] = []
    for label, words in entities:
        run: list[int] = []
        for word in sorted(words):
            if run and word != run[-1] + 1:
                found.append((label, frozenset(run)))
                run = []
            run.append(word)
        found.append((label, frozenset(run)))
    return found
