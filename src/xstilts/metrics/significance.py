"""How sure are we? Bootstrap intervals over seeds and examples, and an exact test over seeds.

The estimand is macro: mean over seeds of the mean over languages of the headline value, or of its difference between a
treatment and a control that share seed, language and test examples. The bootstrap is crossed (the "pigeonhole"
bootstrap, Owen 2007, https://doi.org/10.1214/07-AOAS122): a replicate draws seeds, treatment and control together, and,
independently, example ids. The ids are clusters: an id drawn k times counts k times in every language and seed in which
it occurs, because the same sentence in 15 languages is not 15 independent sentences.

The interval speaks about *other seeds* and *other test examples of the same kind*, in these languages, with this recipe
and this training data. It cannot speak about other languages, encoders or tasks, nor about a winner that was picked for
being the winner. Seeds that share one intermediate checkpoint say nothing about intermediate training seeds. With S
seeds the bootstrap sees only (S - 1) / S of the seed variance: where seed noise dominates, intervals from few seeds are
too short (three seeds of one sign, a coin's 25 %, already exclude 0; use `paired_sign`). Noise specific to a pair of
seed and example is counted more than once: where that dominates, intervals are too long.

Legend: N ids of one language, C counts, R replicates, S seeds, U ids of one group of languages, G cells (seed x
language) of that group, Z sides (treatment, control; or the score alone).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xstilts.metrics.metric import Counts

Cells = Mapping[str, tuple[NDArray[np.str_], Counts]]  # language -> ids_N, counts_NC
Headline = Callable[[Counts], Counts]  # sums (..., C) -> values (...), as `Metric.headline`
Values = NDArray[np.float64]

FEW_SEEDS = 6  # below this no sign-flip test over seeds can reach two-sided 0.05
_CHUNK = 1 << 21  # entries of one weight matrix: 16 MiB
_MOST_SEEDS = 22  # 2^21 signed sums: 16 MiB


@dataclass(frozen=True)
class Interval:
    """A percentile interval on the 0-1 scale at confidence `level`, from `resamples` replicates over `seeds` seeds.

    `p` is two-sided against 0, never 0, and None for a plain score; `note` says in words what the interval leaves out.
    """

    estimate: float
    low: float
    high: float
    level: float
    resamples: int
    p: float | None
    seeds: int
    note: str


@dataclass(frozen=True)
class _Cell:
    """One language at one seed: row n of every side's counts (Z, N, C) belongs to ids_N[n]."""

    seed: int
    language: str
    ids_N: NDArray[np.str_]
    counts_ZNC: Counts


def gain_interval(
    treatment: Sequence[Cells],
    control: Sequence[Cells],
    headline: Headline,
    *,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """The gain headline(treatment) - headline(control), averaged over languages, then over seeds, with its interval.

    Seeds are paired by position, examples by id. Languages and ids that only one side has are left out; `note` says so.
    """
    if len(treatment) != len(control):
        raise ValueError(f"seeds are paired by position: found {len(treatment)} of treatment, {len(control)} of control")
    cells: list[_Cell] = []
    dropped_languages: set[str] = set()
    dropped_ids = 0
    for s, (treated, controlled) in enumerate(zip(treatment, control, strict=True)):
        dropped_languages |= set(treated) ^ set(controlled)
        for language in sorted(set(treated) & set(controlled)):
            sides = [_checked(language, *treated[language]), _checked(language, *controlled[language])]
            (ids_t, counts_t), (ids_c, counts_c) = sides
            shared_N, rows_t, rows_c = np.intersect1d(ids_t, ids_c, assume_unique=True, return_indices=True)
            dropped_ids += len(ids_t) + len(ids_c) - 2 * len(shared_N)
            cells.append(_Cell(s, language, shared_N, np.stack([counts_t[rows_t], counts_c[rows_c]])))
    notes = []
    if dropped_languages:
        notes.append(f"left out, on one side only: {', '.join(sorted(dropped_languages))}")
    if dropped_ids:
        notes.append(f"paired by id on the intersection: {dropped_ids} rows on one side only were left out")
    return _interval(
        cells, len(treatment), lambda sums: headline(sums[..., 0, :]) - headline(sums[..., 1, :]),
        resamples, level, seed, notes, tested=True,
    )  # fmt: skip


def score_interval(
    scores: Sequence[Cells], headline: Headline, *, resamples: int = 2000, level: float = 0.95, seed: int = 0
) -> Interval:
    """A plain score, averaged over languages, then over seeds, with its interval; `p` is None."""
    cells = []
    for s, by_language in enumerate(scores):
        for language in sorted(by_language):
            ids_N, counts_NC = _checked(language, *by_language[language])
            cells.append(_Cell(s, language, ids_N, counts_NC[None]))
    return _interval(cells, len(scores), lambda sums: headline(sums[..., 0, :]), resamples, level, seed, [], tested=False)


def paired_sign(deltas: Sequence[float]) -> float:
    """Two-sided p of the exact sign-flip permutation test that per-seed differences are symmetric around 0.

    The smallest p that S seeds can give is 2 / 2^S: 0.25 for three, 0.031 for six. 22 seeds at most.
    """
    values = np.asarray(deltas, dtype=np.float64)
    if values.ndim != 1 or not 1 <= len(values) <= _MOST_SEEDS:
        raise ValueError(f"expected 1 to {_MOST_SEEDS} differences, one a seed, found shape {values.shape}")
    sums = values[:1]  # flipping all signs mirrors every sum, so the first sign stays
    for value in values[1:]:
        sums = np.concatenate([sums + value, sums - value])
    slack = 1e-12 * np.abs(values).sum()
    return float(np.mean(np.abs(sums) >= abs(values.sum()) - slack))


def _checked(language: str, ids_N: NDArray[np.str_], counts_NC: Counts) -> tuple[NDArray[np.str_], Counts]:
    ids_N, counts_NC = np.asarray(ids_N), np.asarray(counts_NC, dtype=np.float64)
    if counts_NC.ndim != 2 or ids_N.shape != counts_NC.shape[:1]:
        raise ValueError(f"{language}: expected ids (N,) and counts (N, C), found {ids_N.shape} and {counts_NC.shape}")
    if len(np.unique(ids_N)) != len(ids_N):
        raise ValueError(f"{language}: example ids repeat; give every example its own id, they are the bootstrap's unit")
    return ids_N, counts_NC


def _interval(
    cells: list[_Cell],
    seeds: int,
    value: Callable[[Counts], Values],
    resamples: int,
    level: float,
    seed: int,
    notes: list[str],
    tested: bool,
) -> Interval:
    """`value` takes summed counts (..., Z, C) to the quantity of interest (...)."""
    if resamples < 1 or not 0 < level < 1:
        raise ValueError(f"expected resamples >= 1 and 0 < level < 1, found {resamples} and {level}")
    per_seed = np.bincount([c.seed for c in cells if len(c.ids_N)], minlength=seeds)
    if not seeds or not per_seed.all():
        raise ValueError("expected, for each of one or more seeds, a language with at least one example (on both sides)")
    cells = [c for c in cells if len(c.ids_N)]
    share_SG = np.array([[(c.seed == s) / per_seed[s] for c in cells] for s in range(seeds)])  # language means per seed

    point_G = np.array([value(c.counts_ZNC.sum(axis=1)) for c in cells])
    estimate = float((share_SG @ point_G).mean())

    rng = np.random.default_rng(seed)
    draws_RS = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=resamples) / seeds
    values_RG = np.empty((resamples, len(cells)))
    for group in _groups(cells):
        values_RG[:, group] = _replicates([cells[g] for g in group], value, resamples, rng)
    # Equal sums added in another order differ in the last bit: rounding lets them tie.
    replicates_R = np.round(np.einsum("rs,rs->r", draws_RS, values_RG @ share_SG.T), 12)

    low, high = np.quantile(replicates_R, [(1 - level) / 2, (1 + level) / 2])
    if seeds == 1:
        notes = [*notes, "one seed: only examples are resampled, seed variation is not covered"]
    elif seeds < FEW_SEEDS:
        notes = [*notes, f"exploratory: {seeds} seeds, fewer than {FEW_SEEDS}: too short if seed noise dominates"]
    p = _two_sided(replicates_R) if tested else None
    return Interval(estimate, float(low), float(high), level, resamples, p, seeds, "; ".join(notes))


def _two_sided(replicates_R: Values) -> float:
    """Twice the smaller tail beyond 0, each tail with one more replicate counted in: the inverse of the interval."""
    tail = min(np.count_nonzero(replicates_R <= 0), np.count_nonzero(replicates_R >= 0))
    return min(1.0, 2 * (int(tail) + 1) / (len(replicates_R) + 1))


def _groups(cells: list[_Cell]) -> list[list[int]]:
    """Cells whose languages share ids, directly or through another language, are resampled together; others apart.

    So a language with its own ids keeps its size in every replicate, and parallel languages keep common sentences.
    """
    group_of: dict[str, int] = {}  # id -> group
    members: dict[int, list[int]] = {}
    ids_of: dict[int, set[str]] = {}
    for g, cell in enumerate(cells):
        ids = set(cell.ids_N.tolist())
        members[g], ids_of[g] = [g], ids
        for other in {group_of[i] for i in ids if i in group_of}:
            members[g] += members.pop(other)
            ids_of[g] |= ids_of.pop(other)
        group_of |= dict.fromkeys(ids_of[g], g)
    return [sorted(group) for group in members.values()]


def _replicates(cells: list[_Cell], value: Callable[[Counts], Values], resamples: int, rng: np.random.Generator) -> Values:
    """Values (R, G) of the cells of one group when its U ids are drawn U at a time with replacement."""
    ids_U = np.unique(np.concatenate([c.ids_N for c in cells]))
    size = len(ids_U)
    sides, _, width = cells[0].counts_ZNC.shape
    table_UGZC = np.zeros((size, len(cells), sides, width))
    for g, cell in enumerate(cells):
        table_UGZC[np.searchsorted(ids_U, cell.ids_N), g] = cell.counts_ZNC.swapaxes(0, 1)
    table = table_UGZC.reshape(size, -1)
    out = []
    for start in range(0, resamples, step := max(1, _CHUNK // size)):
        rows = min(step, resamples - start)
        drawn = rng.integers(size, size=(rows, size)) + size * np.arange(rows)[:, None]
        weights_RU = np.bincount(drawn.ravel(), minlength=rows * size).reshape(rows, size).astype(np.float64)
        out.append(value((weights_RU @ table).reshape(rows, len(cells), sides, width)))
    return np.concatenate(out)
