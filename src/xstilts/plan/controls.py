"""The arms of a study: its chains, and the controls that it asks for. The name of a control begins with that of its chain.

`<chain>~placebo` has the same phases with shuffled labels: what the chain gains over it is the task's. `<chain>~compute` has no
phase: each target's own training goes on for as many more real tokens as the chain's phases saw (those of a robust phase count
as often as it has passes), so that what the chain gains over it is not just longer training. Plain text has no labels to shuffle,
and a chain that is a placebo gets no control. The control of a robust chain is another chain, which the study spells out: the
same phases, longer and without robustness; the plan says which, or that it is missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isclose
from typing import Literal

from xstilts.errors import InputError
from xstilts.recipe.mixture import Mixture
from xstilts.recipe.recipe import Recipe
from xstilts.study import NO_CHAIN, Chain, Study
from xstilts.tasks.registry import find_task


@dataclass(frozen=True)
class Arm:
    """What is trained before a target. `control`: "" for a chain of the study; "placebo" and "compute" are controls of the chain
    `of`; "random-init" is the encoder's architecture with random weights. `phases` stand between pre-training and the target;
    `matched` are the phases whose real tokens a compute arm adds to the target's own training."""

    name: str
    phases: Chain
    control: Literal["", "placebo", "compute", "random-init"] = ""
    of: str = ""
    matched: Chain = ()

    @property
    def placebo(self) -> bool:
        """Whether labels were shuffled in any of its phases."""
        return is_placebo(self.phases)


RANDOM_INIT = Arm("random-init", (), "random-init")


def arms(study: Study) -> tuple[Arm, ...]:
    """The study's chains in its order, each followed by its controls; random-init, which is no chain's, is not among them."""
    if RANDOM_INIT.name in study.chains:
        raise InputError(f"chains.{RANDOM_INIT.name}: this is the name of a control; give the chain another name")
    found = []
    for name, chain in study.chains.items():
        found.append(Arm(name, chain))
        if name == NO_CHAIN or is_placebo(chain):
            continue
        if "placebo" in study.controls and (shuffled := placebo(chain)) != chain:
            found.append(Arm(f"{name}~placebo", shuffled, "placebo", name))
        if "compute" in study.controls:
            found.append(Arm(f"{name}~compute", (), "compute", name, chain))
    return tuple(found)


def is_placebo(chain: Sequence[Mixture]) -> bool:
    """Whether labels are shuffled in any phase."""
    return any(mixture.labels == "shuffled" for mixture in chain)


def placebo(chain: Chain) -> Chain:
    """The same phases with shuffled labels; those of plain text alone stay as they are."""
    return tuple(
        mixture
        if all(find_task(task).format.self_supervised for task in mixture.mix)
        else mixture.model_copy(update={"labels": "shuffled"})
        for mixture in chain
    )


def describe(study: Study) -> list[str]:
    """What a reader of the plan must know about the controls, one sentence each."""
    found = arms(study)
    said = []
    words = {
        "placebo": "the same phases with shuffled labels",
        "compute": "no chain, but each target trained longer, by the real tokens of the chain's phases",
    }
    for control, meaning in words.items():
        if names := [arm.name for arm in found if arm.control == control]:
            said.append(f"control {', '.join(names)}: {meaning}")
    if "placebo" in study.controls:
        have = {arm.of for arm in found if arm.control == "placebo"}
        lack = [name for name, chain in study.chains.items() if name not in have | {NO_CHAIN} and not is_placebo(chain)]
        if lack:
            said.append(f"{', '.join(lack)}: plain text only, so no placebo (there are no labels to shuffle)")
    untrained = [target.task for target in study.targets if not find_task(target.task).format.trained]
    if untrained and any(arm.control == "compute" for arm in found):
        said.append(f"{', '.join(untrained)}: not trained, so there is nothing to train longer; no compute-matched control")
    return said + _describe_robust(study)


def _describe_robust(study: Study) -> list[str]:
    """For each robust training the control that has as many FLOPs and no robustness, or that it is missing."""
    recipes = {name: _recipes(study, chain) for name, chain in study.chains.items()}
    said = []
    for name, found in recipes.items():
        if all(recipe.robust is None for recipe in found):
            continue
        wanted = [recipe.plain() for recipe in found]
        tasks = [mixture.model_copy(update={"recipe": {}}) for mixture in study.chains[name]]
        controls = [
            other
            for other, chain in study.chains.items()
            if [mixture.model_copy(update={"recipe": {}}) for mixture in chain] == tasks
            and all(map(_are_alike, recipes[other], wanted))
        ]
        if controls:
            said.append(f"{name}: robust; {', '.join(controls)} is its control, with as many FLOPs and no robustness")
        else:
            lengths = "; ".join(f"{'&'.join(m.mix)}: {_length(r)}" for m, r in zip(tasks, wanted, strict=True))
            said.append(
                f"{name}: robust, without a control of as many FLOPs: add a chain of the same phases with robust: null "
                f"and {lengths}"
            )
    for target in study.targets:
        task = find_task(target.task)
        recipe = study.phase_recipe((target.source,), {}, task.name) if task.format.trained else None
        if recipe is not None and recipe.robust is not None:
            said.append(
                f"{task.name}: robust in every arm; its control is the same study with recipes.{task.name}: "
                f"robust: null and {_length(recipe.plain())}"
            )
    return said


def _recipes(study: Study, chain: Chain) -> list[Recipe]:
    return [study.phase_recipe(mixture.mix, mixture.recipe) for mixture in chain]


def _are_alike(recipe: Recipe, other: Recipe) -> bool:
    """Whether two recipes are the same but for 1 % of their length."""
    same = recipe.model_dump(exclude={"epochs", "steps"}) == other.model_dump(exclude={"epochs", "steps"})
    if recipe.steps is None or other.steps is None:
        return same and recipe.steps == other.steps and isclose(recipe.epochs, other.epochs, rel_tol=0.01)
    return same and isclose(recipe.steps, other.steps, rel_tol=0.01)


def _length(recipe: Recipe) -> str:
    return f"epochs: {recipe.epochs:g}" if recipe.steps is None else f"steps: {recipe.steps}"
