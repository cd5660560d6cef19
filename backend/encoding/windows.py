"""A page's words cut into windows that fit the model, so that every word is in at least one."""

from __future__ import annotations

from collections.abc import Sequence


def word_windows(token_counts: Sequence[int], room: int, overlap: int) -> list[tuple[int, int]]:
    """Ranges [start, end) of words, in order, that together cover all words.

    Neighbouring ranges share up to `overlap` words, less where the words are so long that a window could not advance.

    Args:
        token_counts: tokens of each word, each between 1 and `room`.
        room: most tokens of a window, special tokens not counted.
        overlap: words to share.
    """
    windows: list[tuple[int, int]] = []
    start = 0
    while start < len(token_counts):
        end, used = start, 0
        while end < len(token_counts) and used + token_counts[end] <= room:
            used += token_counts[end]
            end += 1
        windows.append((start, end))
        if end == len(token_counts):
            break
        # At least half of each window is new, however many words are to be shared.
        start = max(end - overlap, start + (end - start + 1) // 2)
    return windows


def edge_weights(start: int, end: int, total: int) -> list[float]:
    """Weight of each word of a window when windows are averaged: small near an edge that cuts the page.

    A word at the cut has half of its context missing; in the middle of the window it has all. The page's own first
    and last word are no cuts.
    """
    weights = []
    for word in range(start, end):
        to_left = word - start if start > 0 else end - start
        to_right = end - 1 - word if end < total else end - start
        weights.append(1.0 + min(to_left, to_right))
    return weights
