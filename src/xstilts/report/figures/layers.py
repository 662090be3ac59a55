"""Retrieval accuracy by layer: for each encoder and target, a panel for each pooling, plain and centred."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from xstilts.analysis.retrieval_sweep import Sweep
from xstilts.report.figures.drawing import Dot, Drawing, Mark, Panel, PanelFigure, Stroke, TextMark
from xstilts.report.figures.looks import NONE_LOOK, choose_looks, make_legend
from xstilts.report.findings import Findings
from xstilts.report.tables.retrieval import find_layer, name_setting

HEIGHT = 240
LEFT, BOTTOM = 9.0, 89.0  # percent: where the axes are
MOST_TICKS = 12


def make_layer_figure(findings: Findings, own: Sequence[Sweep]) -> PanelFigure | None:
    """`own` are the sweeps of one encoder and target. None where they have one layer only."""
    layers = sorted({setting.layer for sweep in own for setting in sweep.scores})
    if len(layers) < 2:
        return None
    looks = choose_looks(findings)
    layer = find_layer(findings, own[0].encoder, own[0].target)
    top = min(1.0, max(0.1, float(np.ceil(10 * max(value for sweep in own for value in sweep.scores.values())) / 10)))
    used = (findings.results.pooling, findings.results.centred)
    kinds = {(setting.pooling, setting.centred) for sweep in own for setting in sweep.scores}
    panels = []
    for kind in sorted(kinds, key=lambda kind: (kind[0] != used[0], kind)):
        lines = {
            looks.get(sweep.label, NONE_LOOK): {
                setting.layer: value for setting, value in sweep.scores.items() if (setting.pooling, setting.centred) == kind
            }
            for sweep in own
        }
        title = name_setting(*kind)
        panels.append(Panel(title, _draw(title, lines, layers, top, layer if kind == used else None)))
    caption = "Accuracy (0 to 100) by layer, mean over languages and seeds. Layer 0 is the embeddings."
    if layer is not None:
        caption += f" The dashed line in the panel “{name_setting(*used)}” marks layer {layer}, whose score is reported."
    caption += " Centred: the mean vector of each language is subtracted first."
    return PanelFigure(tuple(panels), caption, make_legend([sweep.label for sweep in own], looks, lines=True))


def _draw(title: str, lines: Mapping[str, Mapping[int, float]], layers: list[int], top: float, used: int | None) -> Drawing:
    """`lines` maps class names to layer -> accuracy (0-1); `top` is the upper end of the axis."""
    span = max(1, layers[-1] - layers[0])

    def x(layer: int) -> float:
        return LEFT + 2 + (96 - LEFT) * (layer - layers[0]) / span

    def y(value: float) -> float:
        return BOTTOM - (BOTTOM - 4) * value / top

    marks: list[Mark] = []
    for tick in [tick * top / 4 for tick in range(5)] if round(100 * top) % 20 == 0 else [0, top / 2, top]:
        marks += [Stroke(LEFT, y(tick), 100, y(tick), "grid"), TextMark(LEFT - 1.5, y(tick), f"{100 * tick:.0f}", "end")]
    marks += [TextMark(x(layer), 96, str(layer)) for layer in layers[:: max(1, round(span / MOST_TICKS))]]
    if used is not None and layers[0] <= used <= layers[-1]:
        marks.append(Stroke(x(used), 2, x(used), BOTTOM, "zero"))
    for look, line in lines.items():
        points = [(x(layer), y(value)) for layer, value in sorted(line.items())]
        marks += [Stroke(*one, *two, f"path {look}") for one, two in pairwise(points)]
        marks += [Dot(*point, look.split()[0], radius=2.5) for point in points]
    return Drawing(tuple(marks), HEIGHT, f"retrieval accuracy by layer, {title}")
