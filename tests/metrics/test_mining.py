"""Mining: the F1 of pairs, the threshold and the one-to-one choice, each against a plain re-computation."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_curve

from xstilts.errors import InputError
from xstilts.formats.bitext_mining import PoolExample
from xstilts.formats.prediction import Prediction
from xstilts.formats.registry import Example
from xstilts.metrics.mining import BUCC_F1, find_threshold, match_one_to_one


def query(id: str, gold: tuple[str, ...] | None, role: str = "query") -> Example:
    return PoolExample(id, "text", "", role, gold)


def f1_at(scores: np.ndarray, is_gold: np.ndarray, n_gold: int, threshold: float) -> float:
    kept = scores >= threshold
    correct = int((kept & is_gold).sum())
    return 2 * correct / (int(kept.sum()) + n_gold) if correct else 0.0


def xtreme_threshold(scores: list[float], is_gold: list[bool], n_gold: int) -> float:
    """The published loop, re-told: precision and recall at each cut, midpoint to the next score. In exact fractions:
    with floats, of cuts with equal F1 the one that rounds highest would win."""
    items = sorted(zip(scores, is_gold, strict=True), key=lambda item: -item[0])
    best, threshold, correct = Fraction(0), 0.0, 0
    for extracted, (score, gold) in enumerate(items, start=1):
        correct += gold
        if correct:
            precision, recall = Fraction(correct, extracted), Fraction(correct, n_gold)
            f1 = 2 * precision * recall / (precision + recall)
            if f1 > best:
                best, threshold = f1, (score + items[extracted][0]) / 2
    return threshold


SCORES = st.lists(
    st.tuples(st.floats(0.1, 2.0, allow_nan=False).map(lambda x: round(x, 2)), st.booleans()), min_size=1, max_size=40
)


@given(SCORES, st.integers(0, 10))
def test_no_threshold_is_better(items: list[tuple[float, bool]], unfound: int) -> None:
    scores, is_gold = np.array([s for s, _ in items]), np.array([g for _, g in items])
    n_gold = int(is_gold.sum()) + unfound
    chosen = find_threshold(scores, is_gold, n_gold)
    every = [f1_at(scores, is_gold, n_gold, t) for t in [*scores, scores.max() + 1]]
    assert f1_at(scores, is_gold, n_gold, chosen) == max(every)
    if chosen:
        kept = int((scores >= chosen).sum())
        equal = [int((scores >= t).sum()) for t in scores if f1_at(scores, is_gold, n_gold, t) == max(every)]
        assert kept == min(equal)  # of equally good cuts, the one that keeps fewest


@given(SCORES)
def test_the_best_f1_is_that_of_the_precision_recall_curve(items: list[tuple[float, bool]]) -> None:
    scores, is_gold = np.array([s for s, _ in items]), np.array([g for _, g in items])
    if not is_gold.any():
        return
    precision, recall, _ = precision_recall_curve(is_gold, scores)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    chosen = find_threshold(scores, is_gold, int(is_gold.sum()))
    assert f1_at(scores, is_gold, int(is_gold.sum()), chosen) == pytest.approx(f1.max())


@given(st.lists(st.tuples(st.integers(1, 10_000), st.booleans()), min_size=1, max_size=40, unique_by=lambda item: item[0]))
def test_it_is_the_published_threshold_when_scores_differ_and_the_last_pair_stays_out(items: list[tuple[int, bool]]) -> None:
    scores, is_gold = [s / 7 for s, _ in items], [g for _, g in items]
    scores, is_gold = [*scores, 0.01], [*is_gold, False]  # a wrong pair at the end: the published loop never runs out
    n_gold = sum(is_gold) + 1
    assert find_threshold(scores, is_gold, n_gold) == pytest.approx(xtreme_threshold(scores, is_gold, n_gold))


def test_a_cut_by_hand() -> None:
    # right .9, wrong .8, right .7, wrong .2; 3 gold pairs: F1 after each is 1/2, 2/5, 2/3, 4/7.
    assert find_threshold([0.2, 0.9, 0.7, 0.8], [False, True, True, False], 3) == pytest.approx(0.45)


def test_when_every_pair_stays_the_threshold_is_the_lowest_score() -> None:
    with pytest.raises(IndexError):
        xtreme_threshold([0.9, 0.5], [True, True], 2)
    assert find_threshold([0.9, 0.5], [True, True], 2) == 0.5


def test_equal_scores_are_kept_or_left_together() -> None:
    # Cutting between the two .8 would look like F1 1, and no threshold does it.
    assert find_threshold([0.8, 0.8], [True, False], 1) == find_threshold([0.8, 0.8], [False, True], 1) == 0.8
    assert find_threshold([0.9, 0.8, 0.8, 0.8], [True, True, False, False], 2) == pytest.approx(0.85)


def test_neighbouring_numbers_have_no_midpoint_between_them() -> None:
    low = 1.0
    high = float(np.nextafter(low, 2))
    assert find_threshold([high, low], [True, False], 1) == high


@pytest.mark.parametrize(("scores", "n_gold"), [([], 0), ([], 4), ([0.5, 0.4], 3), ([0.5], 0)])
def test_nothing_right_gives_zero(scores: list[float], n_gold: int) -> None:
    assert find_threshold(scores, [False] * len(scores), n_gold) == 0.0


CANDIDATES = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 8), st.integers(0, 8)), max_size=40)


@given(CANDIDATES)
def test_one_to_one_is_the_greedy_choice(items: list[tuple[int, int, int]]) -> None:
    scores, sources, targets = ([item[n] for item in items] for n in range(3))
    left, expected = sorted(range(len(items)), key=lambda n: (-scores[n], n)), []
    while left:  # take the best, strike out what shares a side with it
        first = left[0]
        expected.append(first)
        left = [n for n in left if sources[n] != sources[first] and targets[n] != targets[first]]
    assert match_one_to_one(scores, sources, targets).tolist() == expected


def test_a_pair_found_in_both_directions_stays_once() -> None:
    # forward: 0-0 .9, 1-0 .8; backward: 0-0 .9, 1-1 .7
    assert match_one_to_one([0.9, 0.8, 0.9, 0.7], [0, 1, 0, 1], [0, 0, 0, 1]).tolist() == [0, 3]


ANSWERS = st.lists(
    st.tuples(st.lists(st.integers(0, 5), max_size=4), st.lists(st.integers(0, 5), max_size=4)), min_size=1, max_size=12
)


@given(ANSWERS)
def test_f1_is_that_of_the_sets_of_pairs(rows: list[tuple[list[int], list[int]]]) -> None:
    gold = {(n, g) for n, (golds, _) in enumerate(rows) for g in golds}
    mined = {(n, p) for n, (_, predicted) in enumerate(rows) for p in predicted}
    right = len(gold & mined)
    precision, recall = right / len(mined) if mined else 0.0, right / len(gold) if gold else 0.0
    f1 = 2 * precision * recall / (precision + recall) if right else 0.0
    pairs = [
        (query(str(n), tuple(map(str, golds))), Prediction(str(n), tuple(map(str, predicted))))
        for n, (golds, predicted) in enumerate(rows)
    ]
    sums = np.array([BUCC_F1.tally(example, prediction) for example, prediction in pairs]).sum(0)
    assert BUCC_F1.finish(sums).tolist() == pytest.approx([f1, precision, recall])
    assert BUCC_F1.headline(sums) == pytest.approx(f1)


def test_a_candidate_and_a_single_id_are_refused() -> None:
    with pytest.raises(InputError, match="no public gold"):
        BUCC_F1.tally(query("en-1", None, "candidate"), Prediction("en-1", ("de-1",)))
    with pytest.raises(InputError, match="tuple"):
        BUCC_F1.tally(query("de-1", ("en-1",)), Prediction("de-1", "en-1"))
