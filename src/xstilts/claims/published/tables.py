"""Papers as data: their tables cell by cell, with the source and how it was read.

A cell has an id that stays, `<paper>/<table>/<row>/<target>`, such as phang2020-v1/dev/squad_v1/tydiqa. The printed average of a
row has the id without a target, and the training examples of a task are `<paper>/sizes/<task>`. Numbers are in points, as they
are printed. Surprising: a row may say what it is only by its name (a best-of row, somebody else's baseline). Such rows have no
`tasks`, and no chain of a study is compared with them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from xstilts.analysis import formatting as fmt
from xstilts.claims.source import ClaimSource
from xstilts.data.yaml_records import Record, make_record, read_fields
from xstilts.errors import nearest
from xstilts.tasks.registry import CATALOGUE, find_task

Name = Annotated[str, Field(pattern=r"^[\w.+-]+$")]


class PublishedTarget(Record):
    """`values`: those of the metric that a cell has, in this order. `languages`: how many are averaged, as the paper counts."""

    values: tuple[str, ...] = Field(min_length=1, max_length=2)
    languages: int = Field(ge=1)


class PublishedRow(Record):
    """`tasks`: the intermediate tasks of one phase; () is no chain, None says that the row is no chain of a study. `mlm`: with
    masked language modelling beside them. `average`: as printed, which need not be what the cells give."""

    id: Name
    tasks: tuple[str, ...] | None = None
    mlm: bool = False
    cells: tuple[float | tuple[float, float], ...]
    average: float

    @field_validator("tasks")
    @classmethod
    def _known(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        _check_tasks(names or ())
        return names


class PublishedTable(Record):
    """Rows with tasks are gains over the row without any, whose cells are scores; so are the cells of other rows."""

    id: Name
    locator: str
    split: Literal["dev", "test"]
    rows: tuple[PublishedRow, ...] = Field(min_length=1)


class PublishedPhase(Record):
    batch: int | None = None
    epochs: float


class IntermediateSettings(Record):
    lr: float
    lr_with_mlm: float
    phases: dict[str, PublishedPhase]


class TargetSettings(Record):
    lr: float
    phases: dict[str, PublishedPhase]


class PublishedSettings(Record):
    """`selection` and `retrieval` in words. `cap`: of examples-proportional mixing."""

    warmup: float
    selection: str
    retrieval: str
    cap: int
    intermediate: IntermediateSettings
    target: TargetSettings


class PublishedPaper(Record):
    """`sizes`: training and dev examples of each intermediate task."""

    id: Name
    source: ClaimSource
    date: date
    encoder: str
    targets: dict[str, PublishedTarget]
    tables: tuple[PublishedTable, ...]
    settings: PublishedSettings
    sizes: dict[str, tuple[int, int]]

    @model_validator(mode="after")
    def _consistent(self) -> "PublishedPaper":
        _check_tasks((*self.targets, *self.sizes))
        for name, target in self.targets.items():
            metric = find_task(name).metric
            main = [metric.values[i] for i in metric.main] if metric else []
            if list(target.values) != main:
                raise ValueError(f"targets.{name}.values: expected {', '.join(main)}, found {', '.join(target.values)}")
        widths = [len(target.values) for target in self.targets.values()]
        for table in self.tables:
            names = [row.id for row in table.rows]
            if len(set(names)) < len(names):
                raise ValueError(f"table {table.id}: two rows have one id; give one of them another")
            for row in table.rows:
                found = [len(cell) if isinstance(cell, tuple) else 1 for cell in row.cells]
                if found != widths:
                    raise ValueError(f"table {table.id}, row {row.id}: expected a cell of {widths} numbers each, found {found}")
        return self

    @property
    def name(self) -> str:
        """The paper in a few words."""
        return f"{self.source.document} ({f'arXiv {self.source.arxiv} ' if self.source.arxiv else ''}{self.source.version})"

    def cells(self) -> tuple["PublishedCell", ...]:
        """Every cell of every table."""
        return tuple(
            PublishedCell(f"{self.id}/{table.id}/{row.id}/{target}", self.id, table, row, target, _mean(cell) / 100)
            for table in self.tables
            for row in table.rows
            for target, cell in zip(self.targets, row.cells, strict=True)
        )


@dataclass(frozen=True)
class PublishedCell:
    """One number of a paper, 0-1: a score, or a gain over no chain. For question answering it is the mean of F1 and EM."""

    id: str
    paper: str
    table: PublishedTable
    row: PublishedRow
    target: str
    value: float

    @property
    def quantity(self) -> Literal["gain", "score"]:
        return "gain" if self.row.tasks else "score"


@dataclass(frozen=True)
class PublishedNumber:
    """A number as a reader sees it, with its id: a cell (the mean of F1 and EM for question answering), an average, a size."""

    id: str
    value: str


def average_cells(row: PublishedRow) -> float:
    """The mean of a row's cells, in points."""
    return sum(map(_mean, row.cells)) / len(row.cells)


def _mean(cell: float | Sequence[float]) -> float:
    return sum(cell) / len(cell) if isinstance(cell, Sequence) else cell


def _check_tasks(names: Sequence[str]) -> None:
    for name in names:
        if name not in CATALOGUE:
            raise ValueError(f"unknown task '{name}'{nearest(name, CATALOGUE)}")


def read_paper(path: Path) -> PublishedPaper:
    """The paper of a YAML file. Raises InputError that names the file and the field."""
    return make_record(PublishedPaper, read_fields(path, "paper"), str(path))


@cache
def published_papers() -> tuple[PublishedPaper, ...]:
    """The papers that come with the package."""
    folder = Path(str(resources.files("xstilts.claims.published")))
    return tuple(read_paper(path) for path in sorted(folder.glob("*.yaml")))


@cache
def published_cells() -> dict[str, PublishedCell]:
    """The cells of all papers by id."""
    return {cell.id: cell for paper in published_papers() for cell in paper.cells()}


@cache
def read_numbers() -> dict[str, PublishedNumber]:
    """Every number that a claim may rest on, by id."""
    found = {}
    for paper in published_papers():
        for cell in paper.cells():
            found[cell.id] = fmt.points(cell.value) if cell.quantity == "gain" else fmt.score(cell.value)
        for table in paper.tables:
            for row in table.rows:
                average = row.average / 100
                found[f"{paper.id}/{table.id}/{row.id}"] = fmt.points(average) if row.tasks else fmt.score(average)
        for task, (training, _) in paper.sizes.items():
            found[f"{paper.id}/sizes/{task}"] = f"{training:,}"
    return {id: PublishedNumber(id, value) for id, value in found.items()}
