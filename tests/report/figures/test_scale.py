"""Several encoders: gains side by side and their difference on three scales."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.analysis.fake_results import chain, make_results, target
from xstilts.analysis import formatting as fmt
from xstilts.analysis.encoder_interaction import SCALES, contrasts
from xstilts.analysis.results import Results
from xstilts.report.document import build_document
from xstilts.report.figures.scale import APART, MARGIN, MOST_TICKS, across, contrast_table, scale_chart, scale_forest
from xstilts.report.findings import compute_findings
from xstilts.report.render.html import render_html
from xstilts.report.render.markdown import render_markdown
from xstilts.report.render.pdf import render_pdf

CHAINS = (chain("none"), chain("squad", "squad_v1"))
TARGETS = (target("tydiqa", format="span"), target("xquad", trains_on="squad_v1"))


SIZES = {"base": 85_054_464, "large": 302_309_376}


def results(large: float, sizes: dict[str, int] | None = None) -> Results:
    """In the base encoder squad gains .2; in the large one `large`."""
    sides = []
    for encoder, gain in (("base", 0.2), ("large", large)):
        skill = {(c.name, t.name): 0.4 + gain * (c.name == "squad") for c in CHAINS for t in TARGETS}
        made = make_results(chains=CHAINS, targets=TARGETS, skill=skill, encoders=(encoder,), seeds=(0, 1, 2), n=300, noise=0.002)
        sides.append(made)
    return replace(sides[0], encoders=("base", "large"), cells=(*sides[0].cells, *sides[1].cells), sizes=sizes or {})


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
    forest, table = scale_forest(findings), contrast_table(findings)
    assert forest is not None
    assert table is not None
    assert [title for title, _ in forest.groups] == ["squad → tydiqa"]
    assert [row.label for _, rows in forest.groups for row in rows] == ["base", "large"]
    assert "Encoder by encoder" in render_html(build_document(findings))
    assert render_pdf(build_document(findings)).startswith(b"%PDF")


def test_one_encoder_has_nothing_to_compare() -> None:
    both = results(0.02)
    one = replace(both, encoders=("base",), cells=tuple(c for c in both.cells if c.encoder == "base"))
    findings = compute_findings(one, 200)
    assert contrasts(one, findings.gains) == ()
    assert scale_forest(findings) is None
    assert scale_chart(replace(findings, results=replace(one, sizes=SIZES))) is None
    assert contrast_table(findings) is None


def test_encoders_of_known_size_stand_on_an_axis_of_sizes() -> None:
    findings = compute_findings(results(0.02, SIZES), 200)
    chart = scale_chart(findings)
    assert chart is not None
    assert [panel.title for panel in chart.panels] == ["tydiqa"]
    assert [name.text for name in chart.names] == ["base (85\u00a0M)", "large (302\u00a0M)"]
    assert [name.x for name in chart.names] == [spot.x for spot in chart.panels[0].spots]
    assert [name.x for name in chart.names] == pytest.approx([MARGIN, 100 - MARGIN])
    base, large = chart.panels[0].spots
    assert base.high < base.at < base.low < chart.zero  # wholly above the line of no gain
    assert base.at < large.at
    assert [label for _, label in chart.ticks_x] == ["100\u00a0M", "200\u00a0M"]
    assert base.label.startswith("squad, base: +19.8 points [")
    html = render_html(build_document(findings))
    figure = html[html.index("Encoder by encoder") :].partition("</figure>")[0]
    assert "weights without embeddings" in figure
    assert all(text in figure for text in ("base (85\u00a0M)", "large (302\u00a0M)", "100\u00a0M", f'data-n="{base.id}"'))
    assert figure.count("<circle") == 2 + 1  # two gains, and the legend's
    assert not re.search(r"<(path|polyline)", figure)  # nothing is drawn through the points
    assert render_pdf(build_document(findings)).startswith(b"%PDF")
    said = "2 encoders (base of 85\u00a0M and large of 302\u00a0M weights, embeddings not counted)"
    assert said in render_markdown(build_document(findings))  # where the figure is left out


def test_an_encoder_of_unknown_size_is_named_and_not_drawn() -> None:
    findings = compute_findings(results(0.02), 200)
    both = findings.results
    third = tuple(replace(cell, encoder="third") for cell in both.cells if cell.encoder == "large")
    findings = compute_findings(replace(both, encoders=("base", "large", "third"), cells=(*both.cells, *third), sizes=SIZES), 200)
    chart = scale_chart(findings)
    assert chart is not None
    assert [name.text.partition(" ")[0] for name in chart.names] == ["base", "large"]
    assert "not known: third" in chart.caption
    assert scale_chart(compute_findings(replace(both, sizes={"base": SIZES["base"]}), 200)) is None


def test_what_is_near_chance_is_grey() -> None:
    found = results(0.02, SIZES)
    infos = tuple(replace(info, chance=0.5) for info in found.targets)
    cells = tuple(cell for cell in found.cells if cell.encoder == "large" or cell.chain == "none")
    cells += tuple(replace(cell, encoder="base") for cell in cells if (cell.encoder, cell.chain) == ("large", "squad"))
    findings = compute_findings(replace(found, targets=infos, cells=cells), 200)
    assert {gain.near_chance for gain in findings.against_none()} == {"both"}
    chart = scale_chart(findings)
    assert chart is not None
    assert {spot.name for panel in chart.panels for spot in panel.spots} == {"k1 void"}
    assert "Grey: near chance" in chart.caption
    assert ".scaled .void" in render_html(build_document(findings))


def test_an_interval_too_long_for_the_drawing_reaches_its_edge() -> None:
    high, low = results(0.3, SIZES), results(-0.1, SIZES)
    large = [c for seed, r in enumerate((high, low)) for c in r.cells if (c.encoder, c.seed) == ("large", seed)]
    cells = (*large, *(replace(cell, encoder="base") for cell in large))
    chart = scale_chart(compute_findings(replace(high, cells=cells, seeds=(0, 1)), 200))
    assert chart is not None
    assert "cut off" in chart.caption
    assert {0.0, 100.0} & {end for panel in chart.panels for spot in panel.spots for end in (spot.low, spot.high)}


SIZE = st.integers(min_value=1_000, max_value=20_000_000_000)


@given(st.lists(SIZE, min_size=1, max_size=8))
def test_places_keep_the_order_of_sizes_and_never_coincide(sizes: list[int]) -> None:
    named = {str(rank): size for rank, size in enumerate(sorted(sizes))}
    places, ticks = across(named)
    found = list(places.values())
    assert found == sorted(found)
    assert all(two - one >= APART - 1e-9 for one, two in pairwise(found))
    assert all(0 <= place <= 100 for place in (*found, *(x for x, _ in ticks)))
    assert 1 <= len(ticks) <= MOST_TICKS


def test_equal_ratios_are_equal_distances() -> None:
    places, _ = across({"a": 10_000_000, "b": 30_000_000, "c": 90_000_000})
    assert places["b"] - places["a"] == pytest.approx(places["c"] - places["b"])
    assert math.isclose(places["b"], 50)


def test_sizes_are_written_short() -> None:
    sizes = (640, 25_408, 10_646_784, 85_054_464, 2_830_000_000)
    assert [fmt.weights(size).replace("\u00a0", " ") for size in sizes] == ["640", "25 k", "10.6 M", "85 M", "2.8 B"]
