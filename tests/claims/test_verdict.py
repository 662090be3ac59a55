"""The verdict rule, rule by rule, on evidence with known intervals."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.claims.claim_results import claim
from xstilts.claims.evidence import Evidence, MeasuredGain, Observation
from xstilts.claims.selection import Standing
from xstilts.claims.verdict import Finding, judge
from xstilts.metrics.significance import Interval
from xstilts.metrics.variance_components import VarianceComponents


def measured(estimate: float, error: float = 0.2, said: float | None = None, name: str = "squad_v1") -> MeasuredGain:
    """An estimate and its standard error in points, with many degrees of freedom."""
    spread = VarianceComponents(0.0, 0, (error / 100) ** 2, 10_000)
    half = spread.critical_value(0.025) * error / 100
    interval = Interval(estimate / 100, estimate / 100 - half, estimate / 100 + half, 0.95, 1000, None, 6, "", spread)
    return MeasuredGain(name, interval, None if said is None else said / 100)


def evidence(*found: MeasuredGain, **fields: Any) -> Evidence:
    return Evidence(**{"measured": found, "asked": len(found), "seeds": 6, **fields})


def judged(kind: str, *found: MeasuredGain, fields: dict[str, Any] | None = None, **about: Any) -> Finding:
    return judge(claim(kind, **(fields or {})), evidence(*found, **about))


def test_a_contradicted_field_puts_the_claim_out_of_scope_and_is_named() -> None:
    found = judged("comparison", measured(3), outside=("split: the claim is about dev data, this study scores test",))
    assert (found.verdict, found.estimate) == ("out of scope", None)
    assert "split" in found.reason


def test_no_run_and_too_few_seeds_are_not_tested() -> None:
    nothing = judge(claim("comparison"), Evidence(missing=("none of its targets (tydiqa) is in this study",)))
    assert nothing.verdict == "not tested"
    assert "none of its targets" in nothing.reason
    few = judged("comparison", measured(3), seeds=2)
    assert few.verdict == "not tested"
    assert "2 seeds, and the claim needs 3" in few.reason
    assert few.estimate == pytest.approx(0.03)  # what was measured is still told


@pytest.mark.parametrize(
    ("estimate", "error", "expected"),
    [(3, 0.2, "supported"), (-3, 0.2, "refuted"), (0.1, 0.2, "refuted"), (0.5, 1.0, "inconclusive"), (0.5, 0.1, "supported")],
)
def test_a_direction_is_supported_on_its_side_and_refuted_on_the_other_or_within_the_margin(
    estimate: float, error: float, expected: str
) -> None:
    assert judged("comparison", measured(estimate, error)).verdict == expected
    against = judged("comparison", measured(-estimate, error), fields={"direction": "-"})
    assert against.verdict == expected


def test_an_effect_too_small_to_matter_is_called_that() -> None:
    assert "Too small to matter" in judged("comparison", measured(0.1)).reason
    assert "Clearly not above 0" in judged("comparison", measured(-3)).reason


@pytest.mark.parametrize(("estimate", "expected"), [(12, "supported"), (8, "refuted"), (10.1, "inconclusive")])
def test_a_least_gain_must_be_exceeded(estimate: float, expected: str) -> None:
    assert judged("comparison", measured(estimate), fields={"at_least": 10}).verdict == expected


def test_several_comparisons_are_corrected_together() -> None:
    border = measured(0.45, 0.2)  # alone p = .024
    assert judged("comparison", border).verdict == "supported"
    wide = [measured(0.45, 1.0, name=f"t{i}") for i in range(4)]
    assert judged("comparison", border, *wide).verdict == "inconclusive"
    assert "t0" in "".join(judged("comparison", border, *wide).details)


@pytest.mark.parametrize(
    ("estimate", "error", "expected", "words"),
    [
        (8.0, 0.2, "supported", "within the tolerance"),
        (2.0, 0.2, "refuted", "its direction is supported"),  # right in direction, wrong in magnitude
        (-2.0, 0.2, "refuted", "its direction is refuted"),
        (7.3, 0.4, "inconclusive", "neither within the tolerance nor outside it"),
    ],
)
def test_a_reported_number_needs_the_interval_within_its_tolerance(
    estimate: float, error: float, expected: str, words: str
) -> None:
    found = judged(
        "reported_number",
        measured(estimate, error, said=8.2),
        fields={"comparisons": [{"treatment": "squad_v1", "magnitude": 8.2}]},
    )
    assert found.verdict == expected
    assert words in found.reason


@pytest.mark.parametrize(
    ("estimate", "error", "expected"),
    [
        (0.1, 0.2, "supported"),
        (0.1, 2.0, "inconclusive"),
        (3.0, 0.2, "refuted"),
        (-3.0, 0.2, "refuted"),
        (1.0, 0.2, "inconclusive"),
    ],
)
def test_a_null_needs_equivalence(estimate: float, error: float, expected: str) -> None:
    assert judged("null", measured(estimate, error)).verdict == expected


def test_a_null_over_several_stands_and_falls_with_each() -> None:
    assert judged("null", measured(0.1), measured(-0.1, name="qqp")).verdict == "supported"
    assert judged("null", measured(0.1), measured(0.1, 2.0, name="qqp")).verdict == "inconclusive"
    beyond = judged("null", measured(0.1), measured(-3, name="qqp"))
    assert beyond.verdict == "refuted"
    assert beyond.estimate == pytest.approx(-0.03)


def test_a_universal_needs_every_comparison_and_falls_by_one() -> None:
    good = [measured(2, name=f"t{i}") for i in range(3)]
    assert judged("universal", *good).verdict == "supported"
    assert judged("universal", *good, measured(0.5, 1.0, name="unsure")).verdict == "inconclusive"
    assert "in at least 3 of 4 comparisons" in judged("universal", *good, measured(0.5, 1.0, name="unsure")).reason
    opposite = judged("universal", *good, measured(-2, name="qqp"))
    assert opposite.verdict == "refuted"
    assert "qqp" in opposite.reason


def test_a_denied_universal_needs_one_that_is_clearly_no_better() -> None:
    fields = {"negated": True}
    good = [measured(3, name=f"t{i}") for i in range(3)]
    assert judged("universal", *good, fields=fields).verdict == "refuted"
    assert judged("universal", *good, measured(0.0, name="qqp"), fields=fields).verdict == "supported"
    assert judged("universal", *good, measured(0.9, 1.0, name="qqp"), fields=fields).verdict == "inconclusive"


def test_a_ranking_counts_ties_within_the_margin() -> None:
    fields = {"best": ["squad_v1"], "comparisons": []}
    assert judged("ranking", measured(2), measured(-0.3, name="tie"), fields=fields).verdict == "supported"
    assert judged("ranking", measured(2), measured(-3, name="worse"), fields=fields).verdict == "refuted"
    assert judged("ranking", measured(2), measured(-0.8, name="unsure"), fields=fields).verdict == "inconclusive"


def test_the_chances_of_ranks_are_told_and_decide_nothing() -> None:
    fields = {"best": ["squad_v1", "qqp"], "comparisons": []}
    standing = Standing(rank=2, chains=5, within=(("squad_v1", 0.999), ("qqp", 0.618)), best_set=0.6)
    words = "P(rank ≤ 2 of 5): squad_v1 >\N{NO-BREAK SPACE}0.99, qqp 0.62; together the best: 0.60 (gaps up to 1 point are ties)."
    for estimate, expected in ((2, "supported"), (-3, "refuted"), (-0.8, "inconclusive")):
        found = judged("ranking", measured(estimate), fields=fields, standing=standing)
        assert found.verdict == expected
        assert words in found.reason
        assert found.details[-1] == words


def test_smaller_runs_support_by_proxy_and_refute_nothing() -> None:
    less = {"smaller": ("limited to 500 train examples",)}
    good = judged("comparison", measured(3), **less)
    assert (good.verdict, good.proxy) == ("supported", True)
    assert "limited to 500 train examples" in good.reason
    bad = judged("comparison", measured(-3), **less)
    assert (bad.verdict, bad.proxy) == ("inconclusive", True)
    assert "would refute it" in bad.reason
    part = judged("comparison", measured(3), asked=2)
    assert (part.verdict, part.proxy) == ("supported", True)


def test_few_seeds_are_called_exploratory() -> None:
    assert "exploratory" in judged("comparison", measured(3), seeds=4).reason
    assert "exploratory" not in judged("comparison", measured(3)).reason
    alone = judged("comparison", measured(3), seeds=1, fields={"population": {"min_seeds": 1}})
    assert alone.verdict == "supported"
    assert "only examples were drawn anew" in alone.reason


def fact(found: int | None, official: int | None) -> Finding:
    record = claim("dataset_fact", quantity="examples", expected={"mnli": 392702}, comparisons=[], direction="")
    return judge(record, Evidence(observed=(Observation("mnli", 392702, found, official),), asked=1))


def test_a_count_is_refuted_by_the_official_data_only() -> None:
    assert fact(392702, 392702).verdict == "supported"
    assert fact(392702, 392702).estimate == 392702
    wrong = fact(392703, 392703)
    assert wrong.verdict == "refuted"
    assert "392,703 where 392,702 was expected" in wrong.reason
    partial = fact(5000, 392702)
    assert partial.verdict == "not tested"
    assert "not known to be whole" in partial.reason
    assert fact(5000, None).verdict == "not tested"


def test_an_unknown_part_leaves_a_proxy() -> None:
    record = claim("dataset_fact", quantity="examples", expected={"mnli": 392702, "snli": 1}, comparisons=[], direction="")
    found = judge(record, Evidence(observed=(Observation("mnli", 392702, 392702), Observation("snli", 1, 2)), asked=2))
    assert (found.verdict, found.proxy) == ("supported", True)
    less = judge(record, Evidence(observed=(Observation("mnli", 392702, 392702),), asked=2))
    assert (less.verdict, less.proxy) == ("supported", True)
    assert "1 of 2 entries" in less.reason


def test_a_protocol_fact_is_equality_and_a_part_of_it_is_inconclusive() -> None:
    record = claim("protocol_fact", quantity="phases", expected={"phases": 3}, comparisons=[], direction="")
    assert judge(record, Evidence(observed=(Observation("phases", 3, 3),), asked=1)).verdict == "supported"
    assert judge(record, Evidence(observed=(Observation("phases", 3, 4),), asked=1)).verdict == "refuted"
    part = judge(record, Evidence(observed=(Observation("phases", 3, 2),), asked=1, smaller=("2 of 3 phases were run",)))
    assert (part.verdict, part.proxy) == ("inconclusive", True)


def test_a_hypothesis_that_no_source_states_is_not_tested() -> None:
    assert judge(claim("hypothesis", comparisons=[], direction=""), Evidence()).verdict == "not tested"


ESTIMATES = st.lists(st.tuples(st.floats(-15, 15), st.floats(0.05, 4)), min_size=1, max_size=4)


@given(ESTIMATES)
def test_the_rule_is_symmetric_and_never_kinder_than_the_interval(found: list[tuple[float, float]]) -> None:
    several = [measured(x, error, 8.2, f"t{i}") for i, (x, error) in enumerate(found)]
    mirrored = [measured(-x, error, name=f"t{i}") for i, (x, error) in enumerate(found)]
    up, down = judged("comparison", *several), judged("comparison", *mirrored, fields={"direction": "-"})
    assert up.verdict == down.verdict
    if up.verdict == "supported":
        assert all(one.interval.low > 0 for one in several)
    null = judged("null", *several)
    if null.verdict == "supported":
        assert all(abs(x) < 1 for x, _ in found)
    reported = judged("reported_number", *several, fields={"comparisons": [{"treatment": "squad_v1", "magnitude": 8.2}]})
    if reported.verdict == "supported":
        assert all(abs(x - 8.2) < 1 for x, _ in found)
    for kind in ("comparison", "universal"):
        assert judged(kind, *several, smaller=("less",)).verdict != "refuted"
