"""Figures as inline SVG: no script, no font, no drawing library. Positions are percentages; colours are CSS classes."""

from __future__ import annotations

from markupsafe import Markup, escape

from xstilts.report.figures.dots import Dot, DotRow
from xstilts.report.figures.figures import Bar, Whisker
from xstilts.report.figures.layers import LayerPanel
from xstilts.report.figures.scale import ScaleChart, ScalePanel, ScaleSpot


def forest(spot: Whisker) -> Markup:
    """A dot with whiskers, zero in the middle."""
    return Markup(
        '<svg class="forest" role="img" aria-label="{}"><line class="zero" x1="50%" x2="50%" y1="0" y2="100%"/>'
        '<line class="whisker {}" x1="{:.1f}%" x2="{:.1f}%" y1="50%" y2="50%"/>'
        '<circle class="dot {}" cx="{:.1f}%" cy="50%" r="3.5"/></svg>'
    ).format(spot.label, spot.sign, spot.left, spot.right, spot.sign, spot.at)


def dots(row: DotRow, line: float | None) -> Markup:
    """The dots of one row on their axis; `line` is where the dashed line stands."""
    chance = Markup('<line class="chance" x1="{0:.1f}%" x2="{0:.1f}%" y1="0" y2="100%"/>').format(line or 0.0)
    label = ", ".join(dot.label for dot in reversed(row.dots))
    return Markup(
        '<svg class="dots" role="img" aria-label="{}"><line class="axis" x1="0" x2="100%" y1="50%" y2="50%"/>{}{}</svg>'
    ).format(label, chance if line is not None else "", Markup("").join(map(_dot, row.dots)))


def _dot(dot: Dot) -> Markup:
    if dot.stroke:
        shape = '<line class="tick {0}" x1="{1:.1f}%" x2="{1:.1f}%" y1="8%" y2="92%"><title>{2}</title></line>'
        return Markup(shape).format(dot.name, dot.x, dot.label)
    return Markup('<circle class="{}" cx="{:.1f}%" cy="50%" r="4"><title>{}</title></circle>').format(dot.name, dot.x, dot.label)


def bar(row: Bar) -> Markup:
    """Time spent, and beside it time spared."""
    return Markup(
        '<svg class="bar" role="img" aria-label="{}"><rect class="spent" x="0" width="{:.2f}%" height="100%"/>'
        '<rect class="spared" x="{:.2f}%" width="{:.2f}%" height="100%"/></svg>'
    ).format(f"{row.label}: {row.text}", row.spent, row.spent, row.spared)


def panel(one: LayerPanel) -> Markup:
    """Accuracy by layer."""
    parts = [f'<path class="grid" d="M0 {y:.1f}H100"/>' for y in one.grid]
    if one.used is not None:
        parts.append(f'<path class="used" d="M{one.used:.1f} 2V98"/>')
    for line in one.lines:
        path = "L".join(f"{x:.2f} {y:.2f}" for x, y in line.points)
        spots = "".join(f"M{x:.2f} {y:.2f}h0" for x, y in line.points)
        parts.append(f'<path class="line {line.name}" d="M{path}"/><path class="spots {line.name}" d="{spots}"/>')
    label = escape(f"retrieval accuracy by layer, {one.title}")
    return Markup(
        f'<svg class="layers" viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label="{label}">'
        f"{''.join(parts)}</svg>"
    )


def scale_panel(chart: ScaleChart, one: ScalePanel) -> Markup:
    """Gains by size: an upright interval and a dot for each, on lines that lead up to the encoders' names."""
    grid = [Markup('<line class="grid" x1="0" x2="100%" y1="{0:.1f}%" y2="{0:.1f}%"/>').format(y) for y, _ in chart.ticks_y]
    leads = [Markup('<line class="lead" x1="{0:.1f}%" x2="{0:.1f}%" y1="0" y2="100%"/>').format(name.x) for name in chart.names]
    zero = Markup('<line class="zero" x1="0" x2="100%" y1="{0:.1f}%" y2="{0:.1f}%"/>').format(chart.zero)
    label = f"gains on {one.title} by size of the encoder"
    return Markup('<svg class="scaled" role="img" aria-label="{}">{}{}{}{}</svg>').format(
        label, Markup("").join(grid), Markup("").join(leads), zero, Markup("").join(map(_spot, one.spots))
    )


def _spot(spot: ScaleSpot) -> Markup:
    return Markup(
        '<g data-n="{5}"><line class="reach {0}" x1="{1:.2f}%" x2="{1:.2f}%" y1="{2:.1f}%" y2="{3:.1f}%"/>'
        '<circle class="{0}" cx="{1:.2f}%" cy="{4:.1f}%" r="4.5"><title>{6}</title></circle></g>'
    ).format(spot.name, spot.x, spot.high, spot.low, spot.at, spot.id, spot.label)
