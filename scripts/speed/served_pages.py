"""Pages for the served parts of the bench."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count, cycle, islice

from scripts.bench.data_sets import drawn_sources, real_sources
from scripts.bench.pages import DataSet
from scripts.speed.figures import Options

_TAILS = count()


def forms(options: Options) -> DataSet:
    """The real forms where the folder has them, else drawn ones."""
    found = [source for source in real_sources(options.data) if source.name == "forms"] if options.data else []
    source = (found or [source for source in drawn_sources() if source.name == "drawn forms"])[0]
    return source.data_set(0, options.seed)


def never_seen(images: Sequence[bytes], number: int) -> list[bytes]:
    """Image files that no cache knows, of a few pages in turn: decoders pass over what follows an image's end."""
    return [image + next(_TAILS).to_bytes(8) for image in islice(cycle(images), number)]
