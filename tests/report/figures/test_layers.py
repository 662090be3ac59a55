"""Retrieval by layer: drawn where there are layers to compare, a table alone where there is one."""

from __future__ import annotations

from dataclasses import replace

from tests.analysis.fake_results import chain, make_results, target
from xstilts.report.document import build_document
from xstilts.report.figures.drawing import Dot, PanelFigure
from xstilts.report.figures.layers import make_layer_figure
from xstilts.report.findings import Findings, compute_findings
from xstilts.report.tables.retrieval import group_sweeps, retrieval_table

CHAINS = (chain("none"), chain("squad", "squad_v1"))
TARGETS = (target("tatoeba", format="embed", languages=("de", "sw")),)


def swept(*layers: int) -> Findings:
    """Of an encoder of four layers only `layers` were scored; layer 2 is the reported one."""
    skill = {("none", "tatoeba"): 0.4, ("squad", "tatoeba"): 0.6}
    found = make_results(chains=CHAINS, targets=TARGETS, skill=skill, layers=4, n=100)
    cells = (replace(cell, layers=tuple(point for point in cell.layers if point.layer in layers)) for cell in found.cells)
    return compute_findings(replace(found, cells=tuple(cells)), 100)


def test_one_layer_is_a_table_and_no_empty_drawing() -> None:
    findings = swept(2)
    (own,) = group_sweeps(findings).values()
    assert make_layer_figure(findings, own) is None
    assert retrieval_table(findings, own).rows == 3  # none, squad, random weights
    section = next(section for section in build_document(findings).sections if section.title.startswith("Retrieval"))
    assert section.title == "Retrieval, plain and centred"
    assert [block.kind for block in section.blocks] == ["text", "table", "heading", "table"]


def test_several_layers_are_drawn() -> None:
    findings = swept(1, 2, 3)
    (own,) = group_sweeps(findings).values()
    figure = make_layer_figure(findings, own)
    assert isinstance(figure, PanelFigure)
    assert len(figure.panels) == 4  # two poolings, plain and centred
    for panel in figure.panels:
        spots = [mark.look for mark in panel.drawing.marks if isinstance(mark, Dot)]
        assert spots == [look for look in ("k0", "k1", "kr") for _ in range(3)]  # three layers of each chain
    section = next(section for section in build_document(findings).sections if section.title == "Retrieval by layer")
    assert [block.kind for block in section.blocks] == ["text", "table", "heading", "panels", "table"]
