"""Memory that a step frees is kept for the next one."""

from __future__ import annotations

import ctypes
import sys

# Parameters of mallopt(3), from glibc's malloc.h.
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
NEVER = 2**30  # bytes; no array of a step is as large


def keep_freed_memory() -> None:
    """Have glibc hand no freed memory back to the system; elsewhere do nothing.

    A training step makes and frees hundreds of arrays of more than 128 KiB. By default glibc hands
    each of them back, and the system clears every page anew for the next one: a quarter of the time
    of PyTorch's LSTM on a CPU.
    """
    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):  # not in musl
        library.mallopt(M_MMAP_THRESHOLD, NEVER)
        library.mallopt(M_TRIM_THRESHOLD, NEVER)
