"""Contrasts: which cells of a study are a claim's treatment and its control, and the gain between them; and rankings.

A contrast averages over targets, then over each target's languages, so that a task with 40 languages counts as one with
four; examples are paired by id, seeds by number. The interval is that of `metrics.significance`: the targets are stacked into
one table, in which two more columns (how many examples, and of which target) tell the headline whose counts it sums.
`chosen` is the nested selection behind "the best intermediate task for each target": a chain is chosen on other seeds and on
the other half of the languages than those on which it is then scored, since the score of a winner on the data that made it
win is too high. `standing` ranks several chains in the same worlds (`metrics.ranks`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from xstilts.analysis import formatting as fmt
from xstilts.analysis.results import Cell, LanguageScore, Results
from xstilts.analysis.scores import CHANCE_MARGIN, ENGLISH, metric_of
from xstilts.metrics.bootstrap import Headline, have_same_ids
from xstilts.metrics.metric import Counts, Metric
from xstilts.metrics.paired import LanguageTallies
from xstilts.metrics.rank_probability import best_set_probability, draw_joint_scores, rank_probabilities
from xstilts.metrics.significance import Interval, overall_gains

Side = Mapping[str, Mapping[int, Cell]]  # target -> seed -> cell
Wanted = Mapping[str, Sequence[str]]  # target -> languages that the claim is about


class Unusable(Exception):
    """Why there is no contrast: a clause without a full stop."""


@dataclass(frozen=True)
class Contrast:
    """One comparison, ready to be measured. `rows` are the (target, language) pairs that both sides have in every seed."""

    name: str
    treatment: tuple[LanguageTallies, ...]
    control: tuple[LanguageTallies, ...]
    headline: Headline
    seeds: tuple[int, ...]
    rows: tuple[tuple[str, str], ...]
    keys: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Standing:
    """`within`: the chance that each of the chains claimed to be best is among the first `rank` of `chains`; `best_set`: that
    none of the others is ahead of any of them. Gaps up to the claim's tolerance are ties."""

    rank: int
    chains: int
    within: tuple[tuple[str, float], ...]
    best_set: float


def standing(
    arms: Mapping[str, Side], best: Sequence[str], wanted: Wanted, results: Results, tie: float, resamples: int
) -> Standing | None:
    """How surely the chains named in `best` are ahead of the other `arms`, by the mean over targets, then languages; over what
    all of them have. None if that is nothing, or if either group has no chain."""
    present = [name for name in best if name in arms]
    if not present or len(present) == len(arms):
        return None
    first = arms[present[0]]
    pairs = [(arm, first) for arm in arms.values()]
    usable = {target: _shared(pairs, target, codes) for target, codes in wanted.items() if metric_of(results, target)}
    usable = {target: found for target, found in usable.items() if all(found)}
    seeds = sorted(set.intersection(*(set(found) for found, _ in usable.values()))) if usable else []
    if not seeds:
        return None
    stack = _Stack({target: codes for target, (_, codes) in usable.items()}, results)
    cells = [[stack.cells([(arm, first)], 0, seed) for seed in seeds] for arm in arms.values()]
    scores_WK = draw_joint_scores(cells, stack.headline, resamples=resamples)
    chances = dict(zip(arms, rank_probabilities(scores_WK, len(best), tie=tie), strict=True))
    members = [place for place, name in enumerate(arms) if name in best]
    return Standing(
        rank=len(best),
        chains=len(arms),
        within=tuple((name, chances[name]) for name in present),
        best_set=best_set_probability(scores_WK, members, tie=tie),
    )


def sides(results: Results, encoder: str) -> dict[str, dict[str, dict[int, Cell]]]:
    """Chain -> target -> seed -> cell, of one encoder. Random weights are no chain; what was chosen on dev data of the target
    languages is no evidence."""
    found: dict[str, dict[str, dict[int, Cell]]] = {}
    for cell in results.cells:
        if cell.encoder == encoder and not cell.control and not cell.leak and cell.languages:
            found.setdefault(cell.chain, {}).setdefault(cell.target, {})[cell.seed] = cell
    return found


def contrast(name: str, pairs: Sequence[tuple[Side, Side]], wanted: Wanted, results: Results) -> Contrast:
    """The mean over `pairs` of treatment over control. Raises Unusable with the reason if nothing can be compared."""
    usable = {target: _shared(pairs, target, codes) for target, codes in wanted.items() if metric_of(results, target)}
    usable = {target: found for target, found in usable.items() if all(found)}
    if not usable:
        raise Unusable(f"{name}: no target has scores on both sides for the same seed, language and examples")
    seeds = sorted(set.intersection(*(set(found) for found, _ in usable.values())))
    if not seeds:
        raise Unusable(f"{name}: no seed has scores on all of {fmt.listed(usable)}")
    near = [target for target, (_, codes) in usable.items() if _near(pairs, target, seeds, codes, results)]
    if len(near) == len(usable):
        raise Unusable(f"{name}: {fmt.listed(near)} {'is' if len(near) == 1 else 'are'} near chance on both sides")
    if _identical(pairs, {target: codes for target, (_, codes) in usable.items()}, seeds):
        raise Unusable(f"{name}: every example has the same outcome on both sides, so nothing was compared")
    stack = _Stack({target: codes for target, (_, codes) in usable.items()}, results)
    treatment, control = (tuple(stack.cells(pairs, side, seed) for seed in seeds) for side in (0, 1))
    rows = tuple((target, code) for target, (_, codes) in usable.items() for code in codes)
    keys = [pair[side][target][seed].key for pair in pairs for side in (0, 1) for target in usable for seed in seeds]
    notes = [f"{name}: near chance on both sides: {fmt.listed(near)}"] if near else []
    return Contrast(name, treatment, control, stack.headline, tuple(seeds), rows, tuple(dict.fromkeys(keys)), tuple(notes))


def measured(contrasts: Sequence[Contrast], resamples: int) -> list[Interval]:
    """The interval of each. Those over the same targets and languages share their draws of examples."""
    found: dict[int, Interval] = {}
    together: dict[tuple[tuple[str, str], ...], list[int]] = {}
    for place, one in enumerate(contrasts):
        together.setdefault(one.rows, []).append(place)
    for places in together.values():
        pairs = [(contrasts[place].treatment, contrasts[place].control) for place in places]
        found |= zip(places, overall_gains(pairs, contrasts[places[0]].headline, resamples=resamples), strict=True)
    return [found[place] for place in range(len(contrasts))]


def _shared(pairs: Sequence[tuple[Side, Side]], target: str, codes: Sequence[str]) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The seeds and languages that both sides of every pair have."""
    cells = [side.get(target, {}) for pair in pairs for side in pair]
    seeds = sorted(set.intersection(*map(set, cells)))
    languages = [
        code
        for code in codes
        if all(code in found[seed].languages for found in cells for seed in seeds)
        and all(_meet(one[target][s].languages[code], two[target][s].languages[code]) for one, two in pairs for s in seeds)
    ]
    return tuple(seeds), tuple(languages)


def _meet(one: LanguageScore, other: LanguageScore) -> bool:
    """Whether two sides have an example in common."""
    return len(one.ids_N) > 0 and (have_same_ids(one.ids_N, other.ids_N) or bool(np.isin(one.ids_N, other.ids_N).any()))


def _near(pairs: Sequence[tuple[Side, Side]], target: str, seeds: Iterable[int], codes: Sequence[str], results: Results) -> bool:
    """Whether the means of both sides lie less than two points above chance."""
    chance = next(info.chance for info in results.targets if info.name == target)
    if chance is None:
        return False
    return all(
        np.mean([pair[side][target][seed].languages[code].headline for pair in pairs for seed in seeds for code in codes])
        <= chance + CHANCE_MARGIN
        for side in (0, 1)
    )


def _identical(pairs: Sequence[tuple[Side, Side]], usable: Wanted, seeds: Iterable[int]) -> bool:
    return all(
        have_same_ids(one.ids_N, other.ids_N) and np.array_equal(one.counts_NC, other.counts_NC)
        for treated, controlled in pairs
        for seed in seeds
        for target, codes in usable.items()
        for one, other in ((treated[target][seed].languages[x], controlled[target][seed].languages[x]) for x in codes)
    )


class _Stack:
    """Lays the tallies of several targets into one table. A single target keeps its own table and headline."""

    def __init__(self, usable: Wanted, results: Results) -> None:
        self.usable = usable
        self.metrics: list[Metric] = [m for target in usable if (m := metric_of(results, target)) is not None]
        self.width = max(len(metric.counts) for metric in self.metrics)
        rows = sum(map(len, usable.values()))
        self.weights = [rows / (len(usable) * len(codes)) for codes in usable.values()]
        self._ids: dict[tuple[str, str], list[tuple[np.ndarray, np.ndarray]]] = {}

    @property
    def headline(self) -> Headline:
        return self.metrics[0].headline if len(self.metrics) == 1 else self._weighted

    def _weighted(self, sums: Counts) -> Counts:
        examples, places = sums[..., self.width], sums[..., self.width + 1]
        which = np.rint(np.divide(places, examples, out=np.full(examples.shape, -1.0), where=examples > 0))
        values: Counts = np.zeros(examples.shape)
        for t, (metric, weight) in enumerate(zip(self.metrics, self.weights, strict=True)):
            if (here := which == t).any():
                values[here] = weight * metric.headline(sums[here][..., : len(metric.counts)])
        return values

    def cells(self, pairs: Sequence[tuple[Side, Side]], side: int, seed: int) -> LanguageTallies:
        """One side of every pair in one seed."""
        found = {}
        for number, pair in enumerate(pairs):
            for t, (target, codes) in enumerate(self.usable.items()):
                for code in codes:
                    score = pair[side][target][seed].languages[code]
                    name = f"{number} {target} {code}" if len(pairs) > 1 or len(self.metrics) > 1 else code
                    found[name] = self._laid(t, target, code, score)
        return found

    def _laid(self, t: int, target: str, code: str, score: LanguageScore) -> tuple[np.ndarray, Counts]:
        if len(self.metrics) == 1:
            return score.ids_N, score.counts_NC
        counts = np.zeros((len(score.ids_N), self.width + 2))
        counts[:, : score.counts_NC.shape[1]] = score.counts_NC
        counts[:, self.width], counts[:, self.width + 1] = 1, t
        return self._named(target, code, score.ids_N), counts

    def _named(self, target: str, code: str, ids_N: np.ndarray) -> np.ndarray:
        """Ids with the target's name, so that equal ids of two targets are two examples; equal arrays stay one."""
        known = self._ids.setdefault((target, code), [])
        for before, named in known:
            if have_same_ids(before, ids_N):
                return named
        known.append((ids_N, np.char.add(f"{target} ", ids_N)))
        return known[-1][1]


def chosen(
    arms: Mapping[str, Side], none: Side, wanted: Wanted, results: Results
) -> tuple[dict[str, dict[int, Cell]], tuple[str, ...], str]:
    """The side of the best chain for each target by nested selection (see the module), the keys of all cells that it rests
    on, and what was chosen in words. Targets with nothing to choose on are left out."""
    side: dict[str, dict[int, Cell]] = {}
    keys: list[str] = []
    words = []
    for target, codes in wanted.items():
        have = {name: arm for name, arm in arms.items() if target in arm}
        if not have or not metric_of(results, target):
            continue
        seeds, languages = _shared([(arm, none) for arm in have.values()], target, codes)
        picked: Counter[str] = Counter()
        halves = {code: rank % 2 for rank, code in enumerate(sorted(languages, key=lambda code: (code != ENGLISH, code)))}
        for seed in seeds:
            scores = {}
            for code in languages:
                if others := _others(seed, code, seeds, halves):
                    best = max(have, key=_mean_on(have, target, others))
                    picked[best] += 1
                    scores[code] = have[best][target][seed].languages[code]
            if scores:
                side.setdefault(target, {})[seed] = replace(none[target][seed], languages=scores)
        if picked:
            keys += [have[name][target][seed].key for name in have for seed in seeds]
            words.append(f"{target}: {fmt.listed(f'{name} {n} of {picked.total()}' for name, n in picked.most_common())}")
    return side, tuple(keys), "; ".join(words)


def _mean_on(arms: Mapping[str, Side], target: str, places: Sequence[tuple[int, str]]) -> Callable[[str], float]:
    """The mean score of a chain at the given seeds and languages."""
    return lambda name: float(np.mean([arms[name][target][seed].languages[code].headline for seed, code in places]))


def _others(seed: int, code: str, seeds: Sequence[int], halves: Mapping[str, int]) -> list[tuple[int, str]]:
    """The (seed, language) pairs on which to choose for one: other seeds and the other half of the languages; where there is
    but one seed, or one language, only what differs."""
    rest = [s for s in seeds if s != seed] or list(seeds)
    codes = [c for c in halves if halves[c] != halves[code]] or list(halves)
    found = [(s, c) for s in rest for c in codes]
    return [] if (seed, code) in found else found
