"""Do intervals and corrected p values hold what they say? Simulated studies whose true gain is known.

Four levels. `coverage`: single intervals through the whole bootstrap, by regime of noise and number of seeds; an answer is right
where a latent normal is above 0, so that the true gain is a difference of normal probabilities. `simulate_family`: whole null
studies at the level of variance components (seeds, and the sums of squares of examples, drawn as normal and chi-square), so that
tails of many comparisons can be counted. `any_false`: null studies of right and wrong answers through the bootstrap and Holm's
correction, or with the covariance that the bootstrap estimates, which is a hundred times faster. `any_false_by_shape`: what
seeds do that are not normal.

By hand: `python -m tests.metrics.coverage PART [STUDIES]` prints a part of the tables of docs/trust.md in Markdown (`PARTS`),
`python -m tests.metrics.coverage FILE.svg` draws its figure; the suite runs a small part.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from tests.analysis.fake_results import chain, make_results, target
from xstilts.analysis.gains import compute_transfer_gains
from xstilts.analysis.results import Cell, LanguageScore, Results
from xstilts.metrics.classify import ACCURACY
from xstilts.metrics.significance import LEVEL, Interval, gain_interval
from xstilts.metrics.tag import CHUNK_F1
from xstilts.metrics.variance_components import critical_values, variance_ratios

Values = NDArray[np.float64]
Side = list[dict[str, tuple[NDArray[np.str_], Values]]]
Shape = Callable[[np.random.Generator, tuple[int, ...]], Values]


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
    tails: Shape = lambda rng, shape: rng.standard_normal(shape)


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


SHARES = (0.2, 0.5, 0.8, 0.95, 0.98)  # of seeds, of the variance of a gain
FAMILIES = {12: (3, 4), 81: (9, 9)}  # chains and targets
_GRID = np.concatenate([[0.0], np.geomspace(1e-4, 0.5, 40), 1 - np.geomspace(0.5, 1e-5, 50)[1:], [1.0]])


@dataclass(frozen=True)
class FamilyRates:
    """Shares of simulated null studies: in which a corrected p is at most .05 (`any_false`); of single p at most `tail` / .05 by
    tail, divided by the tail; of 95 % intervals that hold 0."""

    any_false: float
    tails: dict[float, float]
    coverage: float


def estimate_components(gain_S: Values, shared: Values, own: Values) -> tuple[Values, Values]:
    """`variance_components` of one arm for arrays (..., S): the parts of seeds and of examples. `own` and `shared` are the mean
    variance of a run and the mean covariance of two when only examples are drawn anew."""
    seeds = gain_S.shape[-1]
    least = stats.chi2.ppf(0.05, seeds - 1) / (seeds - 1) * np.maximum(own - shared, 0.0) / seeds
    return np.maximum(gain_S.var(axis=-1, ddof=1) / seeds, least), np.maximum(shared, 0.0)


def is_called(gain_S: Values, part_seeds: Values, part_examples: Values, examples: int, level: float) -> NDArray[np.bool_]:
    """Whether p is at most `level`, for arrays of gains by seed (..., S) and of the parts of their variance (...)."""
    total = part_seeds + part_examples
    critical = np.interp(part_seeds / total, _GRID, _critical_on_grid(level, gain_S.shape[-1], examples))
    called: NDArray[np.bool_] = np.abs(gain_S.mean(axis=-1)) > critical * np.sqrt(total)
    return called


@lru_cache
def _critical_on_grid(level: float, seeds: int, examples: int) -> Values:
    return critical_values(level / 2, _GRID, seeds - 1, examples - 1)


def simulate_family(
    seeds: int, share: float, family: int, studies: int, *, crossed: float = 0.0, examples: int = 500, seed: int = 0
) -> FamilyRates:
    """Null studies of a family in FAMILIES. Chains of a target share a control: half of the variance of a gain is common.
    `crossed`: how much of what varies by seed is seed x example; none is the hardest case."""
    chains, targets = FAMILIES[family]
    rng = np.random.default_rng([seed, seeds, family, round(100 * share)])
    # The variance of a mean gain is 1.
    by_seed, interaction, shared = share * seeds * (1 - crossed), share * seeds * crossed, 1 - share

    def less_control(variance: float, *shape: int) -> Values:
        noise = rng.standard_normal((studies, targets, chains + 1, *shape)) * np.sqrt(variance / 2)
        difference: Values = noise[:, :, 1:] - noise[:, :, :1]
        return difference

    gain_S = less_control(by_seed + interaction, seeds) + less_control(shared)[..., None]
    along = (interaction + seeds * shared) * rng.chisquare(examples - 1, gain_S.shape[:-1]) / (examples - 1)
    across = interaction * rng.chisquare((examples - 1) * (seeds - 1), along.shape) / ((examples - 1) * (seeds - 1))
    part_seeds, part_examples = estimate_components(gain_S, (along - across) / seeds, (along + (seeds - 1) * across) / seeds)
    levels = (0.05, 0.05 / 9, 0.05 / 81)
    tails = {level: float(is_called(gain_S, part_seeds, part_examples, examples, level).mean()) for level in levels}
    called = is_called(gain_S, part_seeds, part_examples, examples, 0.05 / family)
    return FamilyRates(
        float(called.reshape(studies, -1).any(axis=1).mean()), {x: rate / x for x, rate in tails.items()}, 1 - tails[0.05]
    )


def null_answers(seeds: int, share: float, family: int, rng: np.random.Generator, examples: int = 150) -> Values:
    """The answers of a study whose chains do nothing, 1 where right and 0 where wrong, of shape (targets, none and chains, seeds,
    examples). The shift of a latent normal by seed makes `share` of the variance of a gain; half of the rest is common to all
    seeds."""
    chains, targets = FAMILIES[family]
    spread = np.sqrt(share / (1 - share) * seeds * 0.8 / examples)  # of a seed's shift, for unit variance of the answers

    def normal(*shape: int) -> Values:
        return rng.standard_normal((targets, *shape))

    latent = normal(1, 1, examples) + 0.8 * normal(chains + 1, 1, examples) + 1.5 * spread * normal(chains + 1, seeds, 1)
    right: Values = (latent + 0.8 * normal(chains + 1, seeds, examples) > 0).astype(float)
    return right


def null_results(answers: Values) -> Results:
    """The answers of `null_answers` as the results of a study in one language."""
    targets, sides, seeds, examples = answers.shape
    names = ["none", *(f"c{k}" for k in range(1, sides))]
    infos = [target(f"t{k}", languages=("de",)) for k in range(targets)]
    made = make_results(
        chains=[chain(name, *([f"task-{name}"] if name != "none" else [])) for name in names],
        targets=infos,
        skill={},
        seeds=range(seeds),
    )
    ids_N = np.array([f"{i:03d}" for i in range(examples)])
    cells = []
    for info, answers_CSN in zip(infos, answers, strict=True):
        for name, answers_SN in zip(names, answers_CSN, strict=True):
            for s, right_N in enumerate(answers_SN):
                counts_NC, score = np.stack([right_N, np.ones(examples)], axis=1), float(right_N.mean())
                scores = {"de": LanguageScore({"accuracy": score}, score, ids_N, counts_NC)}
                cells.append(Cell("mini-xlmr", name, info.name, s, "", scores, (), None, f"{name}-{info.name}-{s}"))
    return replace(made, cells=tuple(cells))


def compute_components(answers: Values) -> tuple[Values, Values, Values]:
    """The gains by seed of `null_answers` (targets, chains, seeds), and the parts of their variance: what the product estimates,
    with the covariance of the examples itself in place of a bootstrap."""
    seeds, examples = answers.shape[-2:]
    more_SN = answers[:, 1:] - answers[:, :1]
    own = more_SN.var(axis=-1).mean(axis=-1) / examples
    mean = more_SN.mean(axis=-2).var(axis=-1) / examples
    return more_SN.mean(axis=-1), *estimate_components(more_SN.mean(axis=-1), (seeds * mean - own) / (seeds - 1), own)


def any_false(
    seeds: int, share: float, family: int, studies: int, *, examples: int = 150, seed: int = 0, bootstrap: bool = True
) -> tuple[float, float]:
    """Of null studies through the product's own gains: the share in which a corrected p is at most .05, and the mean share of
    seeds that was measured. Without `bootstrap` the covariance of the examples is computed, and p taken from it."""
    rng = np.random.default_rng([seed, seeds, family])
    found, measured = [], []
    for _ in range(studies):
        answers = null_answers(seeds, share, family, rng, examples)
        if bootstrap:
            gains = compute_transfer_gains(null_results(answers), (), resamples=200)
            found.append(any(gain.p_holm is not None and gain.p_holm <= 1 - LEVEL for gain in gains))
            measured += [gain.interval.spread.seed_share for gain in gains if gain.interval and gain.interval.spread]
        else:
            gain_S, part_seeds, part_examples = compute_components(answers)
            # Holm calls something exactly if the least p is called.
            found.append(bool(is_called(gain_S, part_seeds, part_examples, examples, (1 - LEVEL) / family).any()))
            measured.append(float((part_seeds / (part_seeds + part_examples)).mean()))
    return float(np.mean(found)), float(np.mean(measured))


def bounded(spread: float) -> Shape:
    """Scores from 0 to 1: the normal distribution function of a latent normal with standard deviation `spread`."""

    def draw(rng: np.random.Generator, shape: tuple[int, ...]) -> Values:
        scores: Values = special.ndtr(spread * rng.standard_normal(shape))
        return scores

    return draw


def collapsing(share: float, depth: float) -> Shape:
    """A share of all runs loses `depth` standard deviations of the others."""
    return lambda rng, shape: rng.standard_normal(shape) - depth * (rng.random(shape) < share)


SHAPES: dict[str, Shape] = {
    "bounded, 29 points (sd)": bounded(1.0),  # every score is equally likely
    "15 points": bounded(0.39),
    "8 points": bounded(0.2),
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "heavy tails (t, 4 df)": lambda rng, shape: rng.standard_t(4, shape),
    "1 in 10 runs loses 4 sd": collapsing(0.1, 4),
    "1 in 10 loses 60 sd": collapsing(0.1, 60),
    "1 in 5 loses 60 sd": collapsing(0.2, 60),
    "1 in 2 loses 60 sd": collapsing(0.5, 60),
}


def any_false_by_shape(seeds: int, shape: Shape, family: int, studies: int, *, seed: int = 0) -> float:
    """Of null studies whose runs differ by seed alone, with scores of that shape on both sides: the share with a false claim.
    Such a p is Student's t."""
    chains, targets = FAMILIES[family]
    rng, false = np.random.default_rng([seed, seeds, family]), 0
    for block in np.diff([*range(0, studies, 1000), studies]):
        score_S = shape(rng, (int(block), targets, chains + 1, seeds))
        gain_S = score_S[:, :, 1:] - score_S[:, :, :1]
        nothing = np.zeros(gain_S.shape[:-1])
        components = estimate_components(gain_S, nothing, nothing)
        false += int(is_called(gain_S, *components, 1000, 0.05 / family).reshape(int(block), -1).any(axis=1).sum())
    return false / studies


def collapsing_coverage(seeds: int, studies: int, collapse: float = 0.2, loss: float = 0.4, seed: int = 0) -> float:
    """The share of intervals that hold the true gain where the treatment loses `loss` in a share `collapse` of its runs."""
    rng = np.random.default_rng([seed, seeds])
    ids, truth, held = np.arange(1000).astype(str), -collapse * loss, []

    def side(levels: Values) -> Side:
        ease_N = rng.random(1000)
        return [{"de": (ids, np.stack([ease_N < level, np.ones(1000)], axis=1).astype(float))} for level in levels]

    for number in range(studies):
        lost = loss * (rng.random(seeds) < collapse)
        treated, control = (side(0.7 - down + 0.01 * rng.standard_normal(seeds)) for down in (lost, np.zeros(seeds)))
        one = gain_interval(treated, control, ACCURACY.headline, resamples=200, seed=number)
        held.append(one.low <= truth <= one.high)
    return float(np.mean(held))


# Family, seeds, the share of seeds that is put in, examples. Shares near 1 are the hardest. With few examples such a share takes
# seeds that move the score by tens of points; a score is bounded, so that their tails are lighter than normal ones.
WHOLE_STUDIES = (
    *((12, 2, 0.9, 150), (12, 3, 0.5, 150), (12, 3, 0.95, 150)),
    *((12, seeds, 0.95, examples) for seeds in (6, 10) for examples in (150, 1000)),
    *((81, seeds, 0.95, 150) for seeds in (2, 3, 6, 10)),
    (81, 10, 0.95, 600),
)


def print_variances(studies: int) -> None:
    """The tables that are simulated at the level of variances."""
    top = " | ".join(f"share {x}" for x in SHARES) + " |\n|---|" + "---|" * len(SHARES)
    print(f"| studies with a false claim, % ({studies} simulated, Holm) | {top}")
    for family in FAMILIES:
        for seeds in (2, 3, 6, 10):
            cells = [f"{100 * simulate_family(seeds, share, family, studies).any_false:.1f}" for share in SHARES]
            print(f"| {family} comparisons, {seeds} seeds | {' | '.join(cells)} |", flush=True)
    rates = {s: [simulate_family(s, share, 81, studies) for share in SHARES] for s in (2, 3, 6, 10)}
    print(f"\n| rate of p over its nominal value, at .05, .05/9, .05/81 | {top}")
    for seeds, found in rates.items():
        print(f"| {seeds} seeds | {' | '.join(' / '.join(f'{x:.2f}' for x in rate.tails.values()) for rate in found)} |")
    print(f"\n| 95 % intervals that hold, % | {top}")
    for seeds, found in rates.items():
        print(f"| {seeds} seeds | {' | '.join(f'{100 * rate.coverage:.1f}' for rate in found)} |", flush=True)


def print_whole_studies(studies: int, bootstrap: bool = True) -> None:
    """Families of right and wrong answers. The error is twice that of the simulation."""
    how = "through the bootstrap" if bootstrap else "with the covariance of examples computed"
    print(f"| {studies} null studies {how} | share of seeds, measured | studies with a false claim, % |\n|---|---|---|")
    for family, seeds, share, examples in WHOLE_STUDIES:
        rate, measured = any_false(seeds, share, family, studies, examples=examples, bootstrap=bootstrap)
        design, error = f"{family} comparisons, {seeds} seeds, {examples} examples", 2 * np.sqrt(rate * (1 - rate) / studies)
        print(f"| {design} | {measured:.2f} | {100 * rate:.1f} ± {100 * error:.1f} |", flush=True)


def print_shapes(studies: int) -> None:
    """Families by the shape of the seeds, which make all of the variance."""
    print(f"| studies with a false claim, % ({studies} simulated, Holm) | {' | '.join(SHAPES)} |\n|---|{'---|' * len(SHAPES)}")
    for family in FAMILIES:
        for seeds in (3, 6, 10):
            cells = [f"{100 * any_false_by_shape(seeds, shape, family, studies):.1f}" for shape in SHAPES.values()]
            print(f"| {family} comparisons, {seeds} seeds | {' | '.join(cells)} |", flush=True)


def print_collapses(studies: int) -> None:
    print(f"| one run in five collapses ({studies} studies): intervals that hold, % | 3 seeds | 6 | 10 |\n|---|---|---|---|")
    print(f"| | {' | '.join(f'{100 * collapsing_coverage(s, studies):.0f}' for s in (3, 6, 10))} |", flush=True)


def print_regimes(studies: int) -> None:
    """Single intervals through the bootstrap."""
    print(f"| {studies} studies a cell: false positives under no gain / coverage under a gain, % | 3 seeds | 5 | 6 | 10 |")
    print("|---|---|---|---|---|")
    for regime in REGIMES:
        cells = [
            f"{100 * coverage(regime, s, 0.0, studies)[1]:.1f} / {100 * coverage(regime, s, 0.15, studies)[0]:.1f}"
            for s in (3, 5, 6, 10)
        ]
        print(f"| {regime.name} | " + " | ".join(cells) + " |", flush=True)


# The parts of docs/trust.md and how many studies its figures are from.
PARTS: dict[str, tuple[Callable[[int], None], int]] = {
    "variances": (print_variances, 10_000),
    "whole-studies": (print_whole_studies, 1_000),
    "computed": (lambda studies: print_whole_studies(studies, bootstrap=False), 20_000),
    "shapes": (print_shapes, 100_000),
    "collapses": (print_collapses, 500),
    "regimes": (print_regimes, 500),
}


def exact_rates(seeds: int, tail: float, rule: Callable[[Values], Values], shares: Values) -> list[float]:
    """How often a null is rejected at two-sided `tail`, by the true share of seeds, over the tail. `rule` gives the critical
    values for estimated shares. Exact but for the grid: an integral over what the spread of the seeds may be."""
    ratio_Q, weight_Q = variance_ratios(float(seeds - 1))
    found = []
    for share in shares:
        total_Q = share * ratio_Q + 1 - share
        found.append(float(2 * stats.norm.sf(rule(share * ratio_Q / total_Q) * np.sqrt(total_Q)) @ weight_Q / tail))
    return found


def draw_figure(path: Path) -> None:
    """Rejections over their nominal rate at .05/81, by the share of seeds: this p, and the t quantiles weighted by share^1.1 that
    were used before."""
    shares, tail, colours = np.linspace(0.02, 0.99, 60), 0.05 / 81, {2: "#b2182b", 3: "#ef8a62", 6: "#67a9cf", 10: "#2166ac"}

    def place(share: float, rate: float) -> str:
        return f"{60 + 480 * share:.1f},{150 - 110 * np.log10(np.clip(rate, 0.05, 12)):.1f}"

    parts = []
    for rate in (0.1, 0.2, 0.5, 1, 2, 5, 10):
        x, y = place(0, rate).split(",")
        parts.append(f'<path d="M{x} {y}H540" stroke="{"#333" if rate == 1 else "#ddd"}"/>')
        parts.append(f'<text x="52" y="{float(y) + 4}" text-anchor="end">{rate:g}</text>')
    parts += [f'<text x="{60 + 480 * x}" y="315" text-anchor="middle">{x:g}</text>' for x in (0, 0.2, 0.4, 0.6, 0.8, 1)]
    for seeds, colour in colours.items():
        ends = [-stats.t.ppf(tail / 2, df) for df in (1e6, seeds - 1)]
        rules = (
            (lambda share, df=seeds - 1: critical_values(tail / 2, share, df, 1e6), "none"),
            (lambda share, ends=ends: ends[0] + (ends[1] - ends[0]) * share**1.1, "5 4"),
        )
        for rule, dashes in rules:
            rates = exact_rates(seeds, tail, rule, shares)
            points = " ".join(place(share, rate) for share, rate in zip(shares, rates, strict=True))
            parts.append(
                f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"/>'
            )
    for row, (seeds, colour) in enumerate(colours.items()):
        parts.append(f'<text x="560" y="{60 + 20 * row}" fill="{colour}">{seeds} seeds</text>')
    parts.append('<text x="560" y="150">solid: this p</text><text x="560" y="170">dashed: before</text>')
    parts.append('<text x="60" y="16">rejections of a true null over their nominal rate, at .05/81</text>')
    parts.append('<text x="300" y="338" text-anchor="middle">share of the variance that comes from seeds</text>')
    box = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 680 350" font-family="sans-serif" font-size="13">'
    path.write_text(f'{box}<rect width="680" height="350" fill="#fff"/>{"".join(parts)}</svg>\n', encoding="utf-8")


if __name__ == "__main__":
    part, number = sys.argv[1], sys.argv[2:]
    if part.endswith(".svg"):
        draw_figure(Path(part))
    else:
        run, usual = PARTS[part]
        run(int(number[0]) if number else usual)
