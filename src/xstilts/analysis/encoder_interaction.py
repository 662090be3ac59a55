"""Does the gain depend on the encoder? The difference between two encoders' gains, on three scales.

Raw gains shrink if the score without a chain is already high. So a difference is also given as a share of what was left to
gain (headroom) and in log-odds. Only a difference that excludes zero on all three is called clear; with fewer than three
seeds none is. Encoders differ in more than their size, and two or three of them are points, not a curve: no line is fitted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from xstilts.analysis import formatting as fmt
from xstilts.analysis.gains import Gain, is_evidence
from xstilts.analysis.results import Results
from xstilts.analysis.scores import find_metric
from xstilts.metrics.paired import Scale
from xstilts.metrics.significance import FEWEST_SEEDS, Interval, interaction_interval

RESAMPLES = 1000
SCALES: tuple[Scale, ...] = get_args(Scale)


@dataclass(frozen=True)
class EncoderInteraction:
    """How much more a chain gains in `encoder` than in `base`; one interval a scale, in the order of SCALES."""

    base: str
    encoder: str
    chain: str
    target: str
    intervals: tuple[Interval, ...]
    keys: tuple[str, ...]

    @property
    def verdict(self) -> str:
        if any(interval.seeds < FEWEST_SEEDS for interval in self.intervals):
            return "few seeds"
        if all(interval.low > 0 for interval in self.intervals):
            return "larger"
        if all(interval.high < 0 for interval in self.intervals):
            return "smaller"
        return "not clear"


def compare_encoders(results: Results, gains: Sequence[Gain]) -> tuple[EncoderInteraction, ...]:
    """Every chain and target that the answer counts in the first encoder and in another one."""
    found = []
    known = {(gain.encoder, gain.chain, gain.target): gain for gain in gains if is_evidence(gain) and gain.interval is not None}
    for (encoder, chain, target), gain in known.items():
        base = known.get((results.encoders[0], chain, target))
        metric = find_metric(results, target)
        if encoder == results.encoders[0] or base is None or metric is None:
            continue
        pairs = [gain.comparison, base.comparison]
        codes = [code for code in pairs[0].transfer_languages if code in pairs[1].languages]
        if codes:
            first, second = (pair.tallies(codes) for pair in pairs)
            intervals = tuple(
                interaction_interval(first, second, metric.headline, scale=scale, resamples=RESAMPLES) for scale in SCALES
            )
            keys = tuple(dict.fromkeys(key for pair in pairs for key in pair.keys))
            found.append(EncoderInteraction(results.encoders[0], encoder, chain, target, intervals, keys))
    return tuple(found)


def describe_interactions(found: Sequence[EncoderInteraction]) -> str:
    """What the answer says of differences between encoders; "" if there are none to speak of."""
    told = [one for one in found if one.verdict != "few seeds"]
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
