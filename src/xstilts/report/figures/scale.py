"""Gains by the size of the encoder, for a study with several encoders.

Size is the number of weights in the encoder's blocks, on a logarithmic axis. Encoders are points without a line through them:
two or three sizes make no curve, and encoders of different size usually differ in more than size.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from xstilts.analysis import formatting as fmt
from xstilts.analysis.gains import Gain, is_counted
from xstilts.report.figures.drawing import Arrow, Dot, Drawing, Mark, Panel, PanelFigure, Plot, RowFigure, Stroke, TextMark
from xstilts.report.figures.forest import (
    choose_look,
    choose_scale,
    describe_cut,
    describe_marks,
    make_interval_row,
    with_axis,
)
from xstilts.report.figures.looks import NONE_LOOK, choose_looks, make_legend
from xstilts.report.findings import Findings
from xstilts.report.provenance.numbers import gain_id, write_gain
from xstilts.report.tables.gains import list_remarks

MARGIN = 13.0  # percent of the plot's width, left and right of the points
LETTER = 2.1  # percent of the plot's width that a letter of a name takes on a phone
LONGEST_NAME = 28
APART = 7.0  # percent of the plot's width between encoders of one size
MOST_TICKS = 6
STEPS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
LEFT = 9.0  # percent of the drawing's width: where the plot begins
PLOT, NAME_LINE, AXIS = 224, 19, 42  # px: heights of the plot, of a line of names above it, and of what is below it


@dataclass(frozen=True)
class EncoderName:
    """An encoder above the plot: where its points are, its line among the names, and which side of the name is there."""

    x: float
    text: str
    line: int
    anchor: Literal["start", "middle", "end"]


def _find_compared(findings: Findings) -> list[list[Gain]]:
    """The gains that the answer counts, grouped by chain and target; only pairs that several encoders have."""
    rows = [gain for gain in findings.gains_over("none") if is_counted(gain) and gain.interval is not None]
    pairs = dict.fromkeys((gain.chain, gain.target) for gain in rows)
    together = [[gain for gain in rows if (gain.chain, gain.target) == pair] for pair in pairs]
    return [own for own in together if len(own) > 1]


def make_scale_figure(findings: Findings) -> PanelFigure | None:
    """Gain by the encoder's size, a panel for each target; None unless two encoders of known size have a gain in common."""
    sizes = findings.results.sizes
    pairs = [[gain for gain in own if gain.encoder in sizes] for own in _find_compared(findings)]
    rows = [gain for own in pairs if len(own) > 1 for gain in own]
    if not rows:
        return None
    encoders = sorted({gain.encoder for gain in rows}, key=lambda name: (sizes[name], name))
    places, ticks_x = place_sizes({name: sizes[name] for name in encoders})
    chains = [chain.name for chain in findings.results.chains if any(gain.chain == chain.name for gain in rows)]
    gap = min((two - one for one, two in pairwise(sorted(places.values()))), default=100.0)
    step = min(2.5, 2 * (MARGIN - 2) / len(chains), 0.8 * gap / len(chains))
    intervals = [gain.interval for gain in rows if gain.interval is not None]
    limit = choose_scale(intervals)
    bottom, top, ticks_y = _choose_ticks([min(limit, max(-limit, bound)) for i in intervals for bound in (i.low, i.high)])
    looks = choose_looks(findings)
    names = place_names(encoders, places, sizes)
    lines = 1 + max(name.line for name in names)
    height = lines * NAME_LINE + PLOT + AXIS

    def x(share: float) -> float:
        return LEFT + share * (100 - LEFT) / 100

    def down(px: float) -> float:
        return 100 * px / height

    def y(value: float) -> float:
        """A value outside the axis goes to the edge, beyond the last line of the grid."""
        share = 1.0 if value < bottom else 0.0 if value > top else 0.03 + 0.94 * (top - value) / (top - bottom)
        return down(lines * NAME_LINE + share * PLOT)

    floor = down(lines * NAME_LINE + PLOT)
    frame: list[Mark] = []
    for tick in ticks_y:
        words = TextMark(LEFT - 1.5, y(tick), fmt.points(tick).removesuffix(".0"), "end")
        frame += [Stroke(LEFT, y(tick), 100, y(tick), "grid"), words]
    frame += [Stroke(x(name.x), down((name.line + 1) * NAME_LINE), x(name.x), floor, "lead") for name in names]
    frame.append(Stroke(LEFT, y(0.0), 100, y(0.0), "axis"))
    for name in names:
        at = {"start": LEFT, "middle": x(name.x), "end": 100.0}[name.anchor]
        frame.append(TextMark(at, down((name.line + 0.5) * NAME_LINE), name.text, name.anchor))
    frame += [TextMark(x(share), down(height - AXIS + 12), text) for share, text in ticks_x]
    frame.append(TextMark(x(50), down(height - 10), "weights without embeddings"))

    def draw(gain: Gain) -> list[Mark]:
        assert gain.interval is not None
        at = x(places[gain.encoder] + (chains.index(gain.chain) - (len(chains) - 1) / 2) * step)
        look = looks.get(gain.chain, NONE_LOOK) + _choose_look(gain)
        label = f"{gain.chain}, {gain.encoder}: {write_gain(gain.interval)}"
        whisker = Stroke(at, y(gain.interval.high), at, y(gain.interval.low), look)
        cut = [Arrow(at, whisker.y1, "up", look)] if gain.interval.high > top else []
        cut += [Arrow(at, whisker.y2, "down", look)] if gain.interval.low < bottom else []
        return [whisker, *cut, Dot(at, y(gain.interval.estimate), look, label, 4.5, gain_id(gain))]

    panels = []
    for info in findings.results.targets:
        if marks := [mark for gain in rows if gain.target == info.name for mark in draw(gain)]:
            drawing = Drawing((*frame, *marks), height, f"gains on {info.name} by size of the encoder")
            panels.append(Panel(info.name, drawing))
    caption = (
        "Gain over no chain, in points, with its 95 % interval (mean of the languages other than English). Horizontal: the "
        "number of the encoder's weights without embeddings, on a logarithmic scale. The encoders are points, not a curve: they "
        f"may differ in more than size. {describe_marks(gain.verdict for gain in rows)}"
    )
    if any(i.low < bottom or i.high > top for i in intervals):
        caption += " An arrow: the interval goes on."
    if unknown := [name for name in findings.results.encoders if name not in sizes]:
        caption += f" Not drawn, because its size is not known: {fmt.listed(unknown)}."
    return PanelFigure(tuple(panels), caption, make_legend(chains, looks))


def _choose_look(gain: Gain) -> str:
    """Class names in addition to the chain's own."""
    return {"void": " void", "unclear": " hollow"}.get(choose_look(gain.verdict), "")


def place_sizes(sizes: Mapping[str, int]) -> tuple[dict[str, float], tuple[tuple[float, str], ...]]:
    """The place of each encoder in percent of the width (moved apart if sizes are close), and ticks at 1, 2, 5, 10, ..."""
    logs = {name: math.log10(size) for name, size in sizes.items()}
    low, high = min(logs.values()), max(logs.values())
    span = max(high - low, 0.1)
    middle = (low + high) / 2

    def x(log: float) -> float:
        return 50 + (100 - 2 * MARGIN) * (log - middle) / span

    apart = min(APART, (100 - 2 * MARGIN) / max(1, len(logs) - 1))
    places: dict[str, float] = {}
    edge = MARGIN
    for name, log in logs.items():
        places[name] = max(x(log), edge)
        edge = places[name] + apart
    edge = 100 - MARGIN
    for name in reversed(logs):  # and back, for those that were moved out at the right
        places[name] = min(places[name], edge)
        edge = places[name] - apart
    sizes_shown = [times * 10.0**power for power in range(math.floor(low) - 1, math.ceil(high) + 2) for times in (1, 2, 5)]
    ticks = [(x(math.log10(size)), fmt.weights(size)) for size in sizes_shown if 2 <= x(math.log10(size)) <= 98]
    ticks = ticks or [(50.0, fmt.weights(10**middle))]
    if len(ticks) > MOST_TICKS:
        ticks = [tick for tick in ticks if tick[1].startswith("1")]
        ticks = ticks[:: math.ceil(len(ticks) / MOST_TICKS)]
    return places, tuple(ticks)


def _choose_ticks(values: Sequence[float]) -> tuple[float, float, tuple[float, ...]]:
    """Lower and upper end of the axis of gains, and its ticks; zero is one of them."""
    low, high = min(0.0, *values), max(0.0, *values)
    step = next((step for step in STEPS if high - low <= MOST_TICKS * step), STEPS[-1])
    first, last = math.floor(low / step - 1e-9), math.ceil(high / step + 1e-9)
    return first * step, last * step, tuple(number * step for number in range(first, last + 1))


def place_names(encoders: Sequence[str], places: Mapping[str, float], sizes: Mapping[str, int]) -> tuple[EncoderName, ...]:
    """The encoders' names, each on the first line where it does not overlap another."""
    taken: list[list[tuple[float, float]]] = []
    found = []
    for name in encoders:
        short = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
        text = f"{short} ({fmt.weights(sizes[name])})"
        x, width = places[name], LETTER * len(text)
        anchor: Literal["start", "middle", "end"] = "start" if x < width / 2 else "end" if x > 100 - width / 2 else "middle"
        left = {"start": 0.0, "middle": x - width / 2, "end": 100 - width}[anchor]
        line = next(
            (n for n, own in enumerate(taken) if all(left > end + LETTER or left + width < begin - LETTER for begin, end in own)),
            len(taken),
        )
        taken += [[]] if line == len(taken) else []
        taken[line].append((left, left + width))
        found.append(EncoderName(x, text, line, anchor))
    return tuple(found)


def make_scale_forest(findings: Findings) -> RowFigure | None:
    """The same gains where sizes are not known: a plot for each pair, a row for each encoder; None for one encoder."""
    encoders = findings.results.encoders
    pairs = _find_compared(findings)
    if len(encoders) < 2 or not pairs:
        return None
    scale = choose_scale([gain.interval for own in pairs for gain in own if gain.interval is not None])
    plots = []
    for own in pairs:
        rows = tuple(
            make_interval_row(
                gain.encoder, ", ".join(list_remarks(gain)), gain.interval, scale, gain_id(gain), choose_look(gain.verdict)
            )
            for gain in sorted(own, key=lambda gain: encoders.index(gain.encoder))
            if gain.interval is not None
        )
        plots.append(Plot(f"{own[0].chain} → {own[0].target}", rows))
    caption = (
        "The same chain and target in each encoder: gains over no chain, in points, with 95 % intervals."
        f"{describe_cut([gain for own in pairs for gain in own], scale)}"
    )
    return RowFigure("forest", with_axis(plots, scale), caption)
