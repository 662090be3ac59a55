"""How numbers are written in a report: one place, so that HTML, Markdown, CSV and terminal agree to the digit.

Scores and gains are 0-1 inside and are written 0-100; gains carry a sign (with a true minus) and are called points.
"""

from collections.abc import Iterable, Sequence

MINUS = "\u2212"
NOTHING = "\u2013"
JOIN = "\u00a0"  # keeps a number and what belongs to it on one line


def _fixed(value: float, digits: int = 1) -> str:
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", MINUS)


def _sign(text: str) -> str:
    return text if text.startswith(MINUS) or float(text) == 0 else f"+{text}"


def score(value: float | None) -> str:
    """0.8123 -> 81.2"""
    return NOTHING if value is None else _fixed(100 * value)


def points(value: float | None) -> str:
    """0.142 -> +14.2; what rounds to zero has no sign."""
    return NOTHING if value is None else _sign(_fixed(100 * value))


def bracket(low: float, high: float) -> str:
    return f"[{_fixed(100 * low)},{JOIN}{_fixed(100 * high)}]"


def decimal(value: float) -> str:
    """0.1234 -> +0.12; what rounds to zero has no sign."""
    return _sign(_fixed(value, 2))


def p_value(p: float | None) -> str:
    return NOTHING if p is None else f"<{JOIN}0.001" if p < 0.001 else f"{p:.3f}"


def chance(value: float) -> str:
    """0.934 -> 0.93; draws that all agree are not certainty: > 0.99."""
    return f">{JOIN}0.99" if value > 0.99 else f"<{JOIN}0.01" if value < 0.01 else f"{value:.2f}"


def seconds(value: float | None) -> str:
    """12.3 s, 4 min 10 s, 3 h 05 min."""
    if value is None:
        return NOTHING
    if value < 99.95:
        return f"{value:.1f} s"
    if round(value) < 3600:
        return f"{round(value) // 60} min {round(value) % 60:02d} s"
    minutes = round(value / 60)
    return f"{minutes // 60:,} h {minutes % 60:02d} min"


def memory(mib: float | None) -> str:
    return NOTHING if mib is None else f"{mib:.0f} MiB" if mib < 1024 else f"{mib / 1024:.1f} GiB"


def rate(value: float | None) -> str:
    """12345.6 -> 12,346"""
    return NOTHING if value is None else f"{value:,.0f}"


def share(value: float | None) -> str:
    """0.341 -> 34 %; below ten with a decimal: 0.0412 -> 4.1 %"""
    return NOTHING if value is None else f"{100 * value:.{0 if value >= 0.0995 else 1}f}{JOIN}%"


def weights(number: float) -> str:
    """25408 -> 25 k; 10646784 -> 10.6 M; 302309376 -> 302 M."""
    for unit, sign in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if number >= unit:
            text = f"{number / unit:.1f}" if number < 20 * unit else f"{number / unit:.0f}"
            return f"{text.removesuffix('.0')}{JOIN}{sign}"
    return f"{number:.0f}"


def count(number: int, noun: str, plural: str = "") -> str:
    """count(1, "seed") -> 1 seed; count(2, "seed") -> 2 seeds."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def listed(items: Iterable[str], most: int = 0) -> str:
    """a, b and c; beyond `most` items: a, b and 7 more."""
    names = list(items)
    if most and len(names) > most:
        names = [*names[:most], f"{len(names) - most} more"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


def mean_of(names: Sequence[str]) -> str:
    """What a chain is compared with: a, or the mean of a, b and c; the mean of many is not listed whole."""
    return names[0] if len(names) == 1 else f"mean of {listed(names, 3 if len(names) < 4 else 2)}"
