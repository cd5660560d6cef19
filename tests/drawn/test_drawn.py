"""What every drawn page holds, whatever its seed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.drawn import DrawnPage, draw_form, draw_receipt

LABELS: dict[Callable[[int], DrawnPage], set[str]] = {
    draw_form: {"header", "question", "answer"},
    draw_receipt: {"company", "date", "address", "total"},
}

draw_functions = pytest.mark.parametrize("draw", [draw_form, draw_receipt])
seeds = st.integers(0, 10_000)


@draw_functions
@settings(deadline=None, max_examples=15)
@given(seed=seeds)
def test_the_same_seed_draws_the_same_page(draw: Callable[[int], DrawnPage], seed: int) -> None:
    first, second = draw(seed), draw(seed)
    assert first.image.tobytes() == second.image.tobytes()
    assert (first.words, first.boxes) == (second.words, second.boxes)


@draw_functions
@settings(deadline=None, max_examples=50)
@given(seed=seeds)
def test_every_word_lies_on_the_page_and_apart_from_the_others(draw: Callable[[int], DrawnPage], seed: int) -> None:
    page = draw(seed)
    for index, word in enumerate(page.words):
        assert word.box.area > 0
        assert word.box == word.box.clipped(*page.size)
        for other in page.words[index + 1 :]:
            assert word.box.intersection(other.box).area == 0, (word, other)


@draw_functions
@settings(deadline=None, max_examples=50)
@given(seed=seeds)
def test_every_label_is_used_and_a_word_belongs_to_one_box_at_most(draw: Callable[[int], DrawnPage], seed: int) -> None:
    page = draw(seed)
    assert {box.label for box in page.boxes} == LABELS[draw]
    for word in page.words:
        shares = [word.box.intersection(box.box).area / word.box.area for box in page.boxes]
        assert sum(share > 0.5 for share in shares) <= 1, word
    for box in page.boxes:
        assert any(word.box.intersection(box.box).area == word.box.area for word in page.words)


@draw_functions
def test_seeds_give_different_layouts(draw: Callable[[int], DrawnPage]) -> None:
    layouts = {tuple(box.box for box in draw(seed).boxes) for seed in range(20)}
    assert len(layouts) == 20


@draw_functions
def test_words_are_dark_on_white(draw: Callable[[int], DrawnPage]) -> None:
    page = draw(3)
    grey = page.image.convert("L")
    for word in page.words:
        crop = grey.crop((int(word.box.left), int(word.box.top), int(word.box.right), int(word.box.bottom)))
        assert min(crop.tobytes()) < 100, word
