"""What a recipe's `robust` may say, and what it leaves alone."""

from __future__ import annotations

from typing import Any

import pytest
from tests.conftest import tiny_study

from xstilts.errors import InputError
from xstilts.plan.compile import compile_study
from xstilts.recipe.recipe import Recipe
from xstilts.recipe.robust import check_robust, describe_robust
from xstilts.stages.contracts import write_config
from xstilts.stages.stage import TrainStage


@pytest.mark.parametrize(
    ("robust", "passes"),
    [
        ({"method": "noise", "size": 0.1}, 1),
        ({"method": "r3f"}, 2),
        ({"method": "freelb", "steps": 5}, 5),
        ({"method": "smart"}, 8 / 3),
        ({"method": "segmentation"}, 1),
        (None, 1),
    ],
)
def test_the_control_has_as_many_flops(robust: Any, passes: float) -> None:
    recipe = Recipe(robust=robust, epochs=3)
    assert recipe.passes == passes
    assert recipe.plain() == Recipe(epochs=3 * passes)
    assert Recipe(robust=robust, steps=30).plain() == Recipe(steps=round(30 * passes))


METHODS = "recipes.default.robust: expected a `method` (noise, r3f, freelb, smart, segmentation), found "


@pytest.mark.parametrize(
    ("robust", "said"),
    [
        ({"method": "r3f", "nois": 1}, "unknown field 'recipes.default.robust.r3f.nois' (did you mean 'noise'?)"),
        (
            {"method": "free"},
            METHODS + "'free'",
        ),
        ({"steps": 2}, METHODS + "None"),
        ({"method": "noise"}, "the field 'recipes.default.robust.noise.size' is missing"),
        ({"method": "freelb", "radius": 0}, "recipes.default.robust.freelb.radius: expected a value greater than 0, found 0"),
        ("r3f", "recipes.default.robust: expected fields, such as {name: value}, found 'r3f'"),
    ],
)
def test_a_wrong_record_is_named(robust: Any, said: str) -> None:
    with pytest.raises(InputError) as error:
        tiny_study(recipes={"default": {"robust": robust}})
    assert str(error.value) == f"study: {said}"


def test_it_enters_the_key_of_its_own_phase_alone() -> None:
    plain = compile_study(tiny_study())
    null = compile_study(tiny_study(chains={"none": [], "squad": [{"mix": ["world/squad"], "recipe": {"robust": None}}]}))
    assert [stage.key for stage in plain.stages] == [stage.key for stage in null.stages]
    phase = {"mix": ["world/squad"], "recipe": {"robust": {"method": "r3f"}}}
    robust = compile_study(tiny_study(chains={"none": [], "squad": [phase]}))
    first = next(s for s in robust.stages if isinstance(s, TrainStage) and s.config.recipe.robust)
    assert write_config(first.config)["recipe"]["robust"] == {
        "method": "r3f",
        "noise": 1e-05,
        "distribution": "uniform",
        "weight": 1.0,
    }
    moved = {stage.key for stage in robust.stages} - {stage.key for stage in plain.stages}
    assert first.key in moved
    assert all("squad" in stage.slug for stage in robust.stages if stage.key in moved)


def test_ranking_takes_only_segmentation() -> None:
    with pytest.raises(InputError, match="freelb does not fit ranking"):
        check_robust(Recipe(robust={"method": "freelb"}).robust, "rank")
    check_robust(Recipe(robust={"method": "segmentation"}).robust, "rank")
    check_robust(None, "rank")
    robust = Recipe(robust={"method": "freelb"}).robust
    assert robust is not None
    assert describe_robust(robust) == "freelb (steps 2, step 0.1, init 0.1, radius 0.3)"
