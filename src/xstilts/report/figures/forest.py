"""Forest plots: estimates with their intervals, row below row, zero in the middle."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from xstilts.analysis import formatting as fmt
from xstilts.analysis.breakdown import ALL
from xstilts.analysis.gains import NOT_TESTED, Gain, GainVerdict
from xstilts.analysis.mean_gains import MeanGain
from xstilts.metrics.significance import FEWEST_SEEDS, Interval
from xstilts.report.figures.drawing import Arrow, Dot, Drawing, FigureRow, Mark, Plot, RowFigure, Stroke
from xstilts.report.figures.looks import draw_ticks
from xstilts.report.findings import Findings
from xstilts.report.provenance.numbers import average_gain_id, best_setting_id, gain_id, write_gain
from xstilts.report.tables.gains import list_remarks
from xstilts.report.tables.retrieval import name_columns

IntervalLook = Literal["gain", "loss", "unclear", "void"]
STEP = 0.05
MOST_ROWS = 60  # of a forest of the study's own comparisons


def choose_scale(intervals: Sequence[Interval], bounds: bool = True) -> float:
    """Half the width (0-1) that shows all estimates and, with `bounds`, most intervals."""
    largest = max((abs(i.estimate) for i in intervals), default=0.0)
    reach = sorted(abs(bound) for i in intervals for bound in (i.low, i.high)) if bounds else []
    usual = reach[int(0.75 * (len(reach) - 1))] if reach else 0.0
    return max(STEP, float(np.ceil(max(1.25 * largest, min(usual, 4 * largest)) / STEP) * STEP))


def place(value: float, scale: float) -> float:
    """Percent of the width on an axis from -scale to +scale. Longer intervals are cut off at the edge."""
    return 50 + 46 * max(-1.0, min(1.0, value / scale))


def choose_look(verdict: GainVerdict) -> IntervalLook:
    """Filled for a clear gain or loss, dotted for what is no evidence, else hollow."""
    if verdict == "gain" or verdict == "loss":
        return verdict
    return "void" if verdict in NOT_TESTED else "unclear"


def draw_interval(interval: Interval, scale: float, look: IntervalLook = "unclear") -> Drawing:
    """A dot with whiskers on the lines of the axis. A whisker that is cut at the edge ends in an arrow."""
    low, high = place(interval.low, scale), place(interval.high, scale)
    grid = (Stroke(place(at, scale), 0, place(at, scale), 100, "grid") for at in list_ticks(scale) if at)
    cut = [Arrow(low, 50, "left", look)] if interval.low < -scale else []
    cut += [Arrow(high, 50, "right", look)] if interval.high > scale else []
    dot = [] if look == "void" else [Dot(place(interval.estimate, scale), 50, look, radius=3.5)]
    marks: tuple[Mark, ...] = (*grid, Stroke(50, 0, 50, 100, "zero"), Stroke(low, 50, high, 50, look), *cut, *dot)
    return Drawing(marks, 18, write_gain(interval).replace(" ", " points ", 1))


def list_ticks(scale: float) -> tuple[float, ...]:
    """Five values (0-1) on an axis from -scale to +scale."""
    return tuple(share * scale for share in (-1, -0.5, 0, 0.5, 1))


def draw_axis(scale: float) -> Drawing:
    """The ticks of an axis from -scale to +scale, in points."""
    return draw_ticks((place(at, scale), fmt.points(at).removesuffix(".0")) for at in list_ticks(scale))


def describe_marks(verdicts: Iterable[GainVerdict]) -> str:
    """What bold, filled, hollow and dotted mean: one rule for every map and forest."""
    found = set(verdicts)
    if found <= {"few seeds", *NOT_TESTED}:
        text = f"Nothing is bold or filled: it takes {FEWEST_SEEDS} seeds to decide."
    else:
        text = "Bold and filled: clear after Holm's correction; otherwise hollow."
    return f"{text} Grey and dotted: no evidence." if found & set(NOT_TESTED) else text


def make_gain_forest(findings: Findings) -> RowFigure | None:
    """Every chain's gain over no chain, by target, the largest first; None where there is none."""
    rows = [gain for gain in findings.gains_over("none") if gain.interval is not None and not gain.control]
    return _make_forest(findings, "The same gains by target, the largest first", rows, ()) if rows else None


def make_comparison_forest(findings: Findings) -> RowFigure | None:
    """The study's own comparisons: means over targets, then each target; only the means if there are more than MOST_ROWS."""
    rows = [gain for gain in findings.gains_over("chain") if gain.interval is not None]
    means = [average for average in findings.averages if average.group == ALL]
    if not rows:
        return None
    own = f" {describe_marks(gain.verdict for gain in rows)}"
    if means and len(rows) > MOST_ROWS:
        return _make_forest(findings, "The study's own comparisons, means over targets", (), means, own)
    return _make_forest(findings, "The study's own comparisons, mean of the languages other than English", rows, means, own)


def _make_forest(findings: Findings, what: str, rows: Sequence[Gain], means: Sequence[MeanGain], more: str = "") -> RowFigure:
    shown: list[Gain | MeanGain] = [*means, *rows]
    best = [one.gain for gain in rows if gain.over == "none" and (one := findings.find_setting(gain))]
    scale = choose_scale([*(one.interval for one in shown if one.interval is not None), *best])
    plots = []
    if means:
        alike = len({average.targets for average in means}) == 1
        title = f"mean over {len(means[0].targets)} targets" if alike else "mean over targets"
        plots.append(_make_plot(findings, title, means, scale, count_targets=not alike))
    for info in findings.results.targets:
        own = [gain for gain in rows if gain.target == info.name]
        swept = [gain for gain in own if gain.over == "none" and findings.find_setting(gain)]
        names = name_columns(findings, swept[0].encoder, info.name) if swept else (info.name,)
        plots += [_make_best_plot(findings, names[0], swept, scale)] if swept else []
        plots += [_make_plot(findings, names[-1], own, scale)] if own else []
    return RowFigure(
        "forest", with_axis(plots, scale), f"{what}, in points, with 95 % intervals.{describe_cut(shown, scale)}{more}"
    )


def with_axis(plots: Sequence[Plot], scale: float) -> tuple[Plot, ...]:
    """Plots that share a scale, with its ticks below the last one."""
    return (*plots[:-1], replace(plots[-1], axis=draw_axis(scale)))


def describe_cut(shown: Iterable[Gain | MeanGain], scale: float) -> str:
    """What a caption says if whiskers are cut."""
    cut = any(max(abs(one.interval.low), abs(one.interval.high)) > scale for one in shown if one.interval is not None)
    return " An arrow: the interval goes on." if cut else ""


def _make_plot(
    findings: Findings, title: str, found: Sequence[Gain | MeanGain], scale: float, count_targets: bool = False
) -> Plot:
    """The largest first."""
    rows = []
    for interval, one in sorted(((i, one) for one in found if (i := one.interval)), key=lambda pair: -pair[0].estimate):
        label = f"{one.chain} over {fmt.mean_of(one.baseline)}"
        if isinstance(one, Gain):
            label = label if one.over == "chain" else one.chain
            note, id = ", ".join(list_remarks(one)), gain_id(one)
        else:
            note, id = f"{len(one.targets)} targets" if count_targets else "", average_gain_id(one)
        rows.append(make_interval_row(findings.label(label, one.encoder), note, interval, scale, id, choose_look(one.verdict)))
    return Plot(title, tuple(rows))


def _make_best_plot(findings: Findings, title: str, gains: Sequence[Gain], scale: float) -> Plot:
    """Gains in retrieval at its best setting, the largest first; none of them is tested."""
    rows = []
    found = [(gain, best) for gain in gains if (best := findings.find_setting(gain))]
    for gain, best in sorted(found, key=lambda pair: -pair[1].gain.estimate):
        look: IntervalLook = "void" if gain.verdict in NOT_TESTED else "unclear"
        label, note = findings.label(gain.chain, gain.encoder), ", ".join(list_remarks(gain))
        rows.append(make_interval_row(label, note, best.gain, scale, best_setting_id(best), look))
    return Plot(title, tuple(rows))


def make_interval_row(label: str, note: str, interval: Interval, scale: float, id: str, look: IntervalLook) -> FigureRow:
    text, range = fmt.points(interval.estimate), fmt.bracket(interval.low, interval.high)
    return FigureRow(label, note, draw_interval(interval, scale, look), text, range, id)
