"""Memory of the C library (glibc; elsewhere these do nothing): kept between the steps of a training, given back in evaluation."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

_GLIBC: Any = ctypes.CDLL(None) if sys.platform == "linux" else None
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # M_* of <malloc.h>
_LARGEST_THRESHOLD = 32 * 2**20  # glibc takes no more


def keep_freed_memory() -> None:
    """Let the process keep what it frees. Every step allocates the same activations anew, and memory fresh from the system comes
    page by page: a step of XLM-R Base on a CPU takes 5 to 7 % longer, with the same peak."""
    if hasattr(_GLIBC, "mallopt"):
        _GLIBC.mallopt(_MMAP_THRESHOLD, _LARGEST_THRESHOLD)
        _GLIBC.mallopt(_TRIM_THRESHOLD, 2**31 - 1)


def give_back_memory() -> None:
    """Return what is free inside the heap to the system. No two batches have the same shape, and what the matrix library
    remembers of each shape lies between their tensors: without this, resident memory went from 0.8 GiB at 2,000 examples to
    1.4 GiB at 20,000, with nothing more in use."""
    if hasattr(_GLIBC, "malloc_trim"):
        _GLIBC.malloc_trim(0)
