"""Pooled comparisons: stacking targets does not change what each says, and a selected maximum is not reported as a plain one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from tests.claims.claim_results import TYDIQA, XNLI, study
from xstilts.analysis.pooled_comparison import PooledComparison, measure_pooled
from xstilts.analysis.results import Cell, LanguageScore, Results
from xstilts.analysis.scores import collect_tallies
from xstilts.claims.selection import Side, TargetLanguages, Unusable, choose_best, collect_sides, compute_standing, pool_sides
from xstilts.metrics.significance import gain_interval
from xstilts.metrics.squad import SQUAD

WANTED = {XNLI: ("ru", "sw", "th"), TYDIQA: ("ru",)}
CODES = ("ar", "ru", "sw", "th")
ENCODER = "xlm-roberta-large"


def pool(pairs: Sequence[tuple[Side, Side]], wanted: TargetLanguages, results: Results) -> PooledComparison:
    return pool_sides("squad", pairs, wanted, results)[0]


def two_metrics(results: Results) -> Results:
    """TyDiQA with F1 and EM in place of accuracy, of which the first is not the second."""

    def tallied(cell: Cell) -> Cell:
        if cell.target != TYDIQA:
            return cell
        languages = {}
        for code, score in cell.languages.items():
            right = score.counts_NC[:, 0]
            counts = np.stack([(right + 0.4) / 1.4, right, np.ones_like(right)], axis=1)
            value = float(SQUAD.headline(counts.sum(0)))
            languages[code] = LanguageScore({}, value, score.ids_N, counts)
        return replace(cell, languages=languages)

    infos = tuple(replace(info, metric_name="squad") if info.name == TYDIQA else info for info in results.targets)
    return replace(results, targets=infos, cells=tuple(map(tallied, results.cells)), metrics={**results.metrics, "squad": SQUAD})


@pytest.fixture
def results() -> Results:
    gains = {("squad", XNLI): 0.02, ("squad", TYDIQA): 0.06}
    return two_metrics(study(gains, seeds=(0, 1, 2), languages=("en", "ru", "sw", "th")))


def test_one_target_is_the_plain_gain(results: Results) -> None:
    arms = collect_sides(results, ENCODER)
    one = pool([(arms["squad"], arms["none"])], {XNLI: WANTED[XNLI]}, results)
    (found,) = measure_pooled([one], 400)
    cells = [[arms[chain][XNLI][seed] for seed in (0, 1, 2)] for chain in ("squad", "none")]
    plain = gain_interval(
        collect_tallies(cells[0], WANTED[XNLI]),
        collect_tallies(cells[1], WANTED[XNLI]),
        results.metrics["accuracy"].headline,
        resamples=400,
    )
    assert (found.estimate, found.low, found.high) == (plain.estimate, plain.low, plain.high)


def test_a_stack_is_the_mean_over_targets_of_the_mean_over_languages(results: Results) -> None:
    arms = collect_sides(results, ENCODER)
    pair = [(arms["squad"], arms["none"])]
    parts = {name: measure_pooled([pool(pair, {name: codes}, results)], 3000)[0] for name, codes in WANTED.items()}
    (whole,) = measure_pooled([pool(pair, WANTED, results)], 3000)
    assert whole.estimate == pytest.approx(np.mean([part.estimate for part in parts.values()]), abs=1e-12)
    # equal ids of two targets are different examples: the variances of the parts add
    variances = [part.spread.example_variance for part in parts.values() if part.spread]
    assert whole.spread is not None
    assert whole.spread.example_variance == pytest.approx(sum(variances) / 4, rel=0.1)


def test_a_mean_of_chains_is_the_mean_of_their_gains(results: Results) -> None:
    arms = collect_sides(results, ENCODER)
    pairs = [(arms[name], arms["none"]) for name in ("squad", "qqp", "hella")]
    alone = [one.estimate for one in measure_pooled([pool([pair], WANTED, results) for pair in pairs], 50)]
    assert measure_pooled([pool(pairs, WANTED, results)], 50)[0].estimate == pytest.approx(np.mean(alone), abs=1e-12)


def test_many_at_once_are_the_same_as_one_by_one(results: Results) -> None:
    arms = collect_sides(results, ENCODER)
    made = [pool([(arms[name], arms["none"])], WANTED, results) for name in ("squad", "qqp", "hella")]
    made.insert(1, pool([(arms["qqp"], arms["hella"])], {XNLI: WANTED[XNLI]}, results))
    for one, interval in zip(made, measure_pooled(made, 300), strict=True):
        (alone,) = measure_pooled([one], 300)
        assert (interval.estimate, interval.low, interval.high) == pytest.approx((alone.estimate, alone.low, alone.high))
        assert (interval.p, interval.note) == (pytest.approx(alone.p), alone.note)


def test_the_standing_of_two_is_the_tail_of_their_contrast() -> None:
    results = two_metrics(
        study({("qqp", XNLI): 0.01, ("hella", TYDIQA): 0.02}, seeds=(0, 1, 2), languages=("en", "ru", "sw", "th"))
    )
    arms = {name: side for name, side in collect_sides(results, ENCODER).items() if name in ("qqp", "hella")}
    found = compute_standing(arms, ["hella"], WANTED, results, 1000)
    assert found is not None
    (interval,) = measure_pooled([pool([(arms["hella"], arms["qqp"])], WANTED, results)], 1000)
    assert (found.rank, found.chains, found.best_set) == (1, 2, found.within[0][1])
    assert found.best_set == pytest.approx(1 - interval.tail_above(0.0), abs=0.03)


def test_no_standing_without_chains_on_both_sides_or_anything_shared(results: Results) -> None:
    arms = collect_sides(results, ENCODER)
    assert compute_standing(arms, ["cosmosqa"], WANTED, results, 50) is None
    assert compute_standing({"squad": arms["squad"]}, ["squad"], WANTED, results, 50) is None
    assert compute_standing({**arms, "empty": {}}, ["squad"], WANTED, results, 50) is None


def test_languages_and_seeds_that_one_side_lacks_are_left_out(results: Results) -> None:
    cells = tuple(
        replace(cell, languages={x: s for x, s in cell.languages.items() if x != "sw"}) if cell.chain == "none" else cell
        for cell in results.cells
        if (cell.chain, cell.seed) != ("squad", 2)
    )
    arms = collect_sides(replace(results, cells=cells), ENCODER)
    one = pool([(arms["squad"], arms["none"])], WANTED, results)
    assert one.rows == ((XNLI, "ru"), (XNLI, "th"), (TYDIQA, "ru"))
    assert one.seeds == (0, 1)


def test_the_same_outcome_on_both_sides_is_no_comparison(results: Results) -> None:
    arms = collect_sides(results, ENCODER)
    with pytest.raises(Unusable, match="same outcome"):
        pool([(arms["none"], arms["none"])], WANTED, results)


def test_nothing_in_common_is_said(results: Results) -> None:
    arms = collect_sides(results, ENCODER)
    with pytest.raises(Unusable, match="no target has scores on both sides"):
        pool([(arms["squad"], {})], WANTED, results)


def test_what_is_chosen_is_the_better_chain_where_there_is_one(results: Results) -> None:
    arms = collect_sides(results, ENCODER)
    real = {name: arms[name] for name in ("squad", "qqp", "hella")}
    picked, _, words = choose_best(real, arms["none"], {TYDIQA: ("ru", "sw"), XNLI: ("ru", "sw", "th")}, results)
    assert picked[TYDIQA][0].languages["sw"] is arms["squad"][TYDIQA][0].languages["sw"]
    assert "tydiqa: squad 12 of 12" in words  # three seeds, two halves of the languages, two of the ids


def test_a_target_without_scores_is_left_out(results: Results) -> None:
    arms = collect_sides(replace(results, cells=tuple(cell for cell in results.cells if cell.target == XNLI)), ENCODER)
    picked, keys, words = choose_best({"squad": arms["squad"]}, arms["none"], {TYDIQA: ("ru",)}, results)
    assert (picked, keys, words) == ({}, (), "")
