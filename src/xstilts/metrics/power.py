"""Power: the effect that a study finds with a given chance, and the seeds or examples that an effect needs.

The example part is that of a paired comparison: if a share `discordance` of n examples is answered differently, the standard
error is sqrt(discordance / n). Parallel languages repeat the same sentences, so that L of them do not divide it by L, and seeds
repeat them too. The power is that of the interval of `significance.py` (same critical values). It is integrated over the values
that the spread over seeds may have. The answers are as good as the assumed numbers; `estimate_design` takes them from a study
that was run.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from xstilts.metrics.bootstrap import Headline
from xstilts.metrics.metric import Values
from xstilts.metrics.paired import LanguageTallies, PairedRuns, PairedTallies, measure
from xstilts.metrics.significance import FEWEST_SEEDS, LEVEL
from xstilts.metrics.variance_components import VarianceComponents, critical_values, variance_ratios

CHANCE = 0.8  # with which an effect is to be found
MOST_SEEDS = 1000
MOST_EXAMPLES = 10_000_000


@dataclass(frozen=True)
class Design:
    """`examples` in each of `languages` languages, scored with `seeds` pairs of runs. Everything is on the 0-1 scale.

    `discordance`: the share of examples on which treatment and control differ (for a score between 0 and 1 per example: the
    mean squared difference). `seed_sd`: standard deviation of the gain over seeds, without the noise of the examples.
    `shared_by_seeds`, `shared_by_languages`: correlation of an example's difference between two seeds, and between two
    languages (1 is the cautious value; 0 for languages with ids of their own)."""

    examples: int
    discordance: float
    seeds: int = 1
    languages: int = 1
    seed_sd: float = 0.0
    shared_by_seeds: float = 1.0
    shared_by_languages: float = 1.0

    def __post_init__(self) -> None:
        if min(self.examples, self.seeds, self.languages) < 1:
            raise ValueError(f"expected at least one example, seed and language, found {self}")
        shares = (self.discordance, self.seed_sd, self.shared_by_seeds, self.shared_by_languages)
        if not all(0 <= share <= 1 for share in shares):
            raise ValueError(f"expected shares and standard deviations between 0 and 1, found {self}")

    @property
    def seed_variance(self) -> float:
        """The part of the variance of the mean that has seeds - 1 degrees of freedom. 0 for one seed, which cannot show it."""
        if self.seeds == 1:
            return 0.0
        return (self.seed_sd**2 + (1 - self.shared_by_seeds) * self._one_seed) / self.seeds

    @property
    def example_variance(self) -> float:
        return self._one_seed * (self.shared_by_seeds if self.seeds > 1 else 1.0)

    @property
    def standard_error(self) -> float:
        return math.sqrt(self.seed_variance + self.example_variance)

    @property
    def _one_seed(self) -> float:
        repeated = (1 + (self.languages - 1) * self.shared_by_languages) / self.languages
        return self.discordance / self.examples * repeated


def power(design: Design, effect: float, tests: int = 1) -> float:
    """The chance that a true gain of `effect` is found. With one seed: a gain of these two checkpoints.

    `tests`: the size of the family in which the gain has to pass the first step of Holm's correction. It is the chance of the
    only gain in its family; with more of them, later steps ask for less."""
    from scipy import special  # type: ignore[import-untyped]

    error = design.standard_error
    if not error:
        return float(effect != 0)
    half_Q, weight_Q = _half_widths(design, tests)
    found_Q = special.ndtr((effect - half_Q) / error) + special.ndtr((-effect - half_Q) / error)
    return float(found_Q @ weight_Q)


@lru_cache(maxsize=256)
def _half_widths(design: Design, tests: int) -> tuple[Values, Values]:
    """The half widths of the corrected interval for every spread of the seeds that a study may find, and the weights of these."""
    df = max(design.seeds - 1, 1)
    ratio_Q, weight_Q = variance_ratios(float(df))
    total_Q = design.seed_variance * ratio_Q + design.example_variance
    share_Q = design.seed_variance * ratio_Q / total_Q
    critical_Q = critical_values((1 - LEVEL) / 2 / tests, share_Q, df, max(design.examples - 1, 1))
    return critical_Q * np.sqrt(total_Q), weight_Q


def detectable(design: Design, tests: int = 1) -> float:
    """The smallest gain that the design finds with CHANCE; inf if even a gain of 1 (100 points) is too small."""
    if power(design, 1.0, tests) < CHANCE:
        return math.inf
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if power(design, middle, tests) >= CHANCE else (middle, high)
    return high


def seeds_needed(design: Design, effect: float, tests: int = 1) -> int | None:
    """The fewest seeds, FEWEST_SEEDS or more, that find the effect. None if 1,000 seeds do not: then the examples are the
    limit."""
    return _search(lambda seeds: replace(design, seeds=seeds), FEWEST_SEEDS, MOST_SEEDS, effect, tests)


def examples_needed(design: Design, effect: float, tests: int = 1) -> int | None:
    """The fewest examples for each language that find the effect. None if ten million do not: then the seeds are the limit."""
    return _search(lambda examples: replace(design, examples=examples), 2, MOST_EXAMPLES, effect, tests)


def _search(design: Callable[[int], Design], least: int, most: int, effect: float, tests: int) -> int | None:
    """The least number whose design finds the effect."""
    if power(design(most), effect, tests) < CHANCE:
        return None
    low, high = least - 1, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(design(middle), effect, tests) >= CHANCE else (middle, high)
    return high


def describe_spread(spread: VarianceComponents, seeds: int) -> Design:
    """A design with the variances of an estimate that was measured over so many seeds, whatever they came from."""
    examples = round(spread.example_df) + 1
    discordance, seed_sd = min(1.0, spread.example_variance * examples), min(1.0, math.sqrt(spread.seed_variance * seeds))
    return Design(examples, discordance, seeds, seed_sd=seed_sd)


def estimate_design(
    treatment: Sequence[LanguageTallies], control: Sequence[LanguageTallies], headline: Headline, *, resamples: int
) -> Design:
    """The design of a comparison that was run, with its numbers estimated from the tallies.

    `examples` is the mean over languages. With one seed, `shared_by_seeds` takes the cautious value 1 and `seed_sd` is 0."""
    tallies = PairedTallies(headline, "points")
    arm = PairedRuns(tallies, treatment, control)
    measured = measure(tallies, [arm], resamples, 0)
    codes = sorted({code for run in arm.runs for code in run})
    sizes = {code: len(tallies.tables[next(run for run in arm.runs if code in run)[code][0]].ids_N) for code in codes}
    examples, seeds, languages = round(float(np.mean(list(sizes.values())))), len(arm.runs), len(codes)
    single = [measured.by_language[0, code][1] for code in codes]  # (S, S) each
    one = float(np.mean([np.diag(covariance_SS).mean() * sizes[code] for code, covariance_SS in zip(codes, single, strict=True)]))
    own = float(np.diag(measured.covariance_XX).mean())
    shared, seed_sd = 1.0, 0.0
    if seeds > 1 and own:
        between = (float(measured.covariance_XX.sum()) - seeds * own) / (seeds * (seeds - 1))
        shared = min(1.0, max(0.0, between / own))
        seed_sd = math.sqrt(max(0.0, float(np.var(measured.points_X, ddof=1)) - (own - between)))
    repeated = own * examples / one if one else 1.0
    by_languages = (repeated * languages - 1) / (languages - 1) if languages > 1 else 1.0
    shared_by_languages = min(1.0, max(0.0, by_languages))
    return Design(examples, min(1.0, one), seeds, languages, min(1.0, seed_sd), shared, shared_by_languages)
