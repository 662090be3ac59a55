"""Compile: a study and what data is at hand -> a plan, the deduplicated graph of stages and the cells that they serve.

A plan needs no data: what a task's record declares is its identity. A file found in the data folder is fingerprinted and
carries that identity instead. Languages without data are left out and said to be missing, never silently.
"""

from __future__ import annotations

import dataclasses
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xstilts.data.language import LANGUAGES
from xstilts.errors import InputError, nearest
from xstilts.recipe.encoder import hub_commit, identity
from xstilts.recipe.mixture import Mixture
from xstilts.recipe.recipe import Recipe
from xstilts.stages.stage import Stage, upstream
from xstilts.study.study import UNTRAINED, Retrieval, Study, Target
from xstilts.tasks.catalogue import find_task
from xstilts.tasks.locate import available_languages, fingerprint, locate, nowhere, parts_of, source_of, source_split
from xstilts.tasks.own import register
from xstilts.tasks.task import Task
from xstilts.world.config import WorldConfig


@dataclass(frozen=True)
class PlannedCell:
    """A grid point and the stage that scores it. `control` is "" or "random-init"."""

    encoder: str
    chain: str
    target: str
    seed: int
    control: str
    score: Stage


@dataclass
class Plan:
    """`stages` in an order in which inputs come first, one per key. `uses` counts the cells that need each stage."""

    study: Study
    stages: list[Stage]
    cells: list[PlannedCell]
    missing: dict[str, tuple[str, ...]]
    notes: list[str]
    uses: dict[str, int] = field(default_factory=dict)


def data_root() -> Path:
    """The folder in which data is looked for: `$XSTILTS_DATA`, else `data` here."""
    return Path(os.environ.get("XSTILTS_DATA") or "data").expanduser().absolute()


class Compiler:
    """Builds stages once each. `root` is the data folder; `base` a folder that encoders' paths may be relative to."""

    def __init__(self, study: Study, root: Path, base: Path | None = None):
        self.study = study
        self.root = root
        self.base = base
        self.fetched: dict[tuple[str, str, str], Stage] = {}
        self.encoders: dict[tuple[str, int | None], Stage] = {}
        self.missing: dict[str, set[str]] = {}
        self.notes: list[str] = []
        self.world = self._world()

    def _world(self) -> dict[str, Any]:
        try:
            return dataclasses.asdict(WorldConfig(**self.study.world))
        except TypeError:
            known = [f.name for f in dataclasses.fields(WorldConfig)]
            wrong = next(name for name in self.study.world if name not in known)
            raise InputError(f"study: unknown field 'world.{wrong}'{nearest(wrong, known)}") from None

    # -- data ------------------------------------------------------------------------------------------------------

    def fetch(self, task: Task, split: str, language: str) -> Stage:
        """The stage that reads one split in one language. Raises InputError if its data is nowhere."""
        name = (task.name, split, language)
        if name not in self.fetched:
            limit = getattr(self.study.limits, split)
            config = {"task": task.name, "version": task.version, "split": split, "language": language, "limit": limit}
            if task.declared:
                config["declared"] = task.declared
            context: dict[str, Any] = {}
            if task.embedded:
                config["world"] = self.world
            else:
                sources = {one.name: self._source(one, split, language) for one in parts_of(task) or (task,)}
                config["source"] = sources if task.parts else sources[task.name]
                context["data"] = str(self.root)
            slug = f"{task.name.replace('/', '.')}-{split}-{language}"
            self.fetched[name] = Stage("fetch", config, {}, slug, "fetch", context)
        return self.fetched[name]

    def _source(self, task: Task, split: str, language: str) -> str:
        files = locate(task, split, language, self.root)
        source = source_of(task, split, language)
        if files:
            identity = fingerprint(files)
            official = source.sha256.get(language)
            if official not in (None, identity):
                self.note(f"{task.name} ({split}, {language}): not the official file; it is named by its own sha256")
            return f"sha256:{identity}"
        if source.hub is None:
            raise InputError(nowhere(task, split, language, self.root))
        self.note(f"{task.name} ({split}): not in the data folder; it comes from the Hub data set {source.hub.id}")
        config = task.fill(source.hub.config, language)
        return f"hub:{source.hub.id}/{config}/{source.hub.split}@{source.hub.revision}"

    def note(self, text: str) -> None:
        """Remember something that a reader of the plan must know, once."""
        if text not in self.notes:
            self.notes.append(text)

    def languages(self, task: Task, split: str) -> list[str]:
        """The study's languages of a task that have data: those in the data folder if it has any, else all (the Hub).
        Languages that the study names one by one are had from the Hub if the folder lacks them."""
        asked = self.study.languages_of(task)
        wanted = [x for x in task.splits[source_split(task, split)].languages if x in asked]
        if not isinstance(self.study.languages, str) or task.embedded:
            return wanted
        here = [x for x in available_languages(task, split, self.root) if x in wanted]
        if here:
            self.missing.setdefault(task.name, set()).update(x for x in wanted if x not in here)
        return here or wanted

    # -- encoders --------------------------------------------------------------------------------------------------

    def encoder(self, name: str, seed: int) -> Stage:
        """The stage of an encoder; only the world's depends on the seed (its weights are drawn, not loaded)."""
        world = name.startswith("world/")
        place = (name, seed if world else None)
        if place not in self.encoders:
            self.encoders[place] = self._world_encoder(name, seed) if world else self._given_encoder(name)
        return self.encoders[place]

    def _world_encoder(self, name: str, seed: int) -> Stage:
        if name != "world/tiny":
            raise InputError(f"encoder {name}: the embedded world has one encoder, 'world/tiny'")
        source = {"kind": "world", "world": self.world, "architecture": self.study.architecture.model_dump(), "seed": seed}
        return Stage("encoder", {"source": source}, {}, f"{short_name(name)}-s{seed}", "encoder")

    def _given_encoder(self, name: str) -> Stage:
        folder = self._folder(name)
        if folder is not None:
            source: dict[str, Any] = {"kind": "folder", "files": identity(folder)}
            return Stage("encoder", {"source": source}, {}, short_name(name), "encoder", {"folder": str(folder)})
        identifier, _, revision = name.partition("@")
        source = {"kind": "hub", "id": identifier, "revision": hub_commit(identifier, revision)}
        return Stage("encoder", {"source": source}, {}, short_name(name), "encoder")

    def _folder(self, name: str) -> Path | None:
        places = [Path(name).expanduser().absolute()]
        if self.base is not None:
            places.append((self.base / name).absolute())
        for place in places:
            if place.is_dir():
                return place
        if name.startswith((".", "/", "~")) or name.count("/") > 1:
            raise InputError(f"encoder {name}: no such folder (looked at {', '.join(map(str, dict.fromkeys(places)))})")
        return None

    def random_encoder(self, name: str, seed: int) -> Stage:
        """The random-init control: the encoder's architecture with fresh weights."""
        start = self.encoder(name, seed)
        if name.startswith("world/"):
            return start  # before its pre-training it *is* random
        config = {"source": {"kind": "random", "seed": seed}}
        return Stage("encoder", config, {"like": start}, f"{short_name(name)}~random-s{seed}", "encoder")

    # -- phases ----------------------------------------------------------------------------------------------------

    def phase(self, init: Stage, mixture: Mixture, recipe: Recipe, seed: int, target: Task | None = None) -> Stage:
        """One training phase from `init`. `target`: the task that it is for, where that is not the one it trains on; its
        dev data are then used, if it has any."""
        tasks = [find_task(name) for name in mixture.mix]
        inputs = {"init": init}
        for task in tasks:
            for language in self.train_languages(task):
                inputs[f"train:{task.name}:{language}"] = self.fetch(task, "train", language)
            found = (self.dev(target) if target else None) or self.dev(task)
            if found is not None:
                inputs[f"dev:{task.name}"] = found
        config = {
            "tasks": [{"name": t.name, "version": t.version, "format": format_record(t, self.root)} for t in tasks],
            "cap": mixture.cap,
            "labels": mixture.labels,
            "recipe": recipe.model_dump(mode="json"),
            "seed": seed,
        }
        path = re.sub(r"-s\d+$", "", init.slug)
        name = "&".join(t.name.rpartition("/")[2] for t in tasks) + ("~shuffled" if mixture.labels == "shuffled" else "")
        name = f"{target.name}={name}" if target else name
        return Stage("train", config, inputs, f"{path}+{name}-s{seed}", f"train {name}")

    def train_languages(self, task: Task) -> list[str]:
        """English; a task without English training data is trained on the languages that it has, and plain text for masked
        language modelling is read in every language of the study."""
        if task.format.name == "mlm":
            return self.languages(task, "train")
        offered = task.splits["train"].languages
        if "en" in offered:
            return ["en"]
        self.note(f"{task.name}: its training data are not English but {', '.join(LANGUAGES[x].name for x in offered)}")
        return list(offered)

    def dev(self, task: Task) -> Stage | None:
        """The dev split of a task in the language it is trained on (English, as a rule): its own file or the held-out share
        of its training data; None if neither."""
        if task.metric is None or ("dev" not in task.splits and not task.heldout) or task.format.name in UNTRAINED:
            return None
        offered = task.splits[source_split(task, "dev")].languages
        language = "en" if "en" in offered else offered[0]
        try:
            if task.embedded or locate(task, "dev", language, self.root) or not self.here(task):
                return self.fetch(task, "dev", language)
        except InputError:
            pass
        self.note(f"{task.name}: no {LANGUAGES[language].name} dev data at hand; nothing is selected on it")
        return None

    def here(self, task: Task) -> bool:
        """Whether the data folder has anything of a task; what it lacks is then not had from the Hub unasked."""
        return any(available_languages(task, split, self.root) for split in task.splits)

    def chain(self, encoder: str, chain: tuple[Mixture, ...], seed: int) -> Stage:
        """The checkpoint at the end of pre-training and a chain."""
        stage = self.encoder(encoder, seed)
        for mixture in (*self.study.pretrain, *chain):
            stage = self.phase(stage, mixture, self.study.phase_recipe(mixture.mix, mixture.recipe), seed)
        return stage

    # -- targets ---------------------------------------------------------------------------------------------------

    def score(self, checkpoint: Stage, target: Target, seed: int) -> Stage:
        """Fine-tune (unless the format is scored as it is), predict or embed, score."""
        task = find_task(target.task)
        languages = self.languages(task, "test")
        if not languages:
            raise InputError(nowhere(task, "test", task.languages[0], self.root))
        gold = {language: self.fetch(task, "test", language) for language in languages}
        dev: dict[str, Stage] = {}
        if task.format.name == "mine":
            dev = {f"dev:{language}": self.fetch(task, "dev", language) for language in languages}
        trained = checkpoint if task.format.name in UNTRAINED else self.fine_tuned(checkpoint, target, seed)
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
                "format": format_record(shape, self.root),
                "languages": languages,
                "recipe": recipe.model_dump(include={"max_length", "stride", "precision"}),
            }
            name = short_task(task)
            made = Stage("predict", config, {"model": trained, **gold}, f"{trained.slug}@{name}", f"predict {name}")
        scored = {"task": task.name, "version": task.version, "languages": languages, "retrieval": retrieval}
        inputs = {"predictions": made, **{f"gold:{language}": stage for language, stage in gold.items()}, **dev}
        return Stage("score", scored, inputs, made.slug, "score")

    def fine_tuned(self, checkpoint: Stage, target: Target, seed: int) -> Stage:
        """The checkpoint trained for a target, on its own or another task's training data."""
        task = find_task(target.task)
        source = find_task(target.train or task.trains_on or task.name)
        recipe = self.study.phase_recipe((source.name,), {}, task.name)
        return self.phase(checkpoint, Mixture(mix=(source.name,)), recipe, seed, task if task != source else None)

    def retrieved(
        self, checkpoint: Stage, target: Target, languages: list[str], texts: dict[str, Stage]
    ) -> tuple[Stage, dict[str, Any]]:
        """The stage that leaves what is scored (vectors, or mined pairs), and the setting at which it is scored. A dual
        encoder for ranking is used as it was trained: its last layer's first token, rows as long as in training."""
        task, setting = find_task(target.task), self.study.retrieval
        name = short_task(task)
        slug = f"{checkpoint.slug}@{name}"
        if task.format.name == "rank":
            length = self.study.phase_recipe((target.train or task.trains_on,), {}, task.name).max_length
            setting = Retrieval(layer="last", pooling="cls", centred=False, max_length=length)
        sweep = setting.sweep and task.format.name == "embed"
        config: dict[str, Any] = {
            "task": task.name,
            "format": task.format.name,
            "languages": languages,
            "max_length": setting.max_length,
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


def format_record(task: Task, root: Path) -> dict[str, Any]:
    """A task's format, spelled; labels that are a file of the data folder are read from there."""
    fields = dataclasses.asdict(task.format)
    return {"name": task.format.name, **fields, **({"labels": task.labels_of(root)} if task.labels_of else {})}


def short_name(encoder: str) -> str:
    """The last part of an encoder's path or id, without its revision."""
    return Path(encoder.partition("@")[0]).name or encoder


def compile_study(study: Study, root: Path | None = None, base: Path | None = None) -> Plan:
    """The plan of a study. Raises InputError for data or encoders that are nowhere."""
    compiler = Compiler(study, root or data_root(), base)
    cells: list[PlannedCell] = []
    for encoder in study.encoders:
        for seed in study.seeds:
            for chain_name, chain in study.chains.items():
                checkpoint = compiler.chain(encoder, chain, seed)
                for target in study.targets:
                    score = compiler.score(checkpoint, target, seed)
                    cells.append(PlannedCell(encoder, chain_name, target.task, seed, "", score))
            if study.random_init:
                for target in study.targets:
                    if find_task(target.task).format.name in UNTRAINED:
                        score = compiler.score(compiler.random_encoder(encoder, seed), target, seed)
                        cells.append(PlannedCell(encoder, "none", target.task, seed, "random-init", score))
    stages = list(upstream([cell.score for cell in cells]))
    if own := {str(Path(path).absolute()): register(Path(path))[0].declared for path in study.tasks}:
        for stage in stages:
            stage.context["tasks"] = own
    uses = {stage.key: 0 for stage in stages}
    for cell in cells:
        for stage in upstream([cell.score]):
            uses[stage.key] += 1
    missing = {task: tuple(sorted(found)) for task, found in compiler.missing.items() if found}
    return Plan(study, stages, cells, missing, compiler.notes, uses)
