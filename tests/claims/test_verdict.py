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


def measured(
    estimate: float, error: float = 0.2, said: float | None = None, name: str = "squad_v1", target: str = ""
) -> MeasuredGain:
    """An estimate and its standard error in points, with many degrees of freedom."""
    spread = VarianceComponents(0.0, 0, (error / 100) ** 2, 10_000)
    half = spread.critical_value(0.025) * error / 100
    interval = Interval(estimate / 100, estimate / 100 - half, estimate / 100 + half, 0.95, 1000, None, 6, "", spread)
    return MeasuredGain(name, interval, None if said is None else said / 100, target)


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
def test_no_effect_needs_equivalence(estimate: float, error: float, expected: str) -> None:
    assert judged("no_effect", measured(estimate, error)).verdict == expected


def test_no_effect_over_several_stands_and_falls_with_each() -> None:
    assert judged("no_effect", measured(0.1), measured(-0.1, name="qqp")).verdict == "supported"
    assert judged("no_effect", measured(0.1), measured(0.1, 2.0, name="qqp")).verdict == "inconclusive"
    beyond = judged("no_effect", measured(0.1), measured(-3, name="qqp"))
    assert beyond.verdict == "refuted"
    assert beyond.estimate == pytest.approx(-0.03)


@pytest.mark.parametrize(
    ("gains", "expected"),
    [
        ([(-0.3, 0.2), (-5.0, 0.2)], "supported"),  # a loss is no benefit
        ([(-0.3, 0.2), (-5.0, 3.0)], "supported"),
        ([(-0.3, 0.2), (3.0, 0.2)], "refuted"),
        ([(-5.0, 0.2), (0.8, 0.5)], "inconclusive"),
        ([(-5.0, 0.2), (1.2, 0.5)], "inconclusive"),
    ],
)
def test_no_benefit_is_one_sided(gains: list[tuple[float, float]], expected: str) -> None:
    found = judged("no_benefit", *(measured(x, error, name=f"t{i}") for i, (x, error) in enumerate(gains)))
    assert found.verdict == expected


def test_every_means_each_and_falls_by_one() -> None:
    good = [measured(2, name=f"t{i}") for i in range(3)]
    assert judged("replication", *good).verdict == "supported"
    assert judged("replication", *good, measured(0.5, 1.0, name="unsure")).verdict == "inconclusive"
    found = judged("replication", *good, measured(0.5, 1.0, name="unsure"))
    assert "the gain is above 0 is shown in at least 3 of 4, clearly not in any" in found.reason
    assert (found.shown, found.p) == (3, None)
    for bad in (-2, 0.0):  # opposite, or too small to matter
        opposite = judged("replication", *good, measured(bad, name="qqp"))
        assert opposite.verdict == "refuted"
        assert "qqp" in opposite.reason
        assert opposite.p is not None and opposite.p <= 0.05


@pytest.mark.parametrize(
    ("gains", "expected"),
    [
        ([5, 5, 5, 5, -2], "supported"),  # four of five
        ([5, 5, 5, -2, -2], "refuted"),
        ([5, 5, 5, -2, 0.4], "inconclusive"),
    ],
)
def test_almost_every_is_a_count(gains: list[float], expected: str) -> None:
    several = [measured(x, 0.5 if x == 0.4 else 0.2, name=f"t{i}") for i, x in enumerate(gains)]
    found = judged("replication", *several, fields={"share": 0.8})
    assert found.verdict == expected
    # three of ten runs are no test of "eight of ten", but three failures are
    few = [measured(5, name=f"t{i}") for i in range(3)]
    assert judged("replication", *few, fields={"share": 0.8}, asked=10).proxy
    failing = [measured(-2, name=f"t{i}") for i in range(3)]
    assert judged("replication", *failing[:2], fields={"share": 0.8}, asked=10).verdict == "inconclusive"
    refuted = judged("replication", *failing, fields={"share": 0.8}, asked=10)
    assert (refuted.verdict, refuted.proxy) == ("refuted", False)


def test_a_count_is_made_for_each_target() -> None:
    fields = {"each": ["task", "target"], "share": 0.5, "population": {"targets": ["tatoeba", "bucc2018"]}}
    good = [measured(20, name=f"t{i}", target="tatoeba") for i in range(4)]
    half = [measured(x, name=f"t{i}", target="bucc2018") for i, x in enumerate((20, 20, -5, -5))]
    less = [measured(x, name=f"t{i}", target="bucc2018") for i, x in enumerate((20, -5, -5, -5))]
    assert judged("replication", *good, *half, fields=fields).verdict == "supported"
    found = judged("replication", *good, *less, fields=fields)  # over both together it would be five of eight
    assert found.verdict == "refuted"
    assert "bucc2018" in found.reason


def test_a_denied_universal_needs_one_that_is_clearly_no_better() -> None:
    fields = {"negated": True}
    good = [measured(3, name=f"t{i}") for i in range(3)]
    assert judged("replication", *good, fields=fields).verdict == "refuted"
    assert judged("replication", *good, measured(0.0, name="qqp"), fields=fields).verdict == "supported"
    assert judged("replication", *good, measured(0.9, 1.0, name="qqp"), fields=fields).verdict == "inconclusive"
    one = judged("replication", measured(0.0, name="qqp"), fields=fields, fewer=("1 of 9 tasks",))
    assert (one.verdict, one.proxy) == ("supported", False)  # by a counterexample
    whole = judged("replication", *good, fields=fields, fewer=("3 of 9 tasks",))
    assert (whole.verdict, whole.proxy) == ("inconclusive", True)


@pytest.mark.parametrize(
    ("gains", "expected"),
    [
        ([2, 2, 2], "supported"),
        ([2, 2, -0.6], "refuted"),  # clearly behind, by less than a point
        ([-0.6] * 15, "refuted"),  # three at +5.0 against five at +5.6
        ([0.0] * 15, "inconclusive"),  # all equal, or none has an effect
        ([2, 2, 0.3], "inconclusive"),
    ],
)
def test_a_ranking_needs_superiority(gains: list[float], expected: str) -> None:
    fields = {"best": ["squad_v1"], "comparisons": []}
    several = [measured(x, 0.18, name=f"t{i}") for i, x in enumerate(gains)]
    found = judged("ranking", *several, fields=fields)
    assert found.verdict == expected
    assert ("tied" in found.reason.lower()) == (expected == "inconclusive")


def test_the_chances_of_ranks_are_told_and_decide_nothing() -> None:
    fields = {"best": ["squad_v1", "qqp"], "comparisons": []}
    standing = Standing(rank=2, chains=5, within=(("squad_v1", 0.999), ("qqp", 0.618)), best_set=0.6)
    words = "P(rank ≤ 2 of 5): squad_v1 >\N{NO-BREAK SPACE}0.99, qqp 0.62; together the best: 0.60."
    for estimate, expected in ((2, "supported"), (-3, "refuted"), (0.1, "inconclusive")):
        found = judged("ranking", measured(estimate), fields=fields, standing=standing)
        assert found.verdict == expected
        assert words in found.reason
        assert found.details[-1] == words


@pytest.mark.parametrize(
    ("estimate", "expected"), [(4, "supported"), (0.2, "refuted"), (12, "refuted"), (1.1, "inconclusive"), (9.9, "inconclusive")]
)
def test_a_moderate_gain_has_two_bounds(estimate: float, expected: str) -> None:
    assert judged("comparison", measured(estimate), fields={"at_least": 1, "at_most": 10}).verdict == expected


@pytest.mark.parametrize("kind", ["comparison", "replication", "no_benefit", "no_effect", "ranking", "reported_number"])
def test_what_differs_makes_a_refutation_inconclusive_and_what_is_only_less_does_not(kind: str) -> None:
    """One counterexample refutes "every", whatever else was not run; another encoder may have another truth."""
    fields: dict[str, Any] = {"ranking": {"best": ["squad_v1"], "comparisons": []}}.get(kind, {})
    gain = 30 if kind in ("no_benefit", "no_effect") else -30
    bad = measured(gain, said=8.2 if kind == "reported_number" else None)
    if kind == "reported_number":
        fields = {"comparisons": [{"treatment": "squad_v1", "magnitude": 8.2}]}
    fewer = judged(kind, bad, fields=fields, fewer=("1 of 9 intermediate tasks",), asked=9)
    assert (fewer.verdict, fewer.proxy) == ("refuted", False)
    assert "One counterexample is enough" in fewer.reason
    other = judged(kind, bad, fields=fields, differs=("limited to 500 train examples",))
    assert (other.verdict, other.proxy) == ("inconclusive", True)
    assert "would refute it" in other.reason


def test_less_supports_by_proxy() -> None:
    for less in ({"differs": ("limited to 500 train examples",)}, {"fewer": ("1 of 2 tasks",)}, {"asked": 2}):
        found = judged("comparison", measured(3), **less)
        assert (found.verdict, found.proxy) == ("supported", True)
        assert "By proxy only" in found.reason


def test_what_the_study_could_have_seen_is_told() -> None:
    one = judged("comparison", measured(0.1, 1.0))
    assert one.bound == pytest.approx((1.96 + 0.84) / 100, rel=0.02)
    many = judged("comparison", measured(0.1, 1.0), *(measured(0.1, 0.2, name=f"t{i}") for i in range(19)))
    assert many.bound == pytest.approx((3.02 + 0.84) / 100, rel=0.02)  # at .05 / 20, of the widest


def test_few_seeds_are_called_exploratory() -> None:
    assert "exploratory" in judged("comparison", measured(3), seeds=4).reason
    assert "exploratory" not in judged("comparison", measured(3)).reason


def fact(*entries: tuple[int, int, bool]) -> Finding:
    """Entries are (found, expected, whether the copy is known to be whole)."""
    names = ["mnli", "snli"][: len(entries)]
    record = claim("dataset_fact", expected={name: one[1] for name, one in zip(names, entries, strict=True)}, comparisons=[])
    observed = tuple(Observation(name, one[1], one[0], one[2]) for name, one in zip(names, entries, strict=True))
    return judge(record, Evidence(observed=observed, asked=len(entries)))


def test_a_count_is_refuted_by_a_whole_copy_or_by_more() -> None:
    assert fact((392702, 392702, True)).verdict == "supported"
    assert fact((392702, 392702, False)).estimate == 392702
    wrong = fact((392662, 392702, True))
    assert wrong.verdict == "refuted"
    assert "392,662 where 392,702 was expected" in wrong.reason
    assert fact((392703, 392702, False)).verdict == "refuted"  # a part cannot have more than the whole
    partial = fact((196351, 392702, False))
    assert partial.verdict == "not tested"
    assert "not known to be whole" in partial.reason


def test_a_part_of_one_copy_leaves_a_claim_about_two_untested_unless_the_other_refutes() -> None:
    assert fact((392702, 392702, True), (1, 2, False)).verdict == "not tested"
    assert fact((392702, 392702, True), (1, 2, True)).verdict == "refuted"


def test_what_no_run_can_decide_is_not_tested() -> None:
    assert judge(claim("hypothesis", comparisons=[]), Evidence()).verdict == "not tested"
    assert judge(claim("question", comparisons=[], direction=""), Evidence()).verdict == "not tested"
    assert judged("question", measured(3)).verdict == "supported"


ESTIMATES = st.lists(st.tuples(st.floats(-15, 15), st.floats(0.05, 4)), min_size=1, max_size=4)


@given(ESTIMATES)
def test_the_rule_is_symmetric_and_never_kinder_than_the_interval(found: list[tuple[float, float]]) -> None:
    several = [measured(x, error, 8.2, f"t{i}") for i, (x, error) in enumerate(found)]
    mirrored = [measured(-x, error, name=f"t{i}") for i, (x, error) in enumerate(found)]
    up, down = judged("comparison", *several), judged("comparison", *mirrored, fields={"direction": "-"})
    assert up.verdict == down.verdict
    if up.verdict == "supported":
        assert all(one.interval.low > 0 for one in several)
    null = judged("no_effect", *several)
    if null.verdict == "supported":
        assert all(abs(x) < 1 for x, _ in found)
        assert judged("no_benefit", *several).verdict == "supported"
    reported = judged("reported_number", *several, fields={"comparisons": [{"treatment": "squad_v1", "magnitude": 8.2}]})
    if reported.verdict == "supported":
        assert all(abs(x - 8.2) < 1 for x, _ in found)
    for kind in ("comparison", "replication"):
        assert judged(kind, *several, differs=("less",)).verdict != "refuted"
