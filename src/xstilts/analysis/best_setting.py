"""Retrieval at its best setting, chosen on other data than it is reported on.

The setting of retrieval (layer, pooling, centring) decides what an encoder seems to know: one that finds 89 % of all
translations at its best setting may find 13 % at the study's. The best of many settings is too large a number, so each side of a
comparison has its setting chosen for it, for each half of the languages and each seed, by its mean accuracy on the other half of
the languages and the other seeds.

The sweep keeps accuracies and no answers. So sentences are not split, and the interval is longer than one from answers: it takes
both sides as independent, and the same sentence in several languages as one. It is in no family of comparisons.

Legend: S seeds, L languages other than English, P settings.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xstilts.analysis.breakdown import pool_intervals
from xstilts.analysis.comparison import Comparison
from xstilts.analysis.gains import Gain
from xstilts.analysis.results import Cell, Results
from xstilts.analysis.retrieval_sweep import SweepSetting
from xstilts.metrics.significance import LEVEL, Interval
from xstilts.metrics.variance_components import VarianceComponents

Accuracies = NDArray[np.float64]


@dataclass(frozen=True)
class Side:
    """One side of a comparison: its accuracy (0-1), mean over languages and seeds, and how often each setting was chosen."""

    accuracy: float
    chosen: Counter[SweepSetting]

    @property
    def setting(self) -> SweepSetting:
        """The one that was chosen most often; of equal ones the first."""
        return min(self.chosen, key=lambda setting: (-self.chosen[setting], setting))


@dataclass(frozen=True)
class BestSetting:
    """`gain` over no chain with both sides at their best setting. `split` says what the choice was held out from, e.g. "languages
    and seeds". `keys` are the score artefacts."""

    encoder: str
    chain: str
    target: str
    treatment: Side
    control: Side
    gain: Interval
    split: str
    keys: tuple[str, ...]


def find_best_settings(results: Results, gains: Sequence[Gain]) -> tuple[BestSetting, ...]:
    """For each gain over no chain in retrieval that was swept over settings and can be split; none where every choice is the
    study's own setting."""
    found = []
    for gain in gains:
        if gain.over == "none" and (one := _find(gain)) is not None:
            found.append(one)
    own = {(gain.encoder, gain.target): _reported(results, gain.comparison) for gain in gains}
    other = {
        (one.encoder, one.target)
        for one in found
        if any(set(side.chosen) != {own[one.encoder, one.target]} for side in (one.treatment, one.control))
    }
    return tuple(one for one in found if (one.encoder, one.target) in other)


def _reported(results: Results, pair: Comparison) -> SweepSetting | None:
    layer = next((cell.layer for cell in pair.treatment if cell.layer is not None), None)
    return SweepSetting(layer, results.pooling, results.centred) if layer is not None else None


def _find(gain: Gain) -> BestSetting | None:
    pair, codes = gain.comparison, gain.comparison.transfer_languages
    treatment, control = (_choose(cells, codes) for cells in (pair.treatment, [cells[0] for cells in pair.control]))
    if treatment is None or control is None:
        return None
    (gained_SL, first, split), (base_SL, second, _) = treatment, control
    by_seed = (gained_SL - base_SL).mean(axis=1)
    example = _bound_variance(pair, codes, gained_SL.mean(axis=0), base_SL.mean(axis=0))
    estimate = float(by_seed.mean())
    spread = VarianceComponents(0.0, 0.0, example, math.inf)
    examples = Interval(estimate, estimate, estimate, LEVEL, 0, None, len(by_seed), "", spread)
    return BestSetting(
        encoder=gain.encoder,
        chain=gain.chain,
        target=gain.target,
        treatment=Side(float(gained_SL.mean()), first),
        control=Side(float(base_SL.mean()), second),
        gain=pool_intervals(by_seed, [examples]),
        split=split,
        keys=pair.keys,
    )


def _choose(cells: Sequence[Cell], codes: Sequence[str]) -> tuple[Accuracies, Counter[SweepSetting], str] | None:
    """The accuracies (S, L) of one side, each at the setting chosen for it, and what was held out. None without a sweep, or if
    there is only one language and one run."""
    tables = [
        {(SweepSetting(point.layer, point.pooling, point.centred), point.language): point.accuracy for point in cell.layers}
        for cell in cells
    ]
    settings = sorted({setting for table in tables for setting, _ in table})
    if not settings or any((setting, code) not in table for table in tables for setting in settings for code in codes):
        return None
    accuracy_SLP = np.array([[[table[setting, code] for setting in settings] for code in codes] for table in tables])
    runs = np.array([cell.key for cell in cells])
    several_seeds, several_languages = len(set(runs.tolist())) > 1, len(codes) > 1
    if not several_seeds and not several_languages:
        return None
    half_L = np.arange(len(codes)) % 2
    chosen_SL = np.empty((len(cells), len(codes)), dtype=np.int64)
    for s, run in enumerate(runs):
        seeds_S = runs != run if several_seeds else np.full(len(runs), True)
        for half in (0, 1):
            others_L = half_L != half if several_languages else np.array([True])
            chosen_SL[s, half_L == half] = accuracy_SLP[seeds_S][:, others_L].mean(axis=(0, 1)).argmax()
    split = " and ".join(name for name, held in (("languages", several_languages), ("seeds", several_seeds)) if held)
    found_SL = np.take_along_axis(accuracy_SLP, chosen_SL[..., None], axis=2)[..., 0]
    return found_SL, Counter(settings[place] for place in chosen_SL.ravel().tolist()), split


def _bound_variance(pair: Comparison, codes: Sequence[str], one_L: Accuracies, other_L: Accuracies) -> float:
    """An upper bound of the variance that examples give to the mean over languages of a difference of accuracies."""
    sd_L = np.sqrt(one_L * (1 - one_L) + other_L * (1 - other_L))
    ids = [pair.treatment[0].languages[code].ids_N for code in codes]
    weight_N = np.concatenate([np.full(len(own), sd / (len(own) * len(codes))) for own, sd in zip(ids, sd_L, strict=True)])
    _, cluster_N = np.unique(np.concatenate(ids), return_inverse=True)
    return float((np.bincount(cluster_N, weights=weight_N) ** 2).sum())
