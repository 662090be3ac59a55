"""How the answer names a comparison and its measurement, and how many seeds make it more than exploratory."""

from collections.abc import Iterable

from xstilts.analysis import formatting as fmt
from xstilts.analysis.best_setting import BestSetting
from xstilts.analysis.gains import Gain, is_counted
from xstilts.analysis.mean_gains import MeanGain
from xstilts.analysis.results import Results
from xstilts.analysis.scores import Summary
from xstilts.metrics.significance import ENOUGH_SEEDS, FEWEST_SEEDS
from xstilts.report.provenance.numbers import write_gain

PAIRS = "chain\N{NON-BREAKING HYPHEN}target pair"
VERDICTS = {
    "gain": "a clear gain",
    "loss": "a clear loss",
    "equivalent": "equivalent",
    "unclear": "cannot be told",
    "few seeds": f"fewer than {FEWEST_SEEDS} seeds, too few to decide",
    "near chance": "near chance, so this is no evidence",
    "not taken": "the intermediate task was not learned, so this is no evidence",
    "oracle": "an upper bound, not evidence",
}


def name_pair(gain: Gain, results: Results) -> str:
    """chain → target, or chain over chain on target, with the encoder if the study has several."""
    name = f"{gain.chain} → {gain.target}"
    if gain.over == "chain":
        name = f"{gain.chain} over {fmt.mean_of(gain.baseline)} on {gain.target}"
    return f"{name} in {gain.encoder}" if len(results.encoders) > 1 else name


def write_estimate(gain: Gain | MeanGain) -> str:
    """+14.2 points [11.0, 17.1]"""
    if gain.interval is None:
        return "no score in languages other than English"
    return write_gain(gain.interval).replace(" ", f"{fmt.JOIN}points ", 1)


def write_seeds(gain: Gain) -> str:
    """3 seeds, exploratory"""
    seeds = len(gain.seeds)
    return fmt.count(seeds, "seed") + (", exploratory" if seeds < ENOUGH_SEEDS else "")


def count_fewest_seeds(gains: Iterable[Gain], results: Results) -> int:
    """The fewest seeds of a gain that the answer counts; those of the study if there is none."""
    return min((len(gain.seeds) for gain in gains if is_counted(gain)), default=len(results.seeds))


def get_estimate(gain: Gain) -> float:
    """On the 0-1 scale; 0 if nothing was measured."""
    return gain.interval.estimate if gain.interval is not None else 0.0


def list_near_chance(summaries: Iterable[Summary]) -> list[str]:
    """The targets on which every score is near chance."""
    near: dict[str, bool] = {}
    for row in summaries:
        if not row.control:
            near[row.target] = near.get(row.target, True) and row.near_chance
    return [target for target, every in near.items() if every]


def locate(gain: Gain | BestSetting) -> tuple[str, str, str]:
    """(encoder, chain, target)"""
    return gain.encoder, gain.chain, gain.target
