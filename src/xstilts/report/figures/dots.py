"""Dot plots: a row for each language or group, a dot for each chain."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from xstilts.analysis import formatting as fmt
from xstilts.analysis.breakdown import OVERALL, Part, family
from xstilts.analysis.results import LEAK
from xstilts.analysis.scores import ENGLISH, NO_CHAIN, Summary
from xstilts.report.figures.drawing import Dot, Drawing, FigureRow, Mark, Plot, RowFigure, Stroke
from xstilts.report.figures.forest import choose_scale, draw_axis, place
from xstilts.report.figures.looks import NONE_LOOK, choose_looks, draw_ticks, make_legend, mark_chain
from xstilts.report.findings import Findings
from xstilts.report.provenance.numbers import write_gain
from xstilts.report.tables.scores import label_chain

SYNTHETIC = "synthetic"
MOST_ARMS = 12  # with more, controls are not drawn
HEIGHT = 19


def make_language_plots(findings: Findings) -> RowFigure | None:
    """Scores of every chain by language. English is first, then the languages by family."""
    looks = choose_looks(findings)
    plots: list[Plot] = []
    labels: dict[str, None] = {}
    controls = {chain.name for chain in findings.results.chains if chain.control}
    arms = {label_chain(row) for row in findings.summaries}
    left_out = controls if len(arms) > MOST_ARMS else set()
    for encoder, target in dict.fromkeys((row.encoder, row.target) for row in findings.summaries):
        rows = [row for row in findings.summaries if (row.encoder, row.target) == (encoder, target)]
        rows = [row for row in rows if row.chain not in left_out] or rows
        plots.append(_make_language_plot(findings, findings.label(target, encoder), rows, looks))
        labels |= dict.fromkeys(map(label_chain, rows))
    if not plots:
        return None
    caption = (
        "Means over seeds, 0 to 100. English is first. The other languages follow by family; the family with the highest score "
        "without a chain comes first. Synthetic languages are ordered by their distance from English. The dashed line is chance, "
        "if the target has a chance level."
    )
    caption += " The controls of chains are left out, because there are many chains." if left_out & arms else ""
    return RowFigure("dots", tuple(plots), caption, make_legend(labels, looks))


def sort_by_family(codes: Iterable[str], scores: Mapping[str, float]) -> list[tuple[str, str]]:
    """(language, its family): English, then families and languages by falling score; synthetic languages by name."""
    members: dict[str, list[str]] = {}
    for code in codes:
        members.setdefault("" if code == ENGLISH else family(code), []).append(code)
    mean = {name: float(np.mean([scores.get(code, 0.0) for code in own])) for name, own in members.items()}
    order = sorted(members, key=lambda name: (name != "", -mean[name], name))
    rank = {code: 0.0 if name == SYNTHETIC else -scores.get(code, 0.0) for name, own in members.items() for code in own}
    return [(code, name) for name in order for code in sorted(members[name], key=lambda code: (rank[code], code))]


def _draw_row(marks: Iterable[Mark], line: float | None, label: str) -> Drawing:
    """`line` is where the dashed line stands."""
    dashed = [Stroke(line, 0, line, 100, "zero")] if line is not None else []
    return Drawing((Stroke(0, 50, 100, 50, "grid"), *dashed, *marks), HEIGHT, label)


def _make_language_plot(findings: Findings, title: str, rows: Sequence[Summary], looks: Mapping[str, str]) -> Plot:
    info = findings.targets.get(rows[0].target)
    chance = info.chance if info else None
    values = [value for row in rows for value in row.languages.values()] + ([chance] if chance is not None else [])
    low = float(np.floor(10 * min(values)) / 10)
    high = max(float(np.ceil(10 * max(values)) / 10), low + 0.1)

    def x(value: float) -> float:
        return 4 + 92 * (value - low) / (high - low)

    base = next((row for row in rows if row.chain == NO_CHAIN and not row.control), rows[0])
    order = sort_by_family(dict.fromkeys(code for row in rows for code in row.languages), base.languages)
    families = len({name for _, name in order if name})
    drawn, before = [], ""
    for code, name in order:
        own = [(label_chain(row), row.languages[code]) for row in rows if code in row.languages]
        words = [f"{label} {fmt.score(value)}" for label, value in own]
        marks = [mark_chain(x(value), looks.get(label, NONE_LOOK), text) for (label, value), text in zip(own, words, strict=True)]
        drawing = _draw_row(reversed(marks), x(chance) if chance is not None else None, ", ".join(words))
        drawn.append(FigureRow(findings.language(code), name if name != before and families > 1 else "", drawing))
        before = name
    step = 0.02 if high - low < 0.15 else 0.05 if high - low < 0.25 else 0.1 if high - low < 0.55 else 0.2
    first = float(np.ceil(low / step - 1e-9) * step) + 0.0  # never -0
    ticks = draw_ticks((x(float(tick)), f"{100 * tick:.0f}") for tick in np.arange(first, high + 1e-9, step))
    return Plot(title, tuple(drawn), ticks, LEAK if any(row.leak for row in rows) else "")


def make_part_plots(findings: Findings) -> RowFigure | None:
    """Mean gains by group on every axis except the overall one."""
    parts = [part for part in findings.decomposition.parts if part.axis != OVERALL]
    if not parts:
        return None
    looks = choose_looks(findings)
    scale = choose_scale([part.interval for part in parts], bounds=False)
    ticks = draw_axis(scale)
    plots = []
    for encoder, axis in dict.fromkeys((part.encoder, part.axis) for part in parts):
        rows = []
        own = [part for part in parts if (part.encoder, part.axis) == (encoder, axis)]
        for group in dict.fromkeys(part.group for part in own):
            dots = [_draw_part(part, scale, looks) for part in own if part.group == group]
            rows.append(FigureRow(group, "", _draw_row(dots, 50.0, ", ".join(dot.label for dot in dots if isinstance(dot, Dot)))))
        plots.append(Plot(findings.label(f"by {axis}", encoder), tuple(rows), ticks))
    caption = "Mean gain in points over no chain in each group. The dashed line is no gain."
    return RowFigure("dots", tuple(plots), caption, make_legend(dict.fromkeys(part.chain for part in parts), looks))


def _draw_part(part: Part, scale: float, looks: Mapping[str, str]) -> Mark:
    return mark_chain(place(part.interval.estimate, scale), looks[part.chain], f"{part.chain} {write_gain(part.interval)}")
