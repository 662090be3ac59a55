"""Exact tests against scipy and enumeration; false positives in simulation."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from xstilts.metrics.classify import ACCURACY
from xstilts.metrics.exact import approximate_randomisation, mcnemar, sign_flip_test
from xstilts.metrics.tag import CHUNK_F1


def pair(better: int, worse: int) -> tuple[np.ndarray, np.ndarray]:
    return np.array([True] * better + [False] * worse + [True, False]), np.array(
        [False] * better + [True] * worse + [True, False]
    )


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_scipys_binomial_test(better: int, worse: int) -> None:
    ours = mcnemar(*pair(better, worse))
    assert (ours.better, ours.worse) == (better, worse)
    assert 0 < ours.p == pytest.approx(stats.binomtest(better, better + worse).pvalue if better + worse else 1)


def test_mcnemar_of_very_many_is_not_zero() -> None:
    assert 0 < mcnemar(*pair(5000, 0)).p < 1e-300


def test_mcnemar_refuses_other_shapes() -> None:
    with pytest.raises(ValueError, match="same examples"):
        mcnemar(np.ones(3, dtype=bool), np.ones(4, dtype=bool))


def test_sign_flip_is_scipys_exact_permutation_test() -> None:
    deltas = np.array([0.4, 0.1, -0.2, 0.3, 0.25, 0.0])
    theirs = stats.permutation_test((deltas,), np.sum, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip_test(deltas.tolist()) == pytest.approx(theirs.pvalue)
    assert sign_flip_test([1, 1, 1]) == 0.25
    assert sign_flip_test([0.1] * 6) == pytest.approx(2 / 64)
    assert sign_flip_test([0.0, 0.0]) == 1
    assert sign_flip_test([3]) == 1
    with pytest.raises(ValueError, match="one or more"):
        sign_flip_test([])


def test_many_seeds_are_flipped_at_random() -> None:
    deltas = np.random.default_rng(2).normal(0.1, 0.4, size=23)
    normal = 2 * stats.norm.sf(abs(deltas.sum()) / np.sqrt((deltas**2).sum()))
    assert sign_flip_test(deltas.tolist()) == pytest.approx(normal, abs=0.02)
    assert sign_flip_test([1.0] * 40, resamples=999) == 1 / 1000


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
