"""How the C library keeps the memory of the web process.

A batch of pages takes some hundred MB for a moment, in whichever thread computes it. By default the library keeps what
is freed for each thread by itself, which came to a GB in a process of a base-size model.
"""

from __future__ import annotations

import ctypes

ARENAS = 2
_ARENA_MAX = -8  # M_ARENA_MAX of mallopt(3)

_library = ctypes.CDLL(None)


def share_arenas() -> None:
    """Let the threads of this process, and of those forked from it, share a few pools of memory."""
    if hasattr(_library, "mallopt"):  # not in every C library
        _library.mallopt(_ARENA_MAX, ARENAS)


def give_back() -> None:
    """Return what is free to the system."""
    if hasattr(_library, "malloc_trim"):
        _library.malloc_trim(0)
