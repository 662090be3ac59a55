"""Retrieval by layer: for each encoder and target a drawing a pooling and centring, and a table of what the setting changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from xstilts.analysis import formatting as fmt
from xstilts.analysis.retrieval_sweep import POOLING_WORDS, Setting, Sweep, sweeps
from xstilts.report.figures.figures import colour_classes
from xstilts.report.findings import Findings
from xstilts.report.provenance.numbers import Number, setting_id
from xstilts.report.tables.content import Table, plain


@dataclass(frozen=True)
class LinePath:
    """Points in percent from the left and from the top."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class LayerPanel:
    """One drawing: accuracy by layer, at one pooling, plain or centred. `used` is where the reported layer is drawn."""

    title: str
    lines: tuple[LinePath, ...]
    grid: tuple[float, ...]
    used: float | None
    ticks_x: tuple[tuple[float, str], ...]
    ticks_y: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class LayerChart:
    """`layer` is the one whose score is reported, `setting` its pooling and centring in words; `table` has a line a chain: its
    score there, there with the other centring, and the best of all with its name. One layer alone is not drawn: no panels."""

    kind: ClassVar[str] = "layers"
    encoder: str
    target: str
    panels: tuple[LayerPanel, ...]
    legend: tuple[tuple[str, str], ...]
    layer: int | None
    setting: str
    table: Table

    @property
    def caption(self) -> str:
        text = "Accuracy (0 to 100) by layer, mean over languages and seeds; layer 0 is the embeddings."
        if self.layer is not None:
            text += f" The dashed line marks layer {self.layer} in the drawing “{self.setting}”: its score is the one reported."
        return f"{text} Centred: each language's mean vector is taken away first."


def layer_charts(findings: Findings) -> tuple[LayerChart, ...]:
    """One chart for each encoder and target that was swept."""
    groups: dict[tuple[str, str], list[Sweep]] = {}
    for sweep in sweeps(findings.results):
        if sweep.scores:
            groups.setdefault((sweep.encoder, sweep.target), []).append(sweep)
    return tuple(_chart(findings, encoder, target, own) for (encoder, target), own in groups.items())


def written(pooling: str, centred: bool) -> str:
    return f"{POOLING_WORDS.get(pooling, pooling)}, {'centred' if centred else 'plain'}"


def _chart(findings: Findings, encoder: str, target: str, own: list[Sweep]) -> LayerChart:
    classes = colour_classes(findings)
    place = (encoder, target)
    cells = [cell for cell in findings.results.cells if (cell.encoder, cell.target) == place and cell.layers]
    layer = next((cell.layer for cell in cells if cell.layer is not None), None)
    top = min(1.0, max(0.1, float(np.ceil(10 * max(value for sweep in own for value in sweep.scores.values())) / 10)))
    layers = sorted({setting.layer for sweep in own for setting in sweep.scores})
    used = (findings.results.pooling, findings.results.centred)
    kinds = {(setting.pooling, setting.centred) for sweep in own for setting in sweep.scores}
    panels = []
    for kind in sorted(kinds, key=lambda kind: (kind[0] != used[0], kind)) if len(layers) > 1 else ():
        lines = {
            classes.get(sweep.label, "k0"): {
                s.layer: value for s, value in sweep.scores.items() if (s.pooling, s.centred) == kind
            }
            for sweep in own
        }
        panels.append(_panel(written(*kind), lines, layers, top, layer if kind == used else None))
    legend = tuple((sweep.label, classes.get(sweep.label, "k0")) for sweep in own)
    table = _table([_line(sweep, layer, used) for sweep in own], layer, written(*used), not used[1])
    return LayerChart(encoder, target, tuple(panels), legend, layer, written(*used), table)


def _line(sweep: Sweep, layer: int | None, used: tuple[str, bool]) -> tuple[str, ...]:
    def at(setting: Setting | None) -> str:
        if setting is None or setting not in sweep.scores:
            return fmt.NOTHING
        return Number(fmt.score(sweep.scores[setting]), setting_id(sweep.encoder, sweep.target, sweep.label, setting.written))

    pooling, centred = used
    places = [Setting(layer, pooling, turned) if layer is not None else None for turned in (centred, not centred)]
    best = max(sweep.scores, key=lambda setting: (sweep.scores[setting], setting))
    id = setting_id(sweep.encoder, sweep.target, sweep.label, best.written)
    return (sweep.label, *map(at, places), Number(f"{fmt.score(sweep.scores[best])} ({best.written})", id))


def _table(rows: list[tuple[str, ...]], layer: int | None, setting: str, turned: bool) -> Table:
    reported = f"layer {layer}, {setting}" if layer is not None else setting
    columns = ("chain", reported, f"the same, {'centred' if turned else 'not centred'}", "best of all")
    caption = "At the reported setting and at the best one, which is chosen on these very scores and so flatters."
    return plain(caption, columns, rows, range(1, 3))


def _panel(title: str, lines: Mapping[str, Mapping[int, float]], layers: list[int], top: float, layer: int | None) -> LayerPanel:
    span = max(1, layers[-1] - layers[0])

    def x(value: int) -> float:
        return 3 + 94 * (value - layers[0]) / span

    def y(value: float) -> float:
        return 98 - 94 * value / top

    grid = [tick * top / 4 for tick in range(5)] if round(100 * top) % 20 == 0 else [0, top / 2, top]
    every = max(1, round(span / 12))
    return LayerPanel(
        title=title,
        lines=tuple(
            LinePath(name, tuple((x(number), y(value)) for number, value in sorted(line.items())))
            for name, line in lines.items()
            if line
        ),
        grid=tuple(y(tick) for tick in grid),
        used=x(layer) if layer is not None and layers[0] <= layer <= layers[-1] else None,
        ticks_x=tuple((x(number), str(number)) for number in layers[::every]),
        ticks_y=tuple((y(tick), f"{100 * tick:.0f}") for tick in grid),
    )
