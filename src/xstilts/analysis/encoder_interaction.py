"""Does the gain depend on the encoder? The difference between two encoders' gains, on three scales.

Raw gains shrink where the score without a chain is high already. So a difference is also given as a share of what was left to
gain (headroom) and in log-odds, and only one that excludes zero on all three is called clear, and with one seed none is.
Encoders differ in more than their size, and two or three of them are points, not a curve: no line is fitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from xstilts.analysis import formatting as fmt
from xstilts.analysis.breakdown import counted
from xstilts.analysis.gains import LEVEL, Gain, paired
from xstilts.analysis.results import Cell, Results
from xstilts.analysis.scores import ENGLISH, NO_CHAIN, arm, group_cells, metric_of
from xstilts.metrics.significance import Interval, Scale, interaction_interval

RESAMPLES = 1000
SCALES: tuple[Scale, ...] = get_args(Scale)


@dataclass(frozen=True)
class Contrast:
    """How much more a chain gains in `encoder` than in `base`; one interval a scale, in the order of SCALES."""

    base: str
    encoder: str
    chain: str
    target: str
    intervals: tuple[Interval, ...]
    keys: tuple[str, ...]

    @property
    def verdict(self) -> str:
        if any(interval.seeds == 1 for interval in self.intervals):
            return "one seed"
        if all(interval.low > 0 for interval in self.intervals):
            return "larger"
        if all(interval.high < 0 for interval in self.intervals):
            return "smaller"
        return "not clear"


def contrasts(results: Results, gains: tuple[Gain, ...]) -> tuple[Contrast, ...]:
    """Every chain and target that the answer counts in the first encoder and in another one."""
    found = []
    groups = group_cells(results)
    infos = {info.name: info for info in results.targets}
    place = {(gain.encoder, gain.chain, gain.target): gain for gain in gains if counted(gain) and gain.interval is not None}
    for (encoder, chain, target), gain in place.items():
        base = place.get((results.encoders[0], chain, target))
        metric = metric_of(results, target)
        if encoder == results.encoders[0] or base is None or metric is None:
            continue
        pairs = []
        cells: list[Cell] = []
        codes = [row.language for row in gain.languages if row.language != ENGLISH]
        codes = [code for code in codes if code in {row.language for row in base.languages}]
        for name in (encoder, results.encoders[0]):
            rows = paired(groups[name, chain, "", target], groups[name, NO_CHAIN, "", target], infos[target])
            ones, twos = [one for _, one, _ in rows], [two for _, _, two in rows]
            pairs.append((arm(ones, codes), arm(twos, codes)))
            cells += [*ones, *twos]
        if codes:
            intervals = tuple(
                interaction_interval(pairs[0], pairs[1], metric.headline, scale=scale, resamples=RESAMPLES, level=LEVEL)
                for scale in SCALES
            )
            keys = tuple(dict.fromkeys(cell.key for cell in cells))
            found.append(Contrast(results.encoders[0], encoder, chain, target, intervals, keys))
    return tuple(found)


def contrast_sentence(found: Sequence[Contrast]) -> str:
    """What the answer says of differences between encoders; "" if there are none to speak of."""
    told = [one for one in found if one.verdict != "one seed"]
    if not told:
        return ""
    compared = f"{fmt.count(len(told), 'gain')} compared"
    clear = [one for one in told if one.verdict != "not clear"]
    if not clear:
        return (
            f"Between encoders no gain differs on all three scales: raw, share of what was left to gain, log-odds ({compared})."
        )
    most = max(clear, key=lambda one: abs(one.intervals[0].estimate))
    raw = most.intervals[0]
    by = f"{fmt.points(raw.estimate)}{fmt.JOIN}points {fmt.bracket(raw.low, raw.high)}"
    return (
        f"Between encoders {len(clear)} of {compared} {'differs' if len(clear) == 1 else 'differ'} on all three scales, "
        f"uncorrected (most: {most.chain} → {most.target} is {most.verdict} in {most.encoder} than in {most.base}, {by})."
    )
