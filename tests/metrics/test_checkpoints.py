"""Two checkpoints: which test is taken, and both tests against scipy, enumeration and simulation."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from xstilts.metrics.checkpoints import approximate_randomisation, compare_checkpoints, mcnemar
from xstilts.metrics.classify import ACCURACY
from xstilts.metrics.mining import BUCC_F1
from xstilts.metrics.mlqa import MLQA
from xstilts.metrics.paired import LanguageTallies
from xstilts.metrics.ranking import MAP_20
from xstilts.metrics.retrieval import RETRIEVAL
from xstilts.metrics.squad import SQUAD
from xstilts.metrics.tag import CHUNK_F1, POS_F1, TAG_ACCURACY
from xstilts.tasks.registry import CATALOGUE


def cells(
    rng: np.random.Generator, level: float, *, parallel: bool = False, sizes: tuple[int, ...] = (30, 30)
) -> LanguageTallies:
    return {
        f"l{k}": (
            np.array([f"{'' if parallel else k}-{i}" for i in range(n)]),
            np.stack([rng.random(n) < level, np.ones(n)], axis=1).astype(float),
        )
        for k, n in enumerate(sizes)
    }


@pytest.mark.parametrize(
    ("options", "exact"),
    [({}, True), ({"sizes": (40,)}, True), ({"parallel": True}, False), ({"sizes": (30, 50)}, False)],
)
def test_mcnemar_only_where_it_is_the_randomisation_of_the_mean_gain(options: dict, exact: bool) -> None:  # type: ignore[type-arg]
    rng = np.random.default_rng(0)
    one, other = cells(rng, 0.8, **options), cells(rng, 0.6, **options)
    (found,) = compare_checkpoints([(one, other)], ACCURACY)
    assert found.exact == exact
    assert found.better is not None and found.worse is not None
    rights = [np.concatenate([side[code][1][:, 0] for code in side]) for side in (one, other)]
    assert found.better - found.worse == rights[0].sum() - rights[1].sum()
    assert found.gain == pytest.approx(np.mean([one[c][1][:, 0].mean() - other[c][1][:, 0].mean() for c in one]))
    assert found.decide(0.05) == (1 if found.p <= 0.05 else 0)


def test_a_metric_says_whether_answers_are_right_or_wrong() -> None:
    assert ACCURACY.right_or_wrong and RETRIEVAL.right_or_wrong
    for metric in (SQUAD, MLQA, CHUNK_F1, POS_F1, TAG_ACCURACY, MAP_20, BUCC_F1):  # shares, or counts of more than one
        assert not metric.right_or_wrong
    marked = {task.metric.name for task in CATALOGUE.values() if task.metric and task.metric.right_or_wrong}
    assert marked == {"accuracy", "retrieval", "xvnli"}


def test_the_exact_p_is_that_of_very_many_random_swaps() -> None:
    rng = np.random.default_rng(1)
    pair = cells(rng, 0.75), cells(rng, 0.6)
    (found,) = compare_checkpoints([pair], ACCURACY)
    assert found.exact
    assert approximate_randomisation([pair], ACCURACY.headline, resamples=40_000) == pytest.approx([found.p], abs=0.01)


def test_the_same_sentence_in_many_languages_is_one_example() -> None:
    """Ten copies of one language say no more than the language: McNemar over all of them would."""
    rng = np.random.default_rng(2)
    one, other = (cells(rng, level, sizes=(200,))["l0"] for level in (0.64, 0.58))
    copies = [{f"l{k}": side for k in range(10)} for side in (one, other)]
    alone, together = compare_checkpoints([({"a": one}, {"a": other}), (copies[0], copies[1])], ACCURACY, resamples=20_000)
    assert alone.exact and not together.exact
    assert together.p == pytest.approx(alone.p, abs=0.015)
    assert together.better == 10 * (alone.better or 0)


def test_what_is_more_than_right_or_wrong_has_no_discordance() -> None:
    ids = np.arange(60).astype(str)
    rng = np.random.default_rng(3)
    better, worse = (np.stack([rng.random(60) * top, np.zeros(60), np.ones(60)], axis=1) for top in (1.0, 0.3))
    (found,) = compare_checkpoints([({"a": (ids, better)}, {"a": (ids, worse)})], SQUAD)
    assert (found.better, found.worse, found.exact, found.p) == (None, None, False, pytest.approx(1 / 1001))
    (mirrored,) = compare_checkpoints([({"a": (ids, worse)}, {"a": (ids, better)})], SQUAD)
    assert mirrored.decide(0.05) == -found.decide(0.05) == -1
    with pytest.raises(ValueError, match="right \\(1\\) or wrong"):
        compare_checkpoints([({"a": (ids, better[:, [0, 2]])}, {"a": (ids, worse[:, [0, 2]])})], ACCURACY)


def answers(better: int, worse: int) -> tuple[np.ndarray, np.ndarray]:
    return np.array([True] * better + [False] * worse + [True, False]), np.array(
        [False] * better + [True] * worse + [True, False]
    )


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_scipys_binomial_test(better: int, worse: int) -> None:
    ours = mcnemar(*answers(better, worse))
    assert (ours.better, ours.worse) == (better, worse)
    assert 0 < ours.p == pytest.approx(stats.binomtest(better, better + worse).pvalue if better + worse else 1)


def test_mcnemar_of_very_many_is_not_zero() -> None:
    assert 0 < mcnemar(*answers(5000, 0)).p < 1e-300


def test_mcnemar_refuses_other_shapes() -> None:
    with pytest.raises(ValueError, match="same examples"):
        mcnemar(np.ones(3, dtype=bool), np.ones(4, dtype=bool))


@pytest.mark.parametrize("metric", [ACCURACY, CHUNK_F1])
def test_approximate_randomisation_is_the_plain_enumeration(metric) -> None:  # type: ignore[no-untyped-def]
    """Ten ids, two of whose languages are parallel: all 2^10 swaps against random ones."""
    rng = np.random.default_rng(3)
    ids = {"a": [f"{i}" for i in range(7)], "b": [f"{i}" for i in range(2, 7)], "c": ["x", "y", "z"]}
    sides = tuple(
        {c: (np.array(n), rng.integers(0, 4, (len(n), len(metric.counts))).astype(float) + 1) for c, n in ids.items()}
        for _ in "tc"
    )
    names = sorted({name for one in ids.values() for name in one})
    gains = []
    for swaps in product((False, True), repeat=len(names)):
        swapped = dict(zip(names, swaps, strict=True))
        gain = 0.0
        for code, one in ids.items():
            totals = [sum(sides[side ^ swapped[name]][code][1][row] for row, name in enumerate(one)) for side in (0, 1)]
            gain += float(metric.headline(totals[0]) - metric.headline(totals[1]))
        gains.append(abs(gain))
    exact = np.mean(np.array(gains) >= gains[0] - 1e-12)
    assert approximate_randomisation([sides], metric.headline, resamples=20_000) == pytest.approx([exact], abs=0.015)


def test_approximate_randomisation_is_seeded_and_never_zero() -> None:
    ids = np.arange(50).astype(str)
    right, wrong = np.ones((50, 2)), np.stack([np.zeros(50), np.ones(50)], axis=1)
    pairs = [({"a": (ids, right)}, {"a": (ids, wrong)}), ({"a": (ids, right)}, {"a": (ids, right)})]
    assert approximate_randomisation(pairs, ACCURACY.headline, resamples=999) == [1 / 1000, 1]


@pytest.mark.parametrize("metric", [ACCURACY, CHUNK_F1])
def test_many_pairs_at_once_are_the_same_as_one_by_one(metric) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(5)
    ids = {"a": [f"{i}" for i in range(40)], "b": [f"{i}" for i in range(25)], "c": [f"c{i}" for i in range(30)]}
    runs = [
        {c: (np.array(n), rng.integers(0, 4, (len(n), len(metric.counts))).astype(float) + 1) for c, n in ids.items()}
        for _ in range(6)
    ]
    pairs = [(runs[0], runs[5]), (runs[1], runs[5]), (runs[2], runs[3]), (runs[4], runs[4])]
    together = approximate_randomisation(pairs, metric.headline, resamples=500)
    assert together == [approximate_randomisation([pair], metric.headline, resamples=500)[0] for pair in pairs]
    assert len(set(together)) == 4


def test_false_positives_of_two_checkpoints_stay_at_five_percent() -> None:
    """600 pairs of equally good checkpoints; a binomial with 5 % is above 6.9 % in one of 50 such runs."""
    rng, ids = np.random.default_rng(4), np.arange(200).astype(str)
    found = []
    for number in range(600):
        sides = [(rng.random(200) < 0.8) for _ in range(2)]
        cells = [{"a": (ids, np.stack([side, np.ones(200)], axis=1).astype(float))} for side in sides]
        (random,) = approximate_randomisation([(cells[0], cells[1])], ACCURACY.headline, resamples=199, seed=number)
        found.append((mcnemar(*sides).p <= 0.05, random <= 0.05))
    assert np.mean(found, axis=0)[0] <= 0.05  # exact and discrete: below its level
    assert np.mean(found, axis=0)[1] <= 0.069
