"""Budget curves: a panel for each target and attack, a line for each chain, from the clean score on."""

import math
from collections.abc import Sequence
from itertools import pairwise

from xstilts.analysis import formatting as fmt
from xstilts.analysis.budget_curves import BudgetCurve
from xstilts.report.figures.drawing import Dot, Drawing, Mark, Panel, PanelFigure, Stroke, TextMark
from xstilts.report.figures.looks import NONE_LOOK, choose_looks, make_legend
from xstilts.report.findings import Findings
from xstilts.report.tables.robustness import list_curves

HEIGHT = 240
LEFT, BOTTOM = 9.0, 82.0  # percent: where the axes are
APART = 7.0  # percent of the width between the labels of an axis
STEP = 0.05  # between lines of the grid, or twice as much


def make_budget_figure(findings: Findings) -> PanelFigure | None:
    """The means of the languages other than English (English, if it is alone); None in a study without curves."""
    curves = list_curves(findings)
    if not curves:
        return None
    looks = choose_looks(findings)
    panels = []
    for encoder, target, ladder in dict.fromkeys((one.encoder, one.target, one.ladder) for one in curves):
        own = [one for one in curves if (one.encoder, one.target, one.ladder) == (encoder, target, ladder)]
        title = f"{findings.label(target, encoder)}: {ladder.title}"
        panels.append(Panel(title, _draw(title, own, {one.chain: looks.get(one.chain, NONE_LOOK) for one in own})))
    caption = (
        "Score (0 to 100) by the strength of the attack, mean over the languages other than English and over seeds. A line "
        "begins at the clean score. The vertical axis does not begin at zero."
    )
    return PanelFigure(tuple(panels), caption, make_legend(dict.fromkeys(one.chain for one in curves), looks, lines=True))


def _draw(title: str, curves: Sequence[BudgetCurve], looks: dict[str, str]) -> Drawing:
    ladder = curves[0].ladder
    strengths = (0.0, *ladder.strengths)
    values = [value for one in curves for value in one.scores]
    step = STEP if max(values) - min(values) <= 6 * STEP else 2 * STEP
    low = math.floor(min(values) / step + 1e-9) * step
    high = max(low + step, math.ceil(max(values) / step - 1e-9) * step)

    def x(strength: float) -> float:
        return LEFT + 2 + (95 - LEFT) * strength / strengths[-1]

    def y(value: float) -> float:
        return BOTTOM - (BOTTOM - 4) * (value - low) / (high - low)

    marks: list[Mark] = []
    for tick in [low + number * step for number in range(round((high - low) / step) + 1)]:
        marks += [Stroke(LEFT, y(tick), 100, y(tick), "grid"), TextMark(LEFT - 1.5, y(tick), f"{100 * tick:.0f}", "end")]
    marks += [TextMark(x(strength), BOTTOM + 6, f"{strength:g}") for strength in _space(strengths)]
    marks.append(TextMark(LEFT + 2 + (95 - LEFT) / 2, BOTTOM + 14, ladder.unit))
    for one in curves:
        points = [(x(strength), y(value)) for strength, value in zip(strengths, one.scores, strict=True)]
        marks += [Stroke(*start, *end, f"path {looks[one.chain]}") for start, end in pairwise(points)]
        for name, point, value in zip(("clean", *ladder.conditions), points, one.scores, strict=True):
            marks.append(Dot(*point, f"ringed {looks[one.chain]}", f"{one.chain}, {name}: {fmt.score(value)}", 3))
    return Drawing(tuple(marks), HEIGHT, f"score by strength of the attack, {title}")


def _space(strengths: Sequence[float]) -> list[float]:
    """The strengths whose labels have room: the first, the last, and those between that are far enough from their neighbours."""
    least = APART / (95 - LEFT) * strengths[-1]
    kept = [strengths[0]]
    for strength in strengths[1:-1]:
        if strength - kept[-1] >= least and strengths[-1] - strength >= least:
            kept.append(strength)
    return [*kept, strengths[-1]]
