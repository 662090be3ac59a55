"""The study record. YAML is its written form; `docs/how-to/study.md` explains every field.

An unknown field is an error that names the nearest known one. A study does not say where things run or where files are kept:
the same study has the same keys on every machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, Field, PrivateAttr, ValidationError, field_validator, model_validator

from xstilts.data.html import write_html
from xstilts.data.language import LANGUAGES, explain_code
from xstilts.data.yaml_records import LanguageCode, Name, Record, make_record
from xstilts.errors import InputError, nearest
from xstilts.formats.registry import FORMATS
from xstilts.recipe.encoder_identity import Architecture, Scratch
from xstilts.recipe.mixture import Mixture
from xstilts.recipe.recipe import PRESETS, Recipe, RecipeFields
from xstilts.study.comparison import ChainComparison, PrimaryPair, check_comparisons, check_primary
from xstilts.study.condition import Condition, check_conditions, expand_conditions
from xstilts.study.read import find_study, read_study
from xstilts.tasks.registry import CATALOGUE, find_task
from xstilts.tasks.suites import SUITES
from xstilts.tasks.task import Task
from xstilts.tasks.user.user_tasks import register
from xstilts.world.config import WorldConfig

Chain = tuple[Mixture, ...]
Control = Literal["placebo", "compute"]

NO_CHAIN = "none"
# Encoders that start from random weights: `world/<name>` and `scratch/<name>`.
WORLD, SCRATCH = "world/", "scratch/"
# A recipe may be given for all phases, for mixtures of several tasks, for a format, or for a task.
RECIPE_GROUPS = {"default", "multi", *(format.name for format in FORMATS.values() if format.trained)}


class Target(Record):
    """A task to be fine-tuned on and tested. `train` names another task whose English training data are used instead.
    `languages`: those that are tested, if they are others than the study's."""

    task: str
    train: str = ""
    languages: tuple[LanguageCode, ...] | None = Field(None, min_length=1)

    @property
    def source(self) -> str:
        """The task on whose training data it is fine-tuned."""
        return self.train or find_task(self.task).trains_on or self.task


class Limits(Record):
    """The most examples of each split and language, chosen by a hash of their ids; None means all."""

    train: int | None = Field(None, ge=1)
    dev: int | None = Field(None, ge=1)
    test: int | None = Field(None, ge=1)


def _check_layer(layer: str | int) -> str | int:
    if layer not in ("jiant", "xtreme", "first", "last") and not (isinstance(layer, int) and layer >= 0):
        raise ValueError(f"expected jiant, xtreme, first, last, or the number of a layer (0 = embeddings), found {layer!r}")
    return layer


# The published choices "jiant" (its guide to X-STILTs) and "xtreme", both scaled to the encoder's depth; the "first" or "last"
# block; or a number, where 0 is the output of the embeddings and n that of block n.
Layer = Annotated[str | int, AfterValidator(_check_layer)]


class Retrieval(Record):
    """How sentences are embedded and compared by an encoder that was not trained for it. `layer`: see `Layer`. `pooling`: "mean"
    over all tokens (both published choices), "mean_content" without the special tokens, or "cls". `prefix` is put before every
    sentence, and its tokens are pooled with the others. `sweep`: also keep and score every other layer and pooling of
    translation retrieval; this needs far more disk."""

    layer: Layer = "jiant"
    pooling: Literal["mean", "mean_content", "cls"] = "mean"
    centred: bool = False
    prefix: str = ""
    max_length: int = Field(512, ge=8)
    precision: Literal["fp32", "bf16"] = "fp32"
    sweep: bool = True


class Study(Record):
    """A question and the grid that answers it: encoders x chains x targets x seeds.

    `primary`: the pairs that the answer rests on; without any, all of them. `margins`: for each target, how many points are too
    few to matter; without one, the format's. `pretrain_seed`: the seed of the encoder's random weights and of its pre-training,
    for all seeds of the study, which then share one encoder, like a published one; without it each seed has its own.
    `conditions`: attacks on the test data, each scored beside the clean data. `tower`: the vision tower that makes vectors of
    pictures, for targets that have any."""

    name: Name = Field(pattern=r"^[\w.-]+$")
    question: str = Field(min_length=1)
    encoders: tuple[str, ...] = Field(min_length=1)
    pretrain: Chain = ()
    pretrain_seed: int | None = None
    chains: dict[Name, Chain] = Field(min_length=1)
    controls: tuple[Control, ...] = ()
    compare: tuple[ChainComparison, ...] = ()
    primary: tuple[PrimaryPair, ...] = ()
    margins: dict[str, Annotated[float, Field(gt=0, le=100)]] = Field(default_factory=dict)
    targets: tuple[Target, ...] = Field(min_length=1)
    tasks: tuple[str, ...] = ()
    languages: str | tuple[LanguageCode, ...] = "all"
    seeds: tuple[int, ...] = Field(min_length=1)
    limits: Limits = Limits()
    split: Literal["test", "dev"] = "test"
    preset: str = "jiant"
    recipes: dict[str, RecipeFields] = Field(default_factory=dict)
    retrieval: Retrieval = Retrieval()
    random_init: bool = True
    conditions: tuple[Condition, ...] = ()
    tower: str = "efficientnet-lite0"
    world: WorldConfig = WorldConfig()
    architectures: dict[Name, Architecture] = Field(default_factory=dict)
    scratch: dict[Name, Scratch] = Field(default_factory=dict)
    _folder: Path | None = PrivateAttr(None)

    @classmethod
    def load(cls, name: str | Path, *changes: str) -> Study:
        """A built-in study or a YAML file, with `field=value` changes. Raises InputError."""
        study = load_study(str(name), changes)
        study._folder = find_study(str(name)).parent
        return study

    @property
    def folder(self) -> Path | None:
        """The folder that paths of its encoders may be relative to, if it was loaded from a file."""
        return self._folder

    def __repr__(self) -> str:
        grid = {"encoder": self.encoders, "chain": self.chains, "target": self.targets, "seed": self.seeds}
        sizes = (f"{len(some)} {word}{'s' if len(some) != 1 else ''}" for word, some in grid.items())
        return f"Study({self.name!r}: {' x '.join(sizes)})"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        languages = self.languages if isinstance(self.languages, str) else ", ".join(self.languages)
        rows = {
            "encoders": ", ".join(self.encoders),
            "chains": ", ".join(self.chains),
            "controls": ", ".join(self.controls),
            "targets": ", ".join(target.task for target in self.targets),
            "languages": languages,
            "seeds": ", ".join(map(str, self.seeds)),
        }
        return write_html(f"Study {self.name}: {self.question}", rows)

    def architecture_of(self, encoder: str) -> Architecture:
        """The shape of an encoder that starts from random weights: `architectures.tiny` is that of world/tiny, and so on."""
        return self.architectures.get(encoder.partition("/")[2], Architecture())

    def languages_of(self, task: Task) -> tuple[str, ...]:
        """The languages of a task that this study asks for: all of them, those of a suite, or those it names, for this target or
        for all. A task that is not in the suite (training data of another) keeps all of its own."""
        if named := self._named_languages(task):
            return tuple(x for x in task.languages if x in named)
        if self.languages == "all":
            return task.languages
        assert isinstance(self.languages, str)
        return tuple(SUITES[self.languages].tasks.get(task.name, task.languages))

    def names_languages_of(self, task: Task) -> bool:
        """Whether the study names the languages of a task one by one."""
        return self._named_languages(task) is not None

    def _named_languages(self, task: Task) -> tuple[str, ...] | None:
        own = next((target.languages for target in self.targets if target.task == task.name and target.languages), None)
        return own or (None if isinstance(self.languages, str) else self.languages)

    def margin_of(self, target: str) -> float:
        """How many points of a target's score are too few to matter."""
        return self.margins.get(target, find_task(target).format.margin)

    def phase_recipe(self, tasks: tuple[str, ...], extra: Mapping[str, Any], target: str = "") -> Recipe:
        """The recipe of one phase: the preset, then the study's; in each `default`, then the format, then the task; `extra`
        last. A mixture of several tasks takes `default` and `multi`, and the `max_length` of its longest task."""
        alone = len(tasks) == 1
        names = ["default", find_task(tasks[0]).format.name, tasks[0], target] if alone else ["default", "multi"]
        merged: dict[str, Any] = {}
        for recipes in (PRESETS[self.preset], self.recipes):
            for name in names:
                merged.update(recipes.get(name, {}))
        if not alone:
            merged["max_length"] = max(self.phase_recipe((task,), {}).max_length for task in tasks)
        return Recipe(**{**merged, **extra})

    # -- checks ----------------------------------------------------------------------------------------------------

    @model_validator(mode="before")
    @classmethod
    def _refuse_old_field(cls, fields: Any) -> Any:
        if isinstance(fields, Mapping) and "architecture" in fields:
            raise ValueError("architecture: give the shape under the encoder's name: architectures: {tiny: {...}} for world/tiny")
        return fields

    @field_validator("seeds", mode="before")
    @classmethod
    def _list_seeds(cls, value: Any) -> Any:
        """A number alone could be one seed or how many there are."""
        if isinstance(value, int):
            many = f"; for {value} seeds write {list(range(value))}" if 1 < value <= 20 else ""
            raise ValueError(f"expected a list, found {value}: for this one seed write [{value}]{many}")
        return value

    @field_validator("pretrain", "chains", "targets", mode="before")
    @classmethod
    def _expand_short_forms(cls, value: Any, info: Any) -> Any:
        """`snli` is short for {mix: [snli]} in a chain and for {task: snli} among targets. `xtreme` among targets is short for
        all tasks of that suite."""
        if info.field_name == "targets":
            return [x for target in value for x in _expand_target(target)] if isinstance(value, list | tuple) else value
        if info.field_name == "pretrain":
            return _expand_chain(value)
        return {name: _expand_chain(chain) for name, chain in value.items()} if isinstance(value, Mapping) else value

    @field_validator("conditions", mode="before")
    @classmethod
    def _expand_conditions(cls, value: Any) -> Any:
        return expand_conditions(value)

    @model_validator(mode="before")
    @classmethod
    def _register_tasks(cls, fields: Any) -> Any:
        """Makes the user's tasks, and the languages that they add, known to the checks that follow. Raises InputError."""
        paths = fields.get("tasks") if isinstance(fields, Mapping) else ()
        for path in paths if isinstance(paths, list | tuple) else ():
            if isinstance(path, str):
                register(Path(path))
        return fields

    @model_validator(mode="after")
    def _check(self) -> Study:
        for where, name in self._task_names():
            if name not in CATALOGUE:
                raise ValueError(f"{where}: unknown task '{name}'{nearest(name, CATALOGUE)}")
        self._check_languages()
        self._check_encoders()
        for name, chain in self.chains.items():
            if (name == NO_CHAIN) != (len(chain) == 0):
                raise ValueError(f"chains.{name}: 'none' names the empty chain, and no other; gains are measured from it")
            if name.endswith(tuple(f"~{control}" for control in get_args(Control))):
                hint = "choose another, or write `controls: [placebo, compute]`"
                raise ValueError(f"chains.{name}: controls have such names; {hint}")
        if self.preset not in PRESETS:
            raise ValueError(f"preset: unknown preset '{self.preset}'{nearest(self.preset, PRESETS)}")
        for target in self.targets:
            self._check_target(target)
        self._check_recipes()
        check_comparisons(self.compare, self.chains, NO_CHAIN)
        names = [target.task for target in self.targets]
        check_primary(self.primary, self.chains, names, NO_CHAIN)
        for name in self.margins:
            if name not in names:
                raise ValueError(f"margins: '{name}' is not a target of this study{nearest(name, names)}")
        check_conditions(self.conditions)
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError("seeds: a seed is given twice; leave one out")
        return self

    def _phases(self) -> list[tuple[str, Mixture]]:
        """All phases before the targets', each with the field that holds it."""
        chains = [(f"chains.{name}", mixture) for name, chain in self.chains.items() for mixture in chain]
        return [("pretrain", mixture) for mixture in self.pretrain] + chains

    def _task_names(self) -> list[tuple[str, str]]:
        names = [(where, task) for where, mixture in self._phases() for task in mixture.mix]
        names += [(f"scratch.{name}.corpus", scratch.corpus) for name, scratch in self.scratch.items()]
        return names + [("targets", n) for t in self.targets for n in (t.task, t.train) if n]

    def _check_languages(self) -> None:
        if isinstance(self.languages, str):
            if self.languages not in ("all", *SUITES):
                raise ValueError(f"languages: expected a list of codes, 'all', or a suite ({', '.join(SUITES)})")
            return
        _check_codes("languages", self.languages)
        texts = [*(t.task for t in self.targets), *(s.corpus for s in self.scratch.values())]
        offered = {lang for name in texts for lang in find_task(name).languages}
        for language in self.languages:
            if language not in offered:
                raise ValueError(f"languages: no target of this study has '{language}' ({LANGUAGES[language].name})")

    def _check_encoders(self) -> None:
        shapes = [f"{WORLD}{name}" for name in ("tiny", *self.architectures)]
        described = [f"{SCRATCH}{name}" for name in self.scratch]
        for encoder in self.encoders:
            if encoder.startswith(WORLD) and encoder not in shapes:
                raise ValueError(f"encoders: '{encoder}' has no shape under `architectures`{nearest(encoder, shapes)}")
            if encoder.startswith(SCRATCH) and encoder not in described:
                raise ValueError(f"encoders: '{encoder}' is not described under `scratch`{nearest(encoder, described)}")
        for where, names in (("scratch", self.scratch), ("architectures", self.architectures)):
            for name in names:
                if not re.fullmatch(r"[\w.-]+", name):
                    raise ValueError(f"{where}: '{name}' should be a name of letters, digits, '_', '.' and '-'")
        for name, scratch in self.scratch.items():
            corpus = find_task(scratch.corpus)
            if not corpus.format.self_supervised:
                raise ValueError(f"scratch.{name}.corpus: '{corpus.name}' is not plain text (its format is {corpus.format.name})")
            _check_codes(f"scratch.{name}.languages", scratch.languages or ())

    def _check_target(self, target: Target) -> None:
        task = find_task(target.task)
        if task.metric is None:
            raise ValueError(f"targets: '{task.name}' cannot be a target (it has no metric)")
        if "test" not in task.splits:
            raise ValueError(f"targets: '{task.name}' has no labelled test split; use it in a chain")
        for language in target.languages or ():
            if language not in task.languages:
                raise ValueError(f"targets: '{task.name}' has no '{language}'{nearest(language, task.languages)}")
        if not task.format.trained:
            if target.train:
                raise ValueError(f"targets: '{task.name}' is retrieval without training; leave out `train`")
            return
        source = find_task(target.source)
        if source.format.name != task.format.name:
            raise ValueError(
                f"targets: '{task.name}' ({task.format.name}) cannot train on '{source.name}' ({source.format.name})"
            )
        if set(getattr(source.format, "labels", ())) != set(getattr(task.format, "labels", ())):
            raise ValueError(f"targets: '{task.name}' and '{source.name}' have different labels")
        if "train" not in source.splits:
            raise ValueError(f"targets: '{source.name}' has no training data; name another task with `train`")

    def _check_recipes(self) -> None:
        for name in self.recipes:
            if name not in RECIPE_GROUPS and name not in CATALOGUE:
                known = nearest(name, RECIPE_GROUPS | set(CATALOGUE))
                raise ValueError(f"recipes: '{name}' is neither a task nor a group of phases{known}")
        for where, mixture in self._phases():
            _check_codes(f"{where}.languages", mixture.languages or ())
            for task in mixture.mix:
                if not find_task(task).format.trained:
                    raise ValueError(f"{where}: '{task}' is retrieval without training; it can only be a target")
                if "train" not in find_task(task).splits:
                    raise ValueError(f"{where}: '{task}' has no training data; it can only be a target")
            if self._check_recipe(where, mixture.mix, mixture.recipe).policy == "target_dev":
                raise ValueError(
                    f"{where}: policy target_dev chooses weights on a target's dev data, and this phase has no target; "
                    "write the policy under recipes.<target task>, and give this phase another (recipe: {policy: avg_last_k})"
                )
        for target in self.targets:
            if find_task(target.task).format.trained:
                self._check_recipe(f"targets.{target.task}", (target.source,), {}, target.task)

    def _check_recipe(self, where: str, tasks: tuple[str, ...], extra: Mapping[str, Any], target: str = "") -> Recipe:
        """The recipe of a phase. Raises ValueError if its fields do not agree."""
        try:
            return self.phase_recipe(tasks, extra, target)
        except ValidationError as error:
            messages = "; ".join(e["msg"].removeprefix("Value error, ") for e in error.errors())
            raise ValueError(f"{where}: recipe: {messages}") from None


def load_study(name: str, changes: Sequence[str] = ()) -> Study:
    """A built-in study or a YAML file, with `field=value` changes. Raises InputError that names the field, and the file or the
    change that is wrong."""
    path, fields = read_study(name, changes)
    try:
        return make_study(fields, str(path))
    except InputError:
        if changes:
            make_study(read_study(name)[1], str(path))
            make_study(fields, " ".join(f"--set {change}" for change in changes))
        raise


def make_study(fields: Mapping[str, Any], where: str = "study") -> Study:
    """The study with these fields. Raises InputError that begins with `where` and names each wrong field and what is allowed."""
    return make_record(Study, fields, where)


def _expand_target(value: Any) -> list[Any]:
    if isinstance(value, str):
        return [{"task": name} for name in (SUITES[value].tasks if value in SUITES else [value])]
    return [value]


def _expand_chain(value: Any) -> Any:
    if isinstance(value, str):
        value = [value]
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        return value
    return [{"mix": [phase]} if isinstance(phase, str) else phase for phase in value]


def _check_codes(where: str, codes: Iterable[str]) -> None:
    for code in codes:
        if code not in LANGUAGES:
            raise ValueError(f"{where}: unknown language '{code}'{explain_code(code)}")
