"""The figures as plain records: what stands where, in percent of the width. `svg.py` makes SVG of them, `pdf.py` pages.

Text stays text beside the drawing, so that a figure is as legible on a phone as on paper. Colours are names of classes:
`gain`/`loss` (a blue-orange pair that colour-blind readers can tell apart) and `k0`..`k10` for chains (after Okabe and Ito,
https://jfly.uni-koeln.de/color/); controls have the colour of their chain and are hollow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from xstilts.analysis import formatting as fmt
from xstilts.analysis.breakdown import ALL
from xstilts.analysis.comparison import Average
from xstilts.analysis.costs import KindCost
from xstilts.analysis.gains import DECIDED, Gain
from xstilts.analysis.results import CONTROL_WORDS
from xstilts.analysis.scores import NO_CHAIN
from xstilts.report.findings import Findings
from xstilts.report.provenance.numbers import compared_id, gain_id
from xstilts.report.tables.content import chain_label, leak_words, marks

COLOURS = 10
STRONGEST = 0.62
SMALLEST_SCALE = 0.02
STEP = 0.05
MOST_ROWS = 60  # of a forest of the study's own comparisons


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

    kind: ClassVar[str] = "heat"
    encoder: str
    targets: tuple[str, ...]
    rows: tuple[tuple[str, str, tuple[HeatCell, ...]], ...]
    scale: float
    colourless: bool
    bold: str

    @property
    def leaks(self) -> bool:
        return any(cell.gain.leak for _, _, cells in self.rows for cell in cells if cell.gain)

    @property
    def caption(self) -> str:
        text = (
            "Gain in points over no chain, mean of the languages other than English, with its 95 % interval. "
            f"{self.bold} Colour: the size of the gain, from {fmt.MINUS}{fmt.score(self.scale)} (orange) to "
            f"+{fmt.score(self.scale)} (blue)"
        )
        return f"{text}{'; no colour near chance' if self.colourless else ''}.{leak_words(self.leaks)}"


def link_of(findings: Findings, gain: Gain) -> str:
    return f"pair-{findings.gains.index(gain)}"


def heat_maps(findings: Findings) -> tuple[HeatMap, ...]:
    """One map for each encoder that has a gain, on one scale, which oracles and pairs that reuse target data do not stretch."""
    gains = {(gain.encoder, gain.chain, gain.target): gain for gain in findings.against_none()}
    sizes = [
        abs(gain.interval.estimate) for gain in gains.values() if gain.interval and not gain.reuses_target_data and not gain.leak
    ]
    scale = max([*sizes, SMALLEST_SCALE])
    maps = []
    for encoder in findings.results.encoders:
        names = [chain for chain in findings.results.chains if chain.name != NO_CHAIN]
        if not any(gain.encoder == encoder for gain in gains.values()):
            continue
        targets = tuple(info.name for info in findings.results.targets)
        rows = tuple(
            (
                chain.name,
                CONTROL_WORDS[chain.control] if chain.control else "",
                tuple(_heat_cell(findings, gains.get((encoder, chain.name, name)), scale) for name in targets),
            )
            for chain in sorted(names, key=lambda chain: chain.control != "")
        )
        colourless = any(gain.near_chance == "both" for gain in findings.gains)
        maps.append(HeatMap(encoder, targets, rows, scale, colourless, bold(findings)))
    return tuple(maps)


def bold(findings: Findings) -> str:
    """What bold print says of a gain over no chain."""
    if all(len(gain.seeds) == 1 for gain in findings.against_none()):
        return "One seed decides nothing, so nothing is bold."
    return "Bold: clear after Holm's correction."


def filled(seeds: Iterable[int]) -> str:
    """What a filled mark says, where the comparisons have so many seeds."""
    if set(seeds) == {1}:
        return "One seed decides nothing, so nothing is filled."
    return "Filled: the 95 % interval excludes zero."


def _heat_cell(findings: Findings, gain: Gain | None, scale: float) -> HeatCell:
    if gain is None:
        return HeatCell(None, "", "", 0.0, ())
    colourless = gain.interval is None or gain.near_chance == "both" or gain.verdict in DECIDED
    size = 0.0 if colourless or gain.interval is None else gain.interval.estimate
    return HeatCell(
        gain=gain,
        link=link_of(findings, gain),
        sign="gain" if size > 0 else "loss" if size < 0 else "",
        strength=round(STRONGEST * min(1.0, abs(size) / scale), 3),
        marks=marks(gain),
    )


def colour_classes(findings: Findings) -> Mapping[str, str]:
    """Chain label -> CSS classes; `none` is always k0 and the random-init control `kr`. A chain's own controls have its
    colour and a class of their own."""
    chains = [chain for chain in findings.results.chains if chain.name != NO_CHAIN]
    own = [chain.name for chain in chains if not chain.of]
    classes = {NO_CHAIN: "k0"} | {name: f"k{1 + rank % COLOURS}" for rank, name in enumerate(own)}
    classes |= {chain.name: f"{classes.get(chain.of, 'k0')} {chain.control}" for chain in chains if chain.of}
    return classes | {chain_label(row): "kr" for row in findings.summaries if row.control}


@dataclass(frozen=True)
class Whisker:
    """An estimate with its interval, in percent of the width from left; `sign`: gain | loss | open (the interval has 0) | void
    (no evidence, whatever the interval)."""

    left: float
    at: float
    right: float
    sign: str
    label: str


def whisker(low: float, estimate: float, high: float, scale: float) -> Whisker:
    """On a line from -scale to +scale, zero in the middle; what is longer is cut off at the ends."""

    def place(value: float) -> float:
        return 50 + 48 * max(-1.0, min(1.0, value / scale))

    sign = "gain" if low > 0 else "loss" if high < 0 else "open"
    label = f"{fmt.points(estimate)} points {fmt.bracket(low, high)}"
    return Whisker(place(low), place(estimate), place(high), sign, label)


@dataclass(frozen=True)
class ForestRow:
    """`text` is the estimate, `range` its interval in words; `note` a remark such as "near chance"."""

    label: str
    text: str
    range: str
    whisker: Whisker
    note: str
    id: str


@dataclass(frozen=True)
class Forest:
    """`groups` are (title, rows); `scale` is half the width (0-1)."""

    kind: ClassVar[str] = "forest"
    groups: tuple[tuple[str, tuple[ForestRow, ...]], ...]
    scale: float
    caption: str


def forest_scale(estimates: Iterable[float], bounds: Iterable[float]) -> float:
    """Half the width that shows all estimates well and most bounds: a long interval may leave the drawing, no estimate does."""
    largest = max((abs(value) for value in estimates), default=0.0)
    reach = sorted(abs(value) for value in bounds)
    usual = reach[int(0.75 * (len(reach) - 1))] if reach else 0.0
    return max(STEP, float(np.ceil(max(1.25 * largest, min(usual, 4 * largest)) / STEP) * STEP))


def gain_forest(findings: Findings) -> Forest | None:
    """Every chain's gain over no chain, by target, the largest first; None where there is none."""
    rows = [gain for gain in findings.against_none() if gain.interval is not None and not gain.control]
    return _forest(findings, "Gains over no chain", rows, ()) if rows else None


def compared_forest(findings: Findings) -> Forest | None:
    """The study's own comparisons: means over targets first, then target by target; None where there is none. With very many
    only the means are drawn."""
    rows = [gain for gain in findings.compared() if gain.interval is not None]
    means = [average for average in findings.averages if average.group == ALL]
    if not rows:
        return None
    if means and len(rows) > MOST_ROWS:
        return _forest(findings, "The study's own comparisons, means over targets", (), means)
    return _forest(findings, "The study's own comparisons", rows, means)


def _forest(findings: Findings, what: str, rows: Sequence[Gain], means: Sequence[Average]) -> Forest:
    shown: list[Gain | Average] = [*means, *rows]
    intervals = [one.interval for one in shown if one.interval is not None]
    scale = forest_scale([i.estimate for i in intervals], [b for i in intervals for b in (i.low, i.high)])
    several = len(findings.results.encoders) > 1
    groups = []
    if means:
        alike = f"mean over {len(means[0].targets)} targets" if _alike(means) else "mean over targets"
        groups.append((alike, _forest_rows(means, scale, several)))
    for info in findings.results.targets:
        own = [gain for gain in rows if gain.target == info.name]
        if own:
            groups.append((info.name, _forest_rows(own, scale, several)))
    cut = any(max(abs(i.low), abs(i.high)) > scale for i in intervals)
    void = any(row.whisker.sign == "void" for _, lines in groups for row in lines)
    caption = (
        f"{what} with their 95 % intervals, mean of the languages other than English, from {fmt.MINUS}"
        f"{100 * scale:.0f} to +{100 * scale:.0f} points. {filled(len(one.seeds) for one in shown)}"
    )
    caption += " Grey and filled: no evidence either way, see the remark." if void else ""
    return Forest(tuple(groups), scale, caption + (" Longer intervals are cut off at the edge." if cut else ""))


def _alike(means: Sequence[Average]) -> bool:
    return len({average.targets for average in means}) == 1


def _forest_rows(found: Sequence[Gain | Average], scale: float, several: bool) -> tuple[ForestRow, ...]:
    """The largest first."""
    told = not _alike([one for one in found if isinstance(one, Average)])

    def size(one: Gain | Average) -> float:
        return -one.interval.estimate if one.interval else 0.0

    return tuple(_forest_row(one, scale, several, told) for one in sorted(found, key=size))


def _forest_row(one: Gain | Average, scale: float, several: bool, told: bool) -> ForestRow:
    """`told`: a mean names its number of targets."""
    interval = one.interval
    assert interval is not None
    spot = whisker(interval.low, interval.estimate, interval.high, scale)
    if isinstance(one, Gain):
        label = f"{one.chain} over {fmt.mean_of(one.others)}" if one.over == "chain" else one.chain
        note, id, void = ", ".join(marks(one)), gain_id(one), one.near_chance == "both" or one.verdict in DECIDED
    else:
        label = f"{one.chain} over {fmt.mean_of(one.others)}"
        note, id, void = f"{len(one.targets)} targets" if told else "", compared_id(one), one.verdict == "near chance"
    if void:
        spot = replace(spot, sign="void")
    elif len(one.seeds) == 1:
        spot = replace(spot, sign="open")
    return ForestRow(
        label=f"{label}, {one.encoder}" if several else label,
        text=fmt.points(interval.estimate),
        range=fmt.bracket(interval.low, interval.high),
        whisker=spot,
        note=note,
        id=id,
    )


@dataclass(frozen=True)
class Bar:
    """`spent` and `spared` are in percent of the width."""

    label: str
    spent: float
    spared: float
    text: str


@dataclass(frozen=True)
class Bars:
    kind: ClassVar[str] = "bars"
    rows: tuple[Bar, ...]
    caption: str


def cost_bars(kinds: Sequence[KindCost]) -> Bars | None:
    """What each kind of stage took, and what it would have taken more if nothing were shared."""
    shown = [kind for kind in kinds if kind.seconds + kind.saved_seconds > 0]
    longest = max((kind.seconds + kind.saved_seconds for kind in shown), default=0.0)
    if not longest:
        return None
    rows = []
    for kind in shown:
        text = fmt.seconds(kind.seconds) + (f" (+ {fmt.seconds(kind.saved_seconds)})" if kind.saved else "")
        rows.append(Bar(kind.kind, 100 * kind.seconds / longest, 100 * kind.saved_seconds / longest, text))
    caption = "Time by kind of stage. Dark: spent. Light: spared, because cells of the grid share stages (in brackets)."
    return Bars(tuple(rows), caption)
