"""The same gains under other tests: what each of them says of every comparison over none, beside the main interval.

They decide nothing: the main interval does (`gains.py`). They answer other questions. Benjamini and Hochberg allow some false
gains among those found. Sign flips look at the seeds alone and assume nothing about their distribution. The test of two
checkpoints looks at the examples alone, seed by seed. The stochastic order and the probability of superiority compare runs,
not means. The count of languages says in how many of them a gain replicates. Surprising: with few seeds, sign flips cannot
give a small p, and the stochastic order calls equals different too often. So a test that could not tell is never reported
as disagreeing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xstilts.analysis import formatting as fmt
from xstilts.analysis.comparison import KnownTallies, map_groups
from xstilts.analysis.gains import Gain
from xstilts.analysis.results import Results
from xstilts.analysis.scores import ENGLISH, find_metric
from xstilts.metrics.checkpoints import TwoCheckpoints, compare_checkpoints
from xstilts.metrics.effects import sign_flip_test, stochastic_order, superiority
from xstilts.metrics.multiplicity import benjamini_hochberg, holm

ALPHA = 0.05
ORDER_SEEDS = 5  # with fewer the order calls 1 in 10 pairs of equals better (`metrics/effects.py`)
ORDERED = 0.2
BH, SIGNS, CHECKPOINTS, ORDER = "Benjamini-Hochberg", "sign flips", "checkpoints", "stochastic order"
MAIN: Mapping[str, int] = {"gain": 1, "loss": -1, "unclear": 0}


@dataclass(frozen=True)
class OtherTests:
    """What other tests say of `gain`. `p_sign` is of the seeds' gains, `least_sign` the least that so many seeds can give (both
    None for one seed). `checkpoints`: a test for each seed. `order` and `reverse` are the bounds of "almost above" and "almost
    below" none (None below ORDER_SEEDS seeds). `languages`: in which the gain's sign replicates (None for a single language)."""

    gain: Gain
    p_bh: float
    p_sign: float | None
    least_sign: float | None
    checkpoints: tuple[TwoCheckpoints, ...]
    superiority: float | None
    order: float | None
    reverse: float | None
    languages: tuple[str, ...] | None

    def says(self) -> dict[str, int]:
        """By test: 1 a gain, -1 a loss, 0 neither. Tests that cannot tell are not in it."""
        sign = int(np.sign(self.gain.interval.estimate)) if self.gain.interval else 0
        found = {BH: sign if self.p_bh <= ALPHA else 0}
        if self.p_sign is not None and self.least_sign is not None and self.least_sign <= ALPHA:
            found[SIGNS] = sign if self.p_sign <= ALPHA else 0
        each = {one.decide(ALPHA) for one in self.checkpoints}
        if len(each) == 1:
            found[CHECKPOINTS] = each.pop()
        if self.order is not None and self.reverse is not None:
            found[ORDER] = 1 if self.order < ORDERED else -1 if self.reverse < ORDERED else 0
        return found

    @property
    def disagree(self) -> tuple[str, ...]:
        """The tests that do not say what the main verdict says, in words; none where both sides are near chance."""
        if self.gain.verdict not in MAIN:
            return ()
        said = {test: what for test, what in self.says().items() if what != MAIN[self.gain.verdict]}
        words = {1: "gain", -1: "loss", 0: "not clear"}
        notes = [f"{test}: {words[what]}" for test, what in said.items()]
        if {one.decide(ALPHA) for one in self.checkpoints} >= {1, -1}:
            notes.append(f"{CHECKPOINTS}: a gain with one seed, a loss with another")
        return tuple(notes)


def run_other_tests(results: Results, gains: Sequence[Gain]) -> tuple[OtherTests, ...]:
    """Every comparison over none that the answer corrects for, in the order of `gains`."""
    family = [gain for gain in gains if gain.over == "none" and not gain.control and gain.p_holm is not None]
    p_bh = benjamini_hochberg([gain.interval.p for gain in family if gain.interval and gain.interval.p is not None])

    def measure(group: list[Gain]) -> list[tuple[TwoCheckpoints, ...]]:
        metric = find_metric(results, group[0].target)
        assert metric is not None  # there is a gain
        known: KnownTallies = {}
        sides = [gain.comparison.tallies(gain.comparison.transfer_languages, known) for gain in group]
        tests = iter(compare_checkpoints([pair for side in sides for pair in zip(*side, strict=True)], metric))
        return [tuple(next(tests) for _ in gain.seeds) for gain in group]

    checkpoints = map_groups(family, lambda gain: (gain.encoder, gain.target), measure)
    return tuple(_make_tests(*one) for one in zip(family, p_bh, checkpoints, strict=True))


def _make_tests(gain: Gain, p_bh: float, checkpoints: tuple[TwoCheckpoints, ...]) -> OtherTests:
    pair, seeds = gain.comparison, len(gain.seeds)
    codes = pair.transfer_languages
    treatment = [float(np.mean([cell.languages[code].headline for code in codes])) for cell in pair.treatment]
    control = [float(np.mean([pair.control_score(seed, code) for code in codes])) for seed in range(seeds)]
    several, enough = seeds > 1, seeds >= ORDER_SEEDS
    return OtherTests(
        gain=gain,
        p_bh=p_bh,
        p_sign=sign_flip_test(np.subtract(treatment, control).tolist()) if several else None,
        least_sign=2 / 2**seeds if several else None,
        checkpoints=checkpoints,
        superiority=superiority(treatment, control) if several else None,
        order=stochastic_order(treatment, control) if enough else None,
        reverse=stochastic_order(control, treatment) if enough else None,
        languages=_find_languages(gain),
    )


def _find_languages(gain: Gain) -> tuple[str, ...] | None:
    others = [row for row in gain.languages if row.language != ENGLISH]
    if len(others) < 2 or gain.interval is None:
        return None
    up, found = gain.interval.estimate >= 0, [(row.interval.estimate > 0, row.interval.p or 1.0) for row in others]
    one_sided = [p / 2 if above == up else 1 - p / 2 for above, p in found]
    return tuple(row.language for row, p in zip(others, holm(one_sided), strict=True) if p <= ALPHA)


def describe_checkpoints(tests: Sequence[TwoCheckpoints]) -> str:
    """2 of 3 (104 : 52): in how many seeds p is small, and the discordant answers over all seeds. With one seed its p instead."""
    better, worse = (sum(filter(None, counts)) for counts in zip(*((one.better, one.worse) for one in tests), strict=True))
    beside = f" ({better:,}{fmt.JOIN}:{fmt.JOIN}{worse:,})" if tests[0].better is not None else ""
    if len(tests) == 1:
        return f"{fmt.p_value(tests[0].p)}{beside}"
    return f"{sum(one.p <= ALPHA for one in tests)} of {len(tests)}{beside}"
