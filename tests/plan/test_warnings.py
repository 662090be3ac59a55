"""What `plan` doubts, before hours are spent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.conftest import tiny_study

from xstilts.plan.compile import Plan, compile_study
from xstilts.plan.cost.estimate import SHARE, measure_processor
from xstilts.plan.warnings import LEAST_MOVE, list_warnings, measure_length
from xstilts.stages.stage import TrainStage
from xstilts.study import built_in_studies, load_study, make_study


def plan_of(tmp_path: Path, **changes: Any) -> Plan:
    record = {
        "name": "large",
        "question": "What does it learn?",
        "encoders": ["FacebookAI/xlm-roberta-large"],
        "chains": {"none": [], "csqa": ["commonsenseqa"]},
        "targets": ["pawsx"],
        "languages": ["de"],
        "seeds": [0],
    }
    return compile_study(make_study({**record, **changes}), tmp_path, draft=True)


def lengths(plan: Plan) -> dict[str, tuple[int, float | None]]:
    found = {stage.title: measure_length(stage) for stage in plan.stages if isinstance(stage, TrainStage)}
    return {title: (long.steps, long.epochs) for title, long in found.items() if long}


def test_steps_follow_from_epochs_and_limits(tmp_path: Path) -> None:
    whole = lengths(plan_of(tmp_path, limits={"train": 600}, recipes={"default": {"batch": 32, "epochs": 3}}))
    assert whole["pawsx"] == whole["commonsenseqa"] == (57, 3)
    given = lengths(plan_of(tmp_path, limits={"train": 600}, recipes={"default": {"batch": 32, "steps": 75}}))
    assert given["pawsx"] == (75, 75 * 32 / 600)


def test_a_training_that_can_hardly_move_is_doubted(tmp_path: Path) -> None:
    recipes = {"default": {"batch": 32, "epochs": 3, "lr": 1e-5}}
    target, chain = sorted(list_warnings(plan_of(tmp_path, limits={"train": 600}, recipes=recipes)), key=lambda x: "near" in x)
    assert target.startswith("target training on pawsx: 57 steps at learning rate 1e-05 move a weight by at most about 0.0003")
    assert "commonsenseqa" in chain
    assert "a chain with it is near its placebo" in chain
    faster = {"default": {"batch": 32, "epochs": 3, "lr": 2 * LEAST_MOVE / 57 * 1.01}}
    assert not list_warnings(plan_of(tmp_path, limits={"train": 600}, recipes=faster))


def test_a_study_without_none_is_doubted() -> None:
    said = list_warnings(compile_study(tiny_study(chains={"squad": ["world/squad"]})))
    assert said == ["there is no chain `none: []`: without it there are scores, but no gains"]


@pytest.mark.parametrize("name", [name for name in built_in_studies() if not name.endswith("controls")])
def test_no_built_in_study_is_doubted(name: str, tmp_path: Path) -> None:
    path = built_in_studies()[name]
    said = list_warnings(compile_study(load_study(name), tmp_path, base=path.parent, draft=True))
    copa = [sentence for sentence in said if sentence.startswith("target training on copa: 39 steps")]  # it has 400 examples
    assert said == (copa if name.startswith("diversity") else [])


def test_the_rate_of_this_processor() -> None:
    assert 1e7 < measure_processor() < SHARE * 1e15
