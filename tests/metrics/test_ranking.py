"""mAP@20 against trec_eval (through ir_measures) where the two must agree, and where they must not."""

from __future__ import annotations

import ir_measures
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.errors import InputError
from xstilts.formats.bitext_mining import PoolExample
from xstilts.formats.prediction import Prediction
from xstilts.metrics.ranking import MAP_20

POOL = [f"c{n}" for n in range(40)]
RANKING = st.lists(st.sampled_from(POOL), max_size=40, unique=True)


def score(gold: list[str], ranked: list[str]) -> float:
    row = MAP_20.tally(PoolExample("q", "?", "", "query", tuple(gold)), Prediction("q", tuple(ranked)))
    assert row[1] == 1.0
    return row[0]


def trec(measure: ir_measures.measures.Measure, gold: list[str], ranked: list[str]) -> float:
    run = {"q": {candidate: float(-rank) for rank, candidate in enumerate(ranked)}}
    found = ir_measures.calc_aggregate([measure], {"q": dict.fromkeys(gold, 1)}, run)
    return float(found[measure])


@given(st.lists(st.sampled_from(POOL), min_size=1, max_size=20, unique=True), RANKING)
def test_up_to_twenty_gold_candidates_it_is_trec_evals(gold: list[str], ranked: list[str]) -> None:
    assert score(gold, ranked) == pytest.approx(trec(ir_measures.AP @ 20, gold, ranked))


@given(st.lists(st.sampled_from(POOL), min_size=21, max_size=40, unique=True), RANKING)
def test_beyond_twenty_trec_eval_divides_by_all_of_them(gold: list[str], ranked: list[str]) -> None:
    assert score(gold, ranked) == pytest.approx(trec(ir_measures.AP @ 20, gold, ranked) * len(gold) / 20)


@given(st.sampled_from(POOL), RANKING)
def test_one_gold_candidate_gives_the_reciprocal_rank(gold: str, ranked: list[str]) -> None:
    assert score([gold], ranked) == pytest.approx(trec(ir_measures.RR @ 20, [gold], ranked))


@given(st.lists(st.sampled_from(POOL), min_size=1, max_size=40, unique=True), RANKING)
def test_its_range_is_met_by_the_perfect_and_the_empty_ranking(gold: list[str], ranked: list[str]) -> None:
    assert 0 <= score(gold, ranked) <= 1
    assert score(gold, gold) == pytest.approx(1.0)
    assert score(gold, [c for c in POOL if c not in gold]) == score(gold, []) == 0.0
    assert score(gold, ranked) == score(gold, ranked[:20])


def test_by_hand() -> None:
    # hits at ranks 1 and 4 of three gold candidates: (1/1 + 2/4) / 3
    assert score(["a", "b", "z"], ["a", "x", "y", "b"]) == pytest.approx(0.5)
    assert score(["a"], [*map(str, range(20)), "a"]) == 0.0


def test_a_repeated_candidate_counts_once_and_takes_up_its_ranks() -> None:
    assert score(["a", "b"], ["a", "a", "b"]) == pytest.approx((1 + 2 / 3) / 2)
    assert score(["a", "a"], ["a"]) == 1.0


def test_the_mean_is_over_queries() -> None:
    rows = np.array([[1.0, 1.0], [0.5, 1.0], [0.0, 1.0]])
    assert MAP_20.values == ("map@20",)
    assert MAP_20.headline(rows.sum(0)) == pytest.approx(0.5)


def test_a_query_without_gold_is_an_error() -> None:
    with pytest.raises(InputError, match="'q' has no gold candidate"):
        score([], ["a"])
    with pytest.raises(InputError, match="no public gold"):
        MAP_20.tally(PoolExample("c", "text", "", "candidate", None), Prediction("c", ()))
