"""Absolute scores: the cells of one encoder, chain and target averaged over seeds, and whether they are near chance.

Chance is the score of the best trivial rule on the same test data (`metrics.baseline`): guessing, one label for all, the whole
context as an answer. A score is near chance if it is at most two points above it, or if its bootstrap interval over examples
reaches it. Few examples make the interval wide, so that a lucky guess does not count; with very many, two points are still too
few to say anything about transfer. A score `leak`s if dev data of the target languages chose its weights (policy target_dev): it
is an upper bound, which every rendering marks and no answer rests on.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xstilts.analysis.results import Cell, Results
from xstilts.metrics.metric import Metric
from xstilts.metrics.paired import LanguageTallies
from xstilts.metrics.significance import score_interval

ENGLISH = "en"
NO_CHAIN = "none"
CHANCE_MARGIN = 0.02
RESAMPLES = 500


@dataclass(frozen=True)
class Summary:
    """Scores are 0-1, means over `seeds`. `transfer` is the mean over the languages other than English that every seed has.
    `sd` (over seeds) and `near_chance` belong to `transfer`, or to English where there is no other language."""

    encoder: str
    chain: str
    control: str
    target: str
    seeds: tuple[int, ...]
    languages: Mapping[str, float]
    english: float | None
    transfer: float | None
    sd: float | None
    near_chance: bool
    english_near_chance: bool
    leak: bool = False

    @property
    def main(self) -> float | None:
        return self.transfer if self.transfer is not None else self.english


def find_metric(results: Results, target: str) -> Metric | None:
    names = {info.name: info.metric_name for info in results.targets}
    return results.metrics.get(names.get(target, ""))


def group_cells(results: Results) -> dict[tuple[str, str, str, str], dict[int, Cell]]:
    """(encoder, chain, control, target) -> seed -> cell with at least one language."""
    groups: dict[tuple[str, str, str, str], dict[int, Cell]] = {}
    for cell in results.cells:
        if cell.languages:
            groups.setdefault((cell.encoder, cell.chain, cell.control, cell.target), {})[cell.seed] = cell
    return groups


def find_shared_languages(cells: Iterable[Cell]) -> tuple[str, ...]:
    """English first, then the languages of which every cell has examples, by code."""
    codes = set.intersection(*({code for code, row in cell.languages.items() if len(row.ids_N)} for cell in cells))
    return tuple(sorted(codes, key=lambda code: (code != ENGLISH, code)))


def collect_tallies(cells: Iterable[Cell], languages: Iterable[str]) -> list[LanguageTallies]:
    """Cells as `metrics.significance` takes them: for each, language -> ids and counts."""
    codes = tuple(languages)
    return [{code: (cell.languages[code].ids_N, cell.languages[code].counts_NC) for code in codes} for cell in cells]


def is_near_chance(cells: Sequence[Cell], languages: Sequence[str], metric: Metric | None, chance: float | None) -> bool:
    """Whether the mean score of some cells (seeds) over some languages is near chance; see the module. `chance`: that of
    guessing, where the cells do not say. Without a chance level or a score it is not."""
    levels = [find_chance(cells, code, chance) for code in languages]
    known = [level for level in levels if level is not None]
    if not known or len(known) < len(levels):
        return False
    chance = float(np.mean(known))
    score = float(np.mean([np.mean([cell.languages[code].headline for cell in cells]) for code in languages]))
    if score - chance <= CHANCE_MARGIN or metric is None:
        return score - chance <= CHANCE_MARGIN
    tallies = collect_tallies(cells, languages)
    return score_interval(tallies, metric.headline, resamples=RESAMPLES, over_seeds=False).low <= chance


def find_chance(cells: Sequence[Cell], code: str, guess: float | None) -> float | None:
    """The score of the best trivial rule in one language, at least that of guessing; None if neither is known."""
    levels = [guess, *(cell.languages[code].baseline for cell in cells[:1])]
    return max((level for level in levels if level is not None), default=None)


def summarise(results: Results) -> tuple[Summary, ...]:
    """One summary for each (encoder, chain, control, target) that has scores, in the study's order."""
    chances = {info.name: info.chance for info in results.targets}
    groups = group_cells(results)
    summaries = []
    for (encoder, chain, control, target), by_seed in groups.items():
        cells = [by_seed[seed] for seed in sorted(by_seed)]
        codes = find_shared_languages(cells)
        if not codes:
            continue
        means = {code: float(np.mean([cell.languages[code].headline for cell in cells])) for code in codes}
        others = [code for code in codes if code != ENGLISH]
        spread = [float(np.mean([cell.languages[code].headline for code in others or codes])) for cell in cells]
        metric = find_metric(results, target)
        chance = chances.get(target)
        summaries.append(
            Summary(
                encoder=encoder,
                chain=chain,
                control=control,
                target=target,
                seeds=tuple(sorted(by_seed)),
                languages=means,
                english=means.get(ENGLISH),
                transfer=float(np.mean([means[code] for code in others])) if others else None,
                sd=float(np.std(spread, ddof=1)) if len(spread) > 1 else None,
                near_chance=is_near_chance(cells, others or codes, metric, chance),
                english_near_chance=is_near_chance(cells, [code for code in codes if code == ENGLISH], metric, chance),
                leak=any(cell.leak for cell in cells),
            )
        )
    return tuple(sorted(summaries, key=_study_order(results)))


def _study_order(results: Results) -> Callable[[Summary], tuple[int, int, bool, bool, int, str]]:
    named = (results.encoders, [info.name for info in results.targets], [info.name for info in results.chains])
    ranks = [{name: rank for rank, name in enumerate(names)} for names in named]

    def order(row: Summary) -> tuple[int, int, bool, bool, int, str]:
        own = (row.encoder, row.target, row.chain)
        encoder, target, chain = (rank.get(name, len(rank)) for rank, name in zip(ranks, own, strict=True))
        return encoder, target, row.control != "", row.chain != NO_CHAIN, chain, row.chain

    return order
