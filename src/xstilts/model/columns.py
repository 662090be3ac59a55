"""Columns of integers on disk, appended to as they come, read back as memory maps.

A column is one file of the narrowest type that holds what it has seen: it is rewritten wider, at most three times, when
a larger number comes. A column of one repeated number has no file at all, which is what makes the caches of simple formats
small: most of their columns (rows of a feature, length of a target) are constant. A ragged column is two: values and lengths.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[Any]
_BLOCK = 256  # entries between two remembered beginnings
_COPIED = 1 << 20  # entries copied at once
_TYPES = (np.uint8, np.uint16, np.uint32, np.int8, np.int16, np.int32, np.int64)


class ColumnWriter:
    """Appends to the file at `path`, which must not exist. `close` gives what `read_column` needs."""

    def __init__(self, path: Path):
        self.path = path
        self.count = 0
        self._low = self._high = 0
        self._type = np.dtype(np.uint8)
        self._file: Any = None

    def append(self, values: Ints) -> None:
        if len(values) == 0:
            return
        low, high = int(values.min()), int(values.max())
        if self.count:
            low, high = min(low, self._low), max(high, self._high)
        wide_enough = _narrowest(low, high)
        if low != high and (self._file is None or wide_enough != self._type):
            self._rewrite(wide_enough)
        if self._file is not None:
            values.astype(wide_enough).tofile(self._file)
        self._low, self._high, self._type = low, high, wide_enough
        self.count += len(values)

    def _rewrite(self, to: np.dtype[Any]) -> None:
        """Start the file, or a wider one, with what has been seen so far."""
        old = read_column(self.path, self.close())
        temporary = self.path.with_suffix(".wider")
        self._file = temporary.open("wb")
        for begin in range(0, self.count, _COPIED):
            old[begin : begin + _COPIED].astype(to).tofile(self._file)
        temporary.replace(self.path)

    def close(self) -> dict[str, Any]:
        """The column's record: type, count, and the number that all entries are, if they are."""
        if self._file is not None:
            self._file.close()
        return {"type": str(self._type), "count": self.count, "constant": self._low if self._file is None else None}


def _narrowest(low: int, high: int) -> np.dtype[Any]:
    fits = (t for t in _TYPES if np.iinfo(t).min <= low and high <= np.iinfo(t).max)
    return np.dtype(next(fits))


def read_column(path: Path, record: dict[str, Any]) -> Ints:
    """The column's entries, shape (count,): a memory map, or one number seen `count` times."""
    if record["count"] == 0:
        return np.zeros(0, dtype=record["type"])
    if record["constant"] is not None:
        return np.broadcast_to(np.asarray(record["constant"], dtype=record["type"]), (record["count"],))
    mapped = np.memmap(path, dtype=record["type"], mode="r", shape=(record["count"],))
    return mapped.view(np.ndarray)


class Bounds:
    """Where each of many stretches lies that follow one another, from their lengths. Remembers one beginning in 256."""

    def __init__(self, lengths_N: Ints):
        self._lengths = lengths_N
        blocks = range(0, len(lengths_N), _BLOCK)
        sums = np.fromiter((lengths_N[b : b + _BLOCK].sum(dtype=np.int64) for b in blocks), np.int64, len(blocks))
        self._begins = np.concatenate([np.zeros(1, np.int64), np.cumsum(sums)])

    def __getitem__(self, i: int) -> tuple[int, int]:
        """First and last + 1 entry of stretch i."""
        block = i // _BLOCK
        begin = int(self._begins[block]) + int(self._lengths[block * _BLOCK : i].sum(dtype=np.int64))
        return begin, begin + int(self._lengths[i])
