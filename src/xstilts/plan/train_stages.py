"""The trainings of a plan: the phases of pre-training and of chains, and each target's own training."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from xstilts.attacks.attack import Attack
from xstilts.errors import InputError
from xstilts.formats.format import Format
from xstilts.plan.cell import trace
from xstilts.plan.data_stages import DataStages, names
from xstilts.plan.encoder_stages import EncoderStages
from xstilts.reading import expand_home
from xstilts.recipe.mixture import Mixture, MixtureRule
from xstilts.recipe.recipe import Recipe
from xstilts.recipe.robust import CodeMix, Robust, check_robust
from xstilts.stages.contracts import TrainConfig, TrainedTask, TrainInputs
from xstilts.stages.stage import Checkpoint, Context, FetchStage, SeeStage, Stage, TrainStage
from xstilts.study import Target
from xstilts.tasks.registry import find_task
from xstilts.tasks.task import Task


class TrainStages:
    """Builds train stages."""

    def __init__(self, data: DataStages, encoders: EncoderStages):
        self.study, self.data, self.encoders = data.study, data, encoders
        self._mixing: dict[CodeMix, Attack] = {}
        self._alone: dict[str, Mixture] = {}
        self._shared: dict[tuple[int, str], _Shared] = {}
        self._members: dict[tuple[str, ...], tuple[TrainedTask, ...]] = {}

    def pretrain(self, encoder: str, seed: int) -> Checkpoint:
        """The encoder after the study's pre-training."""
        return self.end_of(self.encoders.stage(encoder, seed), self.study.pretrain, seed)

    def end_of(self, init: Checkpoint, chain: Iterable[Mixture], seed: int) -> Checkpoint:
        """The last training of a chain, or `init` if the chain is empty."""
        phases = self.train_chain(init, chain, seed)
        return phases[-1] if phases else init

    def train_chain(self, init: Checkpoint, chain: Iterable[Mixture], seed: int) -> list[TrainStage]:
        """The trainings of a chain, one after the other."""
        made: list[TrainStage] = []
        for mixture in chain:
            made.append(self._phase(made[-1] if made else init, mixture, seed))
        return made

    def fine_tune(self, init: Checkpoint, target: Target, seed: int, match: Sequence[TrainStage]) -> TrainStage:
        """The checkpoint trained for a target, on its own or another task's training data."""
        if target.source not in self._alone:
            self._alone[target.source] = Mixture(mix=(target.source,))
        return self._phase(init, self._alone[target.source], seed, find_task(target.task), match)

    def format_of(self, task: Task) -> Format:
        """A task's format; labels that are a file of the data folder are read from there."""
        if task.labels_of:
            try:
                labelled: Any = task.format
                return dataclasses.replace(labelled, labels=task.labels_of(self.data.root))  # type: ignore[no-any-return]
            except InputError as error:
                if not self.data.draft:
                    raise
                self.data.leave_unresolved(str(error))
        return task.format

    def _phase(
        self,
        init: Checkpoint,
        mixture: Mixture,
        seed: int,
        target: Task | None = None,
        match: Sequence[TrainStage] = (),
    ) -> TrainStage:
        """One training phase from `init`. `target`: the task that it is for, whose English dev data are used if the training task
        has none (and, with policy target_dev, those in other languages). `match`: the trainings whose real tokens its budget
        grows by."""
        tasks = [find_task(name) for name in mixture.mix]
        shared = self._share(mixture, target.name if target else "")
        recipe = shared.recipe
        for task in tasks:
            check_robust(recipe.robust, task.format.name)
        # Whether the training is this target's alone: otherwise all targets that train on the same task share it.
        own = target is not None and recipe != self._share(mixture).recipe
        train: dict[str, dict[str, FetchStage]] = {}
        dev: dict[str, FetchStage] = {}
        oracle: dict[str, dict[str, FetchStage]] = {}
        for task in tasks:
            train[task.name] = self.data.train(task, mixture.languages)
            found = self.data.dev((task, target) if target else (task,), list(train[task.name]))
            if found is not None:
                dev[task.name] = found
                own |= found.config.task != task.name
            if recipe.policy == "target_dev":
                assert target is not None  # the study refuses it elsewhere
                oracle[task.name] = self._oracle(target)
                own = True
        name = _phase_name(tasks, mixture, match)
        name = f"{short_task(target)}={name}" if own and target and target not in tasks else name
        config = TrainConfig(self._find_members(mixture), shared.rule, mixture.labels, recipe, seed)
        matched = {str(number): stage for number, stage in enumerate(match)}
        seen: dict[str, SeeStage] = {}
        for task in tasks:
            if task.pictures:
                own_dev = {"dev": dev[task.name]} if task.name in dev else {}
                seen[task.name] = self.data.see(task, {**train[task.name], **own_dev, **oracle.get(task.name, {})})
        inputs: TrainInputs[Stage] = TrainInputs(init, train, dev, oracle, matched, seen)
        encoder, before = trace(init)
        path = "+".join([encoder.title, *(stage.title for stage in reversed(before)), name])
        return TrainStage(config, inputs, f"{path}-s{seed}", name, self._context(recipe.robust, train))

    def _share(self, mixture: Mixture, target: str = "") -> _Shared:
        """What all trainings on a mixture (for a target) have in their configs: the same objects, which are spelled once."""
        place = (id(mixture), target)
        if place not in self._shared:
            recipe = self.study.phase_recipe(mixture.mix, mixture.recipe, target)
            self._shared[place] = _Shared(mixture, recipe, mixture.rule)
        return self._shared[place]

    def _find_members(self, mixture: Mixture) -> tuple[TrainedTask, ...]:
        """The tasks of a mixture as configs have them, also the same object for all. It may read labels from the data folder, so
        it comes after the data themselves, whose absence says more."""
        if mixture.mix not in self._members:
            tasks = [find_task(name) for name in mixture.mix]
            self._members[mixture.mix] = tuple(TrainedTask(task.name, task.version, self.format_of(task)) for task in tasks)
        return self._members[mixture.mix]

    def _context(self, robust: Robust | None, train: Mapping[str, Mapping[str, FetchStage]]) -> Context:
        """That of a training, with the file of its word list; what no word of the list can replace is noted. Raises InputError
        if this is all of a task."""
        if not isinstance(robust, CodeMix):
            return self.data.context
        path = expand_home(robust.words).absolute()
        if robust not in self._mixing:
            self._mixing[robust] = robust.make_attack(path)
            self.data.note(f"robust: code_mix reads {self._mixing[robust].resource}")
        attack = self._mixing[robust]
        for task, languages in train.items():
            reasons = {language: reason for language in languages if (reason := attack.excludes(language))}
            said = [
                f"{task} in {names([language])}: robust: code_mix replaces nothing: {reasons[language]}" for language in reasons
            ]
            if len(reasons) == len(languages):
                raise InputError("\n".join(said))
            for text in said:
                self.data.note(text)
        return dataclasses.replace(self.data.context, words=str(path))

    def _oracle(self, target: Task) -> dict[str, FetchStage]:
        found = self.data.target_dev(target)
        self.data.note(
            f"{target.name}: policy target_dev chooses weights on dev data in {names(list(found))}; its scores are upper bounds "
            "(a leak), not zero-shot transfer"
        )
        return found


@dataclasses.dataclass(frozen=True)
class _Shared:
    """`mixture` is the one whose `id` it is found by."""

    mixture: Mixture
    recipe: Recipe
    rule: MixtureRule


def short_task(task: Task) -> str:
    """The last part of a task's name, for slugs."""
    return task.name.rpartition("/")[2]


def _phase_name(tasks: Sequence[Task], mixture: Mixture, match: Sequence[TrainStage]) -> str:
    """What a phase does, for slugs: squad&nli~shuffled, squad_mt~de,fr, tydiqa~compute-squad."""
    name = "&".join(short_task(task) for task in tasks)
    if mixture.languages:
        name += f"~{','.join(mixture.languages[:3])}" + (f",+{len(mixture.languages) - 3}" if len(mixture.languages) > 3 else "")
    if mixture.labels == "shuffled":
        name += "~shuffled"
    if match:
        name += f"~compute-{matched_name(match)}"
    return name


def matched_name(match: Iterable[Stage]) -> str:
    """The phases that a compute-matched training matches: nli+squad."""
    return "+".join(stage.title for stage in match)
