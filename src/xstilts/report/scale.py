"""Several encoders in one study: their gains side by side, and how much the gains differ (`contrasts.py`)."""

from __future__ import annotations

from xstilts.report import prose
from xstilts.report.analysis import Analysis
from xstilts.report.content import Table, marks, plain
from xstilts.report.contrasts import SCALES
from xstilts.report.decompose import counted
from xstilts.report.figures import Forest, ForestRow, forest_scale, whisker
from xstilts.report.numbers import Number, contrast_id, gain_id


def scale_forest(analysis: Analysis) -> Forest | None:
    """The gain of every chain on every target, encoder below encoder; None for one encoder."""
    encoders = analysis.results.encoders
    rows = [gain for gain in analysis.against_none() if counted(gain) and gain.interval is not None]
    pairs = [
        own
        for pair in dict.fromkeys((gain.chain, gain.target) for gain in rows)
        if len(own := [gain for gain in rows if (gain.chain, gain.target) == pair]) > 1
    ]
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
            lines.append(ForestRow(gain.encoder, prose.points(at), prose.bracket(low, high), spot, remark, gain_id(gain)))
        groups.append((f"{own[0].chain} → {own[0].target}", tuple(lines)))
    caption = (
        f"The same chain and target in each encoder: gains over no chain with their 95 % intervals, from {prose.MINUS}"
        f"{100 * scale:.0f} to +{100 * scale:.0f} points."
    )
    return Forest(tuple(groups), scale, caption)


def contrast_table(analysis: Analysis) -> Table | None:
    """Differences between gains on three scales; None where there is none."""
    if not analysis.contrasts:
        return None
    rows = []
    for one in analysis.contrasts:
        points, headroom, logit = one.intervals
        texts = (
            f"{prose.points(points.estimate)} {prose.bracket(points.low, points.high)}",
            f"{prose.points(headroom.estimate)} {prose.bracket(headroom.low, headroom.high)}",
            f"{prose.decimal(logit.estimate)} [{prose.decimal(logit.low)},{prose.JOIN}{prose.decimal(logit.high)}]",
        )
        numbers = (Number(text, contrast_id(one, scale)) for text, scale in zip(texts, SCALES, strict=True))
        rows.append((f"{one.chain} → {one.target}", f"{one.encoder} less {one.base}", *numbers, one.verdict))
    columns = ("pair", "encoders", "points", "% of headroom", "log-odds", "difference")
    caption = (
        "How much more a chain gains in one encoder than in the first: in points, in percent of what the score without it left "
        "to gain, and in log-odds, each with its 95 % interval. Clear only if zero is excluded on all three."
    )
    return plain(caption, columns, rows, range(2, 5))
