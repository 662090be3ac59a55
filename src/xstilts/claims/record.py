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
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from xstilts.claims.published.tables import read_numbers
from xstilts.claims.source import ClaimSource
from xstilts.data.language import LANGUAGES, explain_code
from xstilts.data.yaml_records import LanguageCode, Name, Record, make_record, read_fields
from xstilts.errors import InputError, nearest
from xstilts.study import Layer
from xstilts.tasks.files.locate import select_scored_split
from xstilts.tasks.registry import CATALOGUE, find_task
from xstilts.tasks.suites import SUITES

ClaimKind = Literal[
    "reported_number", "comparison", "replication", "no_benefit", "no_effect", "ranking", "question", "dataset_fact", "property",
    "hypothesis",
]  # fmt: skip
Verdict = Literal["supported", "refuted", "inconclusive", "not tested", "out of scope", "rejected"]
DIRECTED = ("reported_number", "comparison", "replication", "question")
UNTESTED = ("hypothesis", "property")  # no verdict comes from runs
# What a property can be about; `properties.py` reads each off a study.
Quantity = Literal[
    "encoders", "phases", "intermediate tasks", "intermediate languages", "fine-tuning languages", "formats", "arrangements",
    "targets", "targets without training", "most languages of a target",
]  # fmt: skip
# Treatments that are not the name of a task. `alone`: each intermediate task by itself; `multi`: one phase on several of them;
# `best`: the best of them for each target; `text`: each with masked language modelling beside it; `translated`: each in
# machine-translated form.
TREATMENTS = ("alone", "multi", "best", "text", "translated")


class ClaimedComparison(Record):
    """A treatment over a control: no intermediate training ("none"), the same tasks alone in English ("alone"; of `multi` the
    mean of its members), or a control of the treatment. `magnitude`: the gain in points that the source reports."""

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
    than `min_seeds` seeds, at least three, a claim is not tested."""

    model: str = ""
    intermediate: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    languages: str | tuple[LanguageCode, ...] = "all"
    english: bool = False
    split: Literal["", "train", "dev", "test"] = ""
    policy: Literal["", "last", "en_dev", "avg_last_k"] = ""
    retrieval: ClaimedRetrieval | None = None
    min_seeds: int = Field(3, ge=3)
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


Points = float | dict[str, float]  # a gain, or a gain for each target


class ArtefactSet(Record):
    """Scores made up by hand and the verdict that they must give: a claim's own test (`artefact_sets.py`).

    `gains`: points for the name of each comparison's side ("squad_v1", "squad_v1 with text", "squad_v1 translated", "multi"), or
    points for each target of it; `others` stands for all that are not named. `than`: those of the claim's other encoder.
    `noise`: the standard deviation over seeds of each chain, in points. `counts`: examples of each data set, of a copy that is
    known to be `whole` or not."""

    gives: Verdict
    gains: dict[str, Points] = Field(default_factory=dict)
    than: dict[str, Points] = Field(default_factory=dict)
    noise: float = Field(0.4, gt=0)
    counts: dict[str, int] = Field(default_factory=dict)
    whole: bool = False


class Claim(Record):
    """See the module. `direction` is the sign of the treatment's gain. `each` says of what the claim holds one by one (each
    intermediate task, each target); the gain is a mean over the rest. `share`: of how many of the comparisons a replication
    speaks, so that 1 is "every". `negated`: the source denies it. `at_least`, `at_most`, `tolerance` and `rope` (a gain too
    small to matter) are in points. `best`: what a ranking puts first, tasks or "multi". `than`: an encoder; the claim is about
    how much larger the gain is than that with it. `expected`: how many examples a data set has. `says`: what the source says of
    a property's `quantity`. `cells`: the published numbers that it rests on, by id (`published/tables.py`). `sets`: its own
    tests."""

    id: Name = Field(pattern=r"^[\w.-]+$")
    text: str = Field(min_length=1)
    source: ClaimSource
    kind: ClaimKind
    comparisons: tuple[ClaimedComparison, ...] = ()
    direction: Literal["", "+", "-"] = ""
    each: tuple[Literal["task", "target"], ...] = ()
    share: float = Field(1.0, gt=0, le=1)
    negated: bool = False
    at_least: float | None = Field(None, gt=0)
    at_most: float | None = Field(None, gt=0)
    tolerance: float = Field(1.0, gt=0)
    rope: float = Field(1.0, gt=0)
    best: tuple[str, ...] = ()
    than: str = ""
    expected: dict[str, int] = Field(default_factory=dict)
    quantity: Quantity | None = None
    says: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()
    population: Population = Population()
    sets: tuple[ArtefactSet, ...] = ()

    @property
    def about_gains(self) -> bool:
        """Whether its verdict comes from gains. A question that no cell could answer is about none."""
        return self.kind not in (*UNTESTED, "dataset_fact") and bool(self.comparisons or self.best)

    @property
    def reachable(self) -> tuple[Verdict, ...]:
        """The verdicts that its artefact sets must show to be possible."""
        if self.kind == "dataset_fact":
            return ("supported", "refuted", "not tested")
        return ("supported", "refuted", "inconclusive") if self.about_gains else ()

    @model_validator(mode="after")
    def _consistent(self) -> Claim:
        self._check_strays()
        self._check_cells()
        if self.kind == "dataset_fact":
            self._need("expected", self.expected, "what should be found, e.g. {mnli: 392702}")
            for name in self.expected:
                _task(name)
        elif self.kind == "property":
            self._need("quantity", self.quantity, "what it is about, e.g. encoders")
            self._need("says", self.says, "what the source says, as a list")
        elif self.kind != "hypothesis" and (self.kind != "question" or self.comparisons):
            self._check_gains()
        return self

    def _need(self, field: str, value: object, what: str) -> None:
        if not value:
            raise ValueError(f"{field}: a {self.kind} needs {what}")

    def _check_strays(self) -> None:
        """Fields that this kind does not read."""
        readers = {
            "expected": ("dataset_fact",),
            "quantity": ("property",),
            "says": ("property",),
            "best": ("ranking",),
            "negated": ("replication",),
            "at_least": ("comparison", "replication"),
            "at_most": ("comparison", "replication"),
            "direction": DIRECTED,
        }
        for field, kinds in readers.items():
            if getattr(self, field) and self.kind not in kinds:
                raise ValueError(f"{field}: only a {' or '.join(kinds)} has it, found a {self.kind}")
        if self.share < 1 and self.kind != "replication":
            raise ValueError(f"share: only a replication has it, found a {self.kind}")

    def _check_cells(self) -> None:
        if self.cells and self.kind in UNTESTED:
            raise ValueError(f"cells: a {self.kind} rests on no number; leave them out")
        known = read_numbers()
        for id in self.cells:
            if id not in known:
                raise ValueError(f"cells: no published number is called '{id}'{nearest(id, known)}")

    def _check_gains(self) -> None:
        self._need("population.targets", self.population.targets, "the tasks on which the gain is measured")
        if self.kind == "ranking":
            self._check_ranking()
        else:
            self._need("comparisons", self.comparisons, "a treatment and a control")
        if self.kind == "ranking" or any(c.treatment in TREATMENTS for c in self.comparisons):
            self._need("population.intermediate", self.population.intermediate, "the intermediate tasks that it is about")
        if self.kind in DIRECTED and not self.direction:
            raise ValueError(f"direction: a {self.kind} needs '+' or '-', found ''")
        if (self.at_least or self.at_most) and self.direction != "+":
            raise ValueError("at_least, at_most: only with direction '+'")
        if self.at_least and self.at_most and self.at_least >= self.at_most:
            raise ValueError(f"at_most: expected more than at_least ({self.at_least:g}), found {self.at_most:g}")
        if self.negated and (self.at_least or self.at_most):
            raise ValueError("negated: with a least or greatest gain nothing is denied")
        if self.than and self.than.lower() == self.population.model.lower():
            raise ValueError(f"than: expected another encoder than population.model ({self.than})")
        for one in self.comparisons:
            if one.treatment == "best" and one.control != "none":
                raise ValueError(f"comparisons: the best chain for each target is compared with none, not with {one.control}")
            pooled = one.treatment in ("alone", "text", "translated") and "task" not in self.each
            if (pooled or one.treatment == "best") and self.population.own_data != "kept":
                raise ValueError(f"own_data: of '{one.treatment}', which is over several chains, nothing is left out")
        if self.kind == "reported_number" and any(c.magnitude is None for c in self.comparisons):
            raise ValueError("comparisons: every comparison of a reported_number needs a magnitude (in points)")

    def _check_ranking(self) -> None:
        self._need("best", self.best, "what it puts first: tasks, or multi")
        if self.comparisons or self.each:
            raise ValueError(f"{'comparisons' if self.comparisons else 'each'}: a ranking makes its own comparisons, by the mean")
        for name in self.best:
            if name not in (*self.population.intermediate, "multi"):
                raise ValueError(f"best: '{name}' is not under population.intermediate, among which it is to be the best")


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
            raise InputError(f"{path}, claim {number}: expected fields (id: ...), found {record!r:.60}")
        claim = make_record(Claim, record, f"{path}, claim {record.get('id', number)!s:.60}")
        if claim.id in made:
            raise InputError(f"{path}, claim {claim.id}: two claims have this id; give one of them another")
        made[claim.id] = claim
    return tuple(made.values())


def built_in_claims() -> tuple[Claim, ...]:
    """The claims that come with the package."""
    folder = Path(str(resources.files("xstilts.claims") / "builtin"))
    return tuple(claim for path in sorted(folder.glob("*.yaml"), key=lambda path: path.stem) for claim in read_claims(path))
