"""Dot plots: a row for each language or group, a dot for each chain, in percent of the width as in `figures.py`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from xstilts.analysis import formatting as fmt
from xstilts.analysis.breakdown import OVERALL, family
from xstilts.analysis.results import LEAK
from xstilts.analysis.scores import ENGLISH, NO_CHAIN, Summary
from xstilts.report.figures.figures import colour_classes, filled, forest_scale, whisker
from xstilts.report.findings import Findings
from xstilts.report.tables.content import chain_label

SYNTHETIC = "synthetic"
MOST_ARMS = 12  # with more, controls are not drawn


@dataclass(frozen=True)
class Dot:
    """`name` are classes; `stroke` draws an upright line instead of a dot, which stays visible among dots."""

    x: float
    name: str
    label: str
    stroke: bool = False


@dataclass(frozen=True)
class DotRow:
    label: str
    note: str
    dots: tuple[Dot, ...]


@dataclass(frozen=True)
class DotPlot:
    """Rows with a dot for every chain; `line` is where chance (or zero) lies, `ticks` are (percent, label)."""

    title: str
    rows: tuple[DotRow, ...]
    ticks: tuple[tuple[float, str], ...]
    line: float | None
    mark: str


@dataclass(frozen=True)
class DotPlots:
    """Plots that share a legend of (label, classes)."""

    kind: ClassVar[str] = "dots"
    plots: tuple[DotPlot, ...]
    legend: tuple[tuple[str, str], ...]
    caption: str


def language_plots(findings: Findings) -> DotPlots | None:
    """Scores of every chain by language; English first, then family by family."""
    classes = colour_classes(findings)
    plots: list[DotPlot] = []
    legend: dict[str, str] = {}
    controls = {chain.name for chain in findings.results.chains if chain.control}
    arms = {chain_label(row) for row in findings.summaries}
    left_out = controls if len(arms) > MOST_ARMS else set()
    for encoder, target in dict.fromkeys((row.encoder, row.target) for row in findings.summaries):
        rows = [row for row in findings.summaries if (row.encoder, row.target) == (encoder, target)]
        rows = [row for row in rows if row.chain not in left_out] or rows
        title = f"{target}, {encoder}" if len(findings.results.encoders) > 1 else target
        plots.append(_language_plot(findings, title, rows, classes))
        legend |= {chain_label(row): classes.get(chain_label(row), "k0") for row in rows}
    if not plots:
        return None
    caption = (
        "Means over seeds, 0 to 100. English first, then the languages by family, the family with the highest scores without a "
        "chain first; synthetic languages by their distance from English. The dashed line is chance, where a target has one."
    )
    caption += " The controls of chains are left out, since there are so many dots." if left_out & arms else ""
    return DotPlots(tuple(plots), tuple(legend.items()), caption)


def by_family(codes: Iterable[str], scores: Mapping[str, float]) -> list[tuple[str, str]]:
    """(language, its family) with English first, then families and their languages by falling score; synthetic languages by
    name, which is by their distance from English."""
    members: dict[str, list[str]] = {}
    for code in codes:
        members.setdefault("" if code == ENGLISH else family(code), []).append(code)
    mean = {name: float(np.mean([scores.get(code, 0.0) for code in own])) for name, own in members.items()}
    order = sorted(members, key=lambda name: (name != "", -mean[name], name))
    rank = {code: 0.0 if name == SYNTHETIC else -scores.get(code, 0.0) for name, own in members.items() for code in own}
    return [(code, name) for name in order for code in sorted(members[name], key=lambda code: (rank[code], code))]


def _language_plot(findings: Findings, title: str, rows: Sequence[Summary], classes: Mapping[str, str]) -> DotPlot:
    info = findings.targets.get(rows[0].target)
    chance = info.chance if info else None
    values = [value for row in rows for value in row.languages.values()] + ([chance] if chance is not None else [])
    low = float(np.floor(10 * min(values)) / 10)
    high = max(float(np.ceil(10 * max(values)) / 10), low + 0.1)

    def place(value: float) -> float:
        return 2 + 96 * (value - low) / (high - low)

    base = next((row for row in rows if row.chain == NO_CHAIN and not row.control), rows[0])
    drawn, before = [], ""
    for code, name in by_family(dict.fromkeys(code for row in rows for code in row.languages), base.languages):
        dots = tuple(
            Dot(
                place(row.languages[code]),
                classes.get(chain_label(row), "k0"),
                f"{chain_label(row)} {fmt.score(row.languages[code])}",
                classes.get(chain_label(row), "k0") == "k0",
            )
            for row in reversed(rows)
            if code in row.languages
        )
        drawn.append(DotRow(findings.language(code), name if name != before else "", dots))
        before = name
    if len({row.note for row in drawn if row.note}) < 2:
        drawn = [DotRow(row.label, "", row.dots) for row in drawn]
    step = 0.02 if high - low < 0.15 else 0.05 if high - low < 0.25 else 0.1 if high - low < 0.55 else 0.2
    first = float(np.ceil(low / step - 1e-9) * step) + 0.0  # never -0
    ticks = tuple((place(float(tick)), f"{100 * tick:.0f}") for tick in np.arange(first, high + 1e-9, step))
    mark = LEAK if any(row.leak for row in rows) else ""
    return DotPlot(title, tuple(drawn), ticks, place(chance) if chance is not None else None, mark)


def part_plots(findings: Findings) -> DotPlots | None:
    """Mean gains by group of every axis but the overall one; filled dots have an interval without zero."""
    parts = [part for part in findings.decomposition.parts if part.axis != OVERALL]
    if not parts:
        return None
    classes = colour_classes(findings)
    scale = forest_scale([part.interval.estimate for part in parts], [])
    several = len(findings.results.encoders) > 1
    plots = []
    for encoder, axis in dict.fromkeys((part.encoder, part.axis) for part in parts):
        own = [part for part in parts if (part.encoder, part.axis) == (encoder, axis)]
        rows = []
        for group in dict.fromkeys(part.group for part in own):
            dots = []
            for part in own:
                if part.group == group:
                    spot = whisker(part.interval.low, part.interval.estimate, part.interval.high, scale)
                    hollow = " open" if spot.sign == "open" or len(part.seeds) == 1 else ""
                    dots.append(Dot(spot.at, classes.get(part.chain, "k0") + hollow, f"{part.chain} {spot.label}"))
            rows.append(DotRow(group, "", tuple(dots)))
        ticks = tuple((50 + 48 * share, f"{fmt.points(share * scale).removesuffix('.0')}") for share in (-1, -0.5, 0, 0.5, 1))
        plots.append(DotPlot(f"by {axis}, {encoder}" if several else f"by {axis}", tuple(rows), ticks, 50.0, ""))
    legend = tuple((name, classes.get(name, "k0")) for name in dict.fromkeys(part.chain for part in parts))
    caption = (
        f"Mean gain in points over no chain in each group. {filled(len(part.seeds) for part in parts)} "
        "The dashed line is no gain."
    )
    return DotPlots(tuple(plots), legend, caption)
