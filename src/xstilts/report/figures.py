"""The figures as inline SVG and plain records, drawn by hand: no script, no font, no drawing library is needed.

Text stands in HTML beside the drawing and positions are percentages, so that a figure is as legible on a phone as on
paper. Colours come from CSS classes: `gain`/`loss` (a blue-orange pair that colour-blind readers can tell apart) and
`k0`..`k8` for chains (after Okabe and Ito, https://jfly.uni-koeln.de/color/).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape

from xstilts.report import prose
from xstilts.report.analysis import Analysis
from xstilts.report.content import chain_label, marks
from xstilts.report.gains import DECIDED, Gain
from xstilts.report.results import CONTROL_WORDS, Cell
from xstilts.report.scores import NO_CHAIN, Summary

COLOURS = 8
STRONGEST = 0.62
SMALLEST_SCALE = 0.02


@dataclass(frozen=True)
class HeatCell:
    """`link` is the id of the per-language view; `strength` 0-1 the share of colour; a cell without a gain is empty."""

    gain: Gain | None
    link: str
    sign: str
    strength: float
    marks: tuple[str, ...]


@dataclass(frozen=True)
class HeatMap:
    """Rows are (chain name, what it is a control of in words or "", cells in the order of `targets`)."""

    encoder: str
    targets: tuple[str, ...]
    rows: tuple[tuple[str, str, tuple[HeatCell, ...]], ...]
    scale: float

    @property
    def leaks(self) -> bool:
        return any(cell.gain.leak for _, _, cells in self.rows for cell in cells if cell.gain)


def link_of(analysis: Analysis, gain: Gain) -> str:
    return f"pair-{analysis.gains.index(gain)}"


def heat_maps(analysis: Analysis) -> tuple[HeatMap, ...]:
    """One map for each encoder that has a gain. All share one scale, which degenerate pairs and oracles do not stretch."""
    gains = {(gain.encoder, gain.chain, gain.target): gain for gain in analysis.against_none()}
    sizes = [abs(gain.interval.estimate) for gain in gains.values() if gain.interval and not gain.degenerate and not gain.leak]
    scale = max([*sizes, SMALLEST_SCALE])
    maps = []
    for encoder in analysis.results.encoders:
        names = [chain for chain in analysis.results.chains if chain.name != NO_CHAIN]
        if not any(gain.encoder == encoder for gain in gains.values()):
            continue
        targets = tuple(info.name for info in analysis.results.targets)
        rows = tuple(
            (
                chain.name,
                CONTROL_WORDS[chain.control] if chain.control else "",
                tuple(_heat_cell(analysis, gains.get((encoder, chain.name, name)), scale) for name in targets),
            )
            for chain in sorted(names, key=lambda chain: chain.control != "")
        )
        maps.append(HeatMap(encoder, targets, rows, scale))
    return tuple(maps)


def _heat_cell(analysis: Analysis, gain: Gain | None, scale: float) -> HeatCell:
    if gain is None:
        return HeatCell(None, "", "", 0.0, ())
    colourless = gain.interval is None or gain.near_chance == "both" or gain.verdict in DECIDED
    size = 0.0 if colourless or gain.interval is None else gain.interval.estimate
    return HeatCell(
        gain=gain,
        link=link_of(analysis, gain),
        sign="gain" if size > 0 else "loss" if size < 0 else "",
        strength=round(STRONGEST * min(1.0, abs(size) / scale), 3),
        marks=marks(gain),
    )


def colour_classes(analysis: Analysis) -> Mapping[str, str]:
    """Chain label -> CSS classes; `none` is always k0 and the random-init control `kr`. A chain's own controls have its
    colour and a class of their own."""
    chains = [chain for chain in analysis.results.chains if chain.name != NO_CHAIN]
    own = [chain.name for chain in chains if not chain.of]
    classes = {NO_CHAIN: "k0"} | {name: f"k{1 + rank % COLOURS}" for rank, name in enumerate(own)}
    classes |= {chain.name: f"{classes.get(chain.of, 'k0')} {chain.control}" for chain in chains if chain.of}
    return classes | {chain_label(row): "kr" for row in analysis.summaries if row.control}


def forest(low: float, estimate: float, high: float, scale: float) -> Markup:
    """A dot with whiskers on a line from -scale to +scale, zero in the middle."""

    def place(value: float) -> str:
        return f"{50 + 48 * max(-1.0, min(1.0, value / scale)):.1f}%"

    sign = "gain" if low > 0 else "loss" if high < 0 else "open"
    label = f"{prose.points(estimate)} points {prose.bracket(low, high)}"
    return Markup(
        '<svg class="forest" role="img" aria-label="{}"><line class="zero" x1="50%" x2="50%" y1="0" y2="100%"/>'
        '<line class="whisker {}" x1="{}" x2="{}" y1="50%" y2="50%"/>'
        '<circle class="dot {}" cx="{}" cy="50%" r="3.5"/></svg>'
    ).format(label, sign, place(low), place(high), sign, place(estimate))


@dataclass(frozen=True)
class DotPlot:
    """Scores of every chain by language. `rows` are (language name, drawing); `ticks` are (percent, label); `leak`: some of
    them were chosen on target-language dev data."""

    encoder: str
    target: str
    legend: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, Markup], ...]
    ticks: tuple[tuple[float, str], ...]
    chance: str
    leak: bool


def dot_plots(analysis: Analysis) -> tuple[DotPlot, ...]:
    classes = colour_classes(analysis)
    plots = []
    for encoder, target in dict.fromkeys((row.encoder, row.target) for row in analysis.summaries):
        rows = [row for row in analysis.summaries if (row.encoder, row.target) == (encoder, target)]
        plots.append(_dot_plot(analysis, encoder, target, rows, classes))
    return tuple(plots)


def _mark(name: str, x: float, label: str) -> Markup:
    """A dot; for the chain `none` an upright stroke, which stays visible among the dots."""
    if name == "k0":
        shape = '<line class="tick {}" x1="{:.1f}%" x2="{:.1f}%" y1="8%" y2="92%"><title>{}</title></line>'
        return Markup(shape).format(name, x, x, label)
    return Markup('<circle class="{}" cx="{:.1f}%" cy="50%" r="4"><title>{}</title></circle>').format(name, x, label)


def _dot_plot(analysis: Analysis, encoder: str, target: str, rows: Sequence[Summary], classes: Mapping[str, str]) -> DotPlot:
    info = analysis.targets.get(target)
    chance = info.chance if info else None
    values = [value for row in rows for value in row.languages.values()] + ([chance] if chance is not None else [])
    low, high = (
        np.floor(10 * min(values)) / 10,
        max(np.ceil(10 * max(values)) / 10, np.floor(10 * min(values)) / 10 + 0.1),
    )

    def place(value: float) -> float:
        return float(2 + 96 * (value - low) / (high - low))

    codes = sorted(
        dict.fromkeys(code for row in rows for code in row.languages),
        key=lambda code: (code != "en", -max(row.languages.get(code, 0.0) for row in rows)),
    )
    drawn = []
    for code in codes:
        marks = [
            _mark(
                classes.get(chain_label(row), "k0"),
                place(row.languages[code]),
                f"{chain_label(row)} {prose.score(row.languages[code])}",
            )
            for row in reversed(rows)
            if code in row.languages
        ]
        line = Markup('<line class="chance" x1="{0:.1f}%" x2="{0:.1f}%" y1="0" y2="100%"/>').format(place(chance or 0))
        body = Markup("").join([*([line] if chance is not None else []), *marks])
        label = ", ".join(f"{chain_label(row)} {prose.score(row.languages[code])}" for row in rows if code in row.languages)
        drawn.append(
            (
                analysis.language(code),
                Markup(
                    '<svg class="dots" role="img" aria-label="{}"><line class="axis" x1="0" x2="100%" y1="50%" y2="50%"/>{}</svg>'
                ).format(label, body),
            )
        )
    step = 0.1 if high - low <= 0.5 else 0.2
    ticks = tuple((place(tick), f"{100 * tick:.0f}") for tick in np.arange(low, high + 1e-9, step))
    legend = tuple((chain_label(row), classes.get(chain_label(row), "k0")) for row in rows)
    return DotPlot(
        encoder,
        target,
        legend,
        tuple(drawn),
        ticks,
        prose.score(chance) if chance is not None else "",
        any(row.leak for row in rows),
    )


Setting = tuple[str, bool]  # pooling, centred


@dataclass(frozen=True)
class LayerPanel:
    """One drawing: accuracy by layer, at one pooling, plain or centred."""

    title: str
    drawing: Markup
    ticks_x: tuple[tuple[float, str], ...]
    ticks_y: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class LayerChart:
    """`layer` is the one whose score is reported, `setting` its pooling and centring in words; `table` has a line a chain:
    its score there, there with the other centring, and the best of all with its name."""

    encoder: str
    target: str
    panels: tuple[LayerPanel, ...]
    legend: tuple[tuple[str, str], ...]
    layer: int | None
    setting: str
    table: tuple[tuple[str, ...], ...]


def layer_charts(analysis: Analysis) -> tuple[LayerChart, ...]:
    """Retrieval by layer, one chart for each encoder and target, means over languages and seeds."""
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in analysis.results.cells:
        if cell.layers:
            groups.setdefault((cell.encoder, cell.target), []).append(cell)
    return tuple(_layer_chart(analysis, encoder, target, cells) for (encoder, target), cells in groups.items())


def _layer_chart(analysis: Analysis, encoder: str, target: str, cells: Sequence[Cell]) -> LayerChart:
    classes = colour_classes(analysis)
    found: dict[str, dict[Setting, dict[int, list[float]]]] = {}
    for cell in sorted(cells, key=lambda cell: (cell.control != "", cell.chain != NO_CHAIN)):
        label = f"{cell.chain}, {cell.control} control" if cell.control else cell.chain
        for point in cell.layers:
            by_layer = found.setdefault(label, {}).setdefault((point.pooling, point.centred), {})
            by_layer.setdefault(point.layer, []).append(point.accuracy)
    means = {
        label: {kind: {layer: float(np.mean(seen)) for layer, seen in sorted(line.items())} for kind, line in own.items()}
        for label, own in found.items()
    }
    values = [value for own in means.values() for line in own.values() for value in line.values()]
    top = min(1.0, max(0.1, float(np.ceil(10 * max(values)) / 10)))
    layers = sorted({layer for own in means.values() for line in own.values() for layer in line})
    layer = next((cell.layer for cell in cells if cell.layer is not None), None)
    used = (analysis.results.pooling, analysis.results.centred)
    other = (used[0], not used[1])
    settings = sorted({kind for own in means.values() for kind in own}, key=lambda kind: (kind[0] != used[0], kind))
    panels = []
    for kind in settings:
        lines = {label: own[kind] for label, own in means.items() if kind in own}
        panels.append(_panel(words(kind), lines, layers, top, layer if kind == used else None, classes))
    table = []
    for label, own in means.items():
        at = [own.get(kind, {}).get(layer) if layer is not None else None for kind in (used, other)]
        value, best, where = max((value, kind, number) for kind, line in own.items() for number, value in line.items())
        table.append((label, prose.score(at[0]), prose.score(at[1]), f"{prose.score(value)} (layer {where}, {words(best)})"))
    legend = tuple((label, classes.get(label, "k0")) for label in means)
    return LayerChart(encoder, target, tuple(panels), legend, layer, words(used), tuple(table))


def words(setting: Setting) -> str:
    """A pooling and centring as people say it."""
    pooling = {"mean": "mean", "mean_content": "mean without special tokens", "cls": "first token"}.get(setting[0], setting[0])
    return f"{pooling}, {'centred' if setting[1] else 'plain'}"


def _panel(
    title: str,
    lines: Mapping[str, Mapping[int, float]],
    layers: Sequence[int],
    top: float,
    layer: int | None,
    classes: Mapping[str, str],
) -> LayerPanel:
    span = max(1, layers[-1] - layers[0])

    def x(value: int) -> float:
        return 3 + 94 * (value - layers[0]) / span

    def y(value: float) -> float:
        return 98 - 94 * value / top

    grid = [tick * top / 4 for tick in range(5)] if round(100 * top) % 20 == 0 else [0, top / 2, top]
    parts = [f'<path class="grid" d="M0 {y(tick):.1f}H100"/>' for tick in grid]
    if layer is not None and layers[0] <= layer <= layers[-1]:
        parts.append(f'<path class="used" d="M{x(layer):.1f} 2V98"/>')
    for label, line in lines.items():
        name = classes.get(label, "k0")
        spots = [(x(number), y(value)) for number, value in line.items()]
        path = "L".join(f"{a:.2f} {b:.2f}" for a, b in spots)
        dots = "".join(f"M{a:.2f} {b:.2f}h0" for a, b in spots)
        parts.append(f'<path class="line {name}" d="M{path}"/><path class="spots {name}" d="{dots}"/>')
    drawing = Markup(
        f'<svg class="layers" viewBox="0 0 100 100" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(f"retrieval accuracy by layer, {title}")}">{"".join(parts)}</svg>'
    )
    every = max(1, round(span / 12))
    return LayerPanel(
        title,
        drawing,
        tuple((x(number), str(number)) for number in layers[::every]),
        tuple((y(tick), f"{100 * tick:.0f}") for tick in grid),
    )
