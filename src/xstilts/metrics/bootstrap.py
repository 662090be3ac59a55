"""Bootstrap of scores: example ids are drawn with replacement, the same draw for everything that was measured on them.

The ids are clusters. An id that is drawn k times counts k times in every language, seed and chain in which it occurs, because
the same sentence in 15 languages is not 15 independent sentences. Languages that share ids, directly or through another
language, are drawn together. Other languages are drawn apart, so that each keeps its size in every replicate. The draws are
multinomial weights, so that a chunk of replicates is one matrix product. Single precision is enough: its error is far below the
noise of any number of replicates. The chunk bounds the memory.

Legend: N ids of one table, U ids of a group of languages, C counts, R replicates, G tables of a group, K different columns.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xstilts.metrics.metric import Counts, Values

Headline = Callable[[Counts], Counts]  # sums (..., C) -> values (...), as `Metric.headline`
Ids = NDArray[np.str_]

_CHUNK = 1 << 20  # entries of one matrix: 8 MiB


@dataclass(frozen=True, eq=False)
class TallyTable:
    """The tallies of one run on one language: row n of `counts_NC` belongs to `ids_N[n]`."""

    language: str
    ids_N: Ids
    counts_NC: Counts


@dataclass(frozen=True)
class Draw:
    """The scores (R, G) of the tables numbered `tables` in the replicates `first` to `first` + R - 1. They draw from `ids`
    ids."""

    first: int
    ids: int
    tables: list[int]
    scores_RG: Values


def make_tally_table(language: str, ids: Ids, counts: Counts) -> TallyTable:
    """A table from arrays of shape (N,) and (N, C)."""
    ids_N, counts_NC = np.asarray(ids), np.asarray(counts, dtype=np.float64)
    if counts_NC.ndim != 2 or ids_N.shape != counts_NC.shape[:1]:
        raise ValueError(f"{language}: expected ids (N,) and counts (N, C), found {ids_N.shape} and {counts_NC.shape}")
    return TallyTable(language, ids_N, counts_NC)


def have_same_ids(one: Ids, other: Ids) -> bool:
    return one is other or (len(one) == len(other) and bool((one[:1] == other[:1]).all()) and bool((one == other).all()))


def draw_scores(tables: Sequence[TallyTable], headline: Headline, resamples: int, seed: int) -> Iterator[Draw]:
    """The scores of all tables in `resamples` replicates, group by group and chunk by chunk.

    A repeated id within a table is a ValueError. A draw depends on the seed and on the ids of the group only. The order of rows
    or tables and the number of tables that share the ids do not change it."""
    for number, (group, ids_U, places) in enumerate(group_by_ids(tables)):
        rng = np.random.default_rng([seed, number])
        size, width = len(ids_U), tables[group[0]].counts_NC.shape[1]
        columns: dict[bytes, int] = {}  # runs share many columns, such as the number of examples; each is summed once
        places_GC = np.zeros((len(group), width), dtype=np.intp)
        columns_used: list[NDArray[np.float32]] = []
        for g, place_N in enumerate(places):
            for c, counts_N in enumerate(tables[group[g]].counts_NC.T):
                column_U = np.zeros(size, dtype=np.float32)
                column_U[place_N] = counts_N
                places_GC[g, c] = columns.setdefault(column_U.tobytes(), len(columns))
                if len(columns) > len(columns_used):
                    columns_used.append(column_U)
        table_UK = np.stack(columns_used, axis=1)
        step = max(1, _CHUNK // max(*table_UK.shape, places_GC.size))
        for first in range(0, resamples, step):
            sums_RK = draw_weights(rng, min(step, resamples - first), size) @ table_UK
            yield Draw(first, size, group, headline(sums_RK.astype(np.float64)[:, places_GC]))


def draw_weights(rng: np.random.Generator, rows: int, size: int) -> NDArray[np.float32]:
    """How often each of `size` ids occurs when `size` ids are drawn with replacement. Shape (rows, size)."""
    picks = rng.integers(size, size=(rows, size))
    picks += size * np.arange(rows)[:, None]
    return np.bincount(picks.ravel(), minlength=rows * size).reshape(rows, size).astype(np.float32)


def group_by_ids(tables: Sequence[TallyTable]) -> list[tuple[list[int], Ids, list[NDArray[np.intp]]]]:
    """For each group of tables that share ids: the numbers of the tables, the sorted ids, and the places of each table's ids in
    them."""
    lists: list[Ids] = []  # the different arrays of ids
    alike: dict[tuple[int, str], list[int]] = {}  # by length and first id
    list_of: list[int] = []
    for one in tables:
        near = alike.setdefault((len(one.ids_N), str(one.ids_N[0]) if len(one.ids_N) else ""), [])
        found = next((k for k in near if have_same_ids(lists[k], one.ids_N)), len(lists))
        if found == len(lists):
            if len(np.unique(one.ids_N)) != len(one.ids_N):
                raise ValueError(
                    f"{one.language}: example ids repeat; give each example its own id, since the bootstrap draws ids"
                )
            lists.append(one.ids_N)
            near.append(found)
        list_of.append(found)
    clusters: list[tuple[set[int], set[str]]] = []
    seen: set[str] = set()
    for k, ids in enumerate(lists):
        members, union = {k}, set(ids.tolist())
        if seen.isdisjoint(union):  # the usual case; no need to look through all groups
            clusters.append((members, union))
            seen |= union
            continue
        seen |= union
        apart = []
        for others, taken in clusters:
            if taken.isdisjoint(union):
                apart.append((others, taken))
            else:
                members, union = members | others, union | taken
        clusters = [*apart, (members, union)]
    out = []
    for members, union in sorted(clusters, key=lambda pair: min(pair[1], default="")):
        ids_U = np.array(sorted(union))
        places = {k: np.searchsorted(ids_U, lists[k]) for k in members}
        group = [g for g, k in enumerate(list_of) if k in members]
        out.append((group, ids_U, [places[list_of[g]] for g in group]))
    return out
