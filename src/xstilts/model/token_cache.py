"""A token cache: the features of a training set as compact columns on disk, read one at a time.

Nothing grows with the data but the files: examples are encoded a thousand at a time, and of what is written only one number
in 256 is held in memory. The files stay below twice the UTF-8 text for text of ordinary length because a token is stored as the
place of its id in the list of those that occur (two bytes where XLM-R's own ids take four), a row without the tokens that it
begins with like the row before it (the prompt of a choice), and what never changes not at all (`columns.py`).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from xstilts.formats.format import Example
from xstilts.model.codecs.codec import Codec, Feature
from xstilts.model.columns import Bounds, ColumnWriter, Ints, read_column

CHUNK = 1000
_NONE, _INT, _TUPLE, _LIST = range(4)
_KINDS = {type(None): _NONE, int: _INT, tuple: _TUPLE, list: _LIST}


@dataclass(frozen=True)
class Lengths:
    """Of each of N features: the tokens of its longest row, and those of all its rows together."""

    longest_N: NDArray[np.int32]
    tokens_N: NDArray[np.int32]


def write_cache(
    codec: Codec, examples: Iterable[Example], path: Path, on_chunk: Callable[[], None] = lambda: None, chunk: int = CHUNK
) -> TokenCache:
    """Encode the examples for training into the folder `path`, which is emptied first. `on_chunk` is called after every `chunk`
    examples (it may raise to stop). The caller deletes the folder."""
    writer = _Writer(path)
    stream = iter(examples)
    while some := list(islice(stream, chunk)):
        writer.append(codec.encode(some, training=True), len(some))
        on_chunk()
    writer.close()
    return TokenCache(path)


class TokenCache(Sequence[Feature]):
    """What `write_cache` left at `path`, as the features that were encoded. Several processes may read one cache."""

    def __init__(self, path: Path):
        record = json.loads((path / "cache.json").read_text(encoding="utf-8"))
        columns = {name: read_column(path / name, column) for name, column in record["columns"].items()}
        self._ids = np.array(columns["ids"], dtype=np.int32)
        self._tokens = columns["tokens"]
        self._shared, self._stored = columns["shared"], columns["stored"]
        self._rows = columns["rows"]
        self._token_bounds, self._row_bounds = Bounds(self._stored), Bounds(self._rows)
        self._example_bounds = Bounds(columns["steps"])
        self._target = _Ragged(columns, "target")
        self._extra = {name: _Ragged(columns, f"extra.{name}") for name in record["extra"]}

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, i: int) -> Feature: ...
    @overload
    def __getitem__(self, i: slice) -> list[Feature]: ...
    def __getitem__(self, i: int | slice) -> Feature | list[Feature]:
        if isinstance(i, slice):
            return [self[k] for k in range(*i.indices(len(self)))]
        if not -len(self) <= i < len(self):
            raise IndexError(f"feature {i} of {len(self)}")
        i = int(i) % len(self)
        first, last = self._row_bounds[i]
        rows: list[NDArray[np.int32]] = []
        begin = self._token_bounds[first][0]
        for r in range(first, last):
            end = begin + int(self._stored[r])
            row = self._ids[self._tokens[begin:end]]
            shared = int(self._shared[r])
            rows.append(np.concatenate([rows[-1][:shared], row]) if shared else row)
            begin = end
        extra = {name: value for name, column in self._extra.items() if (value := column[i]) is not None}
        return Feature(self._example_bounds[i][1] - 1, rows, self._target[i], extra)

    @cached_property
    def lengths(self) -> Lengths:
        """How long each feature is; no token is read."""
        if len(self) == 0:
            return Lengths(np.zeros(0, np.int32), np.zeros(0, np.int32))
        length_R = np.add(self._shared, self._stored, dtype=np.int32)
        first_N = np.cumsum(self._rows, dtype=np.int64) - self._rows
        return Lengths(np.maximum.reduceat(length_R, first_N), np.add.reduceat(length_R, first_N, dtype=np.int32))

    def token_ids(self) -> NDArray[np.int32]:
        """The ids that occur, each once, in rising order."""
        return np.sort(self._ids)


class _Ragged:
    """Each feature's value under one name: None, an int, or a tuple or list of ints."""

    def __init__(self, columns: dict[str, Ints], name: str):
        self._kinds, self._values = columns[f"{name}.kinds"], columns[f"{name}.values"]
        self._bounds = Bounds(columns[f"{name}.lengths"])

    def __getitem__(self, i: int) -> Any:
        begin, end = self._bounds[i]
        values: list[int] = self._values[begin:end].tolist()
        match int(self._kinds[i]):
            case 0:
                return None
            case 1:
                return values[0]
            case 2:
                return tuple(values)
            case _:
                return values


class _Writer:
    def __init__(self, path: Path):
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        self._path = path
        self._columns: dict[str, ColumnWriter] = {}
        self._place = np.zeros(0, dtype=np.int32)  # of each id: its place in `ids`, -1 before it occurs
        self._ids_seen = 0
        self._extra: list[str] = []
        self._examples = 0  # read so far
        self._last = -1  # the example of the feature written last
        self._features = 0

    def _append(self, name: str, values: Any) -> None:
        if name not in self._columns:
            self._columns[name] = ColumnWriter(self._path / name)
        self._columns[name].append(np.asarray(values, dtype=np.int64))

    def append(self, features: Sequence[Feature], examples: int) -> None:
        """The features of the next so many examples; `example` counts from 0 within them."""
        shared, stored, parts = [], [], []
        for feature in features:
            for r, row in enumerate(feature.rows):
                same = _common(feature.rows[r - 1], row) if r else 0
                shared.append(same)
                stored.append(len(row) - same)
                parts.append(row[same:])
        self._append("tokens", self._places(np.concatenate(parts) if parts else np.zeros(0, np.int32)))
        self._append("shared", shared)
        self._append("stored", stored)
        self._append("rows", [len(f.rows) for f in features])
        self._append("steps", np.diff([self._last, *(self._examples + f.example for f in features)]))
        self._ragged("target", [f.target for f in features])
        for name in sorted({name for f in features for name in f.extra} - set(self._extra)):
            self._extra.append(name)
            self._ragged(f"extra.{name}", [None] * self._features)
        for name in self._extra:
            self._ragged(f"extra.{name}", [f.extra.get(name) for f in features])
        self._last = (self._examples + features[-1].example) if features else self._last
        self._examples += examples
        self._features += len(features)

    def _places(self, ids: NDArray[np.int32]) -> NDArray[np.int32]:
        found = np.unique(ids)
        if len(found) and found[-1] >= len(self._place):
            more = np.full(int(found[-1]) + 1 - len(self._place), -1, dtype=np.int32)
            self._place = np.concatenate([self._place, more])
        new = found[self._place[found] < 0]
        self._place[new] = self._ids_seen + np.arange(len(new), dtype=np.int32)
        self._ids_seen += len(new)
        self._append("ids", new)
        return self._place[ids]

    def _ragged(self, name: str, values: Sequence[Any]) -> None:
        kinds = [_KINDS[type(value)] for value in values]
        lists = [[value] if kind == _INT else value or () for kind, value in zip(kinds, values, strict=True)]
        self._append(f"{name}.kinds", kinds)
        self._append(f"{name}.lengths", [len(some) for some in lists])
        self._append(f"{name}.values", [value for some in lists for value in some])

    def close(self) -> None:
        self.append([], 0)  # so that every column is there, if there was no example
        columns = {name: column.close() for name, column in self._columns.items()}
        (self._path / "cache.json").write_text(json.dumps({"columns": columns, "extra": self._extra}), encoding="utf-8")


def _common(before: NDArray[np.int32], row: NDArray[np.int32]) -> int:
    """With how many tokens two rows begin alike."""
    length = min(len(before), len(row))
    different = before[:length] != row[:length]
    return int(different.argmax()) if different.any() else length
