"""Drawn pages with known words and known annotations, for tests and the demonstration.

Takes a seed, gives a `DrawnPage`. Needs Pillow only: the font is Pillow's own, so the pages are the same everywhere.
"""

from tests.drawn.canvas import Canvas, DrawnPage
from tests.drawn.form import draw_form
from tests.drawn.receipt import draw_receipt

__all__ = ["Canvas", "DrawnPage", "draw_form", "draw_receipt"]
