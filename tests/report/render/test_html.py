"""The renderings: self-contained, escaped, true to the numbers, and alive with partial results."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.analysis.fake_results import chain, controls, make_results, stage, target, trained
from xstilts.analysis import formatting as fmt
from xstilts.analysis.results import Results
from xstilts.metrics.significance import Interval
from xstilts.report.answer.limitations import list_limitations
from xstilts.report.answer.quality import assess_quality
from xstilts.report.document import build_document
from xstilts.report.figures.drawing import Arrow
from xstilts.report.figures.forest import draw_interval
from xstilts.report.findings import compute_findings
from xstilts.report.provenance.explain import explain
from xstilts.report.provenance.origins import find_origins
from xstilts.report.render.csv import gain_rows, score_rows
from xstilts.report.render.html import render_html
from xstilts.report.render.latex import render_latex
from xstilts.report.render.markdown import render_markdown
from xstilts.report.render.pdf import render_pdf
from xstilts.report.render.terminal import summarise_run
from xstilts.report.tables.data import describe_coverage
from xstilts.report.tables.suites import suite_tables
from xstilts.report.write import write_report

CHAINS = (chain("none"), chain("squad", "squad_v1"), chain("squad-placebo", "squad_v1", placebo=True))
TARGETS = (
    target("xnli", chance=1 / 3, trains_on="mnli"),
    target("tydiqa", missing=("te",)),
    target("xquad", trains_on="squad_v1"),
    target("tatoeba", format="embed", languages=("de", "sw"), chance=1 / 200),
)
BASE = {"xnli": 0.33, "tydiqa": 0.5, "xquad": 0.5, "tatoeba": 0.4}


def full(**changes: Any) -> Results:
    skill = {
        (c.name, t.name): BASE[t.name] + (0.1 if c.name == "squad" and t.name != "xnli" else 0) for c in CHAINS for t in TARGETS
    }
    results = make_results(
        chains=CHAINS,
        targets=TARGETS,
        skill=skill,
        layers=4,
        n=200,
        costs=[stage("train", "train-a", used_by=3), stage("train", "train-b", status="failed", error="a <b> failed")],
    )
    return replace(results, **changes)


class Page(HTMLParser):
    """Text of the page, and every tag with its attributes."""

    VOID = frozenset({"meta", "br", "wbr", "img", "input", "hr", "link"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        opened = self.open.pop() if self.open else "nothing"
        assert opened == tag, f"</{tag}> closes {opened}"

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_nothing_is_loaded_from_elsewhere_and_tags_balance() -> None:
    html = render_html(build_document(compute_findings(full(), 200)))
    page = Page(html)
    assert page.open == []
    assert not re.search(r"<script[^>]+src|<link|@import|url\(|<img|<iframe|srcset", html)
    for tag, attributes in page.tags:
        for name in ("src", "href", "xlink:href"):
            value = attributes.get(name)
            assert value is None or value.startswith("#") or (tag, name) == ("a", "href")
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    links = [a["href"] for tag, a in page.tags if tag == "a" and (a.get("href") or "").startswith("#")]
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in links if link} == set(ids)


def test_numbers_on_the_page_are_those_in_the_csv(tmp_path: Path) -> None:
    coverage = {info.name: info.coverage for info in full().targets}
    assert any(coverage.values())
    page = write_report(compute_findings(full()), tmp_path)
    text, markdown = Page(page.read_text()).text, (tmp_path / "report.md").read_text()
    with (tmp_path / "gains.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["seed"] == "all"]
        rows = [row for row in rows if row["against"] == "none" or row["verdict"]]
    assert rows
    for row in rows:
        shown = (fmt.points(float(row["gain"])), fmt.bracket(float(row["low"]), float(row["high"])))
        assert all(" ".join(part.split()) in text for part in shown)
        if row["verdict"]:
            target = f"{row['target']} {coverage[row['target']]}".strip()
            line = f"| {row['chain']} | {target} | {row['against']} | {shown[0]} | {shown[1]} |"
            assert line in markdown
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "costs.csv",
        "gains.csv",
        "parts.csv",
        "published.csv",
        "references.bib",
        "report.html",
        "report.md",
        "report.pdf",
        "scores.csv",
        "scores.parquet",
        "tables",
        "tests.csv",
    ]
    assert sorted(path.name for path in (tmp_path / "tables").iterdir()) == ["gains.tex", "parts.tex", "scores.tex", "tests.tex"]


def test_names_and_questions_are_escaped() -> None:
    evil = "<script>alert(1)</script>|`x`"
    results = full(question=evil, study=evil, notes=(evil,))
    results = replace(results, targets=(replace(results.targets[0], notes=evil, url="javascript:alert(1)"), *results.targets[1:]))
    findings = compute_findings(results, 200)
    html = render_html(build_document(findings))
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html
    assert 'href="javascript' not in html
    assert "<script" not in render_markdown(build_document(findings))


def test_marks_appear_where_they_should() -> None:
    html = render_html(build_document(compute_findings(full(), 200)))
    cells = dict(re.findall(r'<a href="#(pair-\d+)"(.*?)</a>', html, flags=re.DOTALL))
    findings = compute_findings(full(), 200)
    for index, gain in enumerate(findings.gains):
        if gain.against != "none":
            continue
        cell = cells[f"pair-{index}"]
        assert ("reuses target data" in cell) == (gain.target == "xquad")
        assert ("near chance" in cell) == (gain.target == "xnli")
    assert "<small>placebo</small>" in html
    plain = replace(full(), chains=CHAINS[:2], targets=TARGETS[1:2])
    plain = replace(plain, cells=tuple(c for c in plain.cells if c.target == "tydiqa" and c.chain != "squad-placebo"), costs=())
    text = Page(render_html(build_document(compute_findings(plain, 200)))).text
    for word in ("reuses target data", "near chance ", "Retrieval by layer", "Gains over the placebo", "Missing results"):
        assert word not in text.replace("no colour near chance", "")


def test_rows_of_sentences_name_their_columns_for_a_phone() -> None:
    html = render_html(build_document(compute_findings(full(), 200)))
    tables = re.findall(r'<table class="table( wordy)?">(.*?)</table>', html, flags=re.DOTALL)
    claims = next(body for wordy, body in tables if wordy and ">verdict</th>" in body and ">evidence</th>" in body)
    assert 'data-column="why"' in claims and 'data-column="claimed and published"' in claims
    assert all("data-column" not in body for wordy, body in tables if not wordy)


def test_bold_and_filled_are_the_same_pairs_and_only_the_clear_ones() -> None:
    findings = compute_findings(full(), 200)
    html = render_html(build_document(findings))
    assert re.search(r"circle\.unclear, [^{}]*\{\s*fill: var\(--paper\)", html)
    over = findings.gains_over("none")
    assert {gain.verdict for gain in over} == {"gain", "unclear", "near chance"}
    bold = set(re.findall(r'<a href="#(pair-\d+)" class="\w* clear"', html))
    assert bold == {f"pair-{findings.gains.index(gain)}" for gain in over if gain.verdict in ("gain", "loss")}
    forest = html[html.index('class="plots forest"') :].partition("</figure>")[0]
    best = forest[forest.index("tatoeba, best setting") : forest.index("tatoeba, layer 2")]
    assert best.count('<circle class="unclear"') == 1  # it is in no family of comparisons
    forest = forest.replace(best, "")
    drawn = Counter(re.findall(r'<circle class="(\w+)"', forest))
    shown = Counter("void" if g.verdict == "near chance" else g.verdict for g in over if not g.control)
    assert drawn == {look: number for look, number in shown.items() if look != "void"}
    assert forest.count('<line class="void"') == forest.count("<em>near chance</em>") == shown["void"] == 1
    assert html.count("Bold and filled: clear after Holm&#39;s correction;") == 1
    languages = html[html.index('class="by-language"') :].partition("</figure>")[0]
    assert "<b>" not in languages


def test_what_is_cut_ends_in_an_arrow_and_axes_have_ticks() -> None:
    long = Interval(0.02, -0.3, 0.3, 0.95, 10, 0.5, 3, "")
    drawing = draw_interval(long, 0.05)
    assert [(mark.x, mark.to) for mark in drawing.marks if isinstance(mark, Arrow)] == [(4.0, "left"), (96.0, "right")]
    assert not any(isinstance(mark, Arrow) for mark in draw_interval(long, 0.5).marks)
    html = render_html(build_document(compute_findings(full(), 200)))
    forest = html[html.index('class="plots forest"') :].partition("</figure>")[0]
    assert len(re.findall(r"<text [^>]*>[+−]?[\d.]+</text>", forest)) == 5


def test_coverage_names_missing_languages() -> None:
    assert describe_coverage(TARGETS[1]) == "3 of 4; missing te"
    assert "3 of 4; missing te" in Page(render_html(build_document(compute_findings(full(), 200)))).text


def without_none(results: Results) -> Results:
    cells = tuple(c for c in results.cells if c.chain != "none")
    return replace(results, chains=CHAINS[1:], cells=cells)


PARTIAL: dict[str, Callable[[Results], Results]] = {
    "empty": lambda r: replace(r, cells=(), costs=(), chains=(), targets=(), seeds=(), encoders=(), recipes={}, notes=()),
    "no cells": lambda r: replace(r, cells=()),
    "no none chain": without_none,
    "one seed": lambda r: replace(r, seeds=(0,), cells=tuple(c for c in r.cells if c.seed == 0)),
    "one language": lambda r: replace(
        r, cells=tuple(replace(c, languages={k: v for k, v in c.languages.items() if k == "de"}) for c in r.cells)
    ),
    "English only": lambda r: replace(
        r, cells=tuple(replace(c, languages={k: v for k, v in c.languages.items() if k == "en"}) for c in r.cells)
    ),
    "half a grid": lambda r: replace(r, cells=r.cells[::3]),
    "no layers": lambda r: replace(r, cells=tuple(replace(c, layers=(), layer=None) for c in r.cells)),
    "no metrics": lambda r: replace(r, metrics={}),
    "only controls": lambda r: replace(r, cells=tuple(c for c in r.cells if c.control)),
}


@pytest.mark.parametrize("case", sorted(PARTIAL))
def test_partial_results_render(case: str) -> None:
    findings = compute_findings(PARTIAL[case](full()), 100)
    assert Page(render_html(build_document(findings))).open == []
    assert render_markdown(build_document(findings)).startswith("# fake")
    assert render_pdf(build_document(findings)).startswith(b"%PDF")
    assert bool(render_latex(findings)) == bool(findings.summaries)
    assert bool(list_limitations(findings)) == bool(assess_quality(findings)) == bool(findings.summaries)
    for id, origin in find_origins(findings).items():
        assert explain(findings, id).origin == origin
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(summarise_run(findings))
    assert findings.answer.sentence.split()[0] in console.export_text()
    if case in ("empty", "no cells", "no none chain", "English only", "no metrics", "only controls"):
        assert findings.answer.verdict == "none"


def test_terminal_fits_80_columns() -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(summarise_run(compute_findings(full(), 200)))
    text = console.export_text()
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "squad-placebo" in text
    assert "…" not in text


def test_numbers_are_written_one_way() -> None:
    assert [fmt.points(x) for x in (0.142, -0.031, 0.0004, -0.0004, None)] == ["+14.2", "−3.1", "0.0", "0.0", "–"]
    assert fmt.bracket(-0.01, 0.023) == "[−1.0,\u00a02.3]"
    assert [fmt.seconds(x) for x in (0.04, 99.9, 250, 11100)] == ["0.0 s", "99.9 s", "4 min 10 s", "3 h 05 min"]
    assert [fmt.share(x) for x in (0.341, 0.0412, 0.0996, 0.0, None)] == [
        "34\u00a0%",
        "4.1\u00a0%",
        "10\u00a0%",
        "0.0\u00a0%",
        "–",
    ]
    assert fmt.listed(["a", "b", "c", "d"], 2) == "a, b and 2 more"


def with_everything() -> Results:
    """Chains with both controls, an oracle target, and the engine's figures."""
    chains = (*CHAINS[:2], *controls(CHAINS[1]))
    skill = {
        (c.name, t.name): BASE[t.name] + (0.1 if c.name == "squad" else 0)
        for c in chains
        for t in TARGETS
        if t.trained or c.control != "compute"
    }
    costs = [
        trained("tiny+text-s0", "pre-training"),
        trained("tiny+squad-s0", "intermediate training", halved=1, micro_tokens=1024),
        trained("tiny+squad+tydiqa-s0", matched_steps=40, vocabulary={"kept": 5120, "of": 250_002}),
        stage("fetch", "squad_mt-train-de", facts={"unlocatable": 12, "examples": 88}),
    ]
    return make_results(chains=chains, targets=TARGETS, skill=skill, layers=4, n=200, costs=costs, leaks=("tydiqa",))


def test_every_rendering_marks_an_oracle() -> None:
    results = with_everything()
    findings = compute_findings(results, 200)
    html = render_html(build_document(findings))
    page, markdown = Page(html), render_markdown(build_document(findings))
    assert page.open == []
    cells = dict(re.findall(r'<a href="#(pair-\d+)"(.*?)</a>', html, flags=re.DOTALL))
    for index, gain in enumerate(findings.gains):
        if gain.over == "none":
            assert ("oracle (leak)" in cells[f"pair-{index}"]) == (gain.target == "tydiqa")
    assert html.count('<p class="mark">oracle: chosen on target-language dev data — a leak</p>') == 1
    for text in (page.text, markdown):
        assert "§ oracle: chosen on target-language dev data — a leak" in text
    gains = [line for line in markdown.splitlines() if line.startswith("| squad | tydiqa")]
    section = markdown.partition("## Scores")[2].partition("\n## ")[0]
    scores = [line for line in section.splitlines() if line.startswith("| squad |")]
    assert len(gains) == 3  # over none, over the placebo, over the compute-matched control
    assert len(scores) == 2  # the other languages, English
    assert all("oracle (leak)" in line for line in gains)
    assert all(line.count("§") == 1 for line in scores)
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(summarise_run(findings))
    text = console.export_text()
    assert "o: oracle: chosen on target-language dev data — a leak" in " ".join(text.split())
    assert max(len(line) for line in text.splitlines()) <= 80
    for rows in (score_rows(results), gain_rows(findings)):
        assert {row["leak"] for row in rows if row["target"] == "tydiqa"} == {True}
        assert {row["leak"] for row in rows if row["target"] != "tydiqa"} == {False}
    averages = next(table for table in suite_tables(findings) if table.caption.startswith("XTREME averages"))
    marked = {row[0]: "§" in row[1] for _, lines in averages.groups for row in lines}
    assert (marked["· tydiqa"], marked["· xnli"], marked["qa"], marked["all tasks"]) == (True, False, True, True)


def test_no_oracle_no_mark() -> None:
    findings = compute_findings(full(), 200)
    assert "oracle" not in render_html(build_document(findings))
    assert "§" not in render_markdown(build_document(findings))


def test_controls_are_shown_as_controls() -> None:
    findings = compute_findings(with_everything(), 200)
    html, markdown = render_html(build_document(findings)), render_markdown(build_document(findings))
    for role in ("placebo", "compute-matched"):
        assert f"<small>{role}</small>" in html
    for title in ("Gains over the placebo", "Gains over longer training"):
        assert f"<h3>{title}</h3>" in html
        assert f"## {title}" in markdown
    assert "compute-matched control of squad" in markdown
    pair = next(part for part in html.split("<section")[1:] if "<h3>squad → xquad</h3>" in part)
    assert "Compared with its placebo: " in pair
    assert "Compared with its compute-matched control: " in pair
    assert "The fair comparison is with its compute-matched control." in pair
