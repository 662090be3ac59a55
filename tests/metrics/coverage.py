"""Do 95 % intervals hold what they say? Simulated studies whose true gain is known, by regime of noise and number of seeds.

An answer is right where a latent normal is above 0, so that the true gain is a difference of normal probabilities. By hand:
`python -m tests.metrics.coverage [STUDIES]` prints the table in Markdown; the suite runs a small part of it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from xstilts.metrics.classify import ACCURACY
from xstilts.metrics.significance import Interval, gain_interval
from xstilts.metrics.tag import CHUNK_F1

Values = NDArray[np.float64]
Side = list[dict[str, tuple[NDArray[np.str_], Values]]]


@dataclass(frozen=True)
class Regime:
    """Latent standard deviations: of a seed's effect on one side (`seed`; `language_seed`: of its own in every language), of
    what treatment does to an example in all seeds (`example`), of the example's ease (`ease`), of seed and example (`both`)."""

    name: str
    seed: float = 0.0
    language_seed: float = 0.0
    example: float = 0.0
    ease: float = 0.7
    both: float = 0.7
    accuracy: float = 0.5
    languages: int = 1
    parallel: bool = True
    ids: int = 300
    f1: bool = False
    tails: Callable[[np.random.Generator, tuple[int, ...]], Values] = lambda rng, shape: rng.standard_normal(shape)


def collapse(rng: np.random.Generator, shape: tuple[int, ...]) -> Values:
    """One run in ten is four standard deviations worse."""
    lost = rng.random(shape) < 0.1
    values: Values = (rng.standard_normal(shape) - 4 * lost + 0.4) / np.sqrt(1 + 16 * 0.09)
    return values


REGIMES = (
    Regime("only examples, each seed its own errors"),
    Regime("only examples, seeds share their errors", example=1.0, both=0.05),
    Regime("only seeds", seed=0.3, ease=0.0, both=0.0, f1=True),
    Regime("seeds dominate", seed=0.3, ids=1000),
    Regime("seeds and examples", seed=0.05, example=0.5),
    Regime("seeds, examples and their interaction", seed=0.08, example=0.7, both=1.5),
    Regime("accuracy 95 %, examples", accuracy=0.95, ids=500),
    Regime("accuracy 95 %, both", accuracy=0.95, ids=500, seed=0.1, example=0.3),
    Regime("F1 of chunks, both", f1=True, seed=0.05, example=0.5),
    Regime("five parallel languages, both", languages=5, seed=0.05, language_seed=0.05, example=0.5),
    Regime("five languages with ids of their own, both", languages=5, parallel=False, seed=0.05, language_seed=0.05, example=0.5),
    Regime("one run in ten collapses (not normal)", seed=0.1, tails=collapse),
)


def study(regime: Regime, seeds: int, gain: float, rng: np.random.Generator) -> tuple[Side, Side, float]:
    """Treatment, control and the true gain; `gain` is the shift of the latent mean."""
    noise = (regime.seed, regime.language_seed, regime.example, regime.ease, regime.both)
    deviation = float(np.sqrt(sum(x * x for x in noise))) or 1.0
    mean = float(stats.norm.ppf(regime.accuracy)) * deviation
    languages, ids = [f"l{k}" for k in range(regime.languages)], regime.ids
    parallel = 1 if regime.parallel else regime.languages
    ease_LN = regime.ease * rng.standard_normal((parallel, ids))
    words_LN = 1.0 + rng.poisson(2, size=(regime.languages, ids))
    sides: list[Side] = []
    for shift in (gain * deviation, 0.0):
        example_LN = ease_LN + regime.example * rng.standard_normal((parallel, ids))
        side: Side = []
        for seed_effect in regime.seed * regime.tails(rng, (seeds,)):
            own_L1 = regime.language_seed * rng.standard_normal((regime.languages, 1))
            latent_LN = mean + shift + seed_effect + own_L1 + example_LN
            latent_LN = latent_LN + regime.both * rng.standard_normal((regime.languages, ids))
            if regime.f1:  # a share of the words is found: its expectation is the probability of the latent being above 0
                share_LN = stats.norm.cdf(latent_LN) if regime.ease == 0 else (latent_LN > 0).astype(float)
                counts_LNC = np.stack([share_LN * words_LN, words_LN, words_LN], axis=-1)
            else:
                counts_LNC = np.stack([latent_LN > 0, np.ones_like(latent_LN)], axis=-1).astype(float)
            names = [np.array([f"{'' if regime.parallel else code}{i}" for i in range(ids)]) for code in languages]
            side.append(dict(zip(languages, zip(names, counts_LNC, strict=True), strict=True)))
        sides.append(side)
    if regime.f1 and regime.ease == 0:
        deviation = float(np.sqrt(1 + regime.seed**2))
        mean, gain = 0.0, gain * regime.seed
        truth = stats.norm.cdf((mean + gain) / deviation) - stats.norm.cdf(mean / deviation)
    else:
        truth = stats.norm.cdf(mean / deviation + gain) - stats.norm.cdf(mean / deviation)
    return sides[0], sides[1], float(truth)


def intervals(regime: Regime, seeds: int, gain: float, studies: int, seed: int = 0) -> Iterator[tuple[Interval, float]]:
    rng = np.random.default_rng([seed, seeds, studies])
    headline = (CHUNK_F1 if regime.f1 else ACCURACY).headline
    for number in range(studies):
        treatment, control, truth = study(regime, seeds, gain, rng)
        yield gain_interval(treatment, control, headline, resamples=300, seed=number), truth


def coverage(regime: Regime, seeds: int, gain: float, studies: int, seed: int = 0) -> tuple[float, float]:
    """(the share of intervals that hold the true gain, the share that exclude 0)."""
    found = [
        (one.low <= truth <= one.high, one.p is not None and one.p < 0.05)
        for one, truth in intervals(regime, seeds, gain, studies, seed)
    ]
    covered, declared = np.mean(found, axis=0)
    return float(covered), float(declared)


def main(studies: int) -> None:
    print(
        f"| regime ({studies} studies a cell; false positives under no gain / coverage under a gain, %) | 3 seeds | 5 | 6 | 10 |"
    )
    print("|---|---|---|---|---|")
    for regime in REGIMES:
        cells = [(coverage(regime, s, 0.0, studies)[1], coverage(regime, s, 0.15, studies)[0]) for s in (3, 5, 6, 10)]
        print(
            f"| {regime.name} | " + " | ".join(f"{100 * false:.1f} / {100 * held:.1f}" for false, held in cells) + " |",
            flush=True,
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
