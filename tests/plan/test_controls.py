"""Arms: chains and their controls, from the record to the plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import tiny_record, tiny_study

from xstilts.errors import InputError
from xstilts.execution.submit import write_submissions
from xstilts.plan.compile import Plan, compile_study
from xstilts.plan.controls import arms, describe, is_placebo, placebo
from xstilts.stages.stage import Stage
from xstilts.store.store import Store
from xstilts.study import make_study
from xstilts.tasks.suites import find_suite

TEXT_BESIDE = {"mix": ["world/squad", "world/text"]}
CHAINS = {"none": [], "two": ["world/nli", TEXT_BESIDE], "text": ["world/text"]}


def cell(plan: Plan, chain: str, target: str) -> Stage:
    """The training that a cell is scored from."""
    (found,) = [c for c in plan.cells if (c.id.arm, c.id.target) == (chain, target)]
    return found.checkpoint


def test_every_chain_is_followed_by_its_controls() -> None:
    study = tiny_study(chains={**CHAINS, "fake": [{"mix": ["world/nli"], "labels": "shuffled"}]}, controls=["compute", "placebo"])
    found = [(arm.name, arm.control, arm.of) for arm in arms(study)]
    assert found == [
        ("none", "", ""),
        ("two", "", ""),
        ("two~placebo", "placebo", "two"),
        ("two~compute", "compute", "two"),
        ("text", "", ""),
        ("text~compute", "compute", "text"),
        ("fake", "", ""),
    ], "plain text has no labels, and a placebo that the study spells out has no control"
    assert [arm.name for arm in arms(tiny_study(chains=CHAINS))] == list(CHAINS)


@given(st.lists(st.sampled_from(["world/nli", "world/text", TEXT_BESIDE]), min_size=1, max_size=4))
def test_a_placebo_shuffles_every_phase_that_has_labels_and_no_other(chain: list[Any]) -> None:
    phases = tiny_study(chains={"none": [], "x": chain}).chains["x"]
    shuffled = placebo(phases)
    for before, after in zip(phases, shuffled, strict=True):
        assert after.model_copy(update={"labels": "gold"}) == before
        assert (after.labels == "shuffled") == (before.mix != ("world/text",))
    assert placebo(shuffled) == shuffled
    assert is_placebo(shuffled) == (shuffled != phases)


def test_controls_move_no_key_and_share_what_they_can() -> None:
    base = compile_study(tiny_study(chains=CHAINS))
    plan = compile_study(tiny_study(chains=CHAINS, controls=["placebo", "compute"]))
    assert {s.key for s in base.stages} < {s.key for s in plan.stages}
    assert len([s for s in plan.stages if s.slug == "tiny+text+nli-s0"]) == 1


def test_a_compute_arm_trains_its_target_by_the_tokens_of_the_phases() -> None:
    plan = compile_study(tiny_study(chains=CHAINS, controls=["compute"]))
    direct, chain, matched = (cell(plan, name, "world/tydiqa") for name in ("none", "two", "two~compute"))
    assert matched.inputs.init is not chain.inputs.init
    assert matched.inputs.init.key == direct.inputs.init.key
    assert matched.config == direct.config
    last = chain.inputs.init
    phases = [stage.key for stage in matched.inputs.match.values()]
    assert phases == [last.inputs.init.key, last.key], "the pre-training, which both have, is not counted"
    assert matched.key != direct.key
    assert matched.slug == "tiny+text+tydiqa~compute-nli+squad&text-s0"


def test_what_is_not_trained_has_no_compute_arm_and_the_plan_says_so() -> None:
    plan = compile_study(tiny_study(controls=["compute", "placebo"]))
    targets = {c.id.target for c in plan.cells if c.id.arm == "squad~compute"}
    assert targets == {"world/tydiqa", "world/pos"}
    assert {c.id.target for c in plan.cells if c.id.arm == "squad~placebo"} == targets | {"world/retrieval"}
    notes = "\n".join(plan.notes)
    assert "control squad~placebo: the same phases with shuffled labels" in notes
    assert "control squad~compute: no chain, but each target trained longer" in notes
    assert "world/retrieval: not trained, so there is nothing to train longer" in notes
    text = compile_study(tiny_study(chains=CHAINS, controls=["placebo"]))
    assert any(note.startswith("text: plain text only, so no placebo") for note in text.notes)


def test_a_submission_knows_the_names_of_controls(tmp_path: Path) -> None:
    plan = compile_study(tiny_study(controls=["placebo"]))
    with pytest.raises(InputError, match=r"--chain squad~placbo: not in the study \(did you mean 'squad~placebo'\?\)"):
        list(
            write_submissions(
                plan, Store(tmp_path / "store"), find_suite("xtreme"), tmp_path / "out", tmp_path, chain="squad~placbo"
            )
        )


def test_names_of_controls_are_not_for_chains() -> None:
    with pytest.raises(InputError, match=r"chains.x~compute: controls have such names"):
        make_study(tiny_record(chains={"none": [], "x~compute": ["world/nli"]}))
    with pytest.raises(InputError, match=r"controls.0: expected 'placebo' or 'compute'"):
        make_study(tiny_record(controls=["placeboo"]))


def test_a_robust_chain_is_told_its_control() -> None:
    def phase(**recipe: Any) -> list[Any]:
        return [{"mix": ["world/nli"], "recipe": recipe}]

    robust = phase(robust={"method": "freelb", "steps": 3})
    (said,) = describe(tiny_study(chains={"none": [], "robust": robust}))
    assert said.startswith("robust: robust, without a control of as many FLOPs: add a chain of the same phases")
    assert said.endswith("with robust: null and world/nli: steps: 30")
    study = tiny_study(chains={"none": [], "robust": robust, "short": phase(), "long": phase(steps=30)})
    assert describe(study) == ["robust: robust; long is its control, with as many FLOPs and no robustness"]
    assert describe(tiny_study(chains={"none": [], "long": phase(steps=30)})) == []
    recipes = {"default": {"steps": 6}, "tag": {"robust": {"method": "r3f"}}}
    (said,) = describe(tiny_study(chains={"none": []}, recipes=recipes))
    assert said.startswith("world/pos: robust in every arm; its control is the same study")
    assert said.endswith("robust: null and steps: 12")
