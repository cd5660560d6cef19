"""The likeliest sequence of tags for the words of a page.

Viterbi's algorithm (A. Viterbi, 1967) over BIO tags: inside a line segment `I` of a label follows only `B` or `I` of
the same label. A segment may begin with any tag, because it may go on with a region whose last line lies elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SMALLEST = 1e-9


def likeliest_tags(probabilities: NDArray[np.float32], segments: Sequence[int]) -> NDArray[np.int64]:
    """(W,) one tag for each word.

    Args:
        probabilities: (W, C) each word's distribution over tags; odd tags begin a label, the even one after is inside.
        segments: (W,) number of each word's line segment.
    """
    count, tags = probabilities.shape
    if count == 0:
        return np.zeros(0, np.int64)
    logs = np.log(probabilities.astype(np.float64) + SMALLEST)
    inside = np.arange(2, tags, 2)
    came_from = np.zeros((count, tags), np.int64)
    score = logs[0].copy()
    for word in range(1, count):
        best = int(score.argmax())
        source = np.full(tags, best)
        if segments[word] == segments[word - 1]:
            source[inside] = np.where(score[inside - 1] > score[inside], inside - 1, inside)
        came_from[word] = source
        score = score[source] + logs[word]
    path = np.zeros(count, np.int64)
    path[-1] = score.argmax()
    for word in range(count - 1, 0, -1):
        path[word - 1] = came_from[word, path[word]]
    return path
