"""Every number that a report prints has an id that leads to the stages behind it."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from tests.analysis.fake_results import chain, make_results, target
from xstilts.analysis.results import Results, StageCost
from xstilts.errors import InputError
from xstilts.report.document import build_document
from xstilts.report.findings import Findings, compute_findings
from xstilts.report.provenance.explain import explain, write_trace
from xstilts.report.provenance.numbers import Number
from xstilts.report.provenance.origins import find_origins
from xstilts.report.render.html import render_html
from xstilts.report.tables.table import Table
from xstilts.report.write import write_report

CHAINS = (chain("none"), chain("squad", "squad_v1"), chain("nli", "snli"))
TARGETS = (
    target("xnli", chance=1 / 3, trains_on="mnli"),
    target("tydiqa", format="span"),
    target("tatoeba", format="embed", languages=("de", "sw"), chance=1 / 200),
)


def results(encoders: tuple[str, ...] = ("mini",)) -> Results:
    """Each cell has a score stage, which rests on a training, which rests on the encoder."""
    skill = {(c.name, t.name): 0.4 + 0.1 * (c.name == "squad") for c in CHAINS for t in TARGETS}
    found = make_results(chains=CHAINS, targets=TARGETS, skill=skill, encoders=encoders, layers=3, n=80)
    cells = tuple(replace(cell, key=f"score-{cell.encoder}-{cell.key}") for cell in found.cells)
    costs = [StageCost("encoder", "mini", "encoder", "done", 1.0, None, 1, False, "")]
    for cell in cells:
        made = f"train-{cell.key}"
        costs.append(StageCost("train", made, made, "done", 2.0, None, 1, False, "", inputs=("encoder",)))
        costs.append(StageCost("score", cell.key, cell.key, "done", 0.1, None, 1, False, "", inputs=(made,)))
    return replace(found, cells=cells, costs=tuple(costs))


@pytest.fixture(scope="module")
def findings() -> Findings:
    return compute_findings(results(("mini", "maxi")), 100)


def test_every_id_of_the_page_and_the_tables_is_known(findings: Findings, tmp_path: Path) -> None:
    known = find_origins(findings)
    html = render_html(build_document(findings))
    shown = {unescape(id) for id in re.findall(r'data-n="([^"]*)"', html)}
    assert len(shown) > 100
    assert shown <= set(known)
    write_report(findings, tmp_path)
    for name in ("scores.csv", "gains.csv", "parts.csv"):
        with (tmp_path / name).open() as file:
            ids = {row["id"] for row in csv.DictReader(file)}
        assert ids
        assert ids <= set(known)


def test_every_number_of_a_result_table_has_an_id(findings: Findings) -> None:
    """What has a digit in a column of numbers carries an id; counts (targets, languages, points) and chance need none."""
    titles = ("Gains by group", "Gains by encoder", "Scores", "Benchmark averages", "Retrieval by layer")
    counts = {"targets", "languages", "change by seed", "by seed", "p (Holm)", "covers"}
    tables = [b for s in build_document(findings).sections if s.title in titles for b in s.blocks if isinstance(b, Table)]
    assert len(tables) >= 8
    known = find_origins(findings)
    numbers = [
        (table, line, text)
        for table in tables
        for _, lines in table.groups
        for line in lines
        for index, text in enumerate(line)
        if index in table.numeric and table.columns[index] not in counts and line[0] != "chance"
    ]
    seen = 0
    for table, line, text in numbers:
        if any(sign.isdigit() for sign in text):
            assert isinstance(text, Number), (table.caption, line, text)
            seen += 1
            if not text.id.startswith("contrast/"):  # the origin has them unrounded, without a unit
                assert text.split()[0].strip("†‡§") == known[text.id].text.split()[0].strip("†‡§")
    assert seen > 60


def test_the_chain_of_stages_is_complete_and_in_order(findings: Findings) -> None:
    trace = explain(findings, "gain/mini/squad/tydiqa/sw")
    assert {cost.kind for cost in trace.stages} == {"encoder", "train", "score"}
    assert len(trace.stages) == 1 + 2 * 6  # three seeds of two chains
    place = {cost.key: rank for rank, cost in enumerate(trace.stages)}
    assert all(place[source] < place[cost.key] for cost in trace.stages for source in cost.inputs)
    assert trace.unknown == ()
    text = "\n".join(write_trace(trace))
    assert "squad minus the score of none on tydiqa in Swahili" in text
    assert "13 stages in total" in text


def test_one_seed_leads_to_its_own_artefacts_only(findings: Findings) -> None:
    trace = explain(findings, "gain/mini/squad/tydiqa/others/seed-1")
    assert set(trace.origin.keys) == {"score-mini-squad-tydiqa-1", "score-mini-none-tydiqa-1"}
    trace = explain(findings, "score/maxi/none/xnli/de/seed-0")
    assert trace.origin.keys == ("score-maxi-none-xnli-0",)


def test_an_unknown_id_is_refused_with_a_hint(findings: Findings) -> None:
    with pytest.raises(InputError, match=r"did you mean gain/mini/squad/tydiqa/sw\?"):
        explain(findings, "gain/mini/squad/tydiqa/sv")


def test_an_artefact_outside_the_plan_is_said_to_be(findings: Findings) -> None:
    bare = compute_findings(replace(results(), costs=()), 100)
    trace = explain(bare, "score/mini/none/xnli/de/seed-0")
    assert trace.stages == ()
    assert "Not in the plan: score-mini-n." in write_trace(trace)
