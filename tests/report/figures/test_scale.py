"""Several encoders: gains side by side and their difference on three scales."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from itertools import pairwise
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.analysis.fake_results import chain, make_results, target
from xstilts.analysis import formatting as fmt
from xstilts.analysis.encoder_interaction import SCALES, compare_encoders
from xstilts.analysis.results import Results
from xstilts.report.document import build_document
from xstilts.report.figures.drawing import Arrow, Dot, Drawing, Mark, Stroke, TextMark
from xstilts.report.figures.scale import APART, MOST_TICKS, make_scale_figure, make_scale_forest, place_sizes
from xstilts.report.findings import compute_findings
from xstilts.report.render.html import render_html
from xstilts.report.render.markdown import render_markdown
from xstilts.report.render.pdf import render_pdf
from xstilts.report.tables.encoders import contrast_table

CHAINS = (chain("none"), chain("squad", "squad_v1"))
TARGETS = (target("tydiqa", format="span"), target("xquad", trains_on="squad_v1"))


T = TypeVar("T", bound=Mark)
SIZES = {"base": 85_054_464, "large": 302_309_376}


def results(large: float, sizes: dict[str, int] | None = None) -> Results:
    """In the base encoder squad gains .2; in the large one `large`."""
    sides = []
    for encoder, gain in (("base", 0.2), ("large", large)):
        skill = {(c.name, t.name): 0.4 + gain * (c.name == "squad") for c in CHAINS for t in TARGETS}
        made = make_results(chains=CHAINS, targets=TARGETS, skill=skill, encoders=(encoder,), seeds=(0, 1, 2), n=300, noise=0.002)
        sides.append(made)
    return replace(sides[0], encoders=("base", "large"), cells=(*sides[0].cells, *sides[1].cells), sizes=sizes or {})


def pick(drawing: Drawing, sort: type[T]) -> list[T]:
    return [mark for mark in drawing.marks if isinstance(mark, sort)]


def test_a_smaller_gain_is_told_on_all_scales() -> None:
    (found,) = compute_findings(results(0.02), 200).contrasts
    assert (found.base, found.encoder, found.chain, found.target) == ("base", "large", "squad", "tydiqa")
    assert found.verdict == "smaller"
    points, headroom, logit = found.intervals
    assert points.estimate == pytest.approx(-0.18, abs=0.01)
    assert headroom.estimate == pytest.approx(-0.18 / 0.6, abs=0.02)
    assert logit.high < 0
    (said, *_) = compute_findings(results(0.02), 200).answer.support
    assert said.startswith("Between encoders 1 of 1 gain compared differs on all three scales, uncorrected (most: squad → tydiqa")


def test_equal_gains_are_not_called_different() -> None:
    (found,) = compute_findings(results(0.2), 200).contrasts
    assert found.verdict == "not clear"
    assert all(interval.low <= 0 <= interval.high for interval in found.intervals)
    assert len(found.intervals) == len(SCALES)
    assert "Between encoders no gain differs on all three scales" in compute_findings(results(0.2), 200).answer.support[0]


def test_figure_and_table_stand_in_every_rendering() -> None:
    findings = compute_findings(results(0.02), 200)
    forest, table = make_scale_forest(findings), contrast_table(findings)
    assert forest is not None
    assert table is not None
    assert [plot.title for plot in forest.plots] == ["squad → tydiqa"]
    assert [row.label for plot in forest.plots for row in plot.rows] == ["base", "large"]
    assert "Gains by encoder" in render_html(build_document(findings))
    assert render_pdf(build_document(findings)).startswith(b"%PDF")


def test_one_encoder_has_nothing_to_compare() -> None:
    both = results(0.02)
    one = replace(both, encoders=("base",), cells=tuple(c for c in both.cells if c.encoder == "base"))
    findings = compute_findings(one, 200)
    assert compare_encoders(one, findings.gains) == ()
    assert make_scale_forest(findings) is None
    assert make_scale_figure(replace(findings, results=replace(one, sizes=SIZES))) is None
    assert contrast_table(findings) is None


def test_encoders_of_known_size_stand_on_an_axis_of_sizes() -> None:
    findings = compute_findings(results(0.02, SIZES), 200)
    figure = make_scale_figure(findings)
    assert figure is not None
    assert [panel.title for panel in figure.panels] == ["tydiqa"]
    drawing = figure.panels[0].drawing
    words = [mark.text for mark in drawing.marks if isinstance(mark, TextMark)]
    assert [text for text in words if "M" in text] == ["base (85\u00a0M)", "large (302\u00a0M)", "100\u00a0M", "200\u00a0M"]
    base, large = pick(drawing, Dot)
    base_whisker, large_whisker = (mark for mark in pick(drawing, Stroke) if mark.look.startswith("k"))
    (zero,) = (mark for mark in pick(drawing, Stroke) if mark.look == "axis")
    assert [base.x, large.x] == [mark.x for mark in pick(drawing, Dot)] == [base_whisker.x1, large_whisker.x1]
    assert base_whisker.y1 < base.y < base_whisker.y2 < zero.y1  # wholly above the line of no gain
    assert base.y < large.y
    assert base.label.startswith("squad, base: +19.8 [")
    html = render_html(build_document(findings))
    section = html[html.index("Gains by encoder") :].partition("</figure>")[0]
    assert "weights without embeddings" in section
    assert all(text in section for text in ("base (85\u00a0M)", "large (302\u00a0M)", "100\u00a0M", f'data-n="{base.id}"'))
    assert section.count("<circle") == 2 + 1  # two gains, and the legend's
    assert not re.search(r"<(path|polyline)", section)  # nothing is drawn through the points
    assert render_pdf(build_document(findings)).startswith(b"%PDF")
    said = "2 encoders (base with 85\u00a0M and large with 302\u00a0M weights, embeddings not counted)"
    assert said in render_markdown(build_document(findings))  # where the figure is left out


def test_an_encoder_of_unknown_size_is_named_and_not_drawn() -> None:
    findings = compute_findings(results(0.02), 200)
    both = findings.results
    third = tuple(replace(cell, encoder="third") for cell in both.cells if cell.encoder == "large")
    findings = compute_findings(replace(both, encoders=("base", "large", "third"), cells=(*both.cells, *third), sizes=SIZES), 200)
    figure = make_scale_figure(findings)
    assert figure is not None
    words = [mark.text.partition(" ")[0] for mark in pick(figure.panels[0].drawing, TextMark)]
    assert [word for word in words if word in ("base", "large", "third")] == ["base", "large"]
    assert "not known: third" in figure.caption
    assert make_scale_figure(compute_findings(replace(both, sizes={"base": SIZES["base"]}), 200)) is None


def test_what_is_near_chance_is_grey() -> None:
    found = results(0.02, SIZES)
    infos = tuple(replace(info, chance=0.5) for info in found.targets)
    cells = tuple(cell for cell in found.cells if cell.encoder == "large" or cell.chain == "none")
    cells += tuple(replace(cell, encoder="base") for cell in cells if (cell.encoder, cell.chain) == ("large", "squad"))
    findings = compute_findings(replace(found, targets=infos, cells=cells), 200)
    assert {gain.near_chance for gain in findings.gains_over("none")} == {"both"}
    figure = make_scale_figure(findings)
    assert figure is not None
    assert {dot.look for panel in figure.panels for dot in pick(panel.drawing, Dot)} == {"k1 void"}
    assert "Grey and dotted: no evidence" in figure.caption
    assert ".drawing .void" in render_html(build_document(findings))


def test_an_interval_too_long_for_the_drawing_reaches_its_edge() -> None:
    high, low = results(0.3, SIZES), results(-0.1, SIZES)
    large = [c for seed, r in enumerate((high, low)) for c in r.cells if (c.encoder, c.seed) == ("large", seed)]
    cells = (*large, *(replace(cell, encoder="base") for cell in large))
    figure = make_scale_figure(compute_findings(replace(high, cells=cells, seeds=(0, 1)), 200))
    assert figure is not None
    assert "An arrow: the interval goes on." in figure.caption
    drawing = figure.panels[0].drawing
    whiskers = [mark for mark in pick(drawing, Stroke) if mark.look.startswith("k")]
    plot = [mark for mark in pick(drawing, Stroke) if mark.look == "lead"]  # from the names to the end of the plot
    grid = [mark.y1 for mark in pick(drawing, Stroke) if mark.look == "grid"]
    cut = [mark for mark in whiskers if mark.y1 < min(grid) or mark.y2 == plot[0].y2]
    assert cut
    heads = {(arrow.x, arrow.y) for arrow in pick(drawing, Arrow)}
    assert all({(mark.x1, mark.y1), (mark.x2, mark.y2)} & heads for mark in cut)


SIZE = st.integers(min_value=1_000, max_value=20_000_000_000)


@given(st.lists(SIZE, min_size=1, max_size=8))
def test_places_keep_the_order_of_sizes_and_never_coincide(sizes: list[int]) -> None:
    named = {str(rank): size for rank, size in enumerate(sorted(sizes))}
    places, ticks = place_sizes(named)
    found = list(places.values())
    assert found == sorted(found)
    assert all(two - one >= APART - 1e-9 for one, two in pairwise(found))
    assert all(0 <= place <= 100 for place in (*found, *(x for x, _ in ticks)))
    assert 1 <= len(ticks) <= MOST_TICKS


def test_equal_ratios_are_equal_distances() -> None:
    places, _ = place_sizes({"a": 10_000_000, "b": 30_000_000, "c": 90_000_000})
    assert places["b"] - places["a"] == pytest.approx(places["c"] - places["b"])
    assert math.isclose(places["b"], 50)


def test_sizes_are_written_short() -> None:
    sizes = (640, 25_408, 10_646_784, 85_054_464, 2_830_000_000)
    assert [fmt.weights(size).replace("\u00a0", " ") for size in sizes] == ["640", "25 k", "10.6 M", "85 M", "2.8 B"]
