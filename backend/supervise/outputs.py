"""The three standard streams of a process, which whoever starts it may have closed."""

from __future__ import annotations

import os


def open_standard_streams() -> None:
    """Let those that are closed lead nowhere, in this process and in its children.

    Otherwise the next file or socket that is opened takes such a number, and what a library writes to standard error
    goes into it.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
            os.set_inheritable(opened, True)
