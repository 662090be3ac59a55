"""Scores when examples are drawn anew: one draw of example ids, shared by everything that was measured on them.

The ids are clusters: an id drawn k times counts k times in every language, seed and chain in which it occurs, because the
same sentence in 15 languages is not 15 independent sentences. Languages that share ids, directly or through another
language, are drawn together; others apart, so that a language with ids of its own keeps its size in every replicate.
The draws are multinomial weights, so that a chunk of replicates is one matrix product, in single precision, which the
noise of any number of replicates exceeds by far; memory is bounded by the chunk.

Legend: N ids of one sheet, U ids of a group of languages, C counts, R replicates, G sheets of a group, K different columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xstilts.metrics.metric import Counts

Headline = Callable[[Counts], Counts]  # sums (..., C) -> values (...), as `Metric.headline`
Values = NDArray[np.float64]
Ids = NDArray[np.str_]

_CHUNK = 1 << 20  # entries of one matrix: 8 MiB


@dataclass(frozen=True, eq=False)
class TallyTable:
    """The tallies of one run on one language: row n of counts_NC belongs to ids_N[n]."""

    language: str
    ids_N: Ids
    counts_NC: Counts


@dataclass(frozen=True)
class Draw:
    """The scores (R, G) of some sheets in the replicates `first` to `first` + R - 1; `ids` is how many ids they draw from."""

    first: int
    ids: int
    sheets: list[int]
    scores_RG: Values


def make_tally_table(language: str, ids: Ids, counts: Counts) -> TallyTable:
    ids_N, counts_NC = np.asarray(ids), np.asarray(counts, dtype=np.float64)
    if counts_NC.ndim != 2 or ids_N.shape != counts_NC.shape[:1]:
        raise ValueError(f"{language}: expected ids (N,) and counts (N, C), found {ids_N.shape} and {counts_NC.shape}")
    return TallyTable(language, ids_N, counts_NC)


def have_same_ids(one: Ids, other: Ids) -> bool:
    return one is other or (len(one) == len(other) and bool((one[:1] == other[:1]).all()) and bool((one == other).all()))


def draw_scores(sheets: Sequence[TallyTable], headline: Headline, resamples: int, seed: int) -> Iterator[Draw]:
    """The scores of all sheets in `resamples` replicates, group by group and chunk by chunk.

    Ids that repeat within a sheet are a ValueError. What is drawn depends on the seed and on the ids of each group only, not on
    the order of rows or sheets, nor on how many sheets share them.
    """
    for number, (group, ids_U, places) in enumerate(group_by_ids(sheets)):
        rng = np.random.default_rng([seed, number])
        size, width = len(ids_U), sheets[group[0]].counts_NC.shape[1]
        columns: dict[bytes, int] = {}  # runs share many columns, as the number of examples: each is summed once
        places_GC = np.zeros((len(group), width), dtype=np.intp)
        table: list[NDArray[np.float32]] = []
        for g, place_N in enumerate(places):
            for c, counts_N in enumerate(sheets[group[g]].counts_NC.T):
                column_U = np.zeros(size, dtype=np.float32)
                column_U[place_N] = counts_N
                places_GC[g, c] = columns.setdefault(column_U.tobytes(), len(columns))
                if len(columns) > len(table):
                    table.append(column_U)
        table_UK = np.stack(table, axis=1)
        step = max(1, _CHUNK // max(*table_UK.shape, places_GC.size))
        for first in range(0, resamples, step):
            sums_RK = draw_weights(rng, min(step, resamples - first), size) @ table_UK
            yield Draw(first, size, group, headline(sums_RK.astype(np.float64)[:, places_GC]))


def draw_weights(rng: np.random.Generator, rows: int, size: int) -> NDArray[np.float32]:
    """How often each of `size` ids is drawn when `size` ids are drawn with replacement (rows, size)."""
    picks = rng.integers(size, size=(rows, size))
    picks += size * np.arange(rows)[:, None]
    return np.bincount(picks.ravel(), minlength=rows * size).reshape(rows, size).astype(np.float32)


def group_by_ids(sheets: Sequence[TallyTable]) -> list[tuple[list[int], Ids, list[NDArray[np.intp]]]]:
    """For each group of sheets that share ids: the sheets, the ids in order, and the places of each sheet's ids in them."""
    lists: list[Ids] = []  # the different arrays of ids
    alike: dict[tuple[int, str], list[int]] = {}  # by length and first id
    list_of: list[int] = []
    for one in sheets:
        near = alike.setdefault((len(one.ids_N), str(one.ids_N[0]) if len(one.ids_N) else ""), [])
        found = next((k for k in near if have_same_ids(lists[k], one.ids_N)), len(lists))
        if found == len(lists):
            if len(np.unique(one.ids_N)) != len(one.ids_N):
                raise ValueError(
                    f"{one.language}: example ids repeat; give every example its own id, they are the bootstrap's unit"
                )
            lists.append(one.ids_N)
            near.append(found)
        list_of.append(found)
    together: list[tuple[set[int], set[str]]] = []
    seen: set[str] = set()
    for k, ids in enumerate(lists):
        members, union = {k}, set(ids.tolist())
        if seen.isdisjoint(union):  # as most are: no need to look through all groups
            together.append((members, union))
            seen |= union
            continue
        seen |= union
        apart = []
        for others, taken in together:
            if taken.isdisjoint(union):
                apart.append((others, taken))
            else:
                members, union = members | others, union | taken
        together = [*apart, (members, union)]
    out = []
    for members, union in sorted(together, key=lambda pair: min(pair[1], default="")):
        ids_U = np.array(sorted(union))
        places = {k: np.searchsorted(ids_U, lists[k]) for k in members}
        group = [g for g, k in enumerate(list_of) if k in members]
        out.append((group, ids_U, [places[list_of[g]] for g in group]))
    return out
