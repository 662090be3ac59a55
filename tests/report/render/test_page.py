"""What stands on the page before anything is unfolded: little, and what was asked."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from tests.report.page_study import CHAINS, LANGUAGES, TARGETS, mine3
from xstilts.analysis import formatting as fmt
from xstilts.data.language import LANGUAGES as KNOWN
from xstilts.report.document import Document, Fold, build_document
from xstilts.report.figures.language_map import LanguageMaps
from xstilts.report.findings import Findings, compute_findings
from xstilts.report.render.html import render_html
from xstilts.report.render.pdf import render_pdf

MOST_WORDS, MOST_TABLES = 1200, 8


class Unfolded(HTMLParser):
    """The words and tables that a reader sees at first: not those inside `details` (but their summaries), in the views of pairs,
    in options of a list, or in scripts."""

    VOID = frozenset({"meta", "br", "wbr", "input", "hr"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.stack: list[tuple[str, bool]] = []  # tag, and whether it hides what is in it
        self.words: list[str] = []
        self.tables = 0
        self.feed(html)

    @property
    def shown(self) -> bool:
        inside = [hides for _, hides in self.stack]
        tags = [tag for tag, _ in self.stack]
        if "summary" in tags:  # it shows whatever its own `details` folds
            inside[tags.index("summary") - 1] = False
        return not any(inside)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tables += tag == "table" and self.shown
        folds = tag in ("details", "style", "script", "title", "option", "noscript") or attributes.get("class") == "pair"
        if tag not in self.VOID:
            self.stack.append((tag, folds or "hidden" in attributes))

    def handle_endtag(self, tag: str) -> None:
        self.stack.pop()

    def handle_data(self, data: str) -> None:
        if self.shown:
            self.words += data.split()


@pytest.fixture(scope="module")
def findings() -> Findings:
    return compute_findings(mine3(), 200)


@pytest.fixture(scope="module")
def document(findings: Findings) -> Document:
    return build_document(findings)


def test_the_reader_of_the_page_counts() -> None:
    fold = "<details><summary>three</summary><p>no</p><table></table></details>"
    text = f'<p>one two</p>{fold}<table></table><section class="pair">no</section>'
    found = Unfolded(text)
    assert (found.words, found.tables) == (["one", "two", "three"], 1)


def test_few_words_and_tables_before_anything_is_unfolded(document: Document) -> None:
    found = Unfolded(render_html(document))
    assert (len(CHAINS), len(TARGETS), len(LANGUAGES)) == (6, 4, 5)
    assert len(found.words) <= MOST_WORDS
    assert found.tables <= MOST_TABLES


def test_many_languages_are_folded_and_cost_no_words() -> None:
    """What stands on the page at first does not grow with the languages of a study."""
    many = (*LANGUAGES, *(code for code in KNOWN if code not in LANGUAGES))[:38]
    found = Unfolded(render_html(build_document(compute_findings(mine3(many), 20))))
    assert "Maps of 38 languages" in " ".join(found.words)
    assert len(found.words) <= MOST_WORDS
    assert found.tables <= MOST_TABLES


def test_the_answer_and_its_figures_come_first(document: Document, findings: Findings) -> None:
    html = render_html(document)
    before = html[: html.index("<h2>")]
    assert findings.answer.sentence.split("(")[0] in before
    assert 'class="heat' in before and 'class="plots forest"' in before
    for text in ("Method", "Limitations", "Recipes"):
        assert f"<h3>{text}" not in before


def test_folded_sections_need_no_script_and_say_their_gist(document: Document) -> None:
    html = render_html(document)
    summaries = re.findall(r"<summary><h3>(.*?)</h3>", html)
    assert summaries == [section.title for section in document.sections if section.place == "appendix"]
    assert {"Method", "Claims", "Benchmark averages", "References"} <= set(summaries)
    assert "hold in full" in html.partition("<h3>Quality of the evidence</h3>")[2].partition("</summary>")[0]


def test_two_printed_pages_come_before_the_appendix(document: Document) -> None:
    front = [
        replace(s, blocks=tuple(b for b in s.blocks if not isinstance(b, Fold)))
        for s in document.sections
        if s.place != "appendix"
    ]
    pages = render_pdf(replace(document, sections=tuple(front)))
    assert len(re.findall(rb"/Type\s*/Page\b", pages)) <= 2


def test_gains_by_language_are_those_of_the_pairs_and_can_be_filtered(document: Document, findings: Findings) -> None:
    (maps,) = (block for section in document.sections for block in section.blocks if isinstance(block, LanguageMaps))
    assert [one.title for one in maps.maps] == [info.name for info in TARGETS]
    gains = {(gain.chain, gain.target): gain for gain in findings.gains_over("none")}
    for one in maps.maps:
        assert one.rows[0].name == "English" and one.rows[0].groups == ()
        for place, chain in enumerate(one.chains):
            found = {row.name: row.cells[place].text for row in one.rows}
            gain = gains[chain, one.title]
            assert found == {findings.language(row.language): fmt.points(row.interval.estimate) for row in gain.languages}
            assert not any(row.cells[place].sign for row in one.rows) or gain.verdict not in ("not taken", "near chance")
    assert [name for _, name, _ in maps.filters] == ["family", "script", "pre-training text"]
    html = render_html(document)
    for axis, _, values in maps.filters:
        rows = re.findall(rf'data-{axis}="([^"]*)"', html)
        assert set(rows) == set(values)
        assert all(f"<option>{value}</option>" in html for value in values)


def test_what_the_chains_learned_stands_under_them(document: Document) -> None:
    html = render_html(document)
    heat = html[html.index('<table class="heat') :].partition("</table>")[0]
    assert "<small>dev\u00a021.0, trivial\u00a020.0: not learned</small>" in heat
    assert "<small>dev\u00a055.0, trivial\u00a05.0</small>" in heat
    assert "worse than its placebo" in heat
