"""How the answer names a comparison and what was measured, and from how many seeds on it is more than exploratory."""

from __future__ import annotations

from xstilts.analysis import formatting as fmt
from xstilts.analysis.gains import Gain
from xstilts.analysis.results import Results

ENOUGH_SEEDS = 6
PAIRS = "chain\N{NON-BREAKING HYPHEN}target pair"


def pair_name(gain: Gain, results: Results) -> str:
    """chain → target, or chain over chain on target, and the encoder where the study has several."""
    name = f"{gain.chain} → {gain.target}"
    if gain.over == "chain":
        name = f"{gain.chain} over {fmt.mean_of(gain.baseline)} on {gain.target}"
    return f"{name} in {gain.encoder}" if len(results.encoders) > 1 else name


def measured(gain: Gain) -> str:
    """+14.2 points [11.0, 17.1]"""
    if gain.interval is None:
        return "no gain over languages other than English"
    interval = gain.interval
    return f"{fmt.points(interval.estimate)}{fmt.JOIN}points {fmt.bracket(interval.low, interval.high)}"


def strength(gain: Gain) -> str:
    """3 seeds, exploratory"""
    seeds = len(gain.seeds)
    return fmt.count(seeds, "seed") + (", exploratory" if seeds < ENOUGH_SEEDS else "")


def estimate(gain: Gain) -> float:
    """0-1; nothing measured counts as 0."""
    return gain.interval.estimate if gain.interval is not None else 0.0


def place(gain: Gain) -> tuple[str, str, str]:
    return gain.encoder, gain.chain, gain.target
