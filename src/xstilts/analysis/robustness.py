"""Robustness: what is left of each score when the test data are attacked, and whether an intermediate task keeps more of it.

A condition's score counts each example with its worst variant (`metrics/worst.py`). The drop is attacked - clean. The gain in
robustness is a difference in differences: the chain's drop less the baseline's, so that a higher clean score alone is none. It is
measured as every gain is (`comparison.py`): the tallies of both conditions stand side by side in one table, seeds are paired by
number and examples by id. The comparisons are those of `gains.py`, with their gates, and Holm's correction runs over all
conditions of each of its families.

Success rates have another denominator for each model (what it got right). So they are given once more on the examples that both
the chain and no chain got right with the same seed.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from xstilts.analysis.comparison import Comparison, map_groups, measure_gains, pair_cells
from xstilts.analysis.gains import CHAIN_RESAMPLES, NOT_TESTED, Gain, GainVerdict, LanguageGain, SeedGain, judge
from xstilts.analysis.results import Cell, LanguageScore, Results
from xstilts.analysis.scores import ENGLISH, NO_CHAIN, find_metric, find_shared_languages, group_cells
from xstilts.metrics.bootstrap import Headline
from xstilts.metrics.metric import Counts, Metric
from xstilts.metrics.significance import Gains
from xstilts.metrics.worst import RIGHT, own_scores, success_rate

OTHERS = "others"
Pair = tuple[Cell, Cell]  # clean and attacked


@dataclass(frozen=True)
class AttackedScore:
    """One chain on one target and language under one condition: means over `seeds`, 0-1. `language` is a code, or "others" for
    the mean over those other than English. `effective`: the share of examples that have a variant; `seen`: of the variants the
    share whose token ids are not those of the clean example. `success`: of the examples that were right, the share that no longer
    are; `shared` and `shared_none`: the same of this chain and of no chain, on the examples that both got right. `consistent` and
    `passed`: of all variants, the share that is answered as the clean example is, and that is answered rightly. `gap`: the drop
    less that of English. `edited_words` and `edited_characters`: the mean shares that a variant changes; `queries` and
    `queries_p90`: how many variants an example has that has any. None where there is nothing to count."""

    encoder: str
    chain: str
    target: str
    condition: str
    language: str
    seeds: tuple[int, ...]
    clean: float
    attacked: float
    effective: float
    seen: float | None
    success: float | None
    shared: float | None
    shared_none: float | None
    consistent: float | None
    passed: float | None
    gap: float | None = None
    edited_words: float | None = None
    edited_characters: float | None = None
    queries: float | None = None
    queries_p90: float | None = None

    @property
    def drop(self) -> float:
        """Attacked less clean."""
        return self.attacked - self.clean


@dataclass(frozen=True)
class RobustnessGain:
    """A gain in robustness under one condition: the scores of `gain` are drops (attacked less clean, 0-1)."""

    condition: str
    gain: Gain


def find_pairs(results: Results, condition: str) -> dict[tuple[str, str, str], dict[int, Pair]]:
    """(encoder, chain, target) -> seed -> the cell that has scores both clean and under a condition. Random weights are left
    out."""
    clean = group_cells(results)
    attacked = group_cells(replace(results, cells=results.attacked.get(condition, ())))
    return {
        (encoder, chain, target): {seed: (clean[encoder, chain, control, target][seed], cell) for seed, cell in cells.items()}
        for (encoder, chain, control, target), cells in attacked.items()
        if not control
    }


def was_edited(score: LanguageScore) -> bool:
    """Whether the attack edited anything in this language that the tokenizer sees."""
    attack = score.attack or {}
    return bool(attack.get("effective")) and attack.get("seen") != 0


# -- scores ------------------------------------------------------------------------------------------------------------


def describe_attacked(results: Results) -> tuple[AttackedScore, ...]:
    """A row for each language, and for the mean of those other than English, of each condition, encoder, target and chain."""
    rows: list[AttackedScore] = []
    for condition in results.attacked:
        pairs = find_pairs(results, condition)
        for encoder, target, chain in product(results.encoders, results.targets, results.chains):
            if own := pairs.get((encoder, chain.name, target.name)):
                metric = find_metric(results, target.name)
                assert metric is not None  # it was scored
                none = pairs.get((encoder, NO_CHAIN, target.name), {}) if chain.name != NO_CHAIN else {}
                rows += _describe((encoder, chain.name, target.name, condition), metric, own, none)
    return tuple(rows)


def _describe(
    place: tuple[str, str, str, str], metric: Metric, own: Mapping[int, Pair], none: Mapping[int, Pair]
) -> list[AttackedScore]:
    codes = find_shared_languages(attacked for _, attacked in own.values())
    rows = [_describe_language(place, code, metric, own, none) for code in codes]
    others = [row for row in rows if row.language != ENGLISH]
    if others:
        means = {name: _mean(getattr(row, name) for row in others) for name in _MEASURES}
        rows.append(AttackedScore(*place, OTHERS, tuple(own), **means))  # type: ignore[arg-type]
    english = next((row.drop for row in rows if row.language == ENGLISH), None)
    return [row if english is None or row.language == ENGLISH else replace(row, gap=row.drop - english) for row in rows]


_MEASURES = (
    "clean", "attacked", "effective", "seen", "success", "shared", "shared_none", "consistent", "passed", "edited_words",
    "edited_characters", "queries", "queries_p90",
)  # fmt: skip


def _describe_language(
    place: tuple[str, str, str, str], code: str, metric: Metric, own: Mapping[int, Pair], none: Mapping[int, Pair]
) -> AttackedScore:
    pairs = {seed: (clean.languages[code], attacked.languages[code]) for seed, (clean, attacked) in own.items()}
    beside = {seed: (pairs[seed], (a.languages[code], b.languages[code])) for seed, (a, b) in none.items() if seed in pairs}
    common = [_success_on_common(metric, *sides) for sides in beside.values()]
    facts = [attacked.attack or {} for _, attacked in pairs.values()]
    return AttackedScore(
        *place,
        code,
        tuple(own),
        clean=float(np.mean([clean.headline for clean, _ in pairs.values()])),
        attacked=float(np.mean([attacked.headline for _, attacked in pairs.values()])),
        effective=_mean(found.get("effective") for found in facts) or 0.0,
        seen=_mean(found.get("seen") for found in facts),
        success=_mean(found.get("success") for found in facts),
        shared=_mean(one for one, _ in common),
        shared_none=_mean(other for _, other in common),
        consistent=_mean(found.get("consistent") for found in facts),
        passed=_mean(found.get("passed") for found in facts),
        edited_words=_mean(found.get("edited_words") for found in facts),
        edited_characters=_mean(found.get("edited_characters") for found in facts),
        queries=_mean(found.get("queries") for found in facts),
        queries_p90=_mean(found.get("queries_p90") for found in facts),
    )


def _mean(values: Iterable[float | None]) -> float | None:
    """Of the values that there are; None without any."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _success_on_common(
    metric: Metric, one: tuple[LanguageScore, LanguageScore], other: tuple[LanguageScore, LanguageScore]
) -> tuple[float | None, float | None]:
    """The success rates against two models, on the examples that both got right."""
    scores = [[own_scores(metric, score.counts_NC) for score in side] for side in (one, other)]
    both_N = (scores[0][0] >= RIGHT) & (scores[1][0] >= RIGHT)
    first, second = (success_rate(clean_N[both_N], attacked_N[both_N]) for clean_N, attacked_N in scores)
    return first, second


# -- gains -------------------------------------------------------------------------------------------------------------


def compute_robustness_gains(results: Results, gains: Sequence[Gain], resamples: int = 0) -> tuple[RobustnessGain, ...]:
    """The gain in robustness under each condition, for each of these gains of which both sides were attacked in a language in
    which anything could be edited and was not undone by the tokenizer. Conditions that stand alone have no drop."""
    found: list[tuple[str, Gain, Comparison]] = []
    alone = {one.name for one in results.conditions if one.stands_alone}
    for condition in (name for name in results.attacked if name not in alone):
        pairs = [pair for by_seed in find_pairs(results, condition).values() for pair in by_seed.values()]
        drops = {clean.key: _subtract(clean, attacked) for clean, attacked in pairs}
        for gain in gains:
            comparison = _compare_drops(gain.comparison, drops)
            if comparison.languages:
                found.append((condition, gain, comparison))
    requests = [(one, codes) for _, _, one in found for codes in (one.transfer_languages, one.english) if codes]

    def measure(group: Sequence[tuple[Comparison, Sequence[str]]]) -> list[Gains]:
        metric = find_metric(results, group[0][0].target.name)
        assert metric is not None  # there is a gain
        return measure_gains(group, _drop_of(metric), resamples or CHAIN_RESAMPLES)

    def together(request: tuple[Comparison, Sequence[str]]) -> Hashable:
        one, codes = request
        return one.treatment[0].encoder, one.target.name, len(one.control[0]), tuple(codes)

    measured: dict[Comparison, list[Gains]] = {one: [] for _, _, one in found}
    for (one, _), made in zip(requests, map_groups(requests, together, measure), strict=True):
        measured[one].append(made)
    made_gains = [(condition, _make_gain(gain, one, measured[one])) for condition, gain, one in found]

    def judge_family(family: Sequence[tuple[str, Gain]]) -> list[RobustnessGain]:
        judged = judge([gain for _, gain in family])
        return [RobustnessGain(condition, gain) for (condition, _), gain in zip(family, judged, strict=True)]

    return tuple(map_groups(made_gains, lambda one: (one[1].over, one[1].control), judge_family))


def _subtract(clean: Cell, attacked: Cell) -> Cell:
    """The cell whose score is the drop, in the languages in which anything was edited and seen. Its tallies are the attacked
    ones, and beside them the clean ones."""
    languages = {}
    for code, score in attacked.languages.items():
        before = clean.languages[code]
        if was_edited(score):
            counts_NC = np.concatenate([score.counts_NC, before.counts_NC], axis=1)
            languages[code] = LanguageScore({}, score.headline - before.headline, score.ids_N, counts_NC)
    return replace(clean, languages=languages, key=attacked.key)


def _drop_of(metric: Metric) -> Headline:
    def drop(sums: Counts) -> Counts:
        width = sums.shape[-1] // 2
        difference: Counts = metric.headline(sums[..., :width]) - metric.headline(sums[..., width:])
        return difference

    return drop


def _compare_drops(comparison: Comparison, drops: Mapping[str, Cell]) -> Comparison:
    """The same comparison of drops, over the seeds of which all cells were attacked."""
    sides = [comparison.treatment, *zip(*comparison.control, strict=True)]
    by_seed = [
        {seed: drops[cell.key] for seed, cell in zip(comparison.seeds, side, strict=True) if cell.key in drops} for side in sides
    ]
    return pair_cells(comparison.target, *by_seed)


def _make_gain(gain: Gain, comparison: Comparison, measured: Sequence[Gains]) -> Gain:
    """A gain in robustness from the gain of clean scores, whose gates hold for it too."""
    intervals = {code: interval for gains in measured for code, interval in gains.languages.items()}
    places, transfer = range(len(comparison.seeds)), comparison.transfer_languages

    def gain_of(place: int, codes: Sequence[str]) -> float | None:
        return comparison.gain(place, codes) if codes else None

    verdict: GainVerdict = gain.verdict if gain.verdict in NOT_TESTED else "unclear" if transfer else "English only"
    return replace(
        gain,
        comparison=comparison,
        verdict=verdict,
        p_holm=None,
        p_equal=None,
        family=0,
        interval=measured[0].overall if transfer else None,
        english=intervals.get(ENGLISH),
        languages=tuple(
            LanguageGain(
                code,
                float(np.mean([cell.languages[code].headline for cell in comparison.treatment])),
                float(np.mean([comparison.control_score(place, code) for place in places])),
                intervals[code],
            )
            for code in comparison.languages
        ),
        seeds=tuple(
            SeedGain(comparison.seeds[place], gain_of(place, transfer), gain_of(place, comparison.english)) for place in places
        ),
    )
