"""The loss of a running training as a small SVG, for the page that watches a run.

Points are (step, mean loss since the point before). The axis of steps goes to the last step of the training, so that the curve
also shows how far it is. The axis of losses begins at 0 only if the losses come near it.
"""

import math
from collections.abc import Sequence

from markupsafe import Markup

HEIGHT = 112  # px; the width is that of its place
TOP, BOTTOM = 10.0, 92.0  # percent of the height: the ends of the axis of losses
LINE = Markup('<line class="grid" x1="0" x2="100%" y1="{0:.1f}%" y2="{0:.1f}%"/><text x="0" y="{0:.1f}%" dy="-.3em">{1:g}</text>')
CURVE = Markup(
    '<svg class="curve" width="100%" height="{}" role="img" aria-label="{}">{}'
    '<svg viewBox="0 0 100 100" preserveAspectRatio="none" width="100%" height="100%"><polyline points="{}"/></svg></svg>'
)


def draw_losses(points: Sequence[tuple[int, float]], steps: int) -> Markup:
    """The curve of at least two points; nothing for fewer."""
    if len(points) < 2:
        return Markup("")
    losses = [loss for _, loss in points]
    ticks = choose_ticks(min(losses), max(losses))
    low, high = ticks[0], ticks[-1]

    def y(loss: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * (loss - low) / (high - low)

    last = max(steps, points[-1][0])
    line = " ".join(f"{100 * step / last:.2f},{y(loss):.2f}" for step, loss in points)
    (first, before), (now, loss) = points[0], points[-1]
    label = f"loss from {before:.3f} at step {first:,} to {loss:.3f} at step {now:,} of {last:,}"
    return CURVE.format(HEIGHT, label, Markup("").join(LINE.format(y(tick), tick) for tick in ticks), line)


def choose_ticks(low: float, high: float) -> list[float]:
    """Two to four round numbers around all losses: below the lowest and above the highest."""
    span = max(high - low, 0.01 * max(abs(high), 0.01))
    step = next(x for power in range(-6, 12) for x in (10.0**power, 2 * 10.0**power, 5 * 10.0**power) if x * 2.5 >= span)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(n * step, 9) for n in range(first, max(last, first + 1) + 1)]
