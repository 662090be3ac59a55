"""LaTeX, PDF, Parquet, references, quality and limitations: true to the numbers, repeatable, and safe against odd names."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from rich.console import Console

from tests.analysis.fake_results import chain, controls, make_results, target, trained
from tests.analysis.test_best_setting import swept
from xstilts.analysis import formatting as fmt
from xstilts.analysis.results import Results
from xstilts.report.answer.limitations import list_limitations
from xstilts.report.answer.quality import assess_quality
from xstilts.report.document import build_document
from xstilts.report.findings import Findings, compute_findings
from xstilts.report.provenance.origins import find_origins
from xstilts.report.references import list_references, write_bibtex
from xstilts.report.render.csv import MEAN, SCORE_COLUMNS, gain_rows, score_rows, to_csv, to_parquet
from xstilts.report.render.latex import escape, render_latex
from xstilts.report.render.pdf import render_pdf, write_data
from xstilts.report.render.terminal import summarise_run
from xstilts.report.tables.data import describe_licences, training_table
from xstilts.report.write import write_report
from xstilts.tasks.registry import CATALOGUE

SQUAD = chain("squad", "squad_v1")
CHAINS = (chain("none"), SQUAD, chain("a_b & 50%", "snli"))
TARGETS = (
    target("xnli", chance=1 / 3, trains_on="mnli"),
    target("tydiqa", format="span", missing=("te",)),
    target("udpos", format="tag"),
    target("tatoeba", format="embed", languages=("de", "sw"), chance=1 / 200),
)


def results(chains: tuple = CHAINS, seeds: tuple[int, ...] = (0, 1), **changes: object) -> Results:
    skill = {
        (c.name, t.name): 0.5 + 0.1 * (c.name == "squad") for c in chains for t in TARGETS if t.trained or c.control != "compute"
    }
    costs = [trained("mini+squad-s0", "intermediate training")]
    return replace(
        make_results(chains=chains, targets=TARGETS, skill=skill, seeds=seeds, layers=3, n=120, costs=costs), **changes
    )


@pytest.fixture(scope="module")
def findings() -> Findings:
    return compute_findings(results(), 200)


def test_latex_has_the_gains_in_the_layout_of_the_paper(findings: Findings) -> None:
    text = render_latex(findings)["gains"]
    groups = ["Classification", "Structured prediction", "Question answering", "Retrieval"]
    assert re.findall(r"\\multicolumn\{1\}\{c\}\{([^}]*)\}", text) == groups
    head = next(line for line in text.splitlines() if "xnli" in line)
    names = [cell.strip().split()[0] for cell in head.split("&")[1:5]]
    assert names == ["xnli", "udpos", "tydiqa", "tatoeba"]
    row = next(line for line in text.splitlines() if line.startswith("squad &")).rstrip("\\ ").split(" & ")
    for name, cell in zip(names, row[1:5], strict=True):
        gain = next(g for g in findings.gains_over("none") if (g.chain, g.target) == ("squad", name))
        assert gain.interval is not None
        assert escape(fmt.points(gain.interval.estimate)) in cell
        assert (r"\textbf" in cell) == (gain.verdict in ("gain", "loss"))
    assert r"a\_b \& 50\%" in text


def test_latex_names_cannot_break_out() -> None:
    assert escape(r"\input{x} $y$ #1 ~^ ñ ж") == (r"\textbackslash{}input\{x\} \$y\$ \#1 \textasciitilde{}\textasciicircum{} ñ ?")
    for text in render_latex(compute_findings(results(), 50)).values():
        body = text.replace(r"\{", "").replace(r"\}", "")
        assert body.count("{") == body.count("}")
        rows = [line for line in text.split(r"\midrule", 1)[1].splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
        assert len({line.replace(r"\&", "").count("&") for line in rows}) == 1


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_latex_compiles(findings: Findings, tmp_path: Path) -> None:
    for name, text in render_latex(findings).items():
        (tmp_path / f"{name}.tex").write_text(text)
        command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", f"{name}.tex"]
        made = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert made.returncode == 0, made.stdout[-2000:]


def test_the_pdf_is_the_same_each_time_and_has_what_the_page_has(findings: Findings) -> None:
    made = render_pdf(build_document(findings))
    assert made.startswith(b"%PDF")
    assert made == render_pdf(build_document(findings))
    assert len(re.findall(rb"/Type\s*/Page\b", made)) >= 2
    data = write_data(build_document(findings))
    sections = [*data["front"], *data["appendix"]]
    assert {section["title"] for section in sections} >= {section.title for section in build_document(findings).sections}
    kinds = {block["kind"] for section in sections for block in section["blocks"]}
    assert kinds == {"heat", "languages", "rows", "panels", "heading", "text", "table", "bullets", "fold"}
    inner = [block for section in sections for block in section["blocks"]]
    inner += [block for one in inner if one["kind"] == "fold" for block in one["blocks"]]
    assert {block["sort"] for block in inner if block["kind"] == "rows"} == {"forest", "dots", "bars"}


def test_the_pdf_takes_nothing_of_a_study_for_markup() -> None:
    evil = '#panic("x") $a$ *b* [c] <d> @e `f` \\ // /* "'
    findings = compute_findings(results(study=evil, question=evil, notes=(evil,)), 50)
    assert render_pdf(build_document(findings)).startswith(b"%PDF")


def test_without_typst_the_rest_is_written_and_the_terminal_says_how_to_get_the_pdf(
    findings: Findings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def written() -> tuple[set[str], str]:
        console = Console(width=80, record=True, file=io.StringIO())
        write_report(findings, tmp_path)
        console.print(summarise_run(findings))
        return {path.name for path in tmp_path.iterdir()}, console.export_text()

    files, text = written()
    assert "xstilts[pdf]" not in text
    monkeypatch.setitem(sys.modules, "typst", None)  # as if it were not installed
    fewer, text = written()
    assert files - fewer == {"report.pdf"}
    assert text.splitlines()[-1].strip().endswith("pip install 'xstilts[pdf]'")


def test_parquet_holds_the_rows_of_the_csv(findings: Findings) -> None:
    rows = score_rows(findings.results)
    table = pq.read_table(io.BytesIO(to_parquet(rows, SCORE_COLUMNS)))
    assert table.column_names == list(SCORE_COLUMNS)
    assert table.to_pylist() == [{name: row[name] for name in SCORE_COLUMNS} for row in rows]
    assert len(to_csv(rows, SCORE_COLUMNS).splitlines()) == table.num_rows + 1
    empty = pq.read_table(io.BytesIO(to_parquet([], SCORE_COLUMNS)))
    assert (empty.num_rows, str(empty.schema.field("value").type)) == (0, "double")


def test_a_row_says_over_how_many_examples_its_own_value_is(findings: Findings) -> None:
    cell = findings.results.cells[0]
    code, score = next(iter(cell.languages.items()))
    score = replace(score, values={"accuracy": 0.5, "accuracy_1164": 0.4}, sizes={"headline": 240, "accuracy": 240})
    rows = score_rows(replace(findings.results, cells=(replace(cell, languages={code: score}),)))
    assert {row["value_name"]: row["n"] for row in rows} == {"headline": 240, "accuracy": 240, "accuracy_1164": len(score.ids_N)}


def test_a_cell_of_csv_is_no_formula() -> None:
    rows: list[dict[str, object]] = [{"chain": "=cmd|' /C calc'!A0", "gain": -1.5}, {"chain": "@x", "gain": None}]
    assert to_csv(rows, ("chain", "gain")) == "chain,gain\n'=cmd|' /C calc'!A0,-1.5\n'@x,\n"


def test_references_are_those_that_were_used(findings: Findings) -> None:
    found = {reference.key: reference for reference in list_references(findings)}
    assert {"phang2020xstilts", "hu2020xtreme", "rajpurkar2016squad", "bowman2015snli", "williams2018mnli"} <= set(found)
    assert "zellers2019hellaswag" not in found
    assert found["xnli2020"].sort == "misc"  # the fake tasks cite works that no table knows: a name and an address, no more
    text = write_bibtex(found.values())
    assert text.count("@") == len(found)
    assert text.count("{") == text.count("}")
    assert "author = {}" not in text
    assert found["rajpurkar2016squad"].entry.startswith("Pranav Rajpurkar et al. (2016) SQuAD")


def test_every_citation_of_the_catalogue_becomes_a_reference() -> None:
    names = [name for name, task in CATALOGUE.items() if task.cite]
    infos = tuple(replace(target(name), cite=CATALOGUE[name].cite, url=CATALOGUE[name].url) for name in names)
    found = list_references(compute_findings(make_results(chains=(chain("none"),), targets=infos, skill={}), 10))
    assert {CATALOGUE[name].cite for name in names} <= {reference.key for reference in found}
    assert all(reference.title and (reference.authors or reference.url) for reference in found)


def test_training_data_and_licences_are_named() -> None:
    info = replace(target("xnli", trains_on="mnli"), license=CATALOGUE["xnli"].license)
    found = compute_findings(make_results(chains=CHAINS, targets=(info,), skill={}), 10)
    table = training_table(found)
    assert table is not None
    rows = {row[0]: row for _, lines in table.groups for row in lines}
    assert rows["squad_v1"][2] == "squad"
    assert rows["mnli"][2] == "xnli (fine-tuning)"
    assert any("xnli" in line and "commercial" in line for line in describe_licences(found))


def test_quality_follows_from_what_was_run() -> None:
    def assess(found: Results) -> dict[str, str]:
        checks = assess_quality(compute_findings(found, 50))
        assert all(one.reason for one in checks)
        assert [one.group for one in checks] == sorted((one.group for one in checks), key=[*dict.fromkeys(GROUPS)].index)
        return {one.asks: one.holds for one in checks}

    few = assess(results(seeds=(0,)))
    placebo, compute = "Is each chain compared with a placebo?", "Is each chain compared with a compute-matched control?"
    enough, whole, weights = "Are there enough seeds?", "Were all examples used?", "Were weights taken without selection?"
    assert (few[enough], few[placebo], few[compute], few[whole], few[weights]) == ("no", "no", "no", "no", "yes")
    assert few["Was the intermediate task learned?"] == "not known"
    chains = (chain("none"), SQUAD, *controls(SQUAD))
    many = assess(results(chains, seeds=(0, 1, 2, 3, 4, 5), limits={}))
    assert (many[enough], many[placebo], many[compute], many[whole]) == ("yes", "yes", "yes", "yes")
    assert assess(results(recipes={"target": {"policy": "target_dev"}}))[weights] == "no"


GROUPS = ("before a pair counts", "precision", "controls", "breadth", "records")


def test_limitations_follow_from_what_is_missing() -> None:
    few = " ".join(list_limitations(compute_findings(results(seeds=(0,)), 50)))
    for words in ("1 seed", "Examples were limited", "one encoder", "Without a placebo", "compute-matched", "tydiqa (1 of 4)"):
        assert words in few
    chains = (chain("none"), SQUAD, *controls(SQUAD))
    many = " ".join(list_limitations(compute_findings(results(chains, seeds=(0, 1, 2, 3, 4, 5), limits={}), 50)))
    assert "a collapse in up to 39 % of runs is not excluded" in many and "The seeds differ most for" in many
    assert "a collapse in up to 95 % of runs is not excluded" in few and "The seeds differ most" not in few
    for words in ("comparison is exploratory", "Examples were limited", "Without a placebo", "Without a compute"):
        assert words not in many


def test_gains_in_retrieval_have_the_best_setting_beside_the_study_s() -> None:
    findings = compute_findings(swept({("none", 4): 0.9, ("squad", 1): 0.8}), 50)
    with_mean = [row for row in gain_rows(findings) if row["language"] == MEAN and row["seed"] == "all"]
    (row,) = [row for row in with_mean if row["against"] == "none"]
    assert row["best_setting_gain"] == pytest.approx(-0.1)
    assert row["gain"] != row["best_setting_gain"], "the study's setting"
    assert [str(row[name])[:7] for name in ("best_setting", "best_setting_none")] == ["layer 1", "layer 4"]
    assert row["best_setting_id"] in find_origins(findings), "so `xstilts explain` takes it"
    assert not [row for row in gain_rows(findings) if row not in with_mean and "best_setting_gain" in row]
