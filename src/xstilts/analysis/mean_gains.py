"""Mean gains: the means over targets of the study's own comparisons, with and without retrieval.

They are a family of their own, with their own Holm's correction. How the interval of such a mean is made stands in
`breakdown.pool_intervals`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from xstilts.analysis.breakdown import ALL, NOT_RETRIEVAL, pool_intervals, task_group
from xstilts.analysis.gains import NOT_TESTED, Gain, GainVerdict, correct, decide
from xstilts.analysis.results import Results
from xstilts.metrics.significance import Interval, two_sided_p


@dataclass(frozen=True)
class MeanGain:
    """The mean over `targets` of one comparison; `group` is all targets, or those without retrieval. Pairs that the answer
    does not count (the target's own data) and those that did not pass the gates are left out. `verdict` is as that of a gain;
    `seeds` are the means of each seed."""

    encoder: str
    chain: str
    baseline: tuple[str, ...]
    group: str
    gains: tuple[Gain, ...]
    interval: Interval
    seeds: tuple[float, ...]
    verdict: GainVerdict = "unclear"
    p_holm: float | None = None

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(gain.target for gain in self.gains)


def compute_mean_gains(results: Results, gains: Sequence[Gain]) -> tuple[MeanGain, ...]:
    """The mean of each of the study's own comparisons that has two targets or more, tested as a family."""
    infos = {info.name: info for info in results.targets}
    counted = [
        gain
        for gain in gains
        if gain.over == "chain" and gain.interval and gain.verdict not in NOT_TESTED and not gain.reuses_target_data
    ]
    groups: dict[tuple[str, str, tuple[str, ...]], list[Gain]] = {}
    for gain in counted:
        groups.setdefault((gain.encoder, gain.chain, gain.baseline), []).append(gain)
    found = []
    for (encoder, chain, baseline), own in groups.items():
        rest = [gain for gain in own if task_group(infos[gain.target]) != "retrieval"]
        for group, members in ((ALL, own), (NOT_RETRIEVAL, rest)):
            seeds = sorted(set.intersection(*({one.seed for one in gain.seeds} for gain in members))) if members else []
            if len(members) < 2 or not seeds or (group == NOT_RETRIEVAL and len(rest) == len(own)):
                continue
            values = np.array([[one.transfer for one in gain.seeds if one.seed in seeds] for gain in members], dtype=np.float64)
            by_seed = values.mean(axis=0)
            interval = pool_intervals(by_seed, [gain.interval for gain in members if gain.interval is not None])
            assert interval.spread is not None
            interval = replace(interval, p=two_sided_p(interval.estimate, interval.spread))
            found.append(MeanGain(encoder, chain, baseline, group, tuple(members), interval, tuple(map(float, by_seed))))
    margins = [float(np.mean([gain.margin for gain in one.gains])) for one in found]
    different, equal = correct([one.interval for one in found], margins) if found else ([], [])
    return tuple(
        replace(one, verdict=decide(len(one.seeds), one.interval, p_holm, p_equal), p_holm=p_holm)
        for one, p_holm, p_equal in zip(found, different, equal, strict=True)
    )
