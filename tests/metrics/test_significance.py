"""Intervals: against scipy and closed forms, clustering, pairing, many chains at once, interactions, cost."""

from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from xstilts.metrics.classify import ACCURACY
from xstilts.metrics.significance import Interval, gain_interval, gain_intervals, interaction_interval, score_interval
from xstilts.metrics.squad import SQUAD

Cells = dict[str, tuple[NDArray[np.str_], NDArray[np.float64]]]


def cell(correct_N: NDArray[np.bool_] | list[int], prefix: str = "") -> tuple[NDArray[np.str_], NDArray[np.float64]]:
    correct = np.asarray(correct_N, dtype=np.float64)
    return np.array([f"{prefix}{i}" for i in range(len(correct))]), np.stack([correct, np.ones_like(correct)], axis=1)


def width(interval: Interval) -> float:
    return interval.high - interval.low


def test_one_language_one_seed_is_scipys_percentile_interval() -> None:
    rng = np.random.default_rng(0)
    control, treatment = rng.random(400) < 0.6, rng.random(400) < 0.7
    ours = gain_interval([{"en": cell(treatment)}], [{"en": cell(control)}], ACCURACY.headline, resamples=4000)
    deltas = treatment.astype(float) - control
    theirs = stats.bootstrap((deltas,), np.mean, n_resamples=4000, method="percentile", rng=1).confidence_interval
    assert ours.estimate == pytest.approx(deltas.mean())
    assert ours.low == pytest.approx(theirs.low, abs=0.1 * width(ours))
    assert ours.high == pytest.approx(theirs.high, abs=0.1 * width(ours))
    normal = 2 * 1.96 * deltas.std() / 20
    assert width(ours) == pytest.approx(normal, rel=0.06)


def test_p_and_interval_agree_and_p_is_never_zero() -> None:
    better = gain_interval([{"en": cell([1] * 50)}], [{"en": cell([0] * 50)}], ACCURACY.headline, resamples=199)
    assert (better.estimate, better.high) == (1, 1) and 0.9 < better.low < 0.95
    assert better.p is not None and 0 < better.p < 1e-9
    plain = score_interval([{"en": cell([1, 0] * 50)}], ACCURACY.headline)
    assert plain.estimate == 0.5 and plain.p is None
    assert width(plain) == pytest.approx(2 * 1.96 * 0.05, rel=0.1)


def test_identical_inputs_give_zero() -> None:
    f1 = np.random.default_rng(0).random((97, 3))  # not dyadic: sums differ in the last bit with the order
    cells = [{lang: (np.arange(97).astype(str), f1) for lang in "abcde"} for _ in range(3)]
    same = gain_interval(cells, cells, SQUAD.headline)
    assert (same.estimate, same.p) == (0, 1)


def test_repeatable_and_independent_of_the_order_of_rows_and_languages() -> None:
    rng = np.random.default_rng(1)
    tables = [[{lang: cell(rng.random(80) < 0.6) for lang in "xy"} for _ in range(3)] for _ in range(2)]
    first = gain_interval(*tables, ACCURACY.headline, resamples=300, seed=5)
    order = rng.permutation(80)
    mixed = [[{lang: (table[lang][0][order], table[lang][1][order]) for lang in "yx"} for table in side] for side in tables]
    assert gain_interval(*tables, ACCURACY.headline, resamples=300, seed=5) == first
    assert gain_interval(*mixed, ACCURACY.headline, resamples=300, seed=5) == first
    assert gain_interval(*tables, ACCURACY.headline, resamples=300, seed=6) != first


def test_parallel_languages_that_agree_do_not_shrink_the_interval_and_independent_ones_do() -> None:
    correct = np.random.default_rng(2).random(300) < 0.5
    one = score_interval([{"a": cell(correct)}], ACCURACY.headline)
    parallel = score_interval([{lang: cell(correct) for lang in "abcd"}], ACCURACY.headline)
    apart = score_interval([{lang: cell(correct, lang) for lang in "abcd"}], ACCURACY.headline)
    assert width(parallel) == pytest.approx(width(one), rel=1e-9)
    assert width(apart) == pytest.approx(width(one) / 2, rel=0.1)


def test_languages_that_share_some_ids_are_one_group_even_through_a_third() -> None:
    ids = np.arange(60).astype(str)
    rows = cell([0, 1] * 30)[1]
    cells = {"a": (ids[:20], rows[:20]), "c": (ids[40:], rows[40:]), "b": (ids[15:45], rows[15:45])}
    result = score_interval([cells], ACCURACY.headline, resamples=400)
    assert result.estimate == 0.5 and 0 < result.low < 0.5 < result.high < 1


def test_unequal_ids_and_languages_are_paired_on_the_intersection_and_said() -> None:
    ids, counts = cell([1, 0, 1, 1])
    treatment = [{"de": (ids, counts), "fr": (ids, counts)}]
    control = [{"de": (ids[[3, 1, 0]], counts[[3, 1, 0]] * [[0, 1]])}]
    result = gain_interval(treatment, control, ACCURACY.headline, resamples=50)
    assert result.estimate == pytest.approx(2 / 3)
    assert "fr" in result.note and "1 rows" in result.note and "intersection" in result.note


def test_notes_on_seeds() -> None:
    table = {"en": cell([0, 1, 1])}
    notes = {n: score_interval([table] * n, ACCURACY.headline, resamples=9).note for n in (1, 5, 6)}
    assert "seed variation is not covered" in notes[1]
    assert "exploratory" in notes[5]
    assert notes[6] == ""


def test_seed_variation_is_in_the_interval() -> None:
    by_seed = [{"en": cell([1] * k + [0] * (1000 - k))} for k in (500, 600, 700, 800, 900, 1000)]
    interval = score_interval(by_seed, ACCURACY.headline)
    assert interval.estimate == pytest.approx(0.75)
    theirs = stats.t.interval(0.95, 5, 0.75, stats.sem([0.5, 0.6, 0.7, 0.8, 0.9, 1]))
    assert (interval.low, interval.high) == pytest.approx(theirs, rel=0.02)  # a little wider: examples are in it, too


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: gain_interval([t], [t, t], ACCURACY.headline), "paired by position"),
        (lambda t: gain_interval([t], [{"fr": t["en"]}], ACCURACY.headline), "at least one example"),
        (lambda t: score_interval([], ACCURACY.headline), "at least one example"),
        (lambda t: score_interval([{"en": (t["en"][0][[0, 0]], t["en"][1][:2])}], ACCURACY.headline), "repeat"),
        (lambda t: score_interval([{"en": (t["en"][0][:1], t["en"][1])}], ACCURACY.headline), "expected ids"),
    ],
)
def test_unfit_input_is_refused(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call({"en": cell([0, 1, 1])})  # type: ignore[operator]


def test_a_grid_of_five_chains_four_targets_six_languages_takes_seconds() -> None:
    rng = np.random.default_rng(3)
    started = time.process_time()
    for _ in range(5 * 4):
        sides = [[{lang: cell(rng.random(500) < 0.6) for lang in "abcdef"} for _ in range(3)] for _ in range(2)]
        gain_interval(*sides, ACCURACY.headline)
    assert time.process_time() - started < 10


def random_side(rng: np.random.Generator, seeds: int, share: float, languages: str = "ab", ids: int = 120) -> list[Cells]:
    return [{code: cell(rng.random(ids) < share + rng.normal(0, 0.02)) for code in languages} for _ in range(seeds)]


def test_only_seeds_is_scipys_t_test() -> None:
    deltas = [0.01, 0.03, 0.02, -0.01]
    ids = np.arange(100_000).astype(str)  # so that what examples may hide is little

    def side(values: list[float]) -> list[Cells]:
        return [{"en": (ids, np.tile([0.5 + value, 1.0], (len(ids), 1)))} for value in values]

    ours = gain_interval(side(deltas), side([0.0] * 4), ACCURACY.headline, resamples=20)
    theirs = stats.ttest_1samp(deltas, 0)
    assert ours.p == pytest.approx(theirs.pvalue, rel=1e-4)
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs.confidence_interval()), rel=1e-4)


def test_four_examples_that_all_flip_are_little_evidence() -> None:
    flipped = gain_interval([{"en": cell([1] * 4)}] * 3, [{"en": cell([0] * 4)}] * 3, ACCURACY.headline)
    assert (flipped.estimate, flipped.high) == (1, 1) and flipped.low < 0.2
    assert flipped.p is not None and flipped.p > 0.02


@pytest.mark.parametrize(("ids", "languages"), [(50, "a"), (400, "a"), (400, "abcd")])
def test_where_no_example_differs_the_rule_of_three_is_the_width(ids: int, languages: str) -> None:
    runs = [{code: cell([1] * (ids - 1) + [0]) for code in languages}] * 3
    same = gain_interval(runs, runs, ACCURACY.headline, resamples=100)
    assert same.estimate == 0 and same.p == 1
    assert width(same) / 2 == pytest.approx(3.4 / ids, rel=0.08)  # parallel languages add nothing
    apart = [{code: cell([1] * ids, code) for code in languages}] * 3
    assert width(gain_interval(apart, apart, ACCURACY.headline, resamples=100)) / 2 == pytest.approx(
        3.4 / (ids * len(languages)), rel=0.08
    )
    for measured in gain_intervals([(runs, runs)], ACCURACY.headline, resamples=100):
        assert all(width(one) / 2 == pytest.approx(3.4 / ids, rel=0.08) for one in measured.languages.values())
    ceiling = score_interval([{"a": cell([1] * ids)}], ACCURACY.headline, resamples=100)
    assert ceiling.high == 1 and 1 - ceiling.low == pytest.approx(3.4 / ids, rel=0.08)


def test_the_rule_of_three_changes_nothing_where_three_examples_differ() -> None:
    ids = 300
    few, enough = ([0] * k + [1] * (ids - k) for k in (1, 6))
    perfect = [{"a": cell([1] * ids)}]
    for answers, least in ((few, True), (enough, False)):
        result = gain_interval(perfect, [{"a": cell(answers)}], ACCURACY.headline, resamples=4000)
        plain = np.std(answers) / np.sqrt(ids)
        assert result.spread is not None
        assert result.spread.standard_error == pytest.approx(np.sqrt(3) / ids if least else plain, rel=0.03)


@pytest.mark.parametrize("scale", ["headroom", "logit"])
def test_interactions_at_the_ceiling_have_a_width_on_every_scale(scale: str) -> None:
    pair = [{"a": cell([1] * 90)}] * 3, [{"a": cell([1] * 90)}] * 3
    result = interaction_interval(pair, pair, ACCURACY.headline, scale=scale, resamples=50)  # type: ignore[arg-type]
    assert result.estimate == 0 and width(result) > 1


def test_the_error_is_that_of_a_crossed_design() -> None:
    """Seeds x examples without repetition: the expected mean squares of a two-way random model (Scheffe 1959)."""
    rng = np.random.default_rng(4)
    gains_SN = rng.normal(0, 0.1, (4, 1)) + rng.normal(0, 0.5, 200) + rng.normal(0, 0.3, (4, 200))
    ids = np.arange(200).astype(str)
    treatment = [{"en": (ids, np.stack([row, np.ones(200)], axis=1))} for row in gains_SN]
    control = [{"en": (ids, np.stack([np.zeros(200), np.ones(200)], axis=1))}] * 4
    ours = gain_interval(treatment, control, ACCURACY.headline, resamples=40_000)
    rows, columns = gains_SN.mean(axis=1), gains_SN.mean(axis=0)
    rest = gains_SN - rows[:, None] - columns + gains_SN.mean()
    shared = columns.var(ddof=1) / 200 - (rest**2).sum() / (3 * 199) / (4 * 200)
    assert ours.spread is not None
    assert ours.spread.seed_variance == pytest.approx(rows.var(ddof=1) / 4)
    assert ours.spread.example_variance == pytest.approx(shared, rel=0.04)


def test_many_chains_at_once_are_the_same_as_one_by_one() -> None:
    rng = np.random.default_rng(5)
    control = random_side(rng, 3, 0.6)
    chains = [random_side(rng, 3, share) for share in (0.6, 0.7, 0.5)]
    measured = gain_intervals([(chain, control) for chain in chains], ACCURACY.headline, resamples=150)
    for chain, together in zip(chains, measured, strict=True):
        alone = gain_interval(chain, control, ACCURACY.headline, resamples=150)
        assert vars(together.overall) | {"spread": None} == pytest.approx(vars(alone) | {"spread": None})
        assert together.languages["b"].estimate == pytest.approx(
            gain_interval([{"b": run["b"]} for run in chain], [{"b": run["b"]} for run in control], ACCURACY.headline).estimate
        )


def test_a_languages_own_interval_is_that_of_the_language_alone() -> None:
    rng = np.random.default_rng(6)
    sides = [random_side(rng, 4, share, languages="a") for share in (0.7, 0.6)]
    (together,) = gain_intervals([(sides[0], sides[1])], ACCURACY.headline)
    assert together.languages["a"].low == pytest.approx(together.overall.low)
    assert together.languages["a"].p == pytest.approx(together.overall.p)


def test_seeds_whose_examples_differ_are_taken_as_they_are() -> None:
    sides = [
        [{"a": cell([1, 0, 1, 1] * 10, prefix=f"{s}-")} for s in range(3)],
        [{"a": cell([0, 1] * 20, f"{s}-")} for s in range(3)],
    ]
    result = gain_interval(*sides, ACCURACY.headline, resamples=100)
    assert result.estimate == pytest.approx(0.25) and result.low < 0.25 < result.high


def test_interaction_is_the_difference_of_gains_on_three_scales() -> None:
    def side(right: int) -> list[Cells]:
        return [{"de": cell([1] * right + [0] * (1000 - right))} for _ in range(3)]

    base, large = (side(600), side(500)), (side(920), side(900))
    results = {
        scale: interaction_interval(base, large, ACCURACY.headline, scale=scale)  # type: ignore[arg-type]
        for scale in ("points", "headroom", "logit")
    }
    assert results["points"].estimate == pytest.approx(0.1 - 0.02)
    assert results["headroom"].estimate == pytest.approx(0.1 / 0.5 - 0.02 / 0.1)
    logit = stats.logistic.ppf
    assert results["logit"].estimate == pytest.approx(logit(0.6) - logit(0.5) - (logit(0.92) - logit(0.9)), abs=2e-3)
    assert results["points"].low > 0
    assert results["headroom"].low < 0 < results["headroom"].high


def test_interaction_of_a_gain_with_itself_is_nothing_and_languages_are_shared() -> None:
    rng = np.random.default_rng(8)
    pair = random_side(rng, 3, 0.7), random_side(rng, 3, 0.6)
    more = tuple([{**run, "c": run["a"]} for run in side] for side in pair)
    result = interaction_interval(pair, more, ACCURACY.headline)  # type: ignore[arg-type]
    assert result.estimate == 0 and result.p == 1
    assert "c" in result.note


def test_interaction_of_two_single_runs_has_the_variance_of_the_double_difference() -> None:
    rng = np.random.default_rng(9)
    answers = [rng.random(400) < share for share in (0.7, 0.6, 0.8, 0.75)]
    sides = [[{"a": cell(one)}] for one in answers]
    result = interaction_interval((sides[0], sides[1]), (sides[2], sides[3]), ACCURACY.headline, resamples=20_000)
    contrast = np.array([1, -1, -1, 1]) @ np.array(answers, dtype=float)
    assert result.spread is not None
    assert result.spread.standard_error == pytest.approx(contrast.std() / 20, rel=0.02)


def test_these_very_runs_vary_by_examples_only() -> None:
    rng = np.random.default_rng(10)
    answers_SN = rng.random((3, 400)) < np.array([[0.5], [0.6], [0.9]])
    runs = [{"a": cell(one)} for one in answers_SN]
    result = score_interval(runs, ACCURACY.headline, resamples=20_000, over_seeds=False)
    assert result.spread is not None and result.spread.seed_share == 0
    assert result.spread.standard_error == pytest.approx(answers_SN.mean(axis=0).std() / 20, rel=0.02)
    assert "these 3 runs" in result.note
    assert width(result) < width(score_interval(runs, ACCURACY.headline)) / 3
