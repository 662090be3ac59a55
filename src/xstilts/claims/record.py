"""A claim: a statement about intermediate training, its source, and what a study must hold to test it.

Claims are YAML records. Those of Phang et al. 2020 come with the package (`builtin/`); users write their own in a file of the
same form (`docs/how-to/claim.md`). A claim does not say whether it is true: a verdict comes from runs (`verdict.py`).
Surprising: a source has a version, since two versions of one paper may disagree, and a `basis`, since many people may repeat
a number that none of them has read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import Field, field_validator, model_validator

from xstilts.data.language import LANGUAGES, explain_code
from xstilts.data.yaml_records import LanguageCode, Record, make_record, read_fields
from xstilts.errors import InputError, nearest
from xstilts.study import Layer
from xstilts.tasks.files.locate import select_scored_split
from xstilts.tasks.registry import CATALOGUE, find_task
from xstilts.tasks.suites import SUITES

ClaimKind = Literal[
    "reported_number", "comparison", "ranking", "universal", "null", "dataset_fact", "protocol_fact", "hypothesis"
]  # fmt: skip
FACTS = ("dataset_fact", "protocol_fact")
Quantity = Literal["gain", "examples", "encoder", "phases", "intermediate_tasks", "formats"]
# Treatments that are not the name of a task. `each`: every intermediate task by itself; `mean`: their mean; `multi`: one phase
# on several of them; `best`: the best of them for each target; `text`: each with masked language modelling beside it;
# `translated`: each in machine-translated form.
TREATMENTS = ("each", "mean", "multi", "best", "text", "translated")


class ClaimSource(Record):
    """`basis`: "read" in the source that is named, "derived" by arithmetic from numbers that were read, "recalled" from memory,
    or "repeated" by others without a source that could be read."""

    document: str
    version: str = ""
    locator: str = ""
    arxiv: str = ""
    basis: Literal["read", "derived", "recalled", "repeated"]
    note: str = ""


class ClaimedComparison(Record):
    """A treatment over a control: no intermediate training ("none"), the same task alone in English ("alone"), or a control of
    the treatment. `magnitude`: the gain in points that the source reports."""

    treatment: str
    control: Literal["none", "alone", "placebo", "compute"] = "none"
    magnitude: float | None = None

    @field_validator("treatment")
    @classmethod
    def _known(cls, name: str) -> str:
        return name if name in TREATMENTS else _task(name, TREATMENTS)


class ClaimedRetrieval(Record):
    """How retrieval is scored; the words are those of a study's `retrieval`."""

    layer: Layer = "jiant"
    pooling: Literal["mean", "mean_content", "cls"] = "mean"
    centred: bool = False


class Population(Record):
    """What the claim is about. An empty field is not compared. `targets` and `languages` may be the name of a suite. `english`:
    whether English counts in the averages. A target whose only dev data are English counts as scored on dev if it is scored on
    test (`scored_split`). `own_data`: what happens to a pair whose chain trains on the target's own training data. With fewer
    than `min_seeds` seeds a claim is not tested."""

    model: str = ""
    intermediate: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    languages: str | tuple[LanguageCode, ...] = "all"
    english: bool = False
    split: Literal["", "train", "dev", "test"] = ""
    policy: Literal["", "last", "en_dev", "avg_last_k"] = ""
    retrieval: ClaimedRetrieval | None = None
    min_seeds: int = Field(3, ge=1)
    own_data: Literal["kept", "left out"] = "kept"

    @field_validator("targets", mode="before")
    @classmethod
    def _suite(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(SUITES[value].tasks) if value in SUITES else (value,)
        return value

    @field_validator("intermediate", "targets")
    @classmethod
    def _tasks(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_task(name) for name in names)

    @field_validator("languages")
    @classmethod
    def _codes(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        if isinstance(value, str):
            if value not in ("all", *SUITES):
                raise ValueError(f"expected a list of codes, 'all', or a suite ({', '.join(SUITES)}), found '{value}'")
            return value
        for code in value:
            if code not in LANGUAGES:
                raise ValueError(f"unknown language '{code}'{explain_code(code)}")
        return value

    def languages_of(self, target: str) -> tuple[str, ...]:
        """The languages of a target that the claim is about; English only where it counts."""
        task = find_task(target)
        offered: Iterable[str] = task.splits[select_scored_split(task, self.split or "test")].languages
        if self.languages in SUITES:
            suite = SUITES[str(self.languages)].tasks.get(target, task.languages)
            offered = [code for code in offered if code in suite]
        elif not isinstance(self.languages, str):
            offered = [code for code in self.languages if code in offered]
        return tuple(code for code in offered if self.english or code != "en")


class Claim(Record):
    """See the module. `direction` is the sign of the treatment's gain ("0" for a null). `at_least`, `tolerance` and `rope` (a
    gain too small to matter) are in points. `best`: the tasks that a ranking puts first. `negated`: the source denies the
    universal statement. `expected`: what should be found for a fact, by name."""

    id: str = Field(pattern=r"^[\w.-]+$")
    text: str = Field(min_length=1)
    source: ClaimSource
    kind: ClaimKind
    quantity: Quantity = "gain"
    comparisons: tuple[ClaimedComparison, ...] = ()
    direction: Literal["", "+", "-", "0"] = ""
    at_least: float | None = Field(None, gt=0)
    tolerance: float = Field(1.0, gt=0)
    rope: float = Field(1.0, gt=0)
    best: tuple[str, ...] = ()
    negated: bool = False
    expected: dict[str, int | str] = Field(default_factory=dict)
    population: Population = Population()

    @model_validator(mode="after")
    def _consistent(self) -> Claim:
        if self.kind in FACTS:
            self._check_fact()
        elif self.quantity != "gain":
            raise ValueError(f"quantity: a {self.kind} is about gains; '{self.quantity}' belongs to {' or '.join(FACTS)}")
        elif self.kind == "ranking":
            self._need("best", self.best, "the tasks that it puts first")
            for name in self.best:
                if name not in self.population.intermediate:
                    raise ValueError(f"best: '{name}' is not under population.intermediate, among which it is to be the best")
        elif self.kind != "hypothesis":
            self._need("comparisons", self.comparisons, "a treatment and a control")
            self._check_direction()
        if self.kind not in FACTS and self.kind != "hypothesis":
            self._need("population.targets", self.population.targets, "the tasks on which the gain is measured")
        several = self.kind != "ranking" and all(c.treatment not in TREATMENTS for c in self.comparisons)
        if self.kind not in (*FACTS, "hypothesis") and not several:
            self._need("population.intermediate", self.population.intermediate, "the intermediate tasks that it is about")
        return self

    def _need(self, field: str, value: object, what: str) -> None:
        if not value:
            raise ValueError(f"{field}: a {self.kind} needs {what}")

    def _check_fact(self) -> None:
        self._need("expected", self.expected, "what should be found, e.g. {mnli: 392702}")
        if (self.kind == "dataset_fact") != (self.quantity == "examples"):
            raise ValueError(
                f"quantity: a dataset_fact counts examples, a protocol_fact is about one of "
                f"{', '.join(q for q in get_args(Quantity) if q not in ('gain', 'examples'))}; found '{self.quantity}'"
            )
        if self.quantity in ("examples", "formats"):
            for name in self.expected:
                _task(name)
        elif set(self.expected) != {self.quantity}:
            raise ValueError(f"expected: a fact about {self.quantity} has one entry, {{{self.quantity}: ...}}")
        if self.quantity in ("examples", "phases", "intermediate_tasks"):
            for name, value in self.expected.items():
                if not isinstance(value, int):
                    raise ValueError(f"expected.{name}: a whole number is needed, found '{value}'")

    def _check_direction(self) -> None:
        if (self.direction == "0") != (self.kind == "null") or not self.direction:
            wanted = "'0'" if self.kind == "null" else "'+' or '-'"
            raise ValueError(f"direction: a {self.kind} needs {wanted}, found '{self.direction}'")
        if self.at_least is not None and (self.kind != "comparison" or self.direction != "+"):
            raise ValueError("at_least: only a comparison with direction '+' has a least gain")
        for one in self.comparisons:
            if one.treatment == "best" and one.control != "none":
                raise ValueError(f"comparisons: the best chain for each target is compared with none, not with {one.control}")
            if one.treatment in ("mean", "best") and self.population.own_data != "kept":
                raise ValueError(f"own_data: of '{one.treatment}', which is over several chains, nothing is left out")
        if self.kind == "reported_number" and any(c.magnitude is None for c in self.comparisons):
            raise ValueError("comparisons: every comparison of a reported_number needs a magnitude (in points)")
        if self.negated and self.kind != "universal":
            raise ValueError("negated: only a universal statement can be denied")


def _task(name: str, beside: tuple[str, ...] = ()) -> str:
    if name not in CATALOGUE:
        raise ValueError(f"unknown task '{name}'{nearest(name, (*CATALOGUE, *beside))}")
    return name


def read_claims(path: Path) -> tuple[Claim, ...]:
    """The claims of a YAML file. Raises InputError naming the claim and the field."""
    fields = read_fields(path, "file of claims")
    listed = fields.pop("claims", None)
    if fields or not isinstance(listed, list) or not listed:
        found = f"found {', '.join(map(str, fields))}" if fields else "found none"
        raise InputError(f"{path}: expected a list under `claims:` and nothing beside it; {found}")
    made: dict[str, Claim] = {}
    for number, record in enumerate(listed, 1):
        if not isinstance(record, Mapping):
            raise InputError(f"{path}, claim {number}: expected fields (id: ...), found {record!r}")
        claim = make_record(Claim, record, f"{path}, claim {record.get('id', number)}")
        if claim.id in made:
            raise InputError(f"{path}, claim {claim.id}: two claims have this id; give one of them another")
        made[claim.id] = claim
    return tuple(made.values())


def built_in_claims() -> tuple[Claim, ...]:
    """The claims that come with the package."""
    folder = Path(str(resources.files("xstilts.claims") / "builtin"))
    return tuple(claim for path in sorted(folder.glob("*.yaml")) for claim in read_claims(path))
