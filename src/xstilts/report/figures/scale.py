"""Several encoders in one study: their gains by size, and how much the gains differ (`encoder_interaction.py`).

Size is the weights of an encoder's blocks, on a logarithmic axis. Encoders are points: no line is drawn through them, since two
or three sizes make no curve, and encoders of different size usually differ in more than that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from xstilts.analysis import formatting as fmt
from xstilts.analysis.breakdown import counted
from xstilts.analysis.encoder_interaction import SCALES
from xstilts.analysis.gains import Gain
from xstilts.report.figures.figures import Forest, ForestRow, colour_classes, forest_scale, whisker
from xstilts.report.findings import Findings
from xstilts.report.provenance.numbers import Number, contrast_id, gain_id
from xstilts.report.tables.content import Table, marks, plain

MARGIN = 13.0  # percent of the width, left and right of the points
LETTER = 2.1  # percent of the width that a letter of a name takes on a phone
LONGEST_NAME = 28
APART = 7.0  # percent of the width between encoders of one size
MOST_TICKS = 6
STEPS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)


@dataclass(frozen=True)
class ScaleSpot:
    """One gain, in percent from the left and from the top; `name` are classes."""

    x: float
    low: float
    at: float
    high: float
    name: str
    label: str
    id: str


@dataclass(frozen=True)
class ScaleName:
    """An encoder above the drawing: where its points are, its line among the names, and which side of the name is there."""

    x: float
    text: str
    line: int
    anchor: str  # start | middle | end


@dataclass(frozen=True)
class ScalePanel:
    """The gains on one target."""

    title: str
    spots: tuple[ScaleSpot, ...]


@dataclass(frozen=True)
class ScaleChart:
    """Panels that share their axes; `zero` and the ticks are in percent from the left or the top."""

    kind: ClassVar[str] = "scale"
    panels: tuple[ScalePanel, ...]
    names: tuple[ScaleName, ...]
    ticks_x: tuple[tuple[float, str], ...]
    ticks_y: tuple[tuple[float, str], ...]
    zero: float
    legend: tuple[tuple[str, str], ...]
    caption: str

    @property
    def lines(self) -> int:
        return 1 + max(name.line for name in self.names)


def _compared(findings: Findings) -> list[list[Gain]]:
    """The gains that the answer counts, those of one chain and target together; only where several encoders have one."""
    rows = [gain for gain in findings.against_none() if counted(gain) and gain.interval is not None]
    pairs = dict.fromkeys((gain.chain, gain.target) for gain in rows)
    together = [[gain for gain in rows if (gain.chain, gain.target) == pair] for pair in pairs]
    return [own for own in together if len(own) > 1]


def scale_chart(findings: Findings) -> ScaleChart | None:
    """Gain by the encoder's size, a panel for each target; None unless two encoders of known size have a gain in common."""
    sizes = findings.results.sizes
    rows = [gain for own in _compared(findings) for gain in own if gain.encoder in sizes]
    rows = [gain for gain in rows if any(_pair(gain) == _pair(o) and gain.encoder != o.encoder for o in rows)]
    if not rows:
        return None
    drawn = sorted({gain.encoder for gain in rows}, key=lambda name: (sizes[name], name))
    places, ticks_x = across({name: sizes[name] for name in drawn})
    chains = [chain.name for chain in findings.results.chains if any(gain.chain == chain.name for gain in rows)]
    spots = sorted(places.values())
    gap = min((two - one for one, two in pairwise(spots)), default=100.0)
    step = min(2.5, 2 * (MARGIN - 2) / len(chains), 0.8 * gap / len(chains))
    intervals = [gain.interval for gain in rows if gain.interval is not None]
    limit = forest_scale([i.estimate for i in intervals], [b for i in intervals for b in (i.low, i.high)])
    bottom, top, ticks = _up([min(limit, max(-limit, bound)) for i in intervals for bound in (i.low, i.high)])
    classes = colour_classes(findings)

    def y(value: float) -> float:
        if value < bottom or value > top:  # to the very edge, beyond the last line of the grid
            return 100.0 if value < bottom else 0.0
        return 3 + 94 * (top - value) / (top - bottom)

    panels = []
    for info in findings.results.targets:
        own = tuple(
            ScaleSpot(
                x=places[gain.encoder] + (chains.index(gain.chain) - (len(chains) - 1) / 2) * step,
                low=y(gain.interval.low),
                at=y(gain.interval.estimate),
                high=y(gain.interval.high),
                name=classes.get(gain.chain, "k0") + _look(gain),
                label=f"{gain.chain}, {gain.encoder}: {fmt.points(gain.interval.estimate)} points "
                f"{fmt.bracket(gain.interval.low, gain.interval.high)}",
                id=gain_id(gain),
            )
            for gain in rows
            if gain.target == info.name and gain.interval is not None
        )
        panels += [ScalePanel(info.name, own)] if own else []
    cut = any(i.low < bottom or i.high > top for i in intervals)
    unknown = [name for name in findings.results.encoders if name not in sizes]
    caption = (
        "Gain over no chain, in points, with its 95 % interval (mean of the languages other than English), by the weights of the "
        "encoder without embeddings, on a logarithmic axis. Filled: the interval excludes zero. The encoders are points, not a "
        "curve, and may differ in more than their size."
    )
    caption += " Grey: near chance with the chain and without it, so no evidence." if any(map(_void, rows)) else ""
    caption += " Longer intervals are cut off at the edge." if cut else ""
    caption += f" Not drawn, because its size is not known: {fmt.listed(unknown)}." if unknown else ""
    return ScaleChart(
        panels=tuple(panels),
        names=_names(drawn, places, sizes),
        ticks_x=ticks_x,
        ticks_y=tuple((y(tick), fmt.points(tick).removesuffix(".0")) for tick in ticks),
        zero=y(0.0),
        legend=tuple((name, classes.get(name, "k0")) for name in chains),
        caption=caption,
    )


def _void(gain: Gain) -> bool:
    return gain.near_chance == "both"


def _look(gain: Gain) -> str:
    """Classes beside the chain's own."""
    return " void" if _void(gain) else "" if gain.excludes_zero and gain.verdict != "one seed" else " open"


def _pair(gain: Gain) -> tuple[str, str]:
    return gain.chain, gain.target


def across(sizes: Mapping[str, int]) -> tuple[dict[str, float], tuple[tuple[float, str], ...]]:
    """Where each encoder stands (percent of the width), and ticks at 1, 2 and 5 times powers of ten. Encoders of nearly the same
    size are moved apart."""
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
    ticks = [
        (x(math.log10(tick)), fmt.weights(tick))
        for power in range(math.floor(low) - 1, math.ceil(high) + 2)
        for tick in (10.0**power, 2 * 10.0**power, 5 * 10.0**power)
        if 2 <= x(math.log10(tick)) <= 98
    ]
    if not ticks:
        ticks = [(50.0, fmt.weights(10**middle))]
    if len(ticks) > MOST_TICKS:
        ticks = [tick for tick in ticks if tick[1].startswith("1")]
        ticks = ticks[:: math.ceil(len(ticks) / MOST_TICKS)]
    return places, tuple(ticks)


def _up(values: Sequence[float]) -> tuple[float, float, tuple[float, ...]]:
    """Lower and upper end of the axis of gains, and its ticks; zero is one of them."""
    low, high = min(0.0, *values), max(0.0, *values)
    step = next((step for step in STEPS if high - low <= MOST_TICKS * step), STEPS[-1])
    first, last = math.floor(low / step - 1e-9), math.ceil(high / step + 1e-9)
    return first * step, last * step, tuple(number * step for number in range(first, last + 1))


def _names(drawn: Sequence[str], places: Mapping[str, float], sizes: Mapping[str, int]) -> tuple[ScaleName, ...]:
    """The encoders' names, each on the first line where it meets no other."""
    taken: list[list[tuple[float, float]]] = []
    found = []
    for name in drawn:
        short = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
        text = f"{short} ({fmt.weights(sizes[name])})"
        x, width = places[name], LETTER * len(text)
        anchor = "start" if x < width / 2 else "end" if x > 100 - width / 2 else "middle"
        left = {"start": 0.0, "middle": x - width / 2, "end": 100 - width}[anchor]
        line = next(
            (n for n, own in enumerate(taken) if all(left > end + LETTER or left + width < begin - LETTER for begin, end in own)),
            len(taken),
        )
        taken += [[]] if line == len(taken) else []
        taken[line].append((left, left + width))
        found.append(ScaleName(x, text, line, anchor))
    return tuple(found)


def scale_forest(findings: Findings) -> Forest | None:
    """The same where sizes are not known: every chain on every target, encoder below encoder; None for one encoder."""
    encoders = findings.results.encoders
    pairs = _compared(findings)
    intervals = [gain.interval for own in pairs for gain in own if gain.interval is not None]
    if len(encoders) < 2 or not pairs:
        return None
    scale = forest_scale([i.estimate for i in intervals], [b for i in intervals for b in (i.low, i.high)])
    groups = []
    for own in pairs:
        own.sort(key=lambda gain: encoders.index(gain.encoder))
        lines = []
        for gain in own:
            assert gain.interval is not None
            low, at, high = gain.interval.low, gain.interval.estimate, gain.interval.high
            spot = whisker(low, at, high, scale)
            remark = ", ".join(marks(gain))
            lines.append(ForestRow(gain.encoder, fmt.points(at), fmt.bracket(low, high), spot, remark, gain_id(gain)))
        groups.append((f"{own[0].chain} → {own[0].target}", tuple(lines)))
    caption = (
        f"The same chain and target in each encoder: gains over no chain with their 95 % intervals, from {fmt.MINUS}"
        f"{100 * scale:.0f} to +{100 * scale:.0f} points."
    )
    return Forest(tuple(groups), scale, caption)


def contrast_table(findings: Findings) -> Table | None:
    """Differences between gains on three scales; None where there is none."""
    if not findings.contrasts:
        return None
    rows = []
    for one in findings.contrasts:
        points, headroom, logit = one.intervals
        texts = (
            f"{fmt.points(points.estimate)} {fmt.bracket(points.low, points.high)}",
            f"{fmt.points(headroom.estimate)} {fmt.bracket(headroom.low, headroom.high)}",
            f"{fmt.decimal(logit.estimate)} [{fmt.decimal(logit.low)},{fmt.JOIN}{fmt.decimal(logit.high)}]",
        )
        numbers = (Number(text, contrast_id(one, scale)) for text, scale in zip(texts, SCALES, strict=True))
        rows.append((f"{one.chain} → {one.target}", f"{one.encoder} less {one.base}", *numbers, one.verdict))
    columns = ("pair", "encoders", "points", "% of headroom", "log-odds", "difference")
    caption = (
        "How much more a chain gains in one encoder than in the first: in points, in percent of what the score without it left "
        "to gain, and in log-odds, each with its 95 % interval. Clear only if zero is excluded on all three."
    )
    return plain(caption, columns, rows, range(2, 5))
