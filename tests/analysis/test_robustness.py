"""Gains in robustness against numbers computed by hand, their gates and families, and that attacked scores mix into nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.analysis.attacked_results import ATTACKS, TARGETS, attacked
from xstilts.analysis.gains import Gain, compute_transfer_gains
from xstilts.analysis.results import Results
from xstilts.analysis.robustness import OTHERS, AttackedScore, RobustnessGain, compute_robustness_gains, describe_attacked
from xstilts.analysis.scores import summarise
from xstilts.analysis.tidy import tidy_scores


def measure(results: Results) -> tuple[tuple[Gain, ...], tuple[RobustnessGain, ...]]:
    gains = compute_transfer_gains(results, summarise(results), 500)
    return gains, compute_robustness_gains(results, gains, 500)


def rows_of(results: Results, chain: str, language: str) -> AttackedScore:
    return next(row for row in describe_attacked(results) if (row.chain, row.language) == (chain, language))


def test_the_gain_is_a_difference_in_differences() -> None:
    results = attacked({"none": 0.5, "nli": 0.1})
    _, found = measure(results)
    assert {(one.condition, one.gain.target) for one in found} == {(a, t.name) for a in ATTACKS for t in TARGETS}
    drops: dict[str, list[float]] = {"none": [], "nli": []}
    clean = {(cell.chain, cell.seed): cell for cell in results.cells if cell.target == "pawsx"}
    for cell in results.attacked["noise"]:
        if cell.target == "pawsx":
            before = clean[cell.chain, cell.seed].languages
            drops[cell.chain] += [cell.languages[code].headline - before[code].headline for code in ("de", "sw")]
    one = next(one.gain for one in found if one.gain.target == "pawsx")
    assert one.interval is not None
    assert one.interval.estimate == pytest.approx(np.mean(drops["nli"]) - np.mean(drops["none"])) and one.interval.estimate > 0.2
    assert one.interval.low < one.interval.estimate < one.interval.high
    assert one.verdict == "gain" and one.family == 4 and one.interval.low > 0
    german = next(row for row in one.languages if row.language == "de")
    assert german.interval.estimate == pytest.approx(german.treatment - german.control)
    assert [seed.seed for seed in one.seeds] == [0, 1, 2]


def test_a_higher_clean_score_alone_is_no_robustness() -> None:
    """Both lose ten points; the clean gain is large."""
    results = attacked({"none": 0.0, "nli": 0.0}, {"none": 0.6, "nli": 0.8})
    gains, found = measure(results)
    assert {gain.verdict for gain in gains} == {"gain"}
    for one in found:
        assert one.gain.interval is not None and one.gain.interval.estimate == 0
        assert one.gain.verdict in ("unclear", "equivalent")


def test_the_gates_of_gains_hold() -> None:
    results = attacked({"none": 0.1, "nli": 0.5}, {"none": 0.34, "nli": 0.75})
    gains, found = measure(results)
    closed = {gain.target for gain in gains if gain.verdict == "near chance"}
    assert closed
    assert {one.gain.target for one in found if one.gain.verdict == "near chance"} == closed
    assert all(one.gain.family == 0 for one in found if one.gain.target in closed)


def test_controls_are_families_of_their_own() -> None:
    skill = {"none": 0.7, "nli": 0.75, "nli~placebo": 0.7}
    _, found = measure(attacked(dict.fromkeys(skill, 0.25), skill))
    families = {(one.gain.chain, one.gain.against): one.gain.family for one in found}
    assert families == {("nli", "none"): 4, ("nli~placebo", "none"): 4, ("nli", "nli~placebo"): 4}


def test_without_an_attacked_control_or_an_edit_there_is_no_gain() -> None:
    assert measure(attacked({"nli": 0.5}))[1] == ()
    assert measure(attacked({"none": 0.5, "nli": 0.5}, effective=0.0))[1] == ()
    assert measure(attacked({"none": 0.5, "nli": 0.5}, seen=0.0))[1] == (), "a tokenizer undid every edit"
    assert measure(attacked({"none": 0.5, "nli": 0.5}, seen=None))[1], "nobody counted"


def test_few_seeds_decide_nothing() -> None:
    results = attacked({"none": 0.5, "nli": 0.1})
    few = {name: tuple(cell for cell in cells if cell.seed < 2) for name, cells in results.attacked.items()}
    assert {one.gain.verdict for one in measure(replace(results, attacked=few))[1]} == {"few seeds"}


def test_the_rows_of_scores() -> None:
    results = attacked({"none": 0.5, "nli": 0.1})
    rows = describe_attacked(results)
    assert len(rows) == len(ATTACKS) * len(TARGETS) * 2 * 4, "three languages and their mean"
    row, english, others = (rows_of(results, "nli", code) for code in ("de", "en", OTHERS))
    assert row.drop == pytest.approx(row.attacked - row.clean) and row.drop < 0 and row.seeds == (0, 1, 2)
    assert english.gap is None and row.gap == pytest.approx(row.drop - english.drop)
    assert others.clean == pytest.approx(np.mean([rows_of(results, "nli", code).clean for code in ("de", "sw")]))
    assert row.seen == others.seen == pytest.approx(0.8)
    none = rows_of(results, "none", "de")
    assert none.shared is None and row.shared is not None and row.shared_none is not None
    assert row.shared < row.shared_none and row.success == pytest.approx(0.1, abs=0.02)


def test_success_on_shared_examples_counts_what_both_got_right() -> None:
    results = attacked({"none": 0.5, "nli": 0.1})
    own = {cell.chain: cell for cell in results.cells if (cell.target, cell.seed) == ("pawsx", 0)}
    broken = {cell.chain: cell for cell in results.attacked["noise"] if (cell.target, cell.seed) == ("pawsx", 0)}
    one = replace(results, cells=tuple(own.values()), attacked={"noise": tuple(broken.values())})
    both = np.logical_and(*(own[name].languages["de"].counts_NC[:, 0] == 1 for name in ("none", "nli")))
    row = rows_of(one, "nli", "de")
    expected = [1 - broken[name].languages["de"].counts_NC[both, 0].mean() for name in ("nli", "none")]
    assert [row.shared, row.shared_none] == pytest.approx(expected)


def test_attacked_scores_mix_into_nothing() -> None:
    results = attacked({"none": 0.5, "nli": 0.1})
    plain = replace(results, conditions=(), attacked={})
    assert summarise(results) == summarise(plain)
    assert tidy_scores(results, controls=True, every_metric=True) == tidy_scores(plain, controls=True, every_metric=True)
    first, second = (compute_transfer_gains(some, summarise(some), 200) for some in (results, plain))
    assert first == second
    assert describe_attacked(plain) == () and compute_robustness_gains(plain, second) == ()
