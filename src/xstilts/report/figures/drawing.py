"""What a figure is made of: marks on a drawing, rows of words and drawings, panels. `svg.py` turns drawings into SVG.

Positions are in percent of a drawing's width and height, so that one drawing serves a phone, a screen and a page. The names of
rows stay text beside the drawing: text wraps, and it can be selected.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal


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
class Arrow:
    """The head of an arrow: a line goes on beyond the edge."""

    x: float
    y: float
    to: Literal["left", "right", "up", "down"]
    look: str


@dataclass(frozen=True)
class TextMark:
    """Text on a drawing."""

    x: float
    y: float
    text: str
    anchor: Literal["start", "middle", "end"] = "middle"


Mark = Stroke | Dot | Bar | Arrow | TextMark


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
