"""What a figure is made of: marks on a drawing, rows of words and drawings, panels. `svg.py` turns drawings into SVG.

Positions are in percent of a drawing's width and height, so that one drawing serves a phone, a screen and a page. The names of
rows stay text beside the drawing: text wraps, and it can be selected. Colours are names of classes (`figures.css`): `gain`,
`loss`, `unclear` and `void` (no evidence) for intervals; `k0`..`k10` and `kr` for chains, after Okabe and Ito
(https://jfly.uni-koeln.de/color/). A control has the colour of its chain and a hollow dot.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from xstilts.analysis.scores import NO_CHAIN
from xstilts.report.findings import Findings
from xstilts.report.tables.scores import label_chain

COLOURS = 10
NONE_LOOK = "k0"
RANDOM_LOOK = "kr"


@dataclass(frozen=True)
class Stroke:
    """A straight line. `look` are the names of classes; `label` is shown on hover."""

    x1: float
    y1: float
    x2: float
    y2: float
    look: str
    label: str = ""


@dataclass(frozen=True)
class Dot:
    """`radius` is in px; `id` is the id of the number that the dot shows."""

    x: float
    y: float
    look: str
    label: str = ""
    radius: float = 4.0
    id: str = ""


@dataclass(frozen=True)
class Bar:
    """A rectangle of full height."""

    x: float
    width: float
    look: str


@dataclass(frozen=True)
class TextMark:
    """Text on a drawing."""

    x: float
    y: float
    text: str
    anchor: Literal["start", "middle", "end"] = "middle"


Mark = Stroke | Dot | Bar | TextMark


@dataclass(frozen=True)
class Drawing:
    """`height` is in px; the width is free. `label` is for screen readers; "" for decoration."""

    marks: tuple[Mark, ...]
    height: float
    label: str = ""


@dataclass(frozen=True)
class FigureRow:
    """A drawing with a name and a remark before it, and a number with its range (or "") behind it."""

    label: str
    note: str
    drawing: Drawing
    text: str = ""
    range: str = ""
    id: str = ""


@dataclass(frozen=True)
class Plot:
    """Rows that share an axis."""

    title: str
    rows: tuple[FigureRow, ...]
    axis: Drawing | None = None
    remark: str = ""


@dataclass(frozen=True)
class LegendEntry:
    label: str
    sample: Drawing


@dataclass(frozen=True)
class RowFigure:
    """Plots made of rows. In `dots` the plots stand side by side; in a `forest` and in `bars` they stand below each other."""

    kind: ClassVar[str] = "rows"
    sort: Literal["forest", "dots", "bars"]
    plots: tuple[Plot, ...]
    caption: str
    legend: tuple[LegendEntry, ...] = ()


@dataclass(frozen=True)
class Panel:
    title: str
    drawing: Drawing


@dataclass(frozen=True)
class PanelFigure:
    """Drawings with axes of their own, side by side."""

    kind: ClassVar[str] = "panels"
    panels: tuple[Panel, ...]
    caption: str
    legend: tuple[LegendEntry, ...] = ()


def choose_looks(findings: Findings) -> Mapping[str, str]:
    """The class names of each chain label. A chain's controls have its colour and a class of their own."""
    chains = [chain for chain in findings.results.chains if chain.name != NO_CHAIN]
    own = [chain.name for chain in chains if not chain.of]
    looks = {NO_CHAIN: NONE_LOOK} | {name: f"k{1 + rank % COLOURS}" for rank, name in enumerate(own)}
    looks |= {chain.name: f"{looks.get(chain.of, NONE_LOOK)} {chain.control}" for chain in chains if chain.of}
    return looks | {label_chain(row): RANDOM_LOOK for row in findings.summaries if row.control}


def make_legend(labels: Iterable[str], looks: Mapping[str, str], lines: bool = False) -> tuple[LegendEntry, ...]:
    """A sample of each chain's mark: a line, or the mark of dot plots."""

    def sample(look: str) -> Drawing:
        return Drawing((Stroke(0, 50, 100, 50, f"path {look}") if lines else mark_chain(50, look),), 12)

    return tuple(LegendEntry(label, sample(looks.get(label, NONE_LOOK))) for label in labels)


def mark_chain(x: float, look: str, label: str = "") -> Mark:
    """The mark of a chain in a dot plot: an upright line for no chain, which stays visible among dots, else a dot."""
    if look == NONE_LOOK:
        return Stroke(x, 8, x, 92, f"upright {look}", label)
    return make_ringed_dot(x, look, label, filled=look != RANDOM_LOOK and " " not in look)


def make_ringed_dot(x: float, look: str, label: str, filled: bool) -> Dot:
    """A dot of a dot plot. A ring keeps dots apart that overlap; with the edge of a hollow one, both are of one size."""
    return Dot(x, 50, f"ringed {look}", label, 4.75 if filled else 3.75)


def draw_ticks(ticks: Iterable[tuple[float, str]]) -> Drawing:
    """The labels of an axis, as a drawing to put below the rows."""
    return Drawing(tuple(TextMark(x, 55, text) for x, text in ticks), 18)
