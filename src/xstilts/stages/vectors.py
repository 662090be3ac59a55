"""The vectors that an `embed` stage leaves, and which of them a study means: layers, poolings, the published settings.

out/vectors.json               {"layers": [...], "poolings": [...], "depth": blocks of the encoder, "size": D}
out/<part>.<side>.npy          float32 (layers, poolings, N, D); memory-mapped, so that one layer is read alone
out/<part>.<side>.ids.json     N ids; null where a row stands for no one id (a mined text that occurs more than once)

A part is a language, or `dev-<language>`. Sides are those of the format (`Format.sides`).
Layer 0 is the output of the embeddings, layer n that of the n-th block: the numbering of Hugging Face's `hidden_states`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xstilts.errors import InputError
from xstilts.formats.registry import FORMATS
from xstilts.store.store import read_json, write_json

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Layout:
    """Which vectors the files of one folder hold."""

    layers: tuple[int, ...]
    poolings: tuple[str, ...]
    depth: int
    size: int

    def write(self, folder: Path) -> None:
        write_json(folder / "vectors.json", asdict(self))

    @classmethod
    def read(cls, folder: Path) -> Layout:
        record = read_json(folder / "vectors.json")
        return cls(tuple(record["layers"]), tuple(record["poolings"]), record["depth"], record["size"])

    def place(self, layer: int, pooling: str) -> tuple[int, int]:
        """Where in a file's first two axes. Raises InputError if the vectors were not kept."""
        if layer not in self.layers or pooling not in self.poolings:
            kept = f"layers {', '.join(map(str, self.layers))} with pooling {', '.join(self.poolings)}"
            raise InputError(f"retrieval: no vectors of layer {layer} with pooling {pooling!r} were kept, only {kept}")
        return self.layers.index(layer), self.poolings.index(pooling)


def resolve_layer(rule: str | int, depth: int, task_format: str) -> int:
    """The layer that a rule means for an encoder of `depth` blocks. Raises InputError for one that it does not have.

    A number is itself. "first": block 1. "last": block `depth`.
    "jiant": 14 of 24 blocks, for translations and mining (Phang et al. 2020, by jiant's xtreme_runconfig_writer.py). "xtreme":
    its scripts count from 0 and after the embeddings, so Tatoeba's layer 13 of 24 is block 14, its layer 7 of 12 block 8, and
    BUCC's layer 7 *of the last 12* is block 20 of 24 and 8 of 12 (run_tatoeba.sh, run_bucc2018.sh). Other depths: in
    proportion. For a trained ranker both mean the last layer, which is the one that it was trained on.
    """
    if not isinstance(rule, str):
        if not 0 <= rule <= depth:
            raise InputError(f"retrieval.layer: {rule} is not a layer of this encoder; expected 0 to {depth}")
        return rule
    if rule == "first":
        return 1
    if rule == "last":
        return depth
    if rule not in ("jiant", "xtreme"):
        raise InputError(f"retrieval.layer: unknown layer {rule!r}; expected jiant, xtreme, first, last or 0 to {depth}")
    if FORMATS[task_format].trained:
        return depth
    if rule == "xtreme" and (FORMATS[task_format].mining or depth == 12):
        return depth - 4 if depth >= 12 else max(1, round(depth * 8 / 12))
    return max(1, round(depth * 14 / 24))


def resolve_layers(wanted: str | int, depth: int, task_format: str) -> tuple[int, ...]:
    """The layers that a stage keeps: "all", or the one of a rule."""
    return tuple(range(depth + 1)) if wanted == "all" else (resolve_layer(wanted, depth, task_format),)


def create(folder: Path, part: str, side: str, layout: Layout, ids: Sequence[str | None]) -> Any:
    """Write the ids, and a new file of vectors: a writable map of shape (layers, poolings, N, D), to be filled."""
    (folder / f"{part}.{side}.ids.json").write_text(json.dumps(ids, ensure_ascii=False), encoding="utf-8")
    shape = (len(layout.layers), len(layout.poolings), len(ids), layout.size)
    return np.lib.format.open_memmap(folder / f"{part}.{side}.npy", mode="w+", dtype=np.float32, shape=shape)


def names(part: str, side: str) -> tuple[str, str]:
    """The two files of one side of a part."""
    return f"{part}.{side}.npy", f"{part}.{side}.ids.json"


def read_ids(folder: Path, part: str, side: str) -> list[str | None]:
    ids: list[str | None] = read_json(folder / f"{part}.{side}.ids.json")
    return ids


def read_vectors(folder: Path, part: str, side: str, layer: int, pooling: str, centred: bool) -> Vectors:
    """The vectors of one layer and pooling, shape (N, D), minus their mean if they are to be centred (Libovický et al. 2020,
    arXiv 2004.05160). Mapped, not loaded, if not; writing to them does not change the file."""
    place = Layout.read(folder).place(layer, pooling)
    vectors: Vectors = np.load(folder / f"{part}.{side}.npy", mmap_mode="c")[place]
    return vectors - find_mean(vectors) if centred and len(vectors) else vectors


def find_mean(vectors_ND: Vectors) -> Vectors:
    """What centring subtracts, shape (D,)."""
    mean: Vectors = vectors_ND.mean(0, dtype=np.float64).astype(np.float32)
    return mean
