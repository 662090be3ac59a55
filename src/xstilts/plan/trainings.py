"""What a plan consists of, in the words of the field: which trainings it has, what they are for, and what cells share.

A training is one phase of a chain or the fine-tuning on a target. One and the same stage can be both (a chain that trains on
SQuAD, and the target XQuAD with the same recipe); it is counted once, as what comes first here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xstilts.plan.compile import Plan, PlannedCell
from xstilts.plan.controls import Arm, arms
from xstilts.stages.stage import Stage
from xstilts.study import UNTRAINED
from xstilts.tasks.registry import find_task

PRETRAINING, INTERMEDIATE, PLACEBO, TARGET, COMPUTE = ("pre-training", "intermediate", "placebo", "target", "compute-matched")
ROLES = (PRETRAINING, INTERMEDIATE, PLACEBO, TARGET, COMPUTE)


@dataclass(frozen=True)
class Trainings:
    """The trainings of one role on the same data (of compute-matched ones: that match the same chain): their keys, the chains
    and the targets of the cells that need them, and `also`, the further roles that some of them have."""

    role: str
    name: str
    keys: tuple[str, ...]
    chains: tuple[str, ...]
    targets: tuple[str, ...]
    cells: int
    also: tuple[str, ...]


def checkpoint(cell: PlannedCell) -> Stage:
    """The stage whose weights a cell is scored on."""
    made = cell.score.inputs["predictions"]
    while "model" not in made.inputs:
        made = made.inputs["vectors"]
    return made.inputs["model"]


def path(cell: PlannedCell) -> list[Stage]:
    """The trainings between the encoder and a cell's score, the last one first."""
    found, stage = [], checkpoint(cell)
    while stage.kind == "train":
        found.append(stage)
        stage = stage.inputs["init"]
    return found


def trainings(plan: Plan) -> list[Trainings]:
    """All trainings of a plan, by role and by what they train on."""
    roles: dict[str, set[str]] = {}
    serves: dict[str, tuple[set[str], set[str]]] = {}
    known = {arm.name: arm for arm in arms(plan.study)}
    for cell in plan.cells:
        for stage, role in _roles(cell, known[cell.chain], len(plan.study.pretrain)):
            roles.setdefault(stage.key, set()).add(role)
            chains, targets = serves.setdefault(stage.key, (set(), set()))
            chains.add(cell.chain)
            targets.add(cell.target)
    groups: dict[tuple[str, str], list[Stage]] = {}
    for stage in plan.stages:
        if stage.key in roles:
            first = min(roles[stage.key], key=ROLES.index)
            name = stage.label.removeprefix("train ")
            groups.setdefault((first, name.partition("~compute-")[2] if first == COMPUTE else name), []).append(stage)
    order = [target.task for target in plan.study.targets]
    return [
        Trainings(
            role,
            name,
            tuple(stage.key for stage in stages),
            tuple(x for x in known if any(x in serves[s.key][0] for s in stages)),
            tuple(x for x in order if any(x in serves[s.key][1] for s in stages)),
            sum(plan.uses[stage.key] for stage in stages),
            tuple(x for x in ROLES if x != role and any(x in roles[s.key] for s in stages)),
        )
        for (role, name), stages in sorted(groups.items(), key=lambda item: ROLES.index(item[0][0]))
    ]


def _roles(cell: PlannedCell, arm: Arm, pretraining: int) -> Iterator[tuple[Stage, str]]:
    stages = path(cell)
    if stages and find_task(cell.target).format.name not in UNTRAINED:
        yield stages[0], COMPUTE if arm.control == "compute" else TARGET
        for name, stage in stages[0].inputs.items():
            if name.startswith("match:"):
                yield stage, INTERMEDIATE
        stages = stages[1:]
    phases = len(stages) - pretraining if not cell.control else 0
    for stage in stages[:phases]:
        yield stage, PLACEBO if arm.control == "placebo" else INTERMEDIATE
    for stage in stages[max(phases, 0) :]:
        yield stage, PRETRAINING


def count(found: Sequence[Trainings], role: str) -> int:
    """How many trainings a role has."""
    return sum(len(group.keys) for group in found if group.role == role)


def sharing(plan: Plan, found: Sequence[Trainings]) -> list[str]:
    """What cells have in common, a sentence each."""
    said = []
    if chained := count(found, INTERMEDIATE):
        chains = len([chain for chain in plan.study.chains.values() if chain])
        encoders = f" x {len(plan.study.encoders)} encoders" if len(plan.study.encoders) > 1 else ""
        said.append(f"{chained} intermediate trainings: {chains} chains x {len(plan.study.seeds)} seeds{encoders}")
    for group in found:
        if group.role == TARGET and len(group.targets) > 1:
            said.append(f"{group.name} is trained once for {_words(group.targets)}: {len(group.keys)} trainings")
        if group.role == INTERMEDIATE and TARGET in group.also:
            sources = {t.task: t.train or find_task(t.task).trains_on or t.task for t in plan.study.targets}
            trained = [x for x in group.targets if sources[x] == group.name]
            said.append(f"the chain on {group.name} is also {_words(trained)}'s target training without a chain (same recipe)")
    alone = sum(len(path(cell)) for cell in plan.cells)
    once = sum(len(group.keys) for group in found)
    if alone > once:
        said.append(f"{once} trainings in all; each cell by itself would need {alone:,}")
    return said


def _words(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
