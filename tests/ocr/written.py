"""Pages of nothing but text in one size."""

from __future__ import annotations

from PIL import Image

from tests.drawn import Canvas

SENTENCE = "The quick brown fox jumps over the lazy dog near the river bank"


def written(size: int, lines: int = 8) -> Image.Image:
    """A grey page of text in a font of this size in pixels."""
    canvas = Canvas(40 * size, 2 * size * (lines + 2))
    canvas.write_block([SENTENCE] * lines, (size, 2 * size), size)
    return canvas.finish().image.convert("L")
