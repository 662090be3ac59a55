"""The rows that are measured, and made-up ones with the lengths of real tasks, since speed depends on lengths and not on what is
said. (`inputs.py` makes rows of real data where an encoder is given.)

Log-normal, fitted to how full real batches of XLM-R tokens are: share of real tokens when padded to the maximum / in random
batches of 8 padded to their longest. XNLI .31 / .55, UDPOS .19 / .47, SQuAD (windows of 384) .51 / .63, Tatoeba .09 / .49.
"full" is the worst case for whoever saves padding: every window has 384 tokens.
Token ids are drawn, with Zipf's frequencies, from 35,000 ids spread over XLM-R's 250,002: about as many as MNLI meets.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

VOCABULARY, MET, SPECIAL = 250_002, 35_000, 4
CLS, PAD, SEP = 0, 1, 2
LABELS = {"nli": 3, "tag": 17}

Ids = NDArray[np.int32]


@dataclass(frozen=True)
class Lengths:
    """Tokens of a sequence, special ones included."""

    median: float
    sigma: float
    least: int
    most: int

    def draw(self, rng: np.random.Generator, count: int) -> NDArray[np.int64]:
        drawn = rng.lognormal(np.log(self.median), self.sigma, count)
        return np.clip(np.round(drawn), self.least, self.most).astype(np.int64)


LENGTHS = {
    "nli": Lengths(36, 0.47, 8, 128),
    "tag": Lengths(20, 0.62, 4, 128),
    "qa": Lengths(183, 0.375, 40, 384),
    "full": Lengths(384, 0, 384, 384),
    "embed": Lengths(9.6, 0.57, 4, 128),
}


@dataclass(frozen=True)
class Row:
    """One sequence. `label` for nli; `starts` (first tokens of words) and their `tags` for tag; `span` for qa. `texts`: the same
    before it was tokenised; a sentence, a pair, or the words of a sentence."""

    ids: Ids
    texts: list[str]
    label: int = 0
    starts: list[int] | None = None
    tags: list[int] | None = None
    span: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Rows:
    """Rows, and the ids that occur in the training data that they stand for, ascending, without the special ones."""

    rows: list[Row]
    met: NDArray[np.int64]

    def write(self, path: Path) -> None:
        """A file for the processes that are measured, the same for all of them."""
        rows = [{**asdict(row), "ids": row.ids.tolist()} for row in self.rows]
        path.write_text(json.dumps({"met": self.met.tolist(), "rows": rows}), encoding="utf-8")

    @classmethod
    def read(cls, path: Path | str) -> Rows:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
        rows = [Row(**{**row, "ids": np.array(row["ids"], np.int32)}) for row in found["rows"]]
        return cls(rows, np.array(found["met"], np.int64))


def make_up(kind: str, count: int, seed: int = 0) -> Rows:
    """Rows of a kind; their texts are for a tokenizer whose words are w<id>."""
    rng = np.random.default_rng(seed)
    met = np.sort(np.random.default_rng(1).choice(np.arange(SPECIAL, VOCABULARY - 1), MET, replace=False))
    lengths = LENGTHS[kind].draw(rng, count)
    frequencies = 1 / np.arange(1, MET + 1)
    drawn = rng.choice(rng.permutation(met), int(lengths.sum()), p=frequencies / frequencies.sum()).astype(np.int32)
    ends = np.cumsum(lengths)
    return Rows([_row(kind, rng, drawn[end - length : end]) for length, end in zip(lengths, ends, strict=True)], met)


def _row(kind: str, rng: np.random.Generator, ids: Ids) -> Row:
    ids[0], ids[-1] = CLS, SEP
    inside = len(ids) - 1
    starts = [i for i in range(1, inside) if i == 1 or rng.random() < 0.7]
    tags = [int(tag) for tag in rng.integers(LABELS["tag"], size=len(starts))]
    begin = int(rng.integers(1, inside))
    words = [f"w{i}" for i in ids[1:-1]]
    return Row(ids, _texts(kind, words), int(rng.integers(LABELS["nli"])), starts, tags, (begin, min(begin + 3, inside - 1)))


def _texts(kind: str, words: list[str]) -> list[str]:
    if kind == "tag":
        return words
    if kind == "embed":
        return [" ".join(words)]
    half = max(1, len(words) // 2)  # the separator between them takes the place of one word
    return [" ".join(words[:half]), " ".join(words[half + 1 :]) or words[-1]]


def batches(found: list[Row], size: int) -> Iterator[list[Row]]:
    """One after the other; what is left over is dropped."""
    for begin in range(0, len(found) - size + 1, size):
        yield found[begin : begin + size]


def efficiency(found: list[Row], size: int) -> float:
    """Share of real tokens in batches of so many rows, each padded to its longest."""
    padded = sum(size * max(len(row.ids) for row in batch) for batch in batches(found, size))
    return sum(len(row.ids) for batch in batches(found, size) for row in batch) / padded
