"""A certificate of calibration: the study's own design, simulated, through the same intervals, p values and Holm's correction.

For each target the design has as many chains and seeds as the study, and the variances over seeds and examples that were
measured (the median over its counted gains). The chains of a target share a control, so that half of the variance of each gain
is common to all of them. Simulated are the gain of every seed (normal), what examples add to all seeds (normal, and its
variance as estimated from so many examples), and so everything after the bootstrap; the bootstrap itself is not. Two worlds are
drawn: no chain has a gain; and one chain of each target has the gain that the planner says is seen with a chance of 80 % after
the correction. The draws are fixed, so that the same design gives the same certificate.

Legend: R simulated studies, P pairs of chain and target, S seeds.
"""

import dataclasses
import hashlib
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from pydantic import TypeAdapter, ValidationError

from xstilts.analysis.gains import Gain, is_evidence
from xstilts.errors import InputError
from xstilts.metrics.metric import Values
from xstilts.metrics.multiplicity import holm
from xstilts.metrics.power import Design, describe_spread, detectable
from xstilts.metrics.significance import FEWEST_SEEDS, LEVEL
from xstilts.metrics.variance_components import SMALLEST_P, VarianceComponents, critical_values, tails
from xstilts.store.fingerprint import canonical_json
from xstilts.store.store import Store, read_json, write_json

STUDIES = 4000  # simulated; the error of a rate of 5 % is 0.34 %
VERSION = 1  # of what is simulated; part of the key of a kept certificate
_SHARES = np.concatenate([[0.0], np.geomspace(1e-4, 0.5, 40), 1 - np.geomspace(0.5, 1e-4, 40)[1:], [1.0]])


@dataclass(frozen=True)
class SimulatedTarget:
    """`pairs` chains with one control on one target of one encoder. `seed_variance` and `example_variance` are the parts of the
    variance of a mean gain over `seeds` seeds (0-1 scale), `example_df` the degrees of freedom of the latter."""

    pairs: int
    seeds: int
    seed_variance: float
    example_variance: float
    example_df: float

    @property
    def design(self) -> Design:
        spread = VarianceComponents(self.seed_variance, self.seeds - 1, self.example_variance, self.example_df)
        return describe_spread(spread, self.seeds)


@dataclass(frozen=True)
class Rate:
    """A share (0-1) of simulated cases, and its simulation error."""

    share: float
    error: float


@dataclass(frozen=True)
class Calibration:
    """`any_false`: studies that call a gain or a loss where none is, without any true gain (`null`) and beside true gains
    (`planted`). `coverage`: intervals that hold the true gain. `power`: planted gains that are called; `planted_points` is their
    mean size. `family` comparisons are corrected, with `seeds` seeds (of the target that has fewest)."""

    studies: int
    seeds: int
    family: int
    targets: int
    seed_share: float
    any_false_null: Rate
    any_false_planted: Rate
    coverage: Rate
    power: Rate
    planted_points: float


def describe_design(gains: Sequence[Gain]) -> tuple[SimulatedTarget, ...]:
    """The design of the gains over none that count and were tested, one entry for each encoder and target."""
    groups: dict[tuple[str, str], list[Gain]] = {}
    for gain in gains:
        if is_evidence(gain) and gain.primary:
            groups.setdefault((gain.encoder, gain.target), []).append(gain)
    found = []
    for own in groups.values():
        spreads = [gain.interval.spread for gain in own if gain.interval and gain.interval.spread]
        seeds, example_df = (int(np.median(values)) for values in ([len(g.seeds) for g in own], [s.example_df for s in spreads]))
        seed, example = (
            np.median(values) for values in zip(*((s.seed_variance, s.example_variance) for s in spreads), strict=True)
        )
        found.append(SimulatedTarget(len(own), seeds, _round(seed), _round(example), float(example_df)))
    return tuple(found)


def _round(value: float) -> float:
    """To three digits, so that rounding errors of a machine do not make another design."""
    return float(f"{value:.3g}")


def calibrate(gains: Sequence[Gain], store: Store | None = None) -> Calibration | None:
    """The certificate of a study's gains, from the store if it was made before. None if nothing can be called: no pair was
    tested, or with fewer than three seeds."""
    design = describe_design(gains)
    if not design or min(target.seeds for target in design) < FEWEST_SEEDS:
        return None
    if store is None:
        return simulate(design)
    text = canonical_json([VERSION, STUDIES, [dataclasses.astuple(target) for target in design]])
    try:
        path = store.folder("calibration", "design", hashlib.sha256(text.encode()).hexdigest()) / "certificate.json"
    except InputError:  # a store that cannot be read is simulated again
        return simulate(design)
    if (kept := _read(path)) is not None:
        return kept
    made = simulate(design)
    with suppress(OSError):  # a store that cannot be written is simulated again
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, dataclasses.asdict(made))
    return made


def _read(path: Path) -> Calibration | None:
    """A kept certificate; None if it is absent or damaged."""
    try:
        return TypeAdapter(Calibration).validate_python(read_json(path))
    except ValidationError:
        return None


def simulate(design: Sequence[SimulatedTarget], studies: int = STUDIES) -> Calibration:
    """Simulate a design in both worlds."""
    family = sum(target.pairs for target in design)
    effects = [min(1.0, detectable(target.design, family)) for target in design]
    variance = sum(t.pairs * t.seed_variance for t in design), sum(t.pairs * t.example_variance for t in design)
    null, held = _simulate(design, [0.0] * len(design), studies)
    called, _ = _simulate(design, effects, studies)
    firsts = np.cumsum([0, *(target.pairs for target in design[:-1])])
    others = np.delete(called, firsts, axis=1)
    return Calibration(
        studies=studies,
        seeds=min(target.seeds for target in design),
        family=family,
        targets=len(design),
        seed_share=variance[0] / sum(variance) if sum(variance) else 0.0,
        any_false_null=_rate(null.any(axis=1)),
        any_false_planted=_rate(others.any(axis=1)),
        coverage=_rate(held.mean(axis=1)),
        power=_rate(called[:, firsts].mean(axis=1)),
        planted_points=100 * float(np.mean(effects)),
    )


def _rate(cases_R: ArrayLike) -> Rate:
    """The mean over simulated studies. Its error is at least that of one case in all studies."""
    values_R = np.asarray(cases_R, dtype=np.float64)
    count = len(values_R)
    return Rate(float(np.mean(values_R)), max(float(np.std(values_R)) / math.sqrt(count), 1 / count))


def _simulate(design: Sequence[SimulatedTarget], effects: Sequence[float], studies: int) -> tuple[Values, Values]:
    """Whether each pair is called, and whether its interval holds the true gain: (R, P) each. The first pair of a target has the
    target's effect."""
    parts = [_draw(target, effect, studies, number) for number, (target, effect) in enumerate(zip(design, effects, strict=True))]
    p_RP, held_RP = (np.concatenate(both, axis=1) for both in zip(*parts, strict=True))
    called_RP = np.zeros(p_RP.shape, dtype=bool)
    for row in np.flatnonzero(p_RP.min(axis=1) <= 1 - LEVEL):
        called_RP[row] = np.array(holm(p_RP[row].tolist())) <= 1 - LEVEL
    return called_RP, held_RP


def _draw(target: SimulatedTarget, effect: float, studies: int, number: int) -> tuple[Values, Values]:
    """Two-sided p of every pair of one target (1 where it is above .05, which no step of Holm's rejects), and whether its
    interval holds the true gain."""
    rng = np.random.default_rng([VERSION, number, target.pairs, target.seeds])
    one_seed, examples = math.sqrt(target.seed_variance * target.seeds), math.sqrt(target.example_variance)

    def less_control(*shape: int) -> Values:  # of variance 1, of which the control's half is common to all pairs
        noise = rng.standard_normal((studies, target.pairs + 1, *shape))
        difference: Values = (noise[:, 1:] - noise[:, :1]) / math.sqrt(2)
        return difference

    truth_P = np.where(np.arange(target.pairs) == 0, effect, 0.0)
    gain_RPS = one_seed * less_control(target.seeds)
    estimate_RP = truth_P + gain_RPS.mean(axis=2) + examples * less_control()
    df = target.seeds - 1
    seed_RP = gain_RPS.var(axis=2, ddof=1) / target.seeds
    example_RP = target.example_variance * rng.chisquare(target.example_df, size=seed_RP.shape) / target.example_df
    total_RP = np.maximum(seed_RP + example_RP, 1e-300)
    share_RP, error_RP = seed_RP / total_RP, np.sqrt(total_RP)
    critical_RP = np.interp(share_RP, _SHARES, critical_values((1 - LEVEL) / 2, _SHARES, df, target.example_df))
    errors_RP = np.abs(estimate_RP) / error_RP
    p_RP = np.ones(errors_RP.shape)
    near = errors_RP > 0.98 * critical_RP
    p_RP[near] = np.clip(2 * tails(errors_RP[near], share_RP[near], df, target.example_df), SMALLEST_P, 1.0)
    return p_RP, np.abs(estimate_RP - truth_P) <= critical_RP * error_RP
