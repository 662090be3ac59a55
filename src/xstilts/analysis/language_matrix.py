"""The L x L matrices of a study: scores by the languages of the two texts, under a condition that mixes languages.

The score stage has them as a by-product of the attack, so that no model runs again. The clean test sets give the diagonal. All
pairs rest on the ids that every language has, but a pair of two languages only has the examples that were drawn for it.
`execution/language_pairs.py` measures whole matrices, on all examples.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xstilts.analysis.results import Cell, Results
from xstilts.analysis.robustness import find_pairs
from xstilts.analysis.scores import ENGLISH
from xstilts.execution.language_pairs import PairScore, PairSummary, summarise_pairs

FEWEST = 30  # examples of a pair of languages; what rests on fewer is not read off


@dataclass(frozen=True)
class LanguageMatrix:
    """One chain on one target under one condition: `pairs` with mean scores over `seeds` (0-1), English first. `summary`: what is
    read off, from pairs of at least FEWEST examples; None without such a pair of two languages. `keys`: the score artefacts."""

    encoder: str
    chain: str
    target: str
    condition: str
    languages: tuple[str, ...]
    pairs: tuple[PairScore, ...]
    summary: PairSummary | None
    seeds: tuple[int, ...]
    keys: tuple[str, ...]


def find_matrices(results: Results) -> tuple[LanguageMatrix, ...]:
    """Those of every condition that mixes languages, encoder, target and chain."""
    found = []
    for condition in results.attacked:
        pairs = find_pairs(results, condition)
        for encoder in results.encoders:
            for target in results.targets:
                for chain in results.chains:
                    own = pairs.get((encoder, chain.name, target.name), {})
                    cells = {seed: attacked for seed, (_, attacked) in own.items() if attacked.pairs}
                    if cells:
                        found.append(_average((encoder, chain.name, target.name, condition), cells))
    return tuple(found)


def _average(place: tuple[str, str, str, str], cells: dict[int, Cell]) -> LanguageMatrix:
    scores: dict[tuple[str, str], list[PairScore]] = {}
    for cell in cells.values():
        for one in cell.pairs:
            scores.setdefault((one.first, one.second), []).append(one)
    codes = sorted({code for pair in scores for code in pair}, key=lambda code: (code != ENGLISH, code))
    pairs = tuple(
        PairScore(a, b, float(np.mean([one.score for one in scores[a, b]])), min(one.n for one in scores[a, b]))
        for a in codes
        for b in codes
        if (a, b) in scores
    )
    keys = tuple(dict.fromkeys(cell.key for cell in cells.values()))
    return LanguageMatrix(*place, tuple(codes), pairs, _summarise(pairs), tuple(cells), keys)


def _summarise(pairs: Sequence[PairScore]) -> PairSummary | None:
    enough = [one for one in pairs if one.n >= FEWEST]
    alike = {one.first == one.second for one in enough}
    return summarise_pairs(enough) if alike == {True, False} else None


def list_unscored(results: Results) -> list[str]:
    """The conditions that mix languages, have scores, and have no matrix: an older version of the program scored them."""
    known = {one.condition for one in find_matrices(results)}
    mixing = [one.name for one in results.conditions if one.mixes_languages and one.name not in known]
    return [name for name in mixing if any(cell.languages for cell in results.attacked.get(name, ()))]
