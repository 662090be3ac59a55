"""HTML, LaTeX, TEI, BibTeX, JSON lines and plain text: what is read, and what is left out."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from xstilts.documents.paper import Paper, PaperTable, Section
from xstilts.documents.reading.bibtex import read_bibtex
from xstilts.documents.reading.files import Reading
from xstilts.documents.reading.html import read_html
from xstilts.documents.reading.jsonl import read_jsonl
from xstilts.documents.reading.latex import is_part, read_latex
from xstilts.documents.reading.plain import read_plain
from xstilts.documents.reading.tei import read_tei
from xstilts.errors import InputError


def read(reader: Callable[[Path], Reading], text: str, folder: Path, name: str) -> Paper:
    path = folder / name
    path.write_text(text)
    (paper,) = reader(path).papers
    return paper


# HTML

LATEXML = """<!DOCTYPE html><html lang="en"><head><title>Bending Trees</title>
<link rel="canonical" href="https://arxiv.org/abs/2005.90001v1"><style>p { }</style></head><body><nav>Home</nav>
<article class="ltx_document"><h1 class="ltx_title ltx_title_document">Bending Trees</h1><div class="ltx_authors">Ada Fern</div>
<div class="ltx_abstract"><h6 class="ltx_title">Abstract</h6><p>We gain <math alttext="5.4"><mn>5.4</mn></math> points.</p></div>
<section><h2>1 Introduction</h2><p>Trees <b>bend</b> in<br>the wind.</p>Loose text.
<figure class="ltx_table"><figcaption>Table 1: Scores.</figcaption><table>
<thead><tr><th>Model</th><th colspan="2">Scores</th></tr></thead>
<tr><td>Fern</td><td><math alttext="80.1"><mn>80.1</mn></math></td><td>70.2</td></tr></table></figure>
<table class="ltx_equation"><tr><td>x = y</td></tr></table><ul><li>One.</li><li>Two.</li></ul><script>var x;</script>
</section>
<section class="ltx_bibliography"><h2>References</h2><p>Fern.</p></section></article><footer>By hand</footer></body></html>"""


def test_a_page_that_latexml_made(tmp_path: Path) -> None:
    paper = read(read_html, LATEXML, tmp_path, "page.html")
    assert (paper.id, paper.title, paper.extent) == ("arxiv:2005.90001v1", "Bending Trees", "full text")
    assert paper.sections == (
        Section("Abstract", "We gain 5.4 points."),
        Section("1 Introduction", "Trees bend in\n\nthe wind.\n\nLoose text.\n\nTable 1: Scores.\n\nx = y\n\nOne.\n\nTwo."),
    )
    assert paper.tables == (PaperTable("Table 1: Scores.", ("Model", "Scores", ""), (("Fern", "80.1", "70.2"),)),)


def test_a_page_about_a_paper_has_its_abstract_only(tmp_path: Path) -> None:
    page = """<html><head><title>[2005.90001] Bending Trees</title><meta name="citation_title" content="Bending Trees">
    <meta name="citation_author" content="Fern, Ada"><meta name="citation_date" content="2020/05/26">
    <meta name="citation_pdf_url" content="https://arxiv.org/pdf/2005.90001">
    <meta name="citation_arxiv_id" content="2005.90001"></head><body>
    <h1>arXiv</h1><p>Support us.</p><blockquote class="abstract mathjax"><span>Abstract:</span> Trees bend.</blockquote>
    <table><tr><td class="tablecell comments mathjax">This paper has been withdrawn</td></tr></table></body></html>"""
    paper = read(read_html, page, tmp_path, "x.html")
    assert (paper.work, paper.title, paper.authors, paper.year) == ("arxiv:2005.90001", "Bending Trees", ("Ada Fern",), 2020)
    assert (paper.extent, paper.sections, paper.withdrawn) == ("abstract", (Section("Abstract", "Trees bend."),), True)


def test_a_page_of_the_anthology(tmp_path: Path) -> None:
    page = """<!doctype html><html><head><title>Bending Trees - ACL Anthology</title>
    <meta content="Bending Trees" name=citation_title>
    <meta content="Ada Fern" name=citation_author><meta content="2020/12" name=citation_publication_date>
    <meta content="https://aclanthology.org/2020.trees-main.56.pdf" name=citation_pdf_url></head><body><nav>Events</nav>
    <h2><a>Bending Trees</a></h2><div class="card-body acl-abstract"><h5>Abstract</h5><span>Trees <i>bend</i>.</span></div>
    <dl><dt>Anthology ID:</dt><dd>2020.trees-main.56</dd></dl></body></html>"""
    paper = read(read_html, page, tmp_path, "x.html")
    assert (paper.id, paper.year, paper.extent) == ("acl:2020.trees-main.56 published", 2020, "abstract")
    assert paper.sections == (Section("Abstract", "Trees bend."),)


def test_a_page_that_says_it_is_damaged_is_read_with_a_note(tmp_path: Path) -> None:
    page = LATEXML.replace("<nav>", "<div>This document may be truncated or damaged.</div><nav>")
    assert read(read_html, page, tmp_path, "x.html").notes == ("The page says that it may be truncated or damaged.",)


@pytest.mark.parametrize("title", ["404 Not Found", "Error 503", "Just a moment...", "Access Denied", "Sign in to the library"])
def test_error_pages_are_refused(title: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="an error page"):
        read(read_html, f"<html><head><title>{title}</title></head><body><p>Sorry.</p></body></html>", tmp_path, "x.html")


def test_html_without_text_and_text_without_html(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a page without text"):
        read(read_html, "<html><body><script>render()</script></body></html>", tmp_path, "x.html")
    with pytest.raises(InputError, match="no HTML"):
        read(read_html, "just words", tmp_path, "x.html")


def test_the_encoding_that_a_page_declares(tmp_path: Path) -> None:
    page = '<html><head><meta charset="iso-8859-2"><title>Drzewa</title></head><body><p>Źródło</p></body></html>'
    (tmp_path / "x.html").write_bytes(page.encode("iso-8859-2"))
    paper = read_html(tmp_path / "x.html").papers[0]
    assert paper.sections[0].text == "Źródło" and paper.notes == ()


# LaTeX

MAIN = r"""\documentclass{article}
\newcommand{\ours}{Treebender\xspace} % our name
\def\gain{3.5}
\title{\ours: Bending Trees, 100\% Green\thanks{To the sun.}}
\author{Ada Fern \and Bo Moss}
\begin{document}
\maketitle
\begin{abstract} \ours{} gains \gain{} points. \end{abstract}
\section{Introduction}\label{sec:i}
Trees bend \citep{fern2019}. They gain 5\% % 7\% in truth
over \textbf{oaks}, with $F_1$ of $82.5 \pm 0.3$ --- G\"odel.

%\section{Not here}
\input{parts/method}\input{../outside}\include{gone}
\section{Results}
\begin{table}\caption{Scores of \ours}
\begin{tabular}{l|cc} \toprule
Model & en & \multicolumn{1}{c}{de} \\ \midrule
Oak & 80.1 & 70.2 \\ \ours & \textbf{83.6} & 73.7 \\ \bottomrule
\end{tabular}\end{table}
See Table 1.
\begin{thebibliography}{9}\bibitem{a} Fern 2019.\end{thebibliography}
\end{document}
after the end
"""


def test_latex_with_its_parts(tmp_path: Path) -> None:
    folder = tmp_path / "2005.90001v1"
    (folder / "parts").mkdir(parents=True)
    (folder / "parts" / "method.tex").write_text(r"\section{Method} We bend. \input{main}")
    (tmp_path / "outside.tex").write_text("A secret.")
    paper = read(read_latex, MAIN, folder, "main.tex")
    assert (paper.title, paper.authors, paper.id) == (
        "Treebender: Bending Trees, 100% Green",
        ("Ada Fern", "Bo Moss"),
        "arxiv:2005.90001v1",
    )
    assert paper.sections == (
        Section("Abstract", "Treebender gains 3.5 points."),
        Section("Introduction", "Trees bend [fern2019]. They gain 5% over oaks, with F_1 of 82.5 ± 0.3 — Gödel."),
        Section("Method", "We bend."),
        Section("Results", "See Table 1.\n\nScores of Treebender"),
    )
    table = PaperTable("Scores of Treebender", ("Model", "en", "de"), (("Oak", "80.1", "70.2"), ("Treebender", "83.6", "73.7")))
    assert paper.tables == (table,)
    assert paper.notes == ("Not found, or outside the folder, and so not read: main, ../outside, gone.",)
    assert is_part(folder / "parts" / "method.tex") and not is_part(folder / "main.tex")


def test_latex_that_is_hard_to_read_is_read_all_the_same(tmp_path: Path) -> None:
    deep = "{" * 3000 + "trees" + "}" * 3000
    for text in (
        deep,
        r"\begin{itemize} \item trees",
        r"$trees",
        r"\newcommand{\a}{\a\a} \a trees",
        r"\begin{tabular}{ll} trees & 1 \\ 2",
    ):
        paper = read(read_latex, rf"\begin{{document}} \section{{One}} {text} \end{{document}}", tmp_path, "x.tex")
        assert "trees" in paper.sections[0].text or paper.tables
    with pytest.raises(InputError, match="no text in this LaTeX file"):
        read(read_latex, r"\begin{document}\end{document}", tmp_path, "x.tex")


# TEI

TEI = """<?xml version="1.0"?><TEI xmlns="http://www.tei-c.org/ns/1.0"><teiHeader><fileDesc>
<titleStmt><title>Bending Trees</title></titleStmt>
<publicationStmt><date when="2020-05-26"/></publicationStmt><sourceDesc><biblStruct><analytic>
<author><persName><forename>Ada</forename><surname>Fern</surname></persName></author></analytic><monogr><title>Forest</title></monogr>
<idno type="arXiv">arXiv:2005.90001v2</idno></biblStruct></sourceDesc></fileDesc>
<profileDesc><abstract><div><p>Trees bend.</p></div></abstract></profileDesc></teiHeader><text xml:lang="en"><body>
<div><head n="1">Introduction</head><p>Trees <ref>(Fern, 2019)</ref> bend.</p><p>A lot.</p></div>
<figure type="table"><head>Table 1</head><figDesc>Scores.</figDesc>
<table><row><cell>Model</cell><cell>en</cell></row><row><cell>Oak</cell></row></table></figure>
<note place="foot" n="1">A footnote.</note></body>
<back><div type="references"><listBibl><biblStruct><note>Fern 2019</note></biblStruct></listBibl></div>
<div type="acknowledgement"><div><head>Thanks</head><p>To the sun.</p></div></div></back></text></TEI>"""


@pytest.mark.parametrize("packed", [False, True])
def test_tei(packed: bool, tmp_path: Path) -> None:
    path = tmp_path / ("x.tei.xml.gz" if packed else "x.tei.xml")
    path.write_bytes(gzip.compress(TEI.encode()) if packed else TEI.encode())
    (paper,) = read_tei(path).papers
    assert (paper.id, paper.title, paper.authors, paper.year, paper.venue) == (
        "arxiv:2005.90001v2",
        "Bending Trees",
        ("Ada Fern",),
        2020,
        "Forest",
    )
    assert paper.sections == (
        Section("Abstract", "Trees bend."),
        Section("1 Introduction", "Trees (Fern, 2019) bend.\n\nA lot."),
        Section("Thanks", "To the sun."),
        Section("Footnotes", "A footnote."),
    )
    assert paper.tables == (PaperTable("Table 1 Scores.", ("Model", "en"), (("Oak", ""),)),)


def test_entities_are_not_resolved(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("SECRET")
    text = TEI.replace("<TEI ", f'<!DOCTYPE TEI [<!ENTITY x SYSTEM "file://{tmp_path}/secret">]><TEI ').replace(
        "A lot.", "A lot. &x;"
    )
    paper = read(read_tei, text, tmp_path, "x.tei.xml")
    assert "A lot." in paper.sections[1].text and "SECRET" not in str(paper)
    laughs = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10 if i else "ha"}">' for i in range(12))
    text = TEI.replace("<TEI ", f"<!DOCTYPE TEI [{laughs}]><TEI ").replace("A lot.", "A lot. &l11;")
    with suppress(InputError):  # some versions of libxml2 refuse it
        assert "haha" not in str(read(read_tei, text, tmp_path, "x.tei.xml"))


def test_xml_that_is_no_tei(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"its root is <html>; expected <TEI>"):
        read(read_tei, "<html/>", tmp_path, "x.tei.xml")
    with pytest.raises(InputError, match="not well-formed"):
        read(read_tei, TEI[:900], tmp_path, "x.tei.xml")
    with pytest.raises(InputError, match="without title and text"):
        read(read_tei, '<TEI xmlns="http://www.tei-c.org/ns/1.0"/>', tmp_path, "x.tei.xml")


# BibTeX


def test_bibtex_keeps_what_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "x.bib").write_text(
        r"""@inproceedings{fern-2020-trees, title = "{T}rees in {G}\"odel's Forest", author = "Fern, Ada and Bo Moss",
        year = "2020", booktitle = "Forest", url = "https://aclanthology.org/2020.trees-main.56", abstract = "Trees gain 5{\%}." }
        @article{b, title={Leaves}, journal={arXiv preprint arXiv:2005.90001v1}, year=2020}
        @proceedings{p, year=2020}
        @misc{untitled, year=1999}
        @misc{broken, title={never closed
        @misc{last, title={Moss}, note={This paper has been withdrawn}}"""
    )
    reading = read_bibtex(tmp_path / "x.bib")
    first, second, last = reading.papers
    assert (first.id, first.title, first.venue) == ("acl:2020.trees-main.56 published", "Trees in Gödel's Forest", "Forest")
    assert (first.authors, first.extent, first.sections[0].text) == (("Ada Fern", "Bo Moss"), "abstract", "Trees gain 5%.")
    assert (second.id, second.extent, second.sections) == ("arxiv:2005.90001v1", "title", ())
    assert (last.work, last.withdrawn) == ("x.bib#last", True)
    assert len(reading.refused) == 2 and "entry untitled: no title" in reading.refused[0] and "not BibTeX" in reading.refused[1]
    (tmp_path / "y.bib").write_text("nothing")
    with pytest.raises(InputError, match="no entry with a title"):
        read_bibtex(tmp_path / "y.bib")


# JSON lines


def test_records_of_json_lines(tmp_path: Path) -> None:
    lines = [
        '{"id": "2020.trees-main.56", "arxiv": "2005.90001", "version": "published (2020.trees-main.56); as v2", '
        '"title": "Trees", "abstract": "Trees bend.", "authors": ["Ada Fern"], "year": "2020", "note": "odd"}',
        "",
        '{"title": "Leaves", "authors": "Bo Moss and Cy Oak", "sections": [{"title": "1 One", "text": "A.\\n\\nB\\nc."}, '
        '{"text": " "}]}',
        '{"title": "Moss", "arxiv": null, "version": null, "id": "my-id"}',
        '{"title": ""}',
        '{"title": 7, "abstract": ["x"]}',
        '{"title": "x", "sections": ["y"]}',
        "[1]",
        "{broken",
        "[" * 100_000,
    ]
    (tmp_path / "x.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    reading = read_jsonl(tmp_path / "x.jsonl.gz")
    first, second, third = reading.papers
    assert (first.id, first.same, first.year) == ("arxiv:2005.90001 published", ("acl:2020.trees-main.56",), 2020)
    assert first.notes == ("Its source says of the version: published (2020.trees-main.56); as v2.", "odd")
    assert (second.work, second.authors, second.extent) == ("x.jsonl.gz#3", ("Bo Moss", "Cy Oak"), "full text")
    assert second.sections == (Section("1 One", "A.\n\nB c."),)
    assert (third.work, third.version, third.extent) == ("x.jsonl.gz#my-id", "", "title")
    places = [sentence.split(": ")[0].rpartition(":")[2] for sentence in reading.refused]
    assert places == ["5", "6", "7", "8", "9", "10"]
    (tmp_path / "y.jsonl").write_text("{}")
    with pytest.raises(InputError, match=r"no record of a paper; the first problem: .*y\.jsonl:1: no title"):
        read_jsonl(tmp_path / "y.jsonl")


# Plain text


def test_plain_text_and_markdown(tmp_path: Path) -> None:
    text = (
        "# Trees in Text\n\nBy Ada.\n\n## Abstract\n\nWe bend state-of-\nthe-art trees and regu-\nlar ones.\n\n"
        "## 2 Results\n\nScores:\n| Model | en |\n|---|---|\n| Oak | 80.1 |\n| Fern |\n\nDone.\n\n"
        "References\n\nFern 2019.\n\nA Appendix\n\nMore.\n"
    )
    paper = read(read_plain, text, tmp_path, "x.md")
    assert paper.title == "Trees in Text"
    assert paper.sections == (
        Section("", "By Ada."),
        Section("Abstract", "We bend state-of-the-art trees and regular ones."),
        Section("2 Results", "Done."),
        Section("A Appendix", "More."),
    )
    assert paper.tables == (PaperTable("Scores:", ("Model", "en"), (("Oak", "80.1"), ("Fern", ""))),)


def test_text_of_one_long_paragraph_has_the_name_of_its_file(tmp_path: Path) -> None:
    paper = read(read_plain, "Trees bend in the wind. " * 50, tmp_path, "wind.txt")
    assert paper.title == "wind" and paper.sections[0].text.count("Trees") == 50
    only = read(read_plain, "Trees", tmp_path, "title.txt")
    assert (only.title, only.extent, only.sections) == ("Trees", "title", ())
