"""Dot plots: axes with round ticks, dots on the axis, families in order."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.analysis.fake_results import chain, controls, make_results, target
from xstilts.analysis.results import ChainInfo
from xstilts.report.figures.dots import MOST_ARMS, make_language_plots, sort_by_family
from xstilts.report.figures.drawing import Dot, Drawing, RowFigure, Stroke, TextMark
from xstilts.report.findings import Findings, compute_findings

CHAINS = (chain("none"), chain("squad", "squad_v1"))
TARGET = target("xnli", languages=("en", "de", "sw"), chance=1 / 3)
LEVELS = st.floats(min_value=0.0, max_value=1.0, allow_nan=False)


def plotted(low: float, high: float) -> Findings:
    skill = {("none", "xnli"): 0.5, ("squad", "xnli"): 0.6}
    found = compute_findings(make_results(chains=CHAINS, targets=(TARGET,), skill=skill, n=20, seeds=(0,)), 50)
    rows = tuple(replace(row, languages={"en": high, "de": low, "sw": (low + high) / 2}) for row in found.summaries)
    return replace(found, summaries=rows)


FINDINGS = plotted(0.2, 0.4)


def places(drawing: Drawing) -> list[float]:
    """Where the marks of the chains are."""
    named = [mark for mark in drawing.marks if isinstance(mark, Dot | Stroke) and mark.label]
    assert len(named) == 2
    return [mark.x if isinstance(mark, Dot) else mark.x1 for mark in named]


@given(LEVELS, LEVELS)
@settings(max_examples=60, deadline=None)
def test_ticks_are_round_and_dots_lie_on_the_axis(one: float, other: float) -> None:
    low, high = sorted((one, other))
    rows = tuple(replace(row, languages={"en": high, "de": low, "sw": (low + high) / 2}) for row in FINDINGS.summaries)
    plots = make_language_plots(replace(FINDINGS, summaries=rows))
    assert plots is not None
    (plot,) = plots.plots
    assert plot.axis is not None
    ticks = [mark for mark in plot.axis.marks if isinstance(mark, TextMark)]
    labels = [tick.text for tick in ticks]
    assert 2 <= len(labels) <= 8
    assert len(set(labels)) == len(labels)
    numbers = [int(label) for label in labels]
    step = numbers[1] - numbers[0]
    assert all(number % step == 0 for number in numbers)
    assert "-0" not in labels
    assert all(0 <= x <= 100 for row in plot.rows for x in places(row.drawing))
    assert all(0 <= tick.x <= 100 for tick in ticks)


def test_english_comes_first_and_families_stay_together() -> None:
    scores = {"en": 0.4, "de": 0.6, "nl": 0.2, "sw": 0.5, "fr": 0.7}
    found = [code for code, _ in sort_by_family(scores, scores)]
    assert found == ["en", "fr", "sw", "de", "nl"]


def test_many_arms_are_drawn_without_their_controls() -> None:
    own = tuple(chain(f"c{number}", "squad_v1") for number in range(MOST_ARMS // 2))
    every = (chain("none"), *own, *(control for one in own for control in controls(one)))

    def drawn(chains: tuple[ChainInfo, ...]) -> RowFigure:
        skill = {(one.name, "xnli"): 0.5 for one in chains}
        results = make_results(chains=chains, targets=(TARGET,), skill=skill, n=20, seeds=(0,))
        plots = make_language_plots(compute_findings(results, 50))
        assert plots is not None
        return plots

    few, many = drawn((*every[:2], every[-2])), drawn(every)
    assert [entry.label for entry in few.legend] == ["none", "c0", "c5~placebo"]
    assert "left out" not in few.caption
    assert [entry.label for entry in many.legend] == ["none", *(one.name for one in own)]
    assert "controls of chains are left out" in many.caption
