"""Forest plots: estimates with their intervals, row below row, zero in the middle."""

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np

from xstilts.analysis import formatting as fmt
from xstilts.analysis.breakdown import ALL
from xstilts.analysis.gains import NOT_TESTED, Gain
from xstilts.analysis.mean_gains import MeanGain
from xstilts.metrics.significance import FEWEST_SEEDS, Interval
from xstilts.report.figures.drawing import Dot, Drawing, FigureRow, Plot, RowFigure, Stroke
from xstilts.report.findings import Findings
from xstilts.report.provenance.numbers import average_gain_id, gain_id, write_gain
from xstilts.report.tables.gains import list_remarks

IntervalLook = Literal["gain", "loss", "unclear", "void", ""]
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


def draw_interval(interval: Interval, scale: float, look: IntervalLook = "") -> Drawing:
    """A dot with whiskers. The look "" chooses by whether the interval excludes zero."""
    look = look or ("gain" if interval.low > 0 else "loss" if interval.high < 0 else "unclear")
    marks = (
        Stroke(50, 0, 50, 100, "zero"),
        Stroke(place(interval.low, scale), 50, place(interval.high, scale), 50, look),
        Dot(place(interval.estimate, scale), 50, look, radius=3.5),
    )
    label = write_gain(interval).replace(" ", " points ", 1)
    return Drawing(marks, 18, label)


def describe_filled(seeds: Iterable[int]) -> str:
    """What a filled mark means, for comparisons with so many seeds each."""
    if max(seeds, default=FEWEST_SEEDS) < FEWEST_SEEDS:
        return f"No mark is filled: it takes {FEWEST_SEEDS} seeds to decide."
    return "Filled: the 95 % interval excludes zero."


def make_gain_forest(findings: Findings) -> RowFigure | None:
    """Every chain's gain over no chain, by target, the largest first; None where there is none."""
    rows = [gain for gain in findings.gains_over("none") if gain.interval is not None and not gain.control]
    return _make_forest(findings, "Gains over no chain", rows, ()) if rows else None


def make_comparison_forest(findings: Findings) -> RowFigure | None:
    """The study's own comparisons: means over targets, then each target; only the means if there are more than MOST_ROWS."""
    rows = [gain for gain in findings.gains_over("chain") if gain.interval is not None]
    means = [average for average in findings.averages if average.group == ALL]
    if not rows:
        return None
    if means and len(rows) > MOST_ROWS:
        return _make_forest(findings, "The study's own comparisons, means over targets", (), means)
    return _make_forest(findings, "The study's own comparisons", rows, means)


def _make_forest(findings: Findings, what: str, rows: Sequence[Gain], means: Sequence[MeanGain]) -> RowFigure:
    shown: list[Gain | MeanGain] = [*means, *rows]
    scale = choose_scale([one.interval for one in shown if one.interval is not None])
    plots = []
    if means:
        alike = len({average.targets for average in means}) == 1
        title = f"mean over {len(means[0].targets)} targets" if alike else "mean over targets"
        plots.append(_make_plot(findings, title, means, scale, count_targets=not alike))
    for info in findings.results.targets:
        own = [gain for gain in rows if gain.target == info.name]
        plots += [_make_plot(findings, info.name, own, scale)] if own else []
    caption = (
        f"{what} with 95 % intervals, mean of the languages other than English, from {fmt.MINUS}{100 * scale:.0f} to "
        f"+{100 * scale:.0f} points. {describe_filled(len(one.seeds) for one in shown)}"
    )
    if any(_is_void(one) for one in shown):
        caption += " Grey and filled: no evidence, for the reason in the remark."
    if any(max(abs(one.interval.low), abs(one.interval.high)) > scale for one in shown if one.interval is not None):
        caption += " Longer intervals are cut off at the edge."
    return RowFigure("forest", tuple(plots), caption)


def _is_void(one: Gain | MeanGain) -> bool:
    """Whether a comparison is no evidence, whatever its interval."""
    return one.verdict in NOT_TESTED


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
        look: IntervalLook = "void" if _is_void(one) else "unclear" if len(one.seeds) < FEWEST_SEEDS else ""
        rows.append(make_interval_row(findings.label(label, one.encoder), note, interval, scale, id, look))
    return Plot(title, tuple(rows))


def make_interval_row(label: str, note: str, interval: Interval, scale: float, id: str, look: IntervalLook = "") -> FigureRow:
    text, range = fmt.points(interval.estimate), fmt.bracket(interval.low, interval.high)
    return FigureRow(label, note, draw_interval(interval, scale, look), text, range, id)
