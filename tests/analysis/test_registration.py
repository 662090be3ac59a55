"""A study against its frozen design: every deviation is found, and a pair that one concerns is not confirmatory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import tiny_record, tiny_study
from xstilts.analysis.registration import Registration, check_registration
from xstilts.analysis.results import LanguageScore, Results
from xstilts.execution.freeze import FrozenDesign, ScoresThen
from xstilts.plan.compile import compile_study
from xstilts.plan.design import CodeVersion, make_design

CODE = CodeVersion(version="0.1.0", commit="a" * 40)
SCORE = LanguageScore({}, 0.5, np.array(["a"]), np.ones((1, 2)))
TYDIQA, POS, RETRIEVAL = (("squad", f"world/{name}") for name in ("tydiqa", "pos", "retrieval"))


def frozen(own: int = 0, others: int = 0, hours: int = 0, **changes: Any) -> FrozenDesign:
    at = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(hours=hours)
    return FrozenDesign(make_design(compile_study(tiny_study(**changes))), at, CODE, ScoresThen(own, 8, others), Path("x.json"))


def results(records: Sequence[FrozenDesign], tmp_path: Path, without: Sequence[str] = (), **changes: Any) -> Results:
    """A study all of whose cells have a score, but for some targets."""
    from xstilts.analysis.gather import gather
    from xstilts.store.store import Store

    plan = compile_study(tiny_study(**changes))
    made = gather(plan, Store(tmp_path))
    cells = tuple(replace(cell, languages={} if cell.target in without else {"en": SCORE}) for cell in made.cells)
    return replace(made, cells=cells, frozen=tuple(records), design=make_design(plan), code=CODE)


def checked(tmp_path: Path, *records: FrozenDesign, **changes: Any) -> Registration:
    found = check_registration(results(records or [frozen()], tmp_path, **changes))
    assert found is not None
    return found


def test_without_a_record_there_is_nothing_to_hold_a_study_against(tmp_path: Path) -> None:
    assert check_registration(results([], tmp_path)) is None


def test_a_study_that_is_as_frozen_has_no_deviation(tmp_path: Path) -> None:
    found = checked(tmp_path)
    assert found.deviations == ()
    assert found.confirmatory == (TYDIQA, POS, RETRIEVAL)


def test_only_pairs_that_were_named_are_confirmatory(tmp_path: Path) -> None:
    primary = {"primary": [{"target": "world/pos"}]}
    assert checked(tmp_path, frozen(**primary), **primary).confirmatory == (POS,)


@pytest.mark.parametrize(("own", "others"), [(1, 0), (0, 1)])
def test_what_was_frozen_after_a_score_confirms_nothing(tmp_path: Path, own: int, others: int) -> None:
    found = checked(tmp_path, frozen(own, others))
    assert found.deviations == ()
    assert found.confirmatory == ()


RECIPES = tiny_record()["recipes"]
CHAINS = tiny_record()["chains"]
DEVIATIONS: list[tuple[dict[str, Any], str, str, tuple[tuple[str, str], ...]]] = [
    ({"seeds": [0, 1]}, "seed", "seed added: 1", ()),
    ({"question": "Does it help?"}, "question", "the question was “Does it run?”", ()),
    ({"encoders": ["world/tiny", "world/wide"], "architectures": {**tiny_record()["architectures"], "wide": {}}},
     "encoder", "encoder added: wide", ()),
    ({"chains": {**CHAINS, "nli": ["world/nli"]}}, "chain", "chain added: nli", (TYDIQA, POS, RETRIEVAL)),
    ({"chains": {"none": [], "squad": ["world/nli"]}}, "chain", "chain squad: phase[0].mix[0] world/squad -> world/nli", ()),
    ({"chains": {"none": [], "squad": [{"mix": ["world/squad"], "recipe": {"steps": 7}}]}},
     "recipe", "chain squad: phase[0].recipe.steps 10 -> 7", ()),
    ({"targets": ["world/tydiqa", "world/pos"]}, "target", "target dropped: world/retrieval", (TYDIQA, POS)),
    ({"targets": ["world/tydiqa", "world/pos", "world/retrieval", "world/ner"]}, "target", "target added: world/ner",
     (TYDIQA, POS, RETRIEVAL)),
    ({"languages": ["en", "l1", "l2"]}, "language", "world/pos: language added: l2", ()),
    ({"margins": {"world/pos": 3}}, "margin", "world/pos: the margin was 1, now it is 3 points", (TYDIQA, RETRIEVAL)),
    ({"recipes": {**RECIPES, "world/pos": {"lr": 0.5}}}, "recipe", "world/pos: lr 0.001 -> 0.5", (TYDIQA, RETRIEVAL)),
    ({"retrieval": {"layer": 1}}, "recipe", "world/retrieval: layer jiant -> 1", (TYDIQA, POS)),
    ({"primary": [{"target": "world/pos"}]}, "primary",
     "primary pairs dropped: squad → world/tydiqa and squad → world/retrieval", (POS,)),
    ({"limits": {"test": 5}}, "limits", "limits.test (absent) -> 5", ()),
    ({"controls": ["placebo"]}, "control", "control added: placebo", (TYDIQA, POS, RETRIEVAL)),
    ({"conditions": ["keyboard"]}, "condition", "condition added: keyboard (version 1)", (TYDIQA, POS, RETRIEVAL)),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "what", "text", "confirmatory"), DEVIATIONS, ids=lambda x: x if isinstance(x, str) else "")
def test_every_deviation_is_found_and_takes_its_pairs(
    tmp_path: Path, changes: dict[str, Any], what: str, text: str, confirmatory: tuple[tuple[str, str], ...]
) -> None:
    found = checked(tmp_path, frozen(), **changes)
    assert (what, text) in {(one.what, one.text) for one in found.deviations}
    assert found.confirmatory == confirmatory


def test_scores_that_rest_on_other_stages_are_told_if_nothing_else_says_why(tmp_path: Path) -> None:
    before = frozen()
    scores = [one.model_copy(update={"key": "0" * 64}) if one.target == "world/pos" else one for one in before.design.scores]
    found = checked(tmp_path, replace(before, design=before.design.model_copy(update={"scores": tuple(scores)})))
    (deviation,) = found.deviations
    assert deviation.text == (
        "2 scores rest on other data, another encoder or another version of a stage than was frozen "
        "(none → world/pos and squad → world/pos)"
    )
    assert found.confirmatory == (TYDIQA, RETRIEVAL)
    world = checked(tmp_path, world={**tiny_record()["world"], "pos": 30})
    assert ({one.what for one in world.deviations}, world.confirmatory) == ({"data"}, ())
    unknown = before.design.model_copy(update={"scores": ()})  # no key was known when it was frozen
    assert checked(tmp_path, replace(before, design=unknown), world={**tiny_record()["world"], "pos": 30}).deviations == ()


def test_the_comparisons_of_a_study_are_part_of_its_design(tmp_path: Path) -> None:
    chains = {**CHAINS, "nli": ["world/nli"], "pos": ["world/pos"]}
    before = frozen(chains=chains, compare=[{"chain": "nli", "over": "squad"}])
    found = checked(tmp_path, before, chains=chains, compare=[{"chain": "nli", "over": ["squad", "pos"]}])
    assert {one.text for one in found.deviations} == {
        "comparison added: nli over squad+pos",
        "comparison dropped: nli over squad",
    }
    assert {chain for chain, _ in found.confirmatory} == {"squad", "pos"}


def test_missing_scores_are_a_deviation_of_their_pairs(tmp_path: Path) -> None:
    found = check_registration(results([frozen()], tmp_path, without=["world/pos"]))
    assert found is not None
    assert [one.text for one in found.deviations] == ["2 of the 6 scores behind primary pairs are missing"]
    assert found.confirmatory == (TYDIQA, RETRIEVAL)


def test_other_code_is_shown_and_its_effects_are_in_the_keys(tmp_path: Path) -> None:
    made = replace(results([frozen()], tmp_path), code=CodeVersion(version="0.2.0", commit=""))
    found = check_registration(made)
    assert found is not None
    assert [one.text for one in found.deviations] == ["the code was xstilts 0.1.0, commit aaaaaaaaaaaa, now it is xstilts 0.2.0"]
    assert found.confirmatory == (TYDIQA, POS, RETRIEVAL)


def test_the_last_design_before_the_first_score_counts(tmp_path: Path) -> None:
    first, amended, late = frozen(seeds=[0, 1, 2]), frozen(hours=1), frozen(own=3, hours=2, seeds=[0, 1])
    found = checked(tmp_path, first, amended, late)
    assert found.frozen is amended
    assert found.others == (first, late)
    assert found.confirmatory == (TYDIQA, POS, RETRIEVAL)
    only_late = checked(tmp_path, frozen(own=1, seeds=[0, 1]), frozen(own=2, hours=1))
    assert only_late.frozen.scores_then.own == 1, "the first, if all came too late"
    assert only_late.confirmatory == ()
