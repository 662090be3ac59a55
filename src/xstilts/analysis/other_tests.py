"""The same gains under other tests: what each of them says of every comparison over none, beside the main interval.

The main interval decides (`gains.py`). The others answer other questions: Benjamini and Hochberg allow some false gains among
those found; sign flips ask the seeds alone and assume nothing about their distribution; the test of two checkpoints asks the
examples alone, seed by seed; the stochastic order and the probability of superiority compare runs, not means; the count of
languages says in how many of them a gain replicates. Surprising: few seeds cannot give a small p by sign flips at all, and
order the scores of equals too often, so a test that could not have spoken is never said to disagree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xstilts.analysis import formatting as fmt
from xstilts.analysis.gains import Gain, paired
from xstilts.analysis.results import Cell, Results
from xstilts.analysis.scores import ENGLISH, NO_CHAIN, arm, group_cells, metric_of
from xstilts.metrics.checkpoints import TwoCheckpoints, compare_checkpoints
from xstilts.metrics.effects import stochastic_order, superiority
from xstilts.metrics.exact import sign_flip_test
from xstilts.metrics.multiplicity import Replicability, benjamini_hochberg, replicability
from xstilts.metrics.paired import LanguageTallies

ALPHA = 0.05
ORDER_SEEDS = 5  # with fewer the order calls 1 in 10 pairs of equals better (`metrics/effects.py`)
ORDERED = 0.2
BH, SIGNS, CHECKPOINTS, ORDER = "Benjamini-Hochberg", "sign flips", "checkpoints", "stochastic order"
MAIN: Mapping[str, int] = {"gain": 1, "loss": -1, "unclear": 0}


@dataclass(frozen=True)
class OtherTests:
    """What other tests say of `gain`. `p_sign` is of the seeds' gains, `least_sign` the least that so many seeds can give (both
    None for one seed). `checkpoints`: a test for each seed. `order` and `reverse` are the bounds of "almost above" and "almost
    below" none (None below ORDER_SEEDS seeds). `languages`: in how many, and in which, the gain's sign replicates."""

    gain: Gain
    p_bh: float
    p_sign: float | None
    least_sign: float | None
    checkpoints: tuple[TwoCheckpoints, ...]
    superiority: float | None
    order: float | None
    reverse: float | None
    languages: Replicability | None

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


def other_tests(results: Results, gains: Sequence[Gain]) -> tuple[OtherTests, ...]:
    """Every comparison over none that the answer corrects for, in the order of `gains`."""
    family = [gain for gain in gains if gain.over == "none" and not gain.control and gain.p_holm is not None]
    p_bh = benjamini_hochberg([gain.interval.p for gain in family if gain.interval and gain.interval.p is not None])
    groups = group_cells(results)
    infos = {info.name: info for info in results.targets}
    found: dict[int, OtherTests] = {}
    for encoder, target in dict.fromkeys((gain.encoder, gain.target) for gain in family):
        metric = metric_of(results, target)
        assert metric is not None  # there is a gain
        own = [place for place, gain in enumerate(family) if (gain.encoder, gain.target) == (encoder, target)]
        control = groups[encoder, NO_CHAIN, "", target]
        rows = {p: paired(groups[encoder, family[p].chain, "", target], control, infos[target]) for p in own}
        read = _Reader()
        pairs = [
            (read.cells(one, _others(family[p])), read.cells(two, _others(family[p]))) for p in own for _, one, two in rows[p]
        ]
        tests = iter(compare_checkpoints(pairs, metric))
        for p in own:
            found[p] = _tests(family[p], p_bh[p], [(one, two) for _, one, two in rows[p]], tests)
    return tuple(found[p] for p in range(len(family)))


class _Reader:
    """One object for each cell's tallies, so that a control is read once for all chains."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, tuple[str, ...]], LanguageTallies] = {}

    def cells(self, cell: Cell, codes: tuple[str, ...]) -> LanguageTallies:
        return self._known.setdefault((id(cell), codes), arm([cell], codes)[0])


def _others(gain: Gain) -> tuple[str, ...]:
    return tuple(row.language for row in gain.languages if row.language != ENGLISH)


def _tests(gain: Gain, p_bh: float, pairs: Sequence[tuple[Cell, Cell]], tests: Iterator[TwoCheckpoints]) -> OtherTests:
    codes = _others(gain)
    treated, controlled = (
        [float(np.mean([cell.languages[c].headline for c in codes])) for cell in side] for side in zip(*pairs, strict=True)
    )
    seeds = len(pairs)
    several, enough = seeds > 1, seeds >= ORDER_SEEDS
    return OtherTests(
        gain=gain,
        p_bh=p_bh,
        p_sign=sign_flip_test(np.subtract(treated, controlled).tolist()) if several else None,
        least_sign=2 / 2**seeds if several else None,
        checkpoints=tuple(next(tests) for _ in pairs),
        superiority=superiority(treated, controlled) if several else None,
        order=stochastic_order(treated, controlled).bound if enough else None,
        reverse=stochastic_order(controlled, treated).bound if enough else None,
        languages=_replicated(gain),
    )


def _replicated(gain: Gain) -> Replicability | None:
    """In how many languages the gain (or the loss) is there; None for a single language."""
    others = [row.interval for row in gain.languages if row.language != ENGLISH]
    if len(others) < 2 or gain.interval is None:
        return None
    up = gain.interval.estimate >= 0
    sides = [(interval.estimate > 0) == up for interval in others]
    two_sided = [interval.p if interval.p is not None else 1.0 for interval in others]
    return replicability([p / 2 if right else 1 - p / 2 for p, right in zip(two_sided, sides, strict=True)])


def checkpoint_words(tests: Sequence[TwoCheckpoints]) -> str:
    """2 of 3 (104 : 52), the discordant answers over all seeds; of one seed its p."""
    better, worse = (sum(filter(None, counts)) for counts in zip(*((one.better, one.worse) for one in tests), strict=True))
    beside = f" ({better:,}{fmt.JOIN}:{fmt.JOIN}{worse:,})" if tests[0].better is not None else ""
    if len(tests) == 1:
        return f"{fmt.p_value(tests[0].p)}{beside}"
    return f"{sum(one.p <= ALPHA for one in tests)} of {len(tests)}{beside}"
