"""The section on published numbers, and its rows."""

from __future__ import annotations

import csv
import io
import re

import pytest

from tests.claims.published.test_compare import NONE, SQUAD, TATOEBA, TYDIQA, XNLI, alone, results
from xstilts.analysis.results import Results
from xstilts.report.document import Fold, build_document
from xstilts.report.findings import compute_findings
from xstilts.report.provenance.origins import find_origins
from xstilts.report.render.csv import published_rows, render_csv
from xstilts.report.render.html import render_html
from xstilts.report.render.markdown import render_markdown

TITLE = "Published numbers beside ours"


def section(found: Results) -> str:
    text = render_markdown(build_document(compute_findings(found, 200)))
    return text.split(f"## {TITLE}\n")[1].split("\n## ")[0] if TITLE in text else ""


def test_ours_theirs_and_the_difference_are_on_the_page() -> None:
    findings = compute_findings(results(targets=(TYDIQA, XNLI)), 200)
    text = section(findings.results)
    assert re.search(r"^\| squad \| tydiqa \| \+6\.\d \| \[.*\] \| \+6\.5 \| .* \| yes \| 3 of 9 \| gain \|$", text, re.MULTILINE)
    assert re.search(r"^\| none \| xnli \| .* \| 80\.1 \|.* no \| 3 of 15 \|", text, re.MULTILINE)
    assert "1 of 2 published gains lie within our intervals." in text
    assert "0 of 2 published scores without a chain lie within our intervals." in text
    assert "arXiv 2005.13013 v1" in text
    assert "Encoder: theirs is XLM-R Large, ours mini-xlmr." in text
    page = render_html(build_document(findings))
    id = "published/mini-xlmr/squad/phang2020-v1/dev/squad_v1/tydiqa"
    assert f'data-n="{id}"' in page
    assert len(find_origins(findings)[id].keys) == 6


def test_an_interval_that_also_holds_zero_is_no_agreement() -> None:
    text = section(results(targets=(XNLI,), gain=-0.002, n=100))
    assert "1 of 1 published gain lies within our interval. Of these intervals, 1 also holds 0" in text


def test_a_study_that_covers_nothing_has_no_such_section() -> None:
    assert section(results((NONE, alone("two", "squad_v2")), (TATOEBA,), skip=[("none", "tatoeba", s) for s in range(3)])) == ""


def test_a_long_table_is_folded() -> None:
    chains = (NONE, *(alone(name, name) for name in ("qqp", "hellaswag", "ccg", "cosmosqa")), SQUAD)
    found = results(chains, (TYDIQA, XNLI, TATOEBA), encoders=("one", "two"), n=60)
    document = build_document(compute_findings(found, 50))
    (shown,) = (one for one in document.sections if one.title == TITLE)
    assert sum(isinstance(block, Fold) for block in shown.blocks) == 1


def test_the_csv_has_the_same_rows() -> None:
    findings = compute_findings(results(), 200)
    rows = list(csv.DictReader(io.StringIO(render_csv(findings)["published.csv"])))
    assert [row["published"] for row in rows] == [one.cell.id for one in findings.published]
    assert len(rows) == len(published_rows(findings)) == 4
    for row in rows:
        assert float(row["ours"]) - float(row["theirs"]) == pytest.approx(float(row["difference"]))
        assert row["inside"] == str(float(row["low"]) <= float(row["theirs"]) <= float(row["high"]))
    assert [row["quantity"] for row in rows] == ["gain", "gain", "score", "score"]
