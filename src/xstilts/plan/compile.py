"""Compile: a study and what data is at hand -> a plan, the deduplicated graph of stages and the cells that they serve.

The cells are encoder x arm x target x seed; an arm is a chain or a control (`controls.py`). Which data a stage reads is
decided in `data_stages.py`, which encoder it starts from in `encoder_stages.py`, what is trained in `train_stages.py`, and
what is scored in `score_stages.py`.
"""

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from xstilts.errors import InputError
from xstilts.model.encoder_files import count_positions
from xstilts.plan.attack_stages import AttackStages
from xstilts.plan.cell import CellId, PlannedCell, trace
from xstilts.plan.controls import RANDOM_INIT, Arm, arms, describe
from xstilts.plan.data_stages import DataStages
from xstilts.plan.encoder_stages import EncoderStages, short_name
from xstilts.plan.score_stages import ScoreStages
from xstilts.plan.train_stages import TrainStages
from xstilts.stages.contracts import FolderSource
from xstilts.stages.stage import Stage, TrainStage, upstream
from xstilts.study import Study
from xstilts.tasks.registry import find_task

__all__ = ["Plan", "PlannedCell", "compile_study", "data_root", "short_name"]


@dataclass
class Plan:
    """`stages`: inputs first, one per key. `unresolved`: why a draft could not be run as it is. `origin`: what `compile_study`
    was given beside the study. `attacked`: the cells under the study's conditions. They stand apart from `cells`, so that nothing
    counts them as scores of the grid."""

    study: Study
    stages: list[Stage]
    cells: list[PlannedCell]
    missing: dict[str, tuple[str, ...]]
    notes: list[str]
    unresolved: list[str] = field(default_factory=list)
    origin: tuple[Path | None, Path | None, bool] = (None, None, False)
    attacked: list[PlannedCell] = field(default_factory=list)

    @cached_property
    def uses(self) -> dict[str, int]:
        """How many cells need each stage, by its key. A bit for each cell goes from its score to all that it rests on."""
        needed = {stage.key: 0 for stage in self.stages}
        for place, cell in enumerate([*self.cells, *self.attacked]):
            needed[cell.score.key] |= 1 << place
        for stage in reversed(self.stages):
            for parent in stage.parents:
                needed[parent.key] |= needed[stage.key]
        return {key: bits.bit_count() for key, bits in needed.items()}

    @cached_property
    def children(self) -> dict[str, list[Stage]]:
        """The stages that read a stage, by its key."""
        found: dict[str, list[Stage]] = {stage.key: [] for stage in self.stages}
        for stage in self.stages:
            for parent in stage.parents:
                found[parent.key].append(stage)
        return found


def data_root() -> Path:
    """The folder in which data is looked for: `$XSTILTS_DATA`, else `data` here."""
    return Path(os.environ.get("XSTILTS_DATA") or "data").expanduser().absolute()


def compile_study(
    study: Study,
    root: Path | None = None,
    base: Path | None = None,
    draft: bool = False,
    without: Mapping[str, Collection[str]] | None = None,
) -> Plan:
    """The plan of a study. `root` is the data folder, `base` a folder that paths of encoders may be relative to. Raises
    InputError for missing data or encoders. A `draft` is for reading, not for running: it uses no network, and what
    it could not settle without stands in `Plan.unresolved`. `without`: target -> languages that are not tested."""
    data = DataStages(study, root or data_root(), draft, without)
    trains = TrainStages(data, EncoderStages(data, base))
    scores = ScoreStages(trains)
    rows = (*arms(study), *((RANDOM_INIT,) if study.random_init else ()))
    cells = [
        cell for encoder in study.encoders for seed in study.seeds for arm in rows for cell in _cells(scores, encoder, arm, seed)
    ]
    for sentence in describe(study):
        data.note(sentence)
    attacks = AttackStages(data)
    attacked = [
        PlannedCell(replace(cell.id, condition=condition.name), score)
        for condition in study.conditions
        for cell in cells
        if (score := attacks.score(cell.score, find_task(cell.id.target), condition))
    ]
    plan = assemble(data, [cell.score for cell in (*cells, *attacked)], cells, attacked)
    return replace(plan, origin=(root, base, draft))


def _cells(scores: ScoreStages, encoder: str, arm: Arm, seed: int) -> list[PlannedCell]:
    """The cells of one arm. Targets that are not trained have no compute-matched control, and they alone have random-init."""
    trains, study = scores.trains, scores.study
    random = arm is RANDOM_INIT
    born = seed if study.pretrain_seed is None else study.pretrain_seed
    start = trains.encoders.random(encoder, born) if random else trains.pretrain(encoder, born)
    checkpoint = trains.end_of(start, arm.phases, seed)
    match = trains.train_chain(start, arm.matched, seed)
    return [
        PlannedCell(CellId(encoder, arm.name, target.task, seed), scores.score(checkpoint, target, seed, match))
        for target in study.targets
        if arm.control != ("random-init" if find_task(target.task).format.trained else "compute")
    ]


def _check_lengths(stages: Iterable[Stage]) -> None:
    """Raises InputError if a training's rows may be longer than its encoder can number, where the encoder is a folder."""
    trains = [(stage, trace(stage)[0]) for stage in stages if isinstance(stage, TrainStage)]
    folders = {start.context.folder for _, start in trains if isinstance(start.config.source, FolderSource)}
    most = {folder: count_positions(Path(folder)) for folder in folders if Path(folder).is_dir()}
    for stage, start in trains:
        length, positions = stage.config.recipe.max_length, most.get(start.context.folder)
        if positions and length > positions:
            tasks = "&".join(task.name for task in stage.config.tasks)
            raise InputError(
                f"recipe of {tasks}: max_length {length} is more than the {positions} positions of the encoder "
                f"{start.context.folder}; lower it (recipes.{tasks if len(stage.config.tasks) == 1 else 'multi'}.max_length)"
            )


def assemble(data: DataStages, ends: Iterable[Stage], cells: list[PlannedCell], attacked: Sequence[PlannedCell] = ()) -> Plan:
    """The plan of everything that the stages at its ends rest on."""
    stages = list(upstream(ends))
    _check_lengths(stages)
    missing = {task: tuple(sorted(found)) for task, found in data.missing.items() if found}
    return Plan(data.study, stages, cells, missing, data.notes, data.unresolved, attacked=list(attacked))
