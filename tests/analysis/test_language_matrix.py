"""Matrices of languages against means computed by hand, and what is read off them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.analysis.attacked_results import attacked
from xstilts.analysis.language_matrix import FEWEST, find_matrices, list_unscored
from xstilts.analysis.results import Results
from xstilts.execution.language_pairs import PairScore

SCORES = {("en", "en"): 0.9, ("en", "de"): 0.7, ("de", "en"): 0.6, ("de", "de"): 0.8}


def with_pairs(n: int = 100, least: int = 0) -> Results:
    """The condition "pairs" mixes languages; seed 0 is 0.03 better everywhere. (de, en) has `least` examples, if it is given."""
    results = attacked({"none": 0.5, "nli": 0.1})
    infos = tuple(replace(one, mixes_languages=one.name == "pairs") for one in results.conditions)

    def pairs(seed: int) -> tuple[PairScore, ...]:
        found = SCORES.items()
        return tuple(PairScore(*p, s + 0.03 * (seed == 0), least if least and p == ("de", "en") else n) for p, s in found)

    cells = tuple(replace(cell, pairs=pairs(cell.seed)) for cell in results.attacked["pairs"] if cell.target == "pawsx")
    return replace(results, conditions=infos, attacked={**results.attacked, "pairs": cells})


def test_scores_are_means_over_seeds() -> None:
    found = find_matrices(with_pairs())
    assert [(one.chain, one.target, one.condition) for one in found] == [(c, "pawsx", "pairs") for c in ("none", "nli")]
    one = found[0]
    assert one.languages == ("en", "de") and one.seeds == (0, 1, 2) and len(one.keys) == 3
    assert {(p.first, p.second): p.score for p in one.pairs} == pytest.approx({p: s + 0.01 for p, s in SCORES.items()})


def test_what_is_read_off() -> None:
    summary = find_matrices(with_pairs())[0].summary
    assert summary is not None
    assert (summary.diagonal, summary.mixed, summary.gap) == pytest.approx((0.86, 0.66, 0.2))
    assert (summary.worst.first, summary.worst.second) == ("de", "en")
    assert summary.asymmetry == summary.most_asymmetry == pytest.approx(0.1)
    assert summary.apart is not None and {summary.apart.first, summary.apart.second} == {"en", "de"}


def test_few_examples_are_not_read_off() -> None:
    summary = find_matrices(with_pairs(least=FEWEST - 1))[0].summary
    assert summary is not None
    assert (summary.worst.first, summary.worst.second) == ("en", "de") and summary.apart is None and summary.asymmetry == 0
    one = find_matrices(with_pairs(n=FEWEST - 1))[0]
    assert one.summary is None and len(one.pairs) == 4


def test_what_an_older_version_scored_is_named() -> None:
    results = with_pairs()
    bare = tuple(replace(cell, pairs=()) for cell in results.attacked["pairs"])
    assert list_unscored(results) == [] and list_unscored(replace(results, attacked={"pairs": bare})) == ["pairs"]
    assert list_unscored(replace(results, attacked={"pairs": ()})) == []
