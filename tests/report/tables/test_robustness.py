"""The section "Robustness": its tables, its examples, its CSV, and nothing of it in a study without conditions."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from tests.analysis.attacked_results import ATTACKS, attacked
from tests.analysis.test_budget_curves import LADDER, conditioned
from tests.analysis.test_language_matrix import with_pairs
from xstilts.analysis.broken_examples import BrokenExample
from xstilts.report.document import Fold, build_document
from xstilts.report.figures.budget import make_budget_figure
from xstilts.report.figures.drawing import Dot
from xstilts.report.figures.matrix import make_matrices
from xstilts.report.findings import Findings, compute_findings
from xstilts.report.provenance.origins import find_origins
from xstilts.report.render.csv import ROBUSTNESS_COLUMNS, render_csv
from xstilts.report.render.html import render_html
from xstilts.report.render.markdown import render_markdown
from xstilts.report.tables.coverage import coverage_table, edits_table
from xstilts.report.tables.effective import residuals_table
from xstilts.report.tables.language_pairs import describe_matrices, matrices_table
from xstilts.report.tables.robustness import (
    areas_table,
    describe_robustness,
    robustness_table,
)
from xstilts.report.write import write_report

HEBREW = "\u05e9\u05dc\u05d5\u05dd"


@pytest.fixture(scope="module")
def findings() -> Findings:
    skill = {"none": 0.7, "nli": 0.75, "nli~placebo": 0.7}
    results = attacked({"none": 0.5, "nli": 0.1, "nli~placebo": 0.5}, skill)
    pieces = ((("<b>one ", False), ("two", True)), (("<b>one ", False), ("tow", True)))
    one = BrokenExample("mini-xlmr", "pawsx", "noise", "de", "7#0", *pieces, gold="1", answers={"nli": ("1", HEBREW)})
    return replace(compute_findings(results, 200), broken=(one,))


def test_the_table_has_a_row_for_each_chain_target_and_condition(findings: Findings) -> None:
    table = robustness_table(findings)
    assert table is not None and table.rows == 3 * 2 * len(ATTACKS)
    lines = [dict(zip(table.columns, line, strict=True)) for _, rows in table.groups for line in rows]
    none, nli = (next(line for line in lines if line["chain"] == name) for name in ("none", "nli"))
    assert none["gain in robustness"] == "" and nli["verdict"] == "gain"
    drops = [float(line["drop"].replace("\u2212", "-")) for line in (nli, none)]
    assert float(nli["gain in robustness"]) == pytest.approx(drops[0] - drops[1], abs=0.15)
    assert describe_robustness(findings).startswith("Under attack keeps more of its score than no chain: nli on pawsx (noise)")


def test_a_row_says_that_the_tokenizer_saw_nothing() -> None:
    table = robustness_table(compute_findings(attacked({"none": 0.5, "nli": 0.1}, seen=0.0), 100))
    assert table is not None
    assert {line[-1] for _, rows in table.groups for line in rows} == {"not seen by the tokenizer"}


def test_the_section_is_there_only_with_conditions(findings: Findings) -> None:
    def find(some: Findings) -> list[str]:
        return [section.title for section in build_document(some).sections]

    plain = compute_findings(replace(findings.results, conditions=(), attacked={}), 100)
    assert "Robustness" in find(findings) and "Robustness" not in find(plain)
    assert "robustness.csv" in render_csv(findings) and "robustness.csv" not in render_csv(plain)
    (section,) = [section for section in build_document(findings).sections if section.title == "Robustness"]
    folds = [block.title for block in section.blocks if isinstance(block, Fold)]
    assert folds == [
        "Effective robustness",
        "By language",
        "Over controls and other chains",
        "How much was edited",
        "Where each attack applies, and why not elsewhere",
        "Examples that attacks broke",
    ]


def test_examples_are_marked_and_cannot_disturb_the_page(findings: Findings) -> None:
    html = render_html(build_document(findings))
    assert "<bdi>&lt;b&gt;one <mark>two</mark></bdi>" in html and "<bdi>&lt;b&gt;one <mark>tow</mark></bdi>" in html
    assert f"1 → \u2068{HEBREW}\u2069" in html
    assert "⟦tow⟧" in render_markdown(build_document(findings))


def test_every_number_leads_back_to_its_scores(findings: Findings, tmp_path: Path) -> None:
    known = find_origins(findings)
    shown = {unescape(id) for id in re.findall(r'data-n="([^"]*)"', render_html(build_document(findings)))}
    robust = {id for id in shown if id.startswith(("attacked/", "robustness/"))}
    assert len(robust) > 20 and robust <= set(known)
    cells = {cell.key for some in findings.results.attacked.values() for cell in some}
    assert all(set(known[id].keys) <= cells for id in robust if not id.endswith("/clean"))
    assert write_report(findings, tmp_path).is_file() and (tmp_path / "robustness.csv").is_file()


def test_the_csv_has_every_language_and_control(findings: Findings) -> None:
    rows = list(csv.DictReader(io.StringIO(render_csv(findings)["robustness.csv"])))
    assert list(rows[0]) == list(ROBUSTNESS_COLUMNS)
    scored = [row for row in rows if row["clean"]]
    assert len(scored) == 3 * 2 * len(ATTACKS) * 4
    beside = next(row for row in scored if row["chain"] == "nli" and row["language"].startswith("mean"))
    assert float(beside["seen"]) == pytest.approx(0.8)
    assert float(beside["drop"]) == pytest.approx(float(beside["attacked"]) - float(beside["clean"]))
    assert beside["against"] == "none" and float(beside["gain"]) > 0 and beside["verdict"] == "gain"
    assert {row["id"] for row in rows} <= set(find_origins(findings))
    assert {row["against"] for row in rows if not row["clean"]} == {"nli~placebo"}


def test_what_the_section_says_of_few_seeds_and_closed_gates(findings: Findings) -> None:
    def judged(verdict: str) -> str:
        some = tuple(replace(one, gain=replace(one.gain, verdict=verdict)) for one in findings.robustness)
        return describe_robustness(replace(findings, robustness=some))

    assert judged("few seeds") == "Fewer than 3 seeds, too few to decide: 4 of 4 comparisons of a chain with no chain."
    assert judged("unclear") == "Without a clear difference: 4 of 4 comparisons of a chain with no chain."
    assert judged("near chance") == "Not judged, because the clean comparison is no evidence either: 4."
    assert describe_robustness(replace(findings, robustness=())) == "No gain in robustness could be measured."
    alone = tuple(info for info in findings.results.chains if info.name == "none")
    assert "no chain to compare" in describe_robustness(replace(findings, results=replace(findings.results, chains=alone)))


def test_curves_have_a_figure_a_table_and_a_file() -> None:
    some = compute_findings(conditioned(LADDER, {"none": 0.7, "nli": 0.8}), 200)
    figure, table = make_budget_figure(some), areas_table(some)
    assert figure is not None and table is not None
    assert [panel.title for panel in figure.panels] == ["pawsx: keys"]
    dots = [mark.label for mark in figure.panels[0].drawing.marks if isinstance(mark, Dot)]
    none = next(one for one in some.curves if (one.chain, one.language) == ("none", "others"))
    assert f"none, keys 0.4: {100 * none.scores[-1]:.1f}" in dots and len(dots) == 6
    areas = {line[0]: line[4] for _, lines in table.groups for line in lines}
    assert areas["none"] == f"{100 * none.area:.1f}"
    rows = list(csv.DictReader(io.StringIO(render_csv(some)["curves.csv"])))
    assert len(rows) == 2 * 4 * 3 and {float(row["strength"]) for row in rows} == {0, 0.1, 0.4}
    html = render_html(build_document(some))
    shown = {unescape(id) for id in re.findall(r'data-n="(curve/[^"]*)"', html)}
    assert len(shown) == 4 and shown <= set(find_origins(some))


def test_matrices_have_a_map_a_table_and_a_file() -> None:
    some = compute_findings(with_pairs(least=9), 100)
    maps, table = make_matrices(some), matrices_table(some)
    assert maps is not None and table is not None
    assert [map.title for map in maps.maps] == ["none, pawsx", "nli, pawsx"] and not maps.filters
    english, german = maps.maps[0].rows
    assert (german.name, [cell.text for cell in german.cells]) == ("German (de)", ["61.0 (9)", "81.0"])
    assert german.cells[0].sign == "" and english.cells[0].strength == max(cell.strength for cell in english.cells) > 0
    assert describe_matrices(some).startswith("Pairs of one language score 15.0 points more than pairs of two.")
    html = render_html(build_document(some))
    assert "mean of others" not in html[html.index("none, pawsx") :].partition("</table>")[0]
    shown = {unescape(id) for id in re.findall(r'data-n="(pair/[^"]*)"', html)}
    assert len(shown) == 8 and shown <= set(find_origins(some))
    rows = list(csv.DictReader(io.StringIO(render_csv(some)["pairs.csv"])))
    assert len(rows) == 2 * 3 * 4 and rows[0]["score"] == "0.93"
    bare = tuple(replace(cell, pairs=()) for cell in some.results.attacked["pairs"])
    older = compute_findings(replace(some.results, attacked={"pairs": bare}), 100)
    assert describe_matrices(older) == "pairs: no matrix of languages, because an earlier version scored it."
    assert "pairs.csv" not in render_csv(older) and make_matrices(older) is None


def test_effective_robustness_has_a_table_and_columns(findings: Findings) -> None:
    table = residuals_table(findings)
    assert table is not None and table.rows == len(ATTACKS) * 2 * 3
    lines = [dict(zip(table.columns, line, strict=True)) for _, rows in table.groups for line in rows]
    assert {line["verdict"] for line in lines if line["chain"] == "none"} == {""}
    assert {line["verdict"] for line in lines if line["chain"] == "nli"} == {"more than explained"}
    assert {line["points"] for line in lines} == {"9"}
    assert findings.answer.support[-1].startswith("Against what clean scores explain, an attacked score changes more for 4 (")
    rows = list(csv.DictReader(io.StringIO(render_csv(findings)["robustness.csv"])))
    with_residual = [row for row in rows if row["residual"]]
    assert len(with_residual) == len(lines) and {row["language"][:4] for row in with_residual} == {"mean"}
    assert all(float(row["residual_over_none_low"]) > 0 for row in with_residual if row["chain"] == "nli")
    shown = {unescape(id) for id in re.findall(r'data-n="(effective/[^"]*)"', render_html(build_document(findings)))}
    assert len(shown) == len(lines) + 8 and shown <= set(find_origins(findings))


def test_what_was_edited_and_where_not(findings: Findings) -> None:
    row = findings.attacked[0]
    more = {"edited_words": 0.104, "edited_characters": None, "queries": 4.0, "queries_p90": 4.0}
    attacked_rows = tuple(replace(one, **more) for one in findings.attacked)  # type: ignore[arg-type]
    table = edits_table(replace(findings, attacked=attacked_rows))
    assert table is not None and table.rows == len(ATTACKS) * 2 * 3, "once for all chains"
    assert table.columns == ("target", "condition", "language", "examples edited", "words", "queries")
    assert table.groups[0][1][0] == ("pawsx", "noise", "English", "100\u00a0%", "10\u00a0%", "4 / 4") and row.effective == 1

    unattacked = {("noise", "pawsx"): {"sw": "no keys"}, ("pairs", "xnli"): dict.fromkeys(("en", "de", "sw"), "it does not fit")}
    rest = tuple(one for one in findings.attacked if (one.target, one.condition) != ("xnli", "noise"))
    table, reasons = coverage_table(replace(findings, results=replace(findings.results, unattacked=unattacked), attacked=rest))
    assert table is not None
    lines = {line[1:3]: line[3:] for _, rows in table.groups for line in rows}
    assert lines["pawsx", "noise"] == ("100\u00a0%", "100\u00a0%", "a") and lines["xnli", "noise"] == ("b", "b", "b")
    assert lines["xnli", "pairs"] == ("c", "c", "c")
    assert reasons == ["a: no keys.", "b: not run yet.", "c: it does not fit."]
