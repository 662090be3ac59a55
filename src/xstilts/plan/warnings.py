"""What a plan can do but hardly should: said before hours are spent on it, never an error.

The steps and epochs of each training follow from the recipe, the limits and the catalogued sizes. A training in which the
optimizer can hardly move a weight learns nothing, and a chain that ends with it is near its placebo.
"""

from __future__ import annotations

from dataclasses import dataclass

from xstilts.plan.compile import Plan
from xstilts.plan.cost.sizes import Unknown, examples, length
from xstilts.plan.trainings import INTERMEDIATE, PLACEBO, Trainings, trainings
from xstilts.recipe.mixture import total_steps
from xstilts.stages.stage import TrainStage
from xstilts.study import NO_CHAIN
from xstilts.tasks.registry import find_task

# AdamW moves a weight by at most about the learning rate a step, half of it on average over a linear schedule. When it was looked
# at, 57 steps at 1e-5 (0.0003) had learned nothing. The shortest published training of XLM-R Large that learned (TyDiQA in
# version 1 of Phang et al. 2020) has about 500 steps at 3e-6 (0.0008).
LEAST_MOVE = 0.0005


@dataclass(frozen=True)
class Length:
    """How long a training is. `epochs`: passes over its data; None if their number is not known."""

    steps: int
    epochs: float | None


def measure_length(stage: TrainStage) -> Length | None:
    """The steps of a training; None if they depend on data of unknown number, or on another training."""
    if stage.inputs.match:
        return None
    recipe, rows = stage.config.recipe, _rows(stage)
    if recipe.steps is not None:
        return Length(recipe.steps, recipe.steps * recipe.batch / sum(rows) if rows and len(rows) == 1 else None)
    return Length(total_steps(rows, stage.config.mixture.cap, recipe), recipe.epochs) if rows else None


def _rows(stage: TrainStage) -> list[float] | None:
    try:
        counts = [sum(map(examples, stage.inputs.train[task.name].values())) for task in stage.config.tasks]
        return [length(find_task(task.name))[1] * count for task, count in zip(stage.config.tasks, counts, strict=True)]
    except Unknown:
        return None


def list_warnings(plan: Plan) -> list[str]:
    """One sentence for each doubt."""
    said = []
    if NO_CHAIN not in plan.study.chains:
        said.append("there is no chain `none: []`: without it there are scores, but no gains")
    for group in trainings(plan):
        found = _describe_short(plan, group)
        said += [found] if found else []
    return said


def _describe_short(plan: Plan, group: Trainings) -> str | None:
    stage = next(stage for stage in plan.stages if stage.key == group.keys[0])
    assert isinstance(stage, TrainStage)
    long = measure_length(stage)
    rate = stage.config.recipe.lr
    if group.role == PLACEBO or long is None or long.steps * rate / 2 >= LEAST_MOVE:
        return None
    so = "; a chain with it is near its placebo" if group.role == INTERMEDIATE else ""
    return (
        f"{group.role} training on {group.name}: {long.steps:,} steps at learning rate {rate:g} move a weight by at most about "
        f"{long.steps * rate / 2:.1g}, and probably learn nothing{so} (more steps or epochs, fewer limits, or a larger lr)"
    )
