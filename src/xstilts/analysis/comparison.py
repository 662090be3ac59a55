"""One comparison: a treatment and its control on one target, paired by seed, language and example id.

Whatever says how much better one side is reads a `Comparison`: gains over no chain, over controls and over other chains
(`gains.py`), what is made of these, the differences of two studies (`diff.py`) and the evidence for claims. `pair_cells` makes
one. `measure_gains` gives the interval of its gain; a verdict needs the family of comparisons too (`gains.judge`).

The control of a seed may be several cells. Then it is the mean of their scores: a mixture has to beat what its members reach on
average. Their tallies stand side by side in one table, and each draw of examples is scored member by member, so that it is the
mean of scores and not the score of a mean, and what the members share does not count as noise of their own.

Legend: C counts of a metric, M cells of a control, N ids.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from xstilts.analysis.results import Cell, TargetInfo
from xstilts.analysis.scores import ENGLISH, find_shared_languages, is_near_chance
from xstilts.metrics.bootstrap import Headline, have_same_ids
from xstilts.metrics.metric import Counts, Metric
from xstilts.metrics.paired import LanguageTallies
from xstilts.metrics.significance import Gains, Sides, gain_intervals

T = TypeVar("T")
V = TypeVar("V")
KnownTallies = dict[tuple[tuple[int, ...], tuple[str, ...]], LanguageTallies]  # by id() of the cells, and languages


@dataclass(frozen=True, eq=False)
class Comparison:
    """`treatment[s]` is the cell of `seeds[s]` and `control[s]` the cells that it is compared with, nearly always one.
    `languages` are those in which all cells have examples in common, English first; none if there is nothing to compare."""

    target: TargetInfo
    seeds: tuple[int, ...]
    treatment: tuple[Cell, ...]
    control: tuple[tuple[Cell, ...], ...]
    languages: tuple[str, ...]

    @property
    def transfer_languages(self) -> tuple[str, ...]:
        """The languages other than English."""
        return tuple(code for code in self.languages if code != ENGLISH)

    @property
    def english(self) -> tuple[str, ...]:
        return tuple(code for code in self.languages if code == ENGLISH)

    @property
    def cells(self) -> tuple[Cell, ...]:
        return (*self.treatment, *(cell for cells in self.control for cell in cells))

    @property
    def keys(self) -> tuple[str, ...]:
        """The score artefacts of both sides, each once."""
        return tuple(dict.fromkeys(cell.key for cell in self.cells))

    @property
    def leak(self) -> bool:
        """Whether a score is an upper bound (`Cell.leak`)."""
        return any(cell.leak for cell in self.cells)

    @property
    def same_artefacts(self) -> bool:
        """Whether both sides are the same artefacts, so that there is nothing to measure."""
        pairs = zip(self.treatment, self.control, strict=True)
        return bool(self.seeds) and all(cell.key == treated.key for treated, cells in pairs for cell in cells)

    @property
    def same_outcomes(self) -> bool:
        """Whether every example has the same outcome on both sides, so that nothing is compared."""
        return all(
            have_same_ids(one.ids_N, other.ids_N) and np.array_equal(one.counts_NC, other.counts_NC)
            for treated, cells in zip(self.treatment, self.control, strict=True)
            for cell in cells
            for one, other in ((treated.languages[code], cell.languages[code]) for code in self.languages)
        )

    def near_chance(self, metric: Metric | None) -> bool:
        """Whether both sides are near chance (`scores.is_near_chance`)."""
        controls = [cell for cells in self.control for cell in cells]
        return all(is_near_chance(side, self.languages, metric, self.target.chance) for side in (self.treatment, controls))

    def restrict(self, seeds: Sequence[int]) -> Comparison:
        """The same with some of its seeds only."""
        places = [self.seeds.index(seed) for seed in seeds]
        treatment, control = tuple(self.treatment[p] for p in places), tuple(self.control[p] for p in places)
        return replace(self, seeds=tuple(seeds), treatment=treatment, control=control)

    def control_score(self, place: int, code: str) -> float:
        """The mean score (0-1) of the control's cells in one language; `place` is that of the seed in `seeds`."""
        return float(np.mean([cell.languages[code].headline for cell in self.control[place]]))

    def gain(self, place: int, codes: Sequence[str]) -> float:
        """Treatment less control (0-1) with one seed, mean over `codes`, of which there is at least one."""
        scores = self.treatment[place].languages
        return float(np.mean([scores[code].headline - self.control_score(place, code) for code in codes]))

    def unpaired_rows(self, codes: Sequence[str]) -> int:
        """How many examples are left out because only one side has them, over seeds and `codes`."""
        return sum(
            sum(len(cell.languages[code].ids_N) for cell in cells) - len(cells) * len(_shared_ids(cells, code))
            for cells in ((treated, *controlled) for treated, controlled in zip(self.treatment, self.control, strict=True))
            for code in codes
        )

    def tallies(self, codes: Sequence[str], known: KnownTallies | None = None) -> Sides:
        """Both sides as `metrics.significance` takes them: language -> the ids that all cells have, and the counts (N, M * C) of
        one cell after the other. With the same `known`, the same cells give the same object: a control is then scored once in
        every draw of examples, however many chains are compared with it."""
        known = {} if known is None else known

        def read(cells: tuple[Cell, ...]) -> LanguageTallies:
            key = (tuple(map(id, cells)), tuple(codes))
            if key not in known:
                known[key] = {code: _side_by_side(cells, code) for code in codes}
            return known[key]

        treatment = [read((cell,) * len(cells)) for cell, cells in zip(self.treatment, self.control, strict=True)]
        return treatment, [read(cells) for cells in self.control]


def pair_cells(target: TargetInfo, treatment: Mapping[int, Cell], *controls: Mapping[int, Cell]) -> Comparison:
    """The comparison of cells by seed, over the seeds that all sides have."""
    seeds = tuple(seed for seed in sorted(treatment) if all(seed in side for side in controls))
    rows = [(treatment[seed], *(side[seed] for side in controls)) for seed in seeds]
    shared = find_shared_languages([cell for row in rows for cell in row]) if rows else ()
    languages = tuple(code for code in shared if all(len(_shared_ids(row, code)) for row in rows))
    return Comparison(target, seeds, tuple(row[0] for row in rows), tuple(row[1:] for row in rows), languages)


def _shared_ids(cells: Sequence[Cell], code: str) -> NDArray[np.str_]:
    """The ids that all cells have, in the order of the first where they agree."""
    ids = [cell.languages[code].ids_N for cell in cells]
    return ids[0] if all(have_same_ids(ids[0], other) for other in ids[1:]) else reduce(np.intersect1d, ids)


def _side_by_side(cells: Sequence[Cell], code: str) -> tuple[NDArray[np.str_], Counts]:
    shared_N = _shared_ids(cells, code)
    parts = []
    for score in (cell.languages[code] for cell in cells):
        counts_NC = score.counts_NC
        if not have_same_ids(score.ids_N, shared_N):
            order = np.argsort(score.ids_N)
            counts_NC = counts_NC[order[np.searchsorted(score.ids_N[order], shared_N)]]
        parts.append(counts_NC)
    return shared_N, parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def mean_headline(headline: Headline, members: int) -> Headline:
    """The mean of the headlines of `members` cells whose counts stand side by side."""
    if members == 1:
        return headline

    def mean(sums: Counts) -> Counts:
        width = sums.shape[-1] // members
        scores = [headline(sums[..., m * width : (m + 1) * width]) for m in range(members)]
        average: Counts = np.mean(scores, axis=0)
        return average

    return mean


def measure_gains(requests: Sequence[tuple[Comparison, Sequence[str]]], headline: Headline, resamples: int) -> list[Gains]:
    """For each comparison and languages the interval of the mean gain over these, and of the gain in each. All are measured from
    the same draws of examples; their controls have the same number of cells."""
    (members,) = {len(cells) for comparison, _ in requests for cells in comparison.control}
    known: KnownTallies = {}
    pairs = [comparison.tallies(codes, known) for comparison, codes in requests]
    return gain_intervals(pairs, mean_headline(headline, members), resamples=resamples)


def map_groups(items: Sequence[T], key: Callable[[T], Hashable], apply: Callable[[list[T]], Iterable[V]]) -> list[V]:
    """Apply a function to the items of each group (those with the same key) at once. Results are in the order of `items`."""
    groups: dict[Hashable, list[int]] = {}
    for place, item in enumerate(items):
        groups.setdefault(key(item), []).append(place)
    found: dict[int, V] = {}
    for places in groups.values():
        found |= zip(places, apply([items[place] for place in places]), strict=True)
    return [found[place] for place in range(len(items))]


def describe_unpaired(rows: int) -> str:
    return f"paired by id on the intersection: {rows} rows on one side only were left out"
