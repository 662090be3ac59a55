"""A study: a question and the grid that answers it. A pydantic record; YAML is its written form.

Unknown fields are refused by name, with the nearest known one. A study says nothing about where things run or lie: the
same study on another machine has the same keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import Field, ValidationError, field_validator, model_validator

from xstilts.data.language import LANGUAGES
from xstilts.data.yaml_records import Record, locate_error, make_record, parse_yaml, read_fields
from xstilts.errors import InputError, nearest
from xstilts.recipe.encoder_identity import Architecture, Scratch
from xstilts.recipe.mixture import Mixture
from xstilts.recipe.recipe import PRESETS, Recipe
from xstilts.study.comparison import Comparison, check_comparisons
from xstilts.tasks.registry import CATALOGUE, find_task
from xstilts.tasks.suites import SUITES
from xstilts.tasks.task import Task
from xstilts.tasks.user.user_tasks import register

Chain = tuple[Mixture, ...]

# Formats that are scored on the checkpoint as it is.
UNTRAINED = ("embed", "mine")
NO_CHAIN = "none"
# What the names of encoders that start from random weights begin with.
WORLD, SCRATCH = "world/", "scratch/"
TINY = "tiny"

Control = Literal["placebo", "compute"]


class Target(Record):
    """A task to be fine-tuned on and tested; `train` names another task whose English training data is used instead."""

    task: str
    train: str = ""


class Limits(Record):
    """At most so many examples of each split (chosen by a hash of their ids); nothing means all."""

    train: int | None = Field(None, ge=1)
    dev: int | None = Field(None, ge=1)
    test: int | None = Field(None, ge=1)


class Retrieval(Record):
    """How sentences are embedded and compared. `layer`: the published choice of "jiant" (that of X-STILTs) or "xtreme",
    scaled to the encoder's depth, "last", or a number (0 = embeddings). `pooling`: "mean" over all tokens (both published ones),
    "mean_content" without the special tokens, or "cls". `sweep` also keeps and scores every other layer and pooling of
    translation retrieval; without it only the chosen one is kept, which needs far less disk."""

    layer: Literal["jiant", "xtreme", "last"] | int = "jiant"
    pooling: Literal["mean", "mean_content", "cls"] = "mean"
    centred: bool = False
    max_length: int = Field(512, ge=8)
    precision: Literal["fp32", "bf16"] = "fp32"
    sweep: bool = True


class Study(Record):
    """See the module, and `docs/how-to/study.md` for a walk through every field."""

    name: str = Field(pattern=r"^[\w.-]+$")
    question: str = Field(min_length=1)
    encoders: tuple[str, ...] = Field(min_length=1)
    pretrain: Chain = ()
    chains: dict[str, Chain] = Field(min_length=1)
    controls: tuple[Control, ...] = ()
    compare: tuple[Comparison, ...] = ()
    targets: tuple[Target, ...] = Field(min_length=1)
    tasks: tuple[str, ...] = ()
    languages: str | tuple[str, ...] = "all"
    seeds: tuple[int, ...] = Field(min_length=1)
    limits: Limits = Limits()
    split: Literal["test", "dev"] = "test"
    preset: str = "jiant"
    recipes: dict[str, dict[str, Any]] = Field(default_factory=dict)
    retrieval: Retrieval = Retrieval()
    random_init: bool = True
    world: dict[str, Any] = Field(default_factory=dict)
    architecture: Architecture = Architecture()
    architectures: dict[str, Architecture] = Field(default_factory=dict)
    scratch: dict[str, Scratch] = Field(default_factory=dict)

    @field_validator("pretrain", "chains", "targets", mode="before")
    @classmethod
    def _shorthand(cls, value: Any, info: Any) -> Any:
        """`snli` is short for {mix: [snli]} in a chain and for {task: snli} among targets, where `xtreme` is short for all
        tasks of that suite."""
        if info.field_name == "targets":
            return [x for t in value for x in _targets(t)] if isinstance(value, list | tuple) else value
        if info.field_name == "pretrain":
            return _chain(value)
        return {name: _chain(chain) for name, chain in value.items()} if isinstance(value, Mapping) else value

    @field_validator("tasks")
    @classmethod
    def _own_tasks(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        """Registers the user's own tasks, so that what follows knows them. Raises InputError."""
        for path in paths:
            register(Path(path))
        return paths

    @model_validator(mode="after")
    def _known(self) -> Study:
        for where, name in self._task_names():
            if name not in CATALOGUE:
                raise ValueError(f"{where}: unknown task '{name}'{nearest(name, CATALOGUE)}")
        self._check_languages()
        self._check_encoders()
        for name, chain in self.chains.items():
            if (name == NO_CHAIN) != (len(chain) == 0):
                raise ValueError(f"chains.{name}: the empty chain, and only it, is called 'none': gains are measured against it")
            if name.endswith(tuple(f"~{control}" for control in get_args(Control))):
                raise ValueError(f"chains.{name}: names that end so are those of controls; say `controls: [placebo]` for one")
        if self.preset not in PRESETS:
            raise ValueError(f"preset: unknown preset '{self.preset}'{nearest(self.preset, PRESETS)}")
        for target in self.targets:
            self._check_target(target)
        self._check_recipes()
        check_comparisons(self.compare, self.chains, NO_CHAIN)
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError("seeds: the same seed stands there twice")
        return self

    @classmethod
    def load(cls, name: str, *changes: str) -> Study:
        """A built-in study or a YAML file, with `field=value` changes. Raises InputError."""
        return load_study(name, changes)

    def _check_languages(self) -> None:
        if isinstance(self.languages, str):
            if self.languages not in ("all", *SUITES):
                raise ValueError(f"languages: expected a list of codes, 'all', or a suite ({', '.join(SUITES)})")
            return
        texts = [*(t.task for t in self.targets), *(s.corpus for s in self.scratch.values())]
        offered = {lang for name in texts for lang in find_task(name).languages}
        for language in self.languages:
            if language not in LANGUAGES:
                raise ValueError(f"languages: unknown language '{language}'{nearest(language, LANGUAGES)}")
            if language not in offered:
                raise ValueError(f"languages: no target of this study has '{language}' ({LANGUAGES[language].name})")

    def _check_encoders(self) -> None:
        if TINY in self.architectures:
            raise ValueError("architectures: the shape of world/tiny stands under `architecture`; give this one another name")
        for name in self.encoders:
            shapes = [f"{WORLD}{shape}" for shape in (TINY, *self.architectures)]
            if name.startswith(WORLD) and name not in shapes:
                raise ValueError(f"encoders: '{name}' is neither world/tiny nor described under `architectures`")
            known = [f"{SCRATCH}{scratch}" for scratch in self.scratch]
            if name.startswith(SCRATCH) and name not in known:
                raise ValueError(f"encoders: '{name}' is not described under `scratch`{nearest(name, known)}")
        for where, names in (("scratch", self.scratch), ("architectures", self.architectures)):
            for name in names:
                if not re.fullmatch(r"[\w.-]+", name):
                    raise ValueError(f"{where}: '{name}' should be a name of letters, digits, '_', '.' and '-'")
        for name, scratch in self.scratch.items():
            corpus = find_task(scratch.corpus)
            if corpus.format.name != "mlm":
                raise ValueError(f"scratch.{name}.corpus: '{corpus.name}' is not plain text (its format is {corpus.format.name})")
            _check_codes(f"scratch.{name}.languages", scratch.languages or ())

    def architecture_of(self, encoder: str) -> Architecture:
        """The shape of an encoder that starts from random weights."""
        kind, _, name = encoder.partition("/")
        if kind == SCRATCH.rstrip("/"):
            return self.scratch[name].architecture or self.architecture
        return self.architectures.get(name, self.architecture)

    def languages_of(self, task: Task) -> tuple[str, ...]:
        """The languages of a task that this study asks for: all of the task's, those of a suite, or those it names. A task
        that the suite does not have (training data of another) keeps all of its own."""
        if self.languages == "all":
            return task.languages
        if isinstance(self.languages, str):
            return tuple(SUITES[self.languages].tasks.get(task.name, task.languages))
        return tuple(x for x in task.languages if x in self.languages)

    def _task_names(self) -> list[tuple[str, str]]:
        chains = [(f"chains.{name}", m) for name, chain in self.chains.items() for m in chain]
        phases = [("pretrain", m) for m in self.pretrain] + chains
        names = [(where, task) for where, m in phases for task in m.mix]
        names += [(f"scratch.{name}.corpus", scratch.corpus) for name, scratch in self.scratch.items()]
        return names + [("targets", n) for t in self.targets for n in (t.task, t.train) if n]

    def _check_target(self, target: Target) -> None:
        task = find_task(target.task)
        if task.format.name == "mlm" or task.metric is None:
            raise ValueError(f"targets: '{task.name}' cannot be a target (it has no metric)")
        if "test" not in task.splits:
            raise ValueError(f"targets: '{task.name}' has no labelled test split; use it in a chain")
        if task.format.name in UNTRAINED:
            if target.train:
                raise ValueError(f"targets: '{task.name}' is retrieval without training; leave out `train`")
            return
        source = find_task(target.train or task.trains_on or task.name)
        if source.format.name != task.format.name:
            raise ValueError(
                f"targets: '{task.name}' ({task.format.name}) cannot train on '{source.name}' ({source.format.name})"
            )
        if set(getattr(source.format, "labels", ())) != set(getattr(task.format, "labels", ())):
            raise ValueError(f"targets: '{task.name}' and '{source.name}' have different labels")
        if "train" not in source.splits:
            raise ValueError(f"targets: '{source.name}' has no training data; name another task with `train`")

    def _check_recipes(self) -> None:
        groups = {"default", "multi", "classify", "choice", "tag", "span", "mlm", "rank"}
        for name, fields in self.recipes.items():
            if name not in groups and name not in CATALOGUE:
                raise ValueError(f"recipes: '{name}' is neither a task nor a group{nearest(name, groups | set(CATALOGUE))}")
            _check_fields(f"recipes.{name}", fields)
        for where, chain in [("pretrain", self.pretrain), *((f"chains.{n}", c) for n, c in self.chains.items())]:
            for mixture in chain:
                _check_fields(f"{where}.recipe", mixture.recipe)
                _check_codes(f"{where}.languages", mixture.languages or ())
                for task in mixture.mix:
                    if find_task(task).format.name in UNTRAINED:
                        raise ValueError(f"{where}: '{task}' is retrieval without training; it can only be a target")
                    if "train" not in find_task(task).splits:
                        raise ValueError(f"{where}: '{task}' has no training data; it can only be a target")
                recipe = self._checked(where, mixture.mix, mixture.recipe)
                if recipe.policy == "target_dev":
                    raise ValueError(
                        f"{where}: policy target_dev chooses weights on a target's dev data, and this phase is for no target; "
                        "put it under recipes.<target task>, and give this phase another (recipe: {policy: avg_last_k})"
                    )
        for target in self.targets:
            if find_task(target.task).format.name not in UNTRAINED:
                source = target.train or find_task(target.task).trains_on or target.task
                self._checked(f"targets.{target.task}", (source,), {}, target.task)

    def _checked(self, where: str, tasks: tuple[str, ...], extra: Mapping[str, Any], target: str = "") -> Recipe:
        """The recipe of a phase, whose fields must agree with each other."""
        try:
            return self.phase_recipe(tasks, extra, target)
        except ValidationError as error:
            raise ValueError(f"{where}: recipe: {_messages(error)}") from None

    def phase_recipe(self, tasks: tuple[str, ...], extra: Mapping[str, Any], target: str = "") -> Recipe:
        """The recipe of one phase: preset, then the study's own; in each default, then format, then task; last `extra`. A
        mixture takes `default` and `multi`, and rows as long as those of its longest task."""
        alone = len(tasks) == 1
        names = ["default", find_task(tasks[0]).format.name, tasks[0], target] if alone else ["default", "multi"]
        merged: dict[str, Any] = {}
        for book in (PRESETS[self.preset], self.recipes):
            for name in names:
                merged.update(book.get(name, {}))
        if not alone:
            merged["max_length"] = max(self.phase_recipe((task,), {}).max_length for task in tasks)
        return Recipe(**{**merged, **extra})


def _targets(value: Any) -> list[Any]:
    if isinstance(value, str):
        return [{"task": name} for name in SUITES[value].tasks] if value in SUITES else [{"task": value}]
    return [value]


def _chain(value: Any) -> Any:
    if isinstance(value, str):
        value = [value]
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        return value
    return [{"mix": [m]} if isinstance(m, str) else m for m in value]


def _check_fields(where: str, fields: Mapping[str, Any]) -> None:
    """Each field by itself; whether fields agree is seen when the recipe of a phase is whole."""
    for field in fields:
        if field not in Recipe.model_fields:
            raise ValueError(f"{where}: unknown field '{field}'{nearest(field, Recipe.model_fields)}")
    try:
        Recipe(**fields)
    except ValidationError as error:
        if any(e["loc"] for e in error.errors()):
            raise ValueError("; ".join(f"{where}.{locate_error(e)}: {e['msg']}" for e in error.errors())) from None


def _check_codes(where: str, codes: Iterable[str]) -> None:
    for code in codes:
        if code not in LANGUAGES:
            raise ValueError(f"{where}: unknown language '{code}'{nearest(code, LANGUAGES)}")


def _messages(error: ValidationError) -> str:
    return "; ".join(e["msg"].removeprefix("Value error, ") for e in error.errors())


def built_in() -> dict[str, Path]:
    """The studies that come with the package, by name."""
    folder = Path(str(resources.files("xstilts.study") / "builtin"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def study_path(name: str) -> Path:
    """The file of a built-in study or of a YAML path. Raises InputError with the nearest name."""
    if name in built_in():
        return built_in()[name]
    path = Path(name).expanduser()
    if path.is_dir():
        raise InputError(f"study {name}: a folder; expected a YAML file or one of {', '.join(built_in())}")
    if not path.is_file():
        hint = nearest(name, built_in()) if path.suffix not in (".yaml", ".yml") else ""
        raise InputError(f"study {name}: no such file and no built-in study{hint}")
    return path


def load_study(name: str, changes: list[str] | tuple[str, ...] = ()) -> Study:
    """A built-in study or a YAML file, with `--set field=value` changes applied. Raises InputError naming the field."""
    path = study_path(name)
    record = read_fields(path, "study")
    for change in changes:
        apply_change(record, change)
    if isinstance(record.get("tasks"), list):
        record["tasks"] = [str(path.parent / Path(str(name)).expanduser()) for name in record["tasks"]]
    return make_study(record, str(path))


def make_study(record: Mapping[str, Any], where: str = "study") -> Study:
    """Validate a plain record. Raises InputError naming each wrong field and what is allowed."""
    return make_record(Study, record, where)


def apply_change(record: dict[str, Any], change: str) -> None:
    """Change one field of a plain record: `limits.train=100`. Raises InputError."""
    name, equals, value = change.partition("=")
    if not equals or not name:
        raise InputError(f"--set {change}: expected field=value, e.g. --set limits.train=100")
    *parents, last = name.split(".")
    place = record
    for parent in parents:
        place = place.setdefault(parent, {})
        if not isinstance(place, dict):
            raise InputError(f"--set {change}: '{parent}' has no fields")
    place[last] = parse_yaml(value, f"--set {name}")
