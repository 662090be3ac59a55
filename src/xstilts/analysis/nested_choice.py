"""Choose the best of several chains on other data than its gain is reported on: other seeds, other languages, other examples.

The largest of many noisy gains is too large a number. Here seeds are left out one by one, and languages and example ids are each
cut in two halves. For each part (a seed, a half of the languages, a half of the ids) the chain is chosen on what shares neither
seed, nor language, nor id with it. Surprising: other languages are not enough, because they hold translations of the same
sentences, and other seeds answer the same sentences too. A single seed or language cannot be split: both sides have it.

Legend: K chains, S seeds, L languages, H halves of the ids, N ids of one language.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from xstilts.analysis import formatting as fmt
from xstilts.analysis.results import Cell, LanguageScore
from xstilts.analysis.scores import ENGLISH
from xstilts.metrics.bootstrap import Ids, have_same_ids
from xstilts.metrics.metric import Metric


@dataclass(frozen=True)
class NestedChoice:
    """`scores`: seed -> language -> the score put together from the chosen chains. `chosen` counts the parts for which each chain
    was chosen. `split` says what was split, e.g. "seeds, languages and examples"."""

    scores: Mapping[int, Mapping[str, LanguageScore]]
    chosen: Mapping[str, int]
    split: str


def choose_nested(
    arms: Mapping[str, Mapping[int, Cell]], seeds: Sequence[int], codes: Sequence[str], metric: Metric
) -> NestedChoice | None:
    """The nested choice among `arms` (chain -> seed -> cell), which all have scores for `seeds` and `codes`. None if there is
    only one example."""
    codes = sorted(codes, key=lambda code: (code != ENGLISH, code))
    halves = _Halves([arm[s].languages[c] for arm in arms.values() for s in seeds for c in codes])
    if halves.ids < 2:
        return None
    scores_KSLH = np.array(
        [[[halves.headlines(arm[s].languages[c], metric) for c in codes] for s in seeds] for arm in arms.values()]
    )
    names, language_half_L = list(arms), np.arange(len(codes)) % 2
    best: dict[tuple[int, int, int], str] = {}
    for s, half, part in product(range(len(seeds)), range(min(len(codes), 2)), (0, 1)):
        others_S = np.arange(len(seeds)) != s if len(seeds) > 1 else np.array([True])
        others_L = language_half_L != half if len(codes) > 1 else np.array([True])
        means_K = scores_KSLH[:, others_S][:, :, others_L, 1 - part].mean(axis=(1, 2))
        best[s, half, part] = names[int(np.argmax(means_K))]
    scores = {
        seed: {
            code: halves.join(metric, *(arms[best[s, x % 2, part]][seed].languages[code] for part in (0, 1)))
            for x, code in enumerate(codes)
        }
        for s, seed in enumerate(seeds)
    }
    several = {"seeds": len(seeds), "languages": len(codes), "examples": halves.ids}
    return NestedChoice(scores, Counter(best.values()), fmt.listed(name for name, count in several.items() if count > 1))


class _Halves:
    """Every second id, in sorted order over all scores, is in the second half. `ids`: how many there are."""

    def __init__(self, scores: Sequence[LanguageScore]) -> None:
        arrays = {id(score.ids_N): score.ids_N for score in scores}
        known_U = np.unique(np.concatenate(list(arrays.values())))
        self.ids = len(known_U)
        self._second: dict[int, NDArray[np.bool_]] = {
            key: np.searchsorted(known_U, ids_N) % 2 == 1 for key, ids_N in arrays.items()
        }

    def second(self, ids_N: Ids) -> NDArray[np.bool_]:
        return self._second[id(ids_N)]

    def headlines(self, score: LanguageScore, metric: Metric) -> list[float]:
        """The headline value of each half (0 for one without examples)."""
        second_N = self.second(score.ids_N)
        return [float(metric.headline(score.counts_NC[mask_N].sum(axis=0))) for mask_N in (~second_N, second_N)]

    def join(self, metric: Metric, first: LanguageScore, second: LanguageScore) -> LanguageScore:
        """The first half of one score with the second half of another."""
        if first is second:
            return first
        second_N, others_N = self.second(first.ids_N), self.second(second.ids_N)
        if have_same_ids(first.ids_N, second.ids_N):
            ids_N, counts_NC = first.ids_N, np.where(second_N[:, None], second.counts_NC, first.counts_NC)
        else:
            ids_N = np.concatenate([first.ids_N[~second_N], second.ids_N[others_N]])
            counts_NC = np.concatenate([first.counts_NC[~second_N], second.counts_NC[others_N]])
        sums_C = counts_NC.sum(axis=0)
        values = dict(zip(metric.values, map(float, metric.finish(sums_C)), strict=True))
        return LanguageScore(values, float(metric.headline(sums_C)), ids_N, counts_NC)
