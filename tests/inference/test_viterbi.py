from itertools import product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from backend.inference.viterbi import SMALLEST, likeliest_tags

TAGS = 5


def allowed(tags: tuple[int, ...], segments: list[int]) -> bool:
    """The rule, said in another way than in the algorithm."""
    return all(
        tag == 0 or tag % 2 == 1 or segments[at] != segments[at - 1] or tags[at - 1] in (tag, tag - 1)
        for at, tag in enumerate(tags)
        if at > 0
    )


rows = st.lists(st.lists(st.floats(0.01, 1), min_size=TAGS, max_size=TAGS), min_size=1, max_size=4)


@given(rows, st.lists(st.booleans(), min_size=4, max_size=4))
def test_no_allowed_sequence_is_likelier(values: list[list[float]], breaks: list[bool]) -> None:
    probabilities = np.array(values, np.float32)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    segments = np.cumsum(breaks)[: len(values)].tolist()
    found = likeliest_tags(probabilities, segments)

    def likelihood(tags: tuple[int, ...]) -> float:
        return float(sum(np.log(probabilities[at, tag] + SMALLEST) for at, tag in enumerate(tags)))

    best = max(likelihood(tags) for tags in product(range(TAGS), repeat=len(values)) if allowed(tags, segments))
    assert allowed(tuple(found), segments)
    assert abs(likelihood(tuple(found)) - best) < 1e-5


def test_a_wavering_word_in_a_region_stays_in_it() -> None:
    probabilities = np.array([[0, 0.9, 0.1, 0, 0], [0, 0.1, 0.45, 0, 0.45], [0, 0.1, 0.9, 0, 0]], np.float32)
    assert likeliest_tags(probabilities, [0, 0, 0]).tolist() == [1, 2, 2]


def test_no_words_no_tags() -> None:
    assert likeliest_tags(np.zeros((0, TAGS), np.float32), []).tolist() == []
