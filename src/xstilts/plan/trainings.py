"""What a plan consists of, in the words of the field: which trainings it has, what they are for, and what cells share.

A training is one phase of a chain or the fine-tuning on a target. One and the same stage can be both (a chain that trains on
SQuAD, and the target XQuAD with the same recipe); it is counted once, as what comes first here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xstilts.plan.compile import Plan, PlannedCell
from xstilts.plan.controls import RANDOM_INIT, Arm, arms
from xstilts.plan.train_stages import matched_name
from xstilts.stages.stage import TrainStage
from xstilts.tasks.registry import find_task

PRETRAINING, INTERMEDIATE, PLACEBO, TARGET, COMPUTE = ("pre-training", "intermediate", "placebo", "target", "compute-matched")
ROLES = (PRETRAINING, INTERMEDIATE, PLACEBO, TARGET, COMPUTE)


@dataclass(frozen=True)
class Trainings:
    """The trainings of one role on the same data (of compute-matched ones: that match the same chain): their keys, the chains
    and the targets of the cells that need them, `also`, the further roles that some of them have, and `trained`, the targets
    whose own training some of them are."""

    role: str
    name: str
    keys: tuple[str, ...]
    chains: tuple[str, ...]
    targets: tuple[str, ...]
    cells: int
    also: tuple[str, ...]
    trained: tuple[str, ...]


def trainings(plan: Plan) -> list[Trainings]:
    """All trainings of a plan, by role and by what they train on."""
    roles: dict[str, dict[str, set[str]]] = {}  # key -> role -> targets
    chains: dict[str, set[str]] = {}
    known = {arm.name: arm for arm in arms(plan.study)}
    for cell in plan.cells:
        for stage, role in _roles(cell, known.get(cell.id.arm, RANDOM_INIT), len(plan.study.pretrain)):
            roles.setdefault(stage.key, {}).setdefault(role, set()).add(cell.id.target)
            chains.setdefault(stage.key, set()).add(cell.id.arm)
    groups: dict[tuple[str, str], list[str]] = {}
    for trained in plan.stages:
        if isinstance(trained, TrainStage) and trained.key in roles:
            first = min(roles[trained.key], key=ROLES.index)
            name = matched_name(trained.inputs.match.values()) if first == COMPUTE else trained.title
            groups.setdefault((first, name), []).append(trained.key)
    order = [target.task for target in plan.study.targets]
    return [
        Trainings(
            role,
            name,
            tuple(keys),
            tuple(x for x in known if any(x in chains[key] for key in keys)),
            tuple(x for x in order if any(x in targets for key in keys for targets in roles[key].values())),
            sum(plan.uses[key] for key in keys),
            tuple(x for x in ROLES if x != role and any(x in roles[key] for key in keys)),
            tuple(x for x in order if any(x in roles[key].get(TARGET, ()) for key in keys)),
        )
        for (role, name), keys in sorted(groups.items(), key=lambda item: ROLES.index(item[0][0]))
    ]


def _roles(cell: PlannedCell, arm: Arm, pretraining: int) -> Iterator[tuple[TrainStage, str]]:
    stages = cell.trainings
    if stages and find_task(cell.id.target).format.trained:
        yield stages[0], COMPUTE if arm.control == "compute" else TARGET
        yield from ((stage, INTERMEDIATE) for stage in stages[0].inputs.match.values() if isinstance(stage, TrainStage))
        stages = stages[1:]
    phases = len(stages) - pretraining
    for stage in stages[:phases]:
        yield stage, PLACEBO if arm.control == "placebo" else INTERMEDIATE
    for stage in stages[phases:]:
        yield stage, PRETRAINING


def count(found: Sequence[Trainings], role: str) -> int:
    """How many trainings a role has."""
    return sum(len(group.keys) for group in found if group.role == role)


def describe_sharing(plan: Plan, found: Sequence[Trainings]) -> list[str]:
    """Sentences that say how many trainings the plan has, and which of them cells share."""
    said = []
    if chained := count(found, INTERMEDIATE):
        chains = len([chain for chain in plan.study.chains.values() if chain])
        encoders = f" x {len(plan.study.encoders)} encoders" if len(plan.study.encoders) > 1 else ""
        of = f"{_count(chains, 'chain')} x {_count(len(plan.study.seeds), 'seed')}{encoders}"
        said.append(f"{_count(chained, 'intermediate training')}: {of}")
    for group in found:
        if group.role == TARGET and len(group.targets) > 1:
            said.append(f"{group.name} is trained once for {_words(group.targets)}: {_count(len(group.keys), 'training')}")
        if group.role == INTERMEDIATE and TARGET in group.also:
            said.append(
                f"the chain on {group.name} is also {_words(group.trained)}'s target training without a chain (same recipe)"
            )
    alone = sum(len(cell.trainings) for cell in plan.cells)
    once = sum(len(group.keys) for group in found)
    if alone > once:
        said.append(f"{once} trainings in all; each cell by itself would need {alone:,}")
    return said


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _words(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
