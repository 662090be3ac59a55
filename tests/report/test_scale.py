"""Several encoders: gains side by side and their difference on three scales."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.report.fake_results import chain, make_results, target
from xstilts.report.analysis import analyse
from xstilts.report.contrasts import SCALES, contrasts
from xstilts.report.page import render_html
from xstilts.report.pdf import render_pdf
from xstilts.report.results import Results
from xstilts.report.scale import contrast_table, scale_forest

CHAINS = (chain("none"), chain("squad", "squad_v1"))
TARGETS = (target("tydiqa", format="span"), target("xquad", trains_on="squad_v1"))


def results(large: float) -> Results:
    """In the base encoder squad gains .2; in the large one `large`."""
    sides = []
    for encoder, gain in (("base", 0.2), ("large", large)):
        skill = {(c.name, t.name): 0.4 + gain * (c.name == "squad") for c in CHAINS for t in TARGETS}
        made = make_results(chains=CHAINS, targets=TARGETS, skill=skill, encoders=(encoder,), seeds=(0, 1, 2), n=300, noise=0.002)
        sides.append(made)
    return replace(sides[0], encoders=("base", "large"), cells=(*sides[0].cells, *sides[1].cells))


def test_a_smaller_gain_is_told_on_all_scales() -> None:
    (found,) = analyse(results(0.02), 200).contrasts
    assert (found.base, found.encoder, found.chain, found.target) == ("base", "large", "squad", "tydiqa")
    assert found.verdict == "smaller"
    points, headroom, logit = found.intervals
    assert points.estimate == pytest.approx(-0.18, abs=0.01)
    assert headroom.estimate == pytest.approx(-0.18 / 0.6, abs=0.02)
    assert logit.high < 0


def test_equal_gains_are_not_called_different() -> None:
    (found,) = analyse(results(0.2), 200).contrasts
    assert found.verdict == "not clear"
    assert all(interval.low <= 0 <= interval.high for interval in found.intervals)
    assert len(found.intervals) == len(SCALES)


def test_figure_and_table_stand_in_every_rendering() -> None:
    analysis = analyse(results(0.02), 200)
    forest, table = scale_forest(analysis), contrast_table(analysis)
    assert forest is not None
    assert table is not None
    assert [title for title, _ in forest.groups] == ["squad → tydiqa"]
    assert [row.label for _, rows in forest.groups for row in rows] == ["base", "large"]
    assert "Encoder by encoder" in render_html(analysis)
    assert render_pdf(analysis).startswith(b"%PDF")


def test_one_encoder_has_nothing_to_compare() -> None:
    both = results(0.02)
    one = replace(both, encoders=("base",), cells=tuple(c for c in both.cells if c.encoder == "base"))
    analysis = analyse(one, 200)
    assert contrasts(one, analysis.gains) == ()
    assert scale_forest(analysis) is None
    assert contrast_table(analysis) is None
