"""The chance of a rank against closed forms, against the interval of a difference, and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from xstilts.metrics.classify import ACCURACY
from xstilts.metrics.paired import LanguageTallies
from xstilts.metrics.rank_probability import best_set_probability, draw_joint_scores, rank_probabilities
from xstilts.metrics.significance import gain_interval

IDS = np.arange(400).astype(str)


def cells(right_N: np.ndarray) -> LanguageTallies:
    return {"a": (IDS[: len(right_N)], np.stack([right_N, np.ones(len(right_N))], axis=1).astype(float))}


def chains(rng: np.random.Generator, levels: list[float], seeds: int, seed_sd: float = 0.0) -> list[list[LanguageTallies]]:
    """Chains that share the ease of the examples and, seed by seed, a part of the luck."""
    ease_N, luck_S = rng.standard_normal(len(IDS)), rng.standard_normal(seeds)
    return [
        [
            cells(level + ease_N + 0.5 * rng.standard_normal(len(IDS)) + seed_sd * (luck_S[s] + rng.standard_normal()) > 0)
            for s in range(seeds)
        ]
        for level in levels
    ]


def test_two_single_runs_change_places_as_often_as_the_normal_says() -> None:
    rng = np.random.default_rng(0)
    one, other = (run[0] for run in chains(rng, [0.05, 0.0], 1))
    difference_N = one["a"][1][:, 0] - other["a"][1][:, 0]
    error = difference_N.std() / np.sqrt(len(IDS))
    first, second = rank_probabilities(draw_joint_scores([[one], [other]], ACCURACY.headline, resamples=4000), 1)
    assert first == pytest.approx(stats.norm.cdf(difference_N.mean() / error), abs=0.02)
    assert first + second == pytest.approx(1)


def test_where_only_seeds_vary_it_is_students_t() -> None:
    """Every example is the same, so that only the difference of seeds is left."""
    shares = [[0.60, 0.66, 0.63], [0.58, 0.61, 0.62]]
    many = np.arange(20_000).astype(str)  # so that what examples may hide is little
    runs = [[{"a": (many, np.tile([share, 1.0], (20_000, 1)))} for share in row] for row in shares]
    difference_S = np.subtract(*shares)
    expected = stats.t.cdf(difference_S.mean() / (difference_S.std(ddof=1) / np.sqrt(3)), 2)
    assert rank_probabilities(draw_joint_scores(runs, ACCURACY.headline, resamples=20), 1)[0] == pytest.approx(
        expected, abs=0.012
    )


@pytest.mark.parametrize("seeds", [1, 3, 6])
def test_two_chains_agree_with_the_interval_of_their_difference(seeds: int) -> None:
    runs = chains(np.random.default_rng(seeds), [0.08, 0.0], seeds, 0.03)
    interval = gain_interval(runs[0], runs[1], ACCURACY.headline)
    for tie in (0.0, 0.01):
        scores = draw_joint_scores(runs, ACCURACY.headline)
        assert rank_probabilities(scores, 1, tie=tie)[0] == pytest.approx(1 - interval.tail_above(-tie), abs=0.02)
        assert best_set_probability(scores, [0], tie=tie) == rank_probabilities(scores, 1, tie=tie)[0]


def test_equal_chains_have_equal_chances_and_ranks_add_up() -> None:
    rng = np.random.default_rng(1)
    found = []
    for _ in range(60):
        scores = draw_joint_scores(chains(rng, [0.0] * 4, 3, 0.05), ACCURACY.headline, resamples=100, draws=1000)
        shares = [rank_probabilities(scores, rank) for rank in (1, 2, 4)]
        assert np.sum(shares, axis=1) == pytest.approx([1, 2, 4])
        found.append([share[0] for share in shares])
    assert np.mean(found, axis=0) == pytest.approx([1 / 4, 2 / 4, 1], abs=0.12)  # 60 studies: a standard error of .04 at most


def test_a_probability_above_95_percent_is_rarely_wrong() -> None:
    """400 studies of two equally good chains, three seeds: "the first is the best" is said in 5 % of them; two standard errors
    are 2.2 %."""
    rng = np.random.default_rng(2)
    said = []
    for _ in range(400):
        scores = draw_joint_scores(chains(rng, [0.0, 0.0], 3, 0.05), ACCURACY.headline, resamples=100, draws=1000)
        said.append(rank_probabilities(scores, 1)[0] >= 0.95)
    assert np.mean(said) <= 0.072


def test_ties_and_sets_by_hand() -> None:
    scores = np.array([[0.50, 0.495, 0.40], [0.50, 0.47, 0.49], [0.40, 0.50, 0.30]])
    assert rank_probabilities(scores, 1) == pytest.approx([2 / 3, 1 / 3, 0])
    assert rank_probabilities(scores, 1, tie=0.01) == pytest.approx([2 / 3, 2 / 3, 1 / 3])
    assert rank_probabilities(scores, 2, tie=0.01) == pytest.approx([1, 2 / 3, 1 / 3])
    assert best_set_probability(scores, [0, 1]) == pytest.approx(2 / 3)
    assert best_set_probability(scores, [0, 1], tie=0.02) == 1
    for members in ([], [0, 1, 2]):
        with pytest.raises(ValueError, match="inside the set and outside"):
            best_set_probability(scores, members)


def test_equal_chains_share_the_ranks_that_they_hold_together() -> None:
    scores = np.array([[0.5, 0.5, 0.4, 0.3], [0.5, 0.5 + 1e-12, 0.5, 0.6]])
    assert rank_probabilities(scores, 1) == pytest.approx([1 / 4, 1 / 4, 0, 1 / 2])
    assert rank_probabilities(scores, 2) == pytest.approx([2 / 3, 2 / 3, 1 / 6, 1 / 2])
    assert rank_probabilities(scores, 4) == [1, 1, 1, 1]


@pytest.mark.parametrize("seeds", [1, 3])
def test_copies_of_the_best_chain_are_the_best_as_often_as_each_other(seeds: int) -> None:
    """Their scores agree in every world but for the rounding of the covariance's root."""
    rng = np.random.default_rng(4)
    best, other = chains(rng, [1.0, 0.0], seeds)
    shares = rank_probabilities(draw_joint_scores([best, other, best, best], ACCURACY.headline), 1)
    assert shares == pytest.approx([1 / 3, 0, 1 / 3, 1 / 3], abs=0.001)


def test_it_is_repeatable_and_seeds_are_paired() -> None:
    runs = chains(np.random.default_rng(3), [0.1, 0.0], 3)
    assert (draw_joint_scores(runs, ACCURACY.headline, draws=50) == draw_joint_scores(runs, ACCURACY.headline, draws=50)).all()
    with pytest.raises(ValueError, match="as many seeds"):
        draw_joint_scores([runs[0], runs[1][:2]], ACCURACY.headline)
