"""A real shift of the clock for processes of a test: a few lines of C between them and the kernel.

libfaketime does not do: it clashes with Redis's allocator, and a sleep that a jump meets fails.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

DAY_S = 24 * 3600

SOURCE = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long long shift_s(void) {
  static const long long *shared;
  if (shared == NULL) {
    const char *path = getenv("CLOCK_SHIFT_FILE");
    int file = path ? open(path, O_RDONLY) : -1;
    if (file < 0) return 0;
    void *mapped = mmap(NULL, sizeof *shared, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (mapped == MAP_FAILED) return 0;
    shared = mapped;
  }
  return *shared;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int failed = syscall(SYS_clock_gettime, clock, now);
  if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += shift_s();
  return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  struct timespec precise;
  if (clock_gettime(CLOCK_REALTIME, &precise)) return -1;
  now->tv_sec = precise.tv_sec;
  now->tv_usec = precise.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *result) {
  struct timespec precise;
  clock_gettime(CLOCK_REALTIME, &precise);
  if (result) *result = precise.tv_sec;
  return precise.tv_sec;
}
"""


class FakedClock:
    """What the time of day is for some processes; it may jump while they run. The monotonic clock goes on.

    Attributes:
        environ: for the processes.
    """

    def __init__(self, folder: Path) -> None:
        self._shift = folder / "clock-shift"
        self._shift.write_bytes(struct.pack("q", 0))
        self.environ = {"LD_PRELOAD": str(_compiled(folder)), "CLOCK_SHIFT_FILE": str(self._shift)}

    def jump(self, seconds: int) -> None:
        """Let it be so far ahead of the real time from now on."""
        with self._shift.open("r+b") as shared:  # in place: the processes have it in their memory
            shared.write(struct.pack("q", seconds))


def _compiled(folder: Path) -> Path:
    """The library; the test is skipped where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler is installed")
    source, library = folder / "faked_clock.c", folder / "faked_clock.so"
    source.write_text(SOURCE)
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source)], check=True)
    return library
