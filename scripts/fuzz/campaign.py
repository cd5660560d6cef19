"""So many changed requests for each route, and what came of them."""

from __future__ import annotations

import re
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random

from scripts.fuzz.mutations import Request, mutated
from scripts.fuzz.samples import Sample
from scripts.fuzz.verdict import Answer, Judge

SENDERS = 5
"""Fewer than there are places for predictions, so that none is turned away."""
KEPT_FINDINGS = 20

Sender = Callable[[Request], Answer]


@dataclass(frozen=True, slots=True)
class Finding:
    """A request whose answer is wrong; `--seed`, `--route`, `--first` and `--bodies 1` send it again."""

    route: str
    index: int
    fault: str
    sent: str


@dataclass(slots=True)
class Outcome:
    """What came of a route.

    Attributes:
        statuses: how often each status was answered; 0 for no answer.
        codes: how often each code of an error stood in an answer, also of single tasks; `predicted` counts predictions.
        found: the first few findings; `wrong` counts all.
    """

    route: str
    statuses: Tally[int] = field(default_factory=Tally)
    codes: Tally[str] = field(default_factory=Tally)
    wrong: int = 0
    found: list[Finding] = field(default_factory=list)

    def note(self, index: int, request: Request, answer: Answer, faults: Sequence[str]) -> None:
        """Count an answer, and keep it where it is wrong."""
        self.statuses[answer.status] += 1
        self.codes.update(code.decode() for code in re.findall(rb'"code": ?"([a-z0-9_]+)"', answer.content))
        self.codes["predicted"] += len(re.findall(rb'"result": ?\[', answer.content))
        self.wrong += bool(faults)
        for fault in faults:
            if len(self.found) < KEPT_FINDINGS:
                headers = {name: value[:80] for name, value in request.headers.items()}
                sent = f"{request.method} {request.target[:300]} {headers} {(request.body or b'')[:1500]!r}"
                self.found.append(Finding(self.route, index, fault, sent))


def requests_of(
    route: str, samples: Sequence[Sample], *, seed: int, indices: Iterable[int]
) -> Iterable[tuple[int, Request]]:
    """The changed requests of a route; one depends on nothing but the seed, the route and its index."""
    sound = [sample for sample in samples if sample.route == route]
    for index in indices:
        random = Random(f"{seed} {route} {index}")
        yield index, mutated(random, random.choice(sound))


def fuzz_route(
    route: str,
    samples: Sequence[Sample],
    send: Sender,
    judge: Judge,
    *,
    seed: int,
    indices: Sequence[int],
    senders: int = SENDERS,
) -> Outcome:
    """Send a route's changed requests, several at a time, and look at each answer."""
    outcome = Outcome(route)

    def attempt(item: tuple[int, Request]) -> tuple[int, Request, Answer, list[str]]:
        index, request = item
        answer = send(request)
        return index, request, answer, judge.faults(request, answer)

    with ThreadPoolExecutor(senders) as pool:
        # In portions: the pool would make all the requests of a route before the first is sent.
        for begin in range(0, len(indices), 500):
            portion = requests_of(route, samples, seed=seed, indices=indices[begin : begin + 500])
            for index, request, answer, faults in pool.map(attempt, portion):
                outcome.note(index, request, answer, faults)
    return outcome


def routes_of(samples: Sequence[Sample]) -> list[str]:
    """The routes that there are samples of, each once, in their order."""
    return list(dict.fromkeys(sample.route for sample in samples))
