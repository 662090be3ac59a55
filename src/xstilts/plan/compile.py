"""Compile: a study and what data is at hand -> a plan, the deduplicated graph of stages and the cells that they serve.

The cells are encoder x arm x target x seed; an arm is a chain or one of its controls (`controls.py`). Which data a stage reads
is decided in `data_stages.py`, which encoder it starts from in `encoder_stages.py`.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xstilts.errors import InputError
from xstilts.plan.controls import Arm, arms, describe
from xstilts.plan.data_stages import DataStages, names
from xstilts.plan.encoder_stages import EncoderStages, short_name
from xstilts.recipe.mixture import Mixture
from xstilts.recipe.recipe import Recipe
from xstilts.stages.stage import Stage, upstream
from xstilts.study.study import UNTRAINED, Retrieval, Study, Target
from xstilts.tasks.files.locate import explain_missing
from xstilts.tasks.registry import find_task
from xstilts.tasks.task import Task
from xstilts.tasks.user.user_tasks import register

__all__ = ["Plan", "PlannedCell", "compile_study", "data_root", "short_name"]


@dataclass(frozen=True)
class PlannedCell:
    """A grid point and the stage that scores it. `chain` is the name of an arm; `control` is "" or "random-init"."""

    encoder: str
    chain: str
    target: str
    seed: int
    control: str
    score: Stage

    @property
    def leak(self) -> bool:
        """Whether weights were chosen on dev data of the target languages: its score is an upper bound, not zero-shot
        transfer."""
        trained = (stage for stage in upstream([self.score]) if stage.kind == "train")
        return any(stage.config["recipe"]["policy"] == "target_dev" for stage in trained)


@dataclass
class Plan:
    """`stages` in an order in which inputs come first, one per key. `uses` counts the cells that need each stage.
    `unresolved`: why a draft could not be run as it is."""

    study: Study
    stages: list[Stage]
    cells: list[PlannedCell]
    missing: dict[str, tuple[str, ...]]
    notes: list[str]
    uses: dict[str, int] = field(default_factory=dict)
    unresolved: list[str] = field(default_factory=list)


def data_root() -> Path:
    """The folder in which data is looked for: `$XSTILTS_DATA`, else `data` here."""
    return Path(os.environ.get("XSTILTS_DATA") or "data").expanduser().absolute()


class Compiler:
    """Builds the stages of phases, targets and scores. `root` is the data folder; `base` a folder that encoders' paths may be
    relative to."""

    def __init__(self, study: Study, root: Path, base: Path | None = None, draft: bool = False):
        self.study = study
        self.root = root
        self.fetches = DataStages(study, root, draft)
        self.encoders = EncoderStages(self.fetches, base)

    # -- phases ----------------------------------------------------------------------------------------------------

    def phase(
        self,
        init: Stage,
        mixture: Mixture,
        recipe: Recipe,
        seed: int,
        target: Task | None = None,
        match: Sequence[Stage] = (),
    ) -> Stage:
        """One training phase from `init`. `target`: the task that it is for, whose English dev data are used if the training task
        has none (and, with policy target_dev, those in other languages). `match`: the trainings whose real tokens its budget
        grows by."""
        tasks = [find_task(name) for name in mixture.mix]
        inputs = {"init": init}
        # Whether the training is this target's alone: otherwise all targets that train on the same task share it.
        own = target is not None and recipe != self.study.phase_recipe(mixture.mix, mixture.recipe)
        for task in tasks:
            data = self.fetches.train(task, mixture)
            inputs |= data
            trained = [name.rpartition(":")[2] for name in data]
            found = self.fetches.dev((task, target) if target else (task,), trained)
            if found is not None:
                inputs[f"dev:{task.name}"] = found
                own |= found.config["task"] != task.name
            if recipe.policy == "target_dev":
                assert target is not None  # the study refuses it elsewhere
                inputs |= self._oracle(task, target)
                own = True
        inputs |= {f"match:{number}": stage for number, stage in enumerate(match)}
        config = {
            "tasks": [{"name": t.name, "version": t.version, "format": self.format_record(t)} for t in tasks],
            "mixture": mixture.fingerprint(),
            "labels": mixture.labels,
            "recipe": recipe.model_dump(mode="json"),
            "seed": seed,
        }
        path = re.sub(r"-s\d+$", "", init.slug)
        name = _phase_name(tasks, mixture, match)
        name = f"{short_task(target)}={name}" if own and target and target not in tasks else name
        return Stage("train", config, inputs, f"{path}+{name}-s{seed}", f"train {name}")

    def _oracle(self, task: Task, target: Task) -> dict[str, Stage]:
        found = self.fetches.target_dev(target)
        self.fetches.note(
            f"{target.name}: policy target_dev chooses weights on dev data in {names(list(found))}; its scores are upper bounds "
            "(a leak), not zero-shot transfer"
        )
        return {f"oracle:{task.name}:{language}": stage for language, stage in found.items()}

    def phases(self, init: Stage, chain: Iterable[Mixture], seed: int) -> list[Stage]:
        """The trainings of a chain, one after the other."""
        made: list[Stage] = []
        for mixture in chain:
            recipe = self.study.phase_recipe(mixture.mix, mixture.recipe)
            made.append(self.phase(made[-1] if made else init, mixture, recipe, seed))
        return made

    def pretrained(self, encoder: str, seed: int) -> Stage:
        """The encoder after the study's pre-training."""
        start = self.encoders.stage(encoder, seed)
        return (self.phases(start, self.study.pretrain, seed) or [start])[-1]

    def arm(self, encoder: str, arm: Arm, seed: int) -> list[PlannedCell]:
        """The cells of one chain or control."""
        start = self.pretrained(encoder, seed)
        checkpoint = (self.phases(start, arm.phases, seed) or [start])[-1]
        match = self.phases(start, arm.matched, seed)
        return [
            PlannedCell(encoder, arm.name, target.task, seed, "", self.score(checkpoint, target, seed, match))
            for target in self.study.targets
            if not (match and find_task(target.task).format.name in UNTRAINED)
        ]

    def random_init(self, encoder: str, seed: int) -> list[PlannedCell]:
        """The cells of fresh weights: targets that need no training."""
        return [
            PlannedCell(
                encoder, "none", target.task, seed, "random-init", self.score(self.encoders.random(encoder, seed), target, seed)
            )
            for target in self.study.targets
            if find_task(target.task).format.name in UNTRAINED
        ]

    # -- targets ---------------------------------------------------------------------------------------------------

    def score(self, checkpoint: Stage, target: Target, seed: int, match: Sequence[Stage] = ()) -> Stage:
        """Fine-tune (unless the format is scored as it is), predict or embed, score."""
        task = find_task(target.task)
        split = self.fetches.scored(task)
        languages = self.fetches.languages(task, split)
        if not languages:
            raise InputError(explain_missing(task, split, task.languages[0], self.root))
        gold = {language: self.fetches.stage(task, split, language) for language in languages}
        dev: dict[str, Stage] = {}
        if task.format.name == "mine":
            dev = {f"dev:{language}": self.fetches.stage(task, "dev", language) for language in languages}
        trained = checkpoint if task.format.name in UNTRAINED else self.fine_tuned(checkpoint, target, seed, match)
        retrieval = None
        if task.format.name in ("embed", "mine", "rank"):
            made, retrieval = self.retrieved(trained, target, languages, {**gold, **dev})
        else:
            source = find_task(target.train or task.trains_on or task.name)
            recipe = self.study.phase_recipe((source.name,), {}, task.name)
            # Labels are those that the head was trained with, in its order; whether there may be no answer is the target's.
            shape = task if task.format.name == "span" else source
            config = {
                "task": task.name,
                "head": source.name,
                "format": self.format_record(shape),
                "languages": languages,
                "recipe": recipe.model_dump(include={"max_length", "stride", "precision"}),
            }
            name = short_task(task)
            made = Stage("predict", config, {"model": trained, **gold}, f"{trained.slug}@{name}", f"predict {name}")
        scored = {"task": task.name, "version": task.version, "languages": languages, "retrieval": retrieval}
        inputs = {"predictions": made, **{f"gold:{language}": stage for language, stage in gold.items()}, **dev}
        return Stage("score", scored, inputs, made.slug, "score")

    def format_record(self, task: Task) -> dict[str, Any]:
        """A task's format, spelled; labels that are a file of the data folder are read from there."""
        fields = {"name": task.format.name, **dataclasses.asdict(task.format)}
        if task.labels_of:
            try:
                fields["labels"] = task.labels_of(self.root)
            except InputError as error:
                if not self.fetches.draft:
                    raise
                self.fetches.leave_unresolved(str(error))
        return fields

    def fine_tuned(self, checkpoint: Stage, target: Target, seed: int, match: Sequence[Stage] = ()) -> Stage:
        """The checkpoint trained for a target, on its own or another task's training data."""
        task = find_task(target.task)
        source = target.train or task.trains_on or task.name
        recipe = self.study.phase_recipe((source,), {}, task.name)
        return self.phase(checkpoint, Mixture(mix=(source,)), recipe, seed, task, match)

    def retrieved(
        self, checkpoint: Stage, target: Target, languages: list[str], texts: dict[str, Stage]
    ) -> tuple[Stage, dict[str, Any]]:
        """The stage that leaves what is scored (vectors, or mined pairs), and the setting at which it is scored. A dual
        encoder for ranking is used as it was trained: its last layer's first token, rows as long as in training."""
        task, setting = find_task(target.task), self.study.retrieval
        name = short_task(task)
        slug = f"{checkpoint.slug}@{name}"
        if task.format.name == "rank":
            recipe = self.study.phase_recipe((target.train or task.trains_on,), {}, task.name)
            length, precision = recipe.max_length, recipe.precision
            setting = Retrieval(layer="last", pooling="cls", centred=False, max_length=length, precision=precision)
        sweep = setting.sweep and task.format.name == "embed"
        config: dict[str, Any] = {
            "task": task.name,
            "format": task.format.name,
            "languages": languages,
            "max_length": setting.max_length,
            "precision": setting.precision,
            "layers": "all" if sweep else setting.layer,
            "poolings": ["mean", "mean_content", "cls"] if sweep else [setting.pooling],
        }
        made = Stage("embed", config, {"model": checkpoint, **texts}, slug, f"embed {name}")
        chosen = setting.model_dump(include={"layer", "pooling", "centred"})
        if task.format.name == "mine":
            mining = {"task": task.name, "languages": languages, **chosen, "k": 4, "margin": "ratio"}
            made = Stage("mine", mining, {"vectors": made}, slug, f"mine {name}")
        return made, chosen


def short_task(task: Task) -> str:
    """The last part of a task's name, for slugs."""
    return task.name.rpartition("/")[2]


def _phase_name(tasks: Sequence[Task], mixture: Mixture, match: Sequence[Stage]) -> str:
    """What a phase does, for slugs: squad&nli~shuffled, squad_mt~de,fr, tydiqa~compute-squad."""
    name = "&".join(short_task(task) for task in tasks)
    if mixture.languages:
        name += f"~{','.join(mixture.languages[:3])}" + (f",+{len(mixture.languages) - 3}" if len(mixture.languages) > 3 else "")
    if mixture.labels == "shuffled":
        name += "~shuffled"
    if match:
        name += "~compute-" + "+".join(stage.label.removeprefix("train ") for stage in match)
    return name


def compile_study(study: Study, root: Path | None = None, base: Path | None = None, draft: bool = False) -> Plan:
    """The plan of a study. Raises InputError for data or encoders that are nowhere. A `draft` is for reading, not for running:
    it uses no network, and what it could not settle without stands in `Plan.unresolved`."""
    compiler = Compiler(study, root or data_root(), base, draft)
    cells: list[PlannedCell] = []
    for encoder in study.encoders:
        for seed in study.seeds:
            for arm in arms(study):
                cells += compiler.arm(encoder, arm, seed)
            if study.random_init:
                cells += compiler.random_init(encoder, seed)
    for sentence in describe(study):
        compiler.fetches.note(sentence)
    return planned(compiler, [cell.score for cell in cells], cells)


def planned(compiler: Compiler, ends: list[Stage], cells: list[PlannedCell]) -> Plan:
    """The plan of everything that the stages at its ends rest on."""
    study, stages = compiler.study, list(upstream(ends))
    if own := {str(Path(path).absolute()): register(Path(path))[0].declared for path in study.tasks}:
        for stage in stages:
            stage.context["tasks"] = own
    uses = {stage.key: 0 for stage in stages}
    for cell in cells:
        for stage in upstream([cell.score]):
            uses[stage.key] += 1
    missing = {task: tuple(sorted(found)) for task, found in compiler.fetches.missing.items() if found}
    return Plan(study, stages, cells, missing, compiler.fetches.notes, uses, compiler.fetches.unresolved)
