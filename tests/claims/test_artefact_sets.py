"""Artefact sets: every verdict of every built-in claim can be reached, and a set that is wrong is found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.claims.claim_results import claim, verdict
from xstilts.claims import built_in_claims, run_sets
from xstilts.claims.artefact_sets import build_results
from xstilts.claims.record import ArtefactSet, Claim
from xstilts.cli.views.claims import describe_sets
from xstilts.errors import InputError

SETS: list[dict[str, Any]] = [
    {"gives": "supported", "gains": {"squad_v1": 5.0}},
    {"gives": "refuted", "gains": {"squad_v1": -5.0}},
    {"gives": "inconclusive", "gains": {"squad_v1": 1.0}, "noise": 5},
]


def with_sets(*sets: dict[str, Any], **fields: Any) -> Claim:
    return claim("comparison", sets=list(sets), **fields)


@pytest.mark.parametrize("one", [claim for claim in built_in_claims() if claim.sets], ids=lambda one: one.id)
def test_every_verdict_of_a_built_in_claim_can_be_reached(one: Claim) -> None:
    found = run_sets([one])
    assert not list(describe_sets(row for row in found if not row.right))
    assert {row.got for row in found} == set(one.reachable)


def test_a_wrong_set_and_a_verdict_without_a_set_are_told() -> None:
    assert all(one.right for one in run_sets([with_sets(*SETS)]))
    wrong = run_sets([with_sets(SETS[0], {**SETS[1], "gives": "inconclusive"})])
    told = list(describe_sets(one for one in wrong if not one.right))
    assert len(told) == 2
    assert told[0].startswith("test, set 2: expected inconclusive, found refuted: Clearly not above 0")
    assert told[1] == "test: no set shows that it can be refuted; add one under `sets`"
    assert run_sets([with_sets()]) == []


def test_the_scores_have_exactly_the_gains_and_the_noise_that_are_written() -> None:
    one = with_sets(population={"targets": ["tydiqa", "xnli"]}, comparisons=[{"treatment": "alone"}])
    written = ArtefactSet(gives="supported", gains={"others": {"xnli": 3.0, "others": 8.0}, "qqp": -2.0}, noise=1.0)
    scores: dict[tuple[str, str], list[float]] = {}
    for cell in build_results(one, written).cells:
        scores.setdefault((cell.chain, cell.target), []).append(cell.languages["ru"].headline)
    gains = {key: np.mean(found) - np.mean(scores["none", key[1]]) for key, found in scores.items()}
    assert gains["squad_v1", "xnli"] == pytest.approx(0.03, abs=1e-3)
    assert gains["squad_v1", "tydiqa"] == pytest.approx(0.08, abs=1e-3)
    assert gains["qqp", "tydiqa"] == gains["qqp", "xnli"] == pytest.approx(-0.02, abs=1e-3)
    assert np.std(scores["qqp", "xnli"], ddof=1) == pytest.approx(0.01, abs=1e-3)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"gains": {"squadv1": 5.0}}, "no side of its comparisons is called 'squadv1' (did you mean 'squad_v1'?)"),
        ({"gains": {"squad_v1": {"tydiqaa": 5.0}}}, "'tydiqaa' is not one of its targets (did you mean 'tydiqa'?)"),
        ({"gains": {"squad_v1": 80.0}}, "a gain of +80 points; expected -44 to +54"),
    ],
)
def test_a_set_that_cannot_be_made_is_one_sentence(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as error:
        run_sets([with_sets({**SETS[0], "noise": 0.01, **changes})])
    assert words in str(error.value)
    assert "claim test" in str(error.value)


def test_a_translation_that_no_study_can_have_is_told() -> None:
    record = {"comparisons": [{"treatment": "translated", "control": "alone"}], "population": {"intermediate": ["qqp"]}}
    with pytest.raises(InputError, match="no task is a translation of qqp"):
        run_sets([with_sets(SETS[0], **record)])


def test_the_three_versions_of_a_chain_have_their_own_gains() -> None:
    """Text and translation beside the task alone, and the controls of a chain."""
    for treatment, name in (("text", "mnli with text"), ("translated", "mnli translated")):
        record = {"comparisons": [{"treatment": treatment, "control": "alone"}], "population": {"intermediate": ["mnli"]}}
        found = run_sets([with_sets({"gives": "refuted", "gains": {"alone": 6.0, name: 2.0}}, **record)])
        assert found[0].right
    for control in ("placebo", "compute"):
        one = with_sets(comparisons=[{"treatment": "squad_v1", "control": control}])
        results = build_results(one, ArtefactSet(gives="supported", gains={"squad_v1": 6.0, f"squad_v1~{control}": 2.0}))
        row = verdict(one, results)
        assert (row.verdict, row.estimate) == ("supported", pytest.approx(0.04, abs=2e-3))


def test_a_right_check_is_not_taken_for_one_that_ignores_the_data() -> None:
    for one in SETS:
        assert verdict(with_sets(), build_results(with_sets(), ArtefactSet(**one))).outcome == one["gives"]
