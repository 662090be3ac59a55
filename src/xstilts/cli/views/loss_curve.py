"""The loss of a running training as a small SVG, for the page that watches a run.

Points are (step, mean loss since the point before). The axis of steps goes from the first to the last of them; the axis of losses
begins at 0 only if the losses come near it.
"""

import math
from collections.abc import Sequence

from markupsafe import Markup

HEIGHT = 112  # px; the width is that of its place
LEFT = 8  # percent of the width: the numbers
TOP, BOTTOM = 7.0, 93.0  # percent of the height: the ends of the axis of losses
LINE = Markup(
    '<line class="grid" x1="{0}%" x2="100%" y1="{1:.1f}%" y2="{1:.1f}%"/>'
    '<text x="{2}%" y="{1:.1f}%" dy=".35em" text-anchor="end">{3:g}</text>'
)
CURVE = Markup(
    '<svg class="curve" width="100%" height="{}" role="img" aria-label="{}">{}<svg x="{}%" width="{}%" height="100%" '
    'viewBox="0 0 100 100" preserveAspectRatio="none"><polyline points="{}"/></svg></svg>'
)


def draw_losses(points: Sequence[tuple[int, float]]) -> Markup:
    """The curve of at least two points; nothing for fewer."""
    if len(points) < 2:
        return Markup("")
    losses = [loss for _, loss in points]
    ticks = choose_ticks(min(losses), max(losses))

    def y(loss: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * (loss - ticks[0]) / (ticks[-1] - ticks[0])

    (first, before), (last, now) = points[0], points[-1]
    line = " ".join(f"{100 * (step - first) / (last - first):.2f},{y(loss):.2f}" for step, loss in points)
    label = f"loss from {before:.3f} at step {first:,} to {now:.3f} at step {last:,}"
    grid = Markup("").join(LINE.format(LEFT, y(tick), LEFT - 1, tick) for tick in ticks)
    return CURVE.format(HEIGHT, label, grid, LEFT, 100 - LEFT, line)


def choose_ticks(low: float, high: float) -> list[float]:
    """Two to five round numbers around all losses: below the lowest and above the highest."""
    span = max(high - low, 0.01 * max(abs(high), 0.01))
    step = next(x for power in range(-6, 12) for x in (10.0**power, 2 * 10.0**power, 5 * 10.0**power) if x * 3 >= span)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(n * step, 9) for n in range(first, max(last, first + 1) + 1)]
