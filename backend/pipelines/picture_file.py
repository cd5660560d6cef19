"""The pictures of a run's pages in a file without a name: memory holds those in use, not those of all pages."""

from __future__ import annotations

import tempfile
import threading

import numpy as np

from backend.encoding.spec import PATCH_IMAGE_SIZE
from backend.pipelines.pictures import Picture

SHAPE = (3, PATCH_IMAGE_SIZE, PATCH_IMAGE_SIZE)
IN_A_FILE = 256
"""Pictures of 150 KB in one file; each file that is mapped to memory takes one of the process's open files."""


class PictureFile:
    """Takes pictures and gives them back as views of a file, which the system reads, and lets go of, as it sees fit.

    The disk has its space again when the last of the pictures is gone. Usable from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken = 0

    def keep(self, picture: Picture) -> Picture:
        """The picture (3, 224, 224), as it lies in the file; not to be written to."""
        with self._lock:
            at = self._taken % IN_A_FILE
            if at == 0:
                with tempfile.TemporaryFile() as file:  # what is mapped stays when the file is closed
                    self._pictures = np.memmap(file, np.uint8, "w+", shape=(IN_A_FILE, *SHAPE))
            self._pictures[at] = picture
            self._taken += 1
            kept: Picture = self._pictures[at]
        kept.flags.writeable = False
        return kept
