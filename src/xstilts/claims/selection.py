"""The sides of a claim's comparisons: the cells of each chain, what two sides share, and which chains are the best.

`choose_best` is the nested selection behind "the best intermediate task for each target": a chain is chosen on other seeds,
languages and examples than those on which it is then scored (`analysis.nested_choice`). `compute_standing` says how surely some
chains are ahead of others (`metrics.rank_probability`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from xstilts.analysis import formatting as fmt
from xstilts.analysis.comparison import Comparison, pair_cells
from xstilts.analysis.nested_choice import choose_nested
from xstilts.analysis.pooled_comparison import PooledComparison, pool_targets
from xstilts.analysis.results import Cell, Results
from xstilts.analysis.scores import ENGLISH, find_metric, is_near_chance
from xstilts.metrics.metric import Metric
from xstilts.metrics.rank_probability import best_set_probability, draw_joint_scores, rank_probabilities

Side = Mapping[str, Mapping[int, Cell]]  # target -> seed -> cell
TargetLanguages = Mapping[str, Sequence[str]]  # target -> languages that the claim is about


class Unusable(Exception):
    """Why nothing can be compared: a clause without a full stop."""


def collect_sides(results: Results, encoder: str) -> dict[str, dict[str, dict[int, Cell]]]:
    """Chain -> target -> seed -> cell, of one encoder. Random weights are no chain; what was chosen on dev data of the target
    languages is no evidence."""
    found: dict[str, dict[str, dict[int, Cell]]] = {}
    for cell in results.cells:
        if cell.encoder == encoder and not cell.control and not cell.leak and cell.languages:
            found.setdefault(cell.chain, {}).setdefault(cell.target, {})[cell.seed] = cell
    return found


def pair_sides(pairs: Sequence[tuple[Side, Side]], languages: TargetLanguages, results: Results) -> dict[str, list[Comparison]]:
    """For each target the comparison of each pair, over the seeds and those of `languages` that all pairs have. Targets without
    any are left out."""
    found = {}
    infos = {info.name: info for info in results.targets}
    for info in (infos[name] for name in languages if find_metric(results, name)):
        cells = [(one.get(info.name, {}), two.get(info.name, {})) for one, two in pairs]
        seeds = set.intersection(*(set(side) for pair in cells for side in pair))
        made = [pair_cells(info, *({seed: side[seed] for seed in seeds} for side in pair)) for pair in cells]
        codes = tuple(code for code in languages[info.name] if all(code in one.languages for one in made))
        if codes:
            found[info.name] = [replace(one, languages=codes) for one in made]
    return found


def pool_sides(
    name: str, pairs: Sequence[tuple[Side, Side]], languages: TargetLanguages, results: Results
) -> tuple[PooledComparison, list[str]]:
    """The mean over `pairs` (treatment, control) as one comparison, and in clauses what is near chance in it. A target that was
    not learned without the chain is left out; retrieval, which is not trained, may be near chance on one side. Raises Unusable
    with the reason if nothing can be compared."""
    found = pair_sides(pairs, languages, results)
    if not found:
        raise Unusable(f"{name}: no target has scores on both sides for the same seed, language and examples")
    unlearned = [target for target, own in found.items() if any(_is_unlearned(one, find_metric(results, target)) for one in own)]
    both = [target for target, own in found.items() if all(one.near_chance(find_metric(results, target)) for one in own)]
    clauses = [f"near chance on both sides: {fmt.listed(both)}"] if both else []
    if alone := [target for target in unlearned if target not in both]:
        clauses.append(f"near chance without the chain, so not learned: {fmt.listed(alone)}")
    if set(found) <= {*unlearned, *both}:
        raise Unusable(f"{name}: {'; '.join(clauses)}")
    found = {target: own for target, own in found.items() if target not in unlearned}
    pooled = pool_targets(found, results)
    if pooled is None:
        raise Unusable(f"{name}: no seed has scores on all of {fmt.listed(found)}")
    if all(one.same_outcomes for pair in pooled.pairs for one in pair):
        raise Unusable(f"{name}: every example has the same outcome on both sides, so nothing was compared")
    return pooled, clauses


def _is_unlearned(one: Comparison, metric: Metric | None) -> bool:
    """Whether a trained target's score without the chain is near chance, in English or in the languages that are compared."""
    controls = [cell for cells in one.control for cell in cells]
    english = [ENGLISH] if all(ENGLISH in cell.languages for cell in controls) else []
    parts = (one.languages, english)
    return one.target.trained and any(is_near_chance(controls, codes, metric, one.target.chance) for codes in parts)


@dataclass(frozen=True)
class Standing:
    """`within`: the chance that each of the chains claimed to be best is among the first `rank` of `chains`. `best_set`: the
    chance that no other chain is ahead of any of them. Equal chains share the ranks that they hold together."""

    rank: int
    chains: int
    within: tuple[tuple[str, float], ...]
    best_set: float


def compute_standing(
    arms: Mapping[str, Side], best: Sequence[str], languages: TargetLanguages, results: Results, resamples: int
) -> Standing | None:
    """How surely the chains named in `best` are ahead of the other `arms`, by the mean over targets, then languages; over what
    all of them have. None if that is nothing, or if either group has no chain."""
    present = [name for name in best if name in arms]
    if not present or len(present) == len(arms):
        return None
    found = pair_sides([(arm, arms[present[0]]) for arm in arms.values()], languages, results)
    pooled = pool_targets(found, results) if found else None
    if pooled is None:
        return None
    cells = [pooled.tallies("treatment", pair) for pair in range(len(arms))]
    scores_WK = draw_joint_scores(cells, pooled.headline, resamples=resamples)
    chances = dict(zip(arms, rank_probabilities(scores_WK, len(best)), strict=True))
    members = [place for place, name in enumerate(arms) if name in best]
    within = tuple((name, chances[name]) for name in present)
    return Standing(len(best), len(arms), within, best_set_probability(scores_WK, members))


def choose_best(
    arms: Mapping[str, Side], none: Side, languages: TargetLanguages, results: Results
) -> tuple[dict[str, dict[int, Cell]], tuple[str, ...], str]:
    """The side of the best chain for each target by nested selection (see the module), the keys of all cells that it rests
    on, and what was chosen in words. Targets with nothing to choose on are left out."""
    side: dict[str, dict[int, Cell]] = {}
    keys: list[str] = []
    words = []
    for target, codes in languages.items():
        have = {name: arm for name, arm in arms.items() if target in arm}
        found = pair_sides([(arm, none) for arm in have.values()], {target: codes}, results) if have else {}
        metric = find_metric(results, target)
        if not found or metric is None:
            continue
        seeds, shared = found[target][0].seeds, found[target][0].languages
        if choice := choose_nested({name: arm[target] for name, arm in have.items()}, seeds, shared, metric):
            side[target] = {seed: replace(none[target][seed], languages=choice.scores[seed]) for seed in seeds}
            keys += [have[name][target][seed].key for name in have for seed in seeds]
            total, picks = sum(choice.chosen.values()), sorted(choice.chosen.items(), key=lambda pick: -pick[1])
            words.append(f"{target}: {fmt.listed(f'{name} {n} of {total}' for name, n in picks)}")
    return side, tuple(keys), "; ".join(words)
