"""A token cache: the features of a training set in compact files, read one at a time through memory maps.

    features      one record each: its example, where its rows and values end, types and lengths of its target and extras
    rows          one record each: how many tokens it shares with the row before (the prompt of a choice), where the others end
    tokens        these other tokens of all rows, as places in `ids.npy`: two bytes each where XLM-R's own ids take four
    values        the numbers of all targets and extras

Examples are encoded a thousand at a time, so that memory does not grow with the data. For text of ordinary length the files stay
below twice its UTF-8.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from types import NoneType
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from xstilts.formats.format import Example
from xstilts.model.codecs.codec import Codec, Feature
from xstilts.store.store import write_json

CHUNK = 1000
_BLOCK = 1 << 11  # numbers rewritten at a time
_ROW = np.dtype([("shared", "<u2"), ("end", "<u8")])
# The types of a target or an extra, and how each is made of its numbers.
_MAKE: dict[type, Callable[[list[int]], Any]] = {NoneType: lambda _: None, int: lambda x: x[0], tuple: tuple, list: list}
_TYPES = list(_MAKE)


def _feature_type(parts: int) -> np.dtype[Any]:
    return np.dtype(
        [("example", "<u4"), ("rows", "<u4"), ("values", "<u4"), ("types", "u1", (parts,)), ("lengths", "<u2", (parts,))]
    )


def write_cache(
    codec: Codec, examples: Iterable[Example], path: Path, on_chunk: Callable[[int], None] = lambda _: None, chunk: int = CHUNK
) -> TokenCache:
    """Encode the examples for training into the folder `path`, which is emptied first. `on_chunk` is called after every `chunk`
    examples with their number so far (it may raise to stop). All features must have the same extras. The caller deletes the
    folder."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    stream, extras = iter(examples), list[str]()
    read = rows = tokens = values = highest = 0
    met = np.zeros(0, bool)  # of each id: whether it occurs
    with (
        (path / "features").open("wb") as feature_file,
        (path / "rows").open("wb") as row_file,
        (path / "tokens").open("wb") as token_file,
        (path / "values").open("wb") as value_file,
    ):
        while some := list(islice(stream, chunk)):
            features = codec.encode(some, training=True)
            extras = extras or [name for f in features[:1] for name in f.extra]
            shared = [_count_common(f.rows[r - 1], row) if r else 0 for f in features for r, row in enumerate(f.rows)]
            stored = [row[n:] for n, row in zip(shared, (row for f in features for row in f.rows), strict=True)]
            parts = [[f.target, *(f.extra[name] for name in extras)] for f in features]
            lists = [[[part] if isinstance(part, int) else part or () for part in one] for one in parts]
            numbers = np.fromiter((n for one in lists for part in one for n in part), np.uint32)
            row_records = np.zeros(len(stored), _ROW)
            row_records["shared"], row_records["end"] = shared, tokens + np.cumsum([len(row) for row in stored], dtype=np.int64)
            records = np.zeros(len(features), _feature_type(1 + len(extras)))
            if features:
                records["example"] = [read + f.example for f in features]
                records["rows"] = rows + np.cumsum([len(f.rows) for f in features])
                records["types"] = [[_TYPES.index(type(part)) for part in one] for one in parts]
                records["lengths"] = [[len(part) for part in one] for one in lists]
                records["values"] = values + np.cumsum(records["lengths"].sum(1, dtype=np.int64))
            new = np.concatenate([np.zeros(0, np.int32), *stored])
            for file, array in ((feature_file, records), (row_file, row_records), (token_file, new), (value_file, numbers)):
                array.tofile(file)
            met = np.pad(met, (0, max(0, int(new.max(initial=-1)) + 1 - len(met))))
            met[new] = True
            highest = max(highest, int(numbers.max(initial=0)))
            read, rows, tokens, values = read + len(some), rows + len(stored), tokens + len(new), values + len(numbers)
            on_chunk(read)
    ids = np.flatnonzero(met).astype(np.int32)
    token_type, value_type = np.min_scalar_type(len(ids)), np.min_scalar_type(highest)
    places = (np.cumsum(met) - 1).astype(token_type)
    _rewrite(path / "tokens", lambda block: places[block])
    _rewrite(path / "values", lambda block: block.astype(value_type))
    np.save(path / "ids.npy", ids)
    write_json(path / "cache.json", {"extras": extras, "tokens": str(token_type), "values": str(value_type)})
    return TokenCache(path)


def _count_common(before: NDArray[np.int32], row: NDArray[np.int32]) -> int:
    """With how many tokens two rows begin alike."""
    length = min(len(before), len(row))
    different = before[:length] != row[:length]
    return int(different.argmax()) if different.any() else length


def _rewrite(path: Path, change: Callable[[NDArray[np.uint32]], NDArray[Any]]) -> None:
    """Replace the numbers of a file by narrower ones."""
    narrow = path.with_suffix(".narrow")
    with path.open("rb") as old, narrow.open("wb") as new:
        while len(block := np.fromfile(old, np.uint32, _BLOCK)):
            change(block).tofile(new)
    narrow.replace(path)


def _map(path: Path, kind: Any) -> NDArray[Any]:
    return np.memmap(path, kind, "r").view(np.ndarray) if path.stat().st_size else np.zeros(0, kind)


def _bounds(ends: NDArray[Any], i: int) -> tuple[int, int]:
    """First and last + 1 place of stretch i, given where each ends."""
    return int(ends[i - 1]) if i else 0, int(ends[i])


class TokenCache(Sequence[Feature]):
    """What `write_cache` left at `path`, as the features that were encoded. Several processes may read one cache."""

    def __init__(self, path: Path):
        record = json.loads((path / "cache.json").read_text(encoding="utf-8"))
        self._extras: list[str] = record["extras"]
        self._features, self._rows = _map(path / "features", _feature_type(1 + len(self._extras))), _map(path / "rows", _ROW)
        self._tokens, self._values = _map(path / "tokens", record["tokens"]), _map(path / "values", record["values"])
        self.ids: NDArray[np.int32] = np.load(path / "ids.npy")  # those that occur, in rising order

    @property
    def examples(self) -> NDArray[np.int64]:
        """The example of each feature, in rising order."""
        return self._features["example"].astype(np.int64)

    def __len__(self) -> int:
        return len(self._features)

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
        rows: list[NDArray[np.int32]] = []
        for r in range(*_bounds(self._features["rows"], i)):
            begin, end = _bounds(self._rows["end"], r)
            row, shared = self.ids[self._tokens[begin:end]], int(self._rows["shared"][r])
            rows.append(np.concatenate([rows[-1][:shared], row]) if shared else row)
        begin, end = _bounds(self._features["values"], i)
        numbers = iter(self._values[begin:end].tolist())
        target, *extras = (
            _MAKE[_TYPES[kind]](list(islice(numbers, length)))
            for kind, length in zip(self._features["types"][i], self._features["lengths"][i], strict=True)
        )
        return Feature(int(self._features["example"][i]), rows, target, dict(zip(self._extras, extras, strict=True)))
