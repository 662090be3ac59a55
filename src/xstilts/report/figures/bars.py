"""Bars: the time that each kind of stage took, and the time that sharing stages saved."""

from collections.abc import Sequence

from xstilts.analysis import formatting as fmt
from xstilts.analysis.costs import KindCost
from xstilts.report.figures.drawing import Bar, Drawing, FigureRow, Plot, RowFigure


def make_cost_bars(kinds: Sequence[KindCost]) -> RowFigure | None:
    """None where no stage recorded its time."""
    shown = [kind for kind in kinds if kind.seconds + kind.saved_seconds > 0]
    longest = max((kind.seconds + kind.saved_seconds for kind in shown), default=0.0)
    if not longest:
        return None
    rows = []
    for kind in shown:
        text = fmt.seconds(kind.seconds) + (f" (+ {fmt.seconds(kind.saved_seconds)})" if kind.saved else "")
        spent, saved = 100 * kind.seconds / longest, 100 * kind.saved_seconds / longest
        marks = (Bar(0, spent, "spent"), Bar(spent, saved, "saved"))
        rows.append(FigureRow(kind.kind, "", Drawing(marks, 13, f"{kind.kind}: {text}"), text))
    caption = "Time by kind of stage. Dark: spent. Light, in brackets: saved, because cells share stages."
    return RowFigure("bars", (Plot("", tuple(rows)),), caption)
