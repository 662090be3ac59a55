"""PDF: reading order, headers and footers, hyphens, sections, tables, and files that are damaged or odd."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from tests.documents.pdfs import Text, column, make_pdf

from xstilts.documents.paper import Paper
from xstilts.documents.reading import pdf
from xstilts.documents.reading.pdf import read_pdf
from xstilts.errors import InputError

INTRODUCTION = [
    "We bend trees in many languages and we look at what",
    "becomes of them when the wind of an English forest is",
    "all that they have ever known. The regu-",
    "lar trees do not mind. They keep their leaves on.",
]


def read(content: bytes, folder: Path, name: str = "paper.pdf") -> Paper:
    path = folder / name
    path.write_bytes(content)
    (paper,) = read_pdf(path).papers
    return paper


def make_page(body: list[Text], number: int = 1) -> list[Text]:
    return [(72, 800, 9, "Journal of Trees"), *body, (297, 30, 9, str(number))]


FRONT: list[Text] = [
    (150, 740, 16, "Bending Trees Across Languages"),
    (200, 715, 11, "Ada Fern and Bo Moss"),
    (200, 700, 11, "University of the Forest"),
    (72, 670, 12, "Abstract"),
    *column(72, 655, ["We bend trees and gain 5.4 points on nine tasks."]),
    (72, 630, 12, "1 Introduction"),
    *column(72, 615, INTRODUCTION),
]


def test_title_authors_sections_and_words_that_were_cut(tmp_path: Path) -> None:
    paper = read(
        make_pdf([make_page(FRONT), make_page(column(72, 740, INTRODUCTION), 2), make_page(column(72, 740, INTRODUCTION), 3)]),
        tmp_path,
    )
    assert paper.title == "Bending Trees Across Languages"
    assert paper.authors == ("Ada Fern", "Bo Moss")
    assert [s.title for s in paper.sections] == ["Abstract", "1 Introduction"]
    assert paper.sections[0].text == "We bend trees and gain 5.4 points on nine tasks."
    text = paper.sections[1].text
    assert "The regular trees do not mind." in text and text.count("The regular trees") == 3
    assert "Journal of Trees" not in text and not any(line.strip().isdecimal() for line in text.split("\n"))
    assert (paper.extent, paper.work, paper.version) == ("full text", "paper.pdf", "")


def test_metadata_come_before_the_first_page(tmp_path: Path) -> None:
    info = "/Title (Trees, Bent) /Author (Cy Oak; Di Elm) /CreationDate (D:20210102000000Z)"
    paper = read(make_pdf([FRONT], info=info), tmp_path)
    assert (paper.title, paper.authors, paper.year) == ("Trees, Bent", ("Cy Oak", "Di Elm"), 2021)
    assert "the file was made in 2021" in paper.notes[0]
    assert read(make_pdf([FRONT], info="/Title (main.tex)"), tmp_path).title == "Bending Trees Across Languages"


LEFT = [f"Left line number {i} of the first column." for i in range(8)]
RIGHT = [f"Right line number {i} of the second one." for i in range(8)]


@pytest.mark.parametrize("order", ["by column", "by row"])
def test_two_columns_are_read_one_after_the_other(order: str, tmp_path: Path) -> None:
    left, right = column(60, 700, LEFT), column(320, 700, RIGHT)
    if order == "by column":
        body = [*left, *right]
    else:
        body = [line for pair in zip(left, right, strict=True) for line in pair]
    text = "\n".join(s.text for s in read(make_pdf([[(60, 760, 16, "Two Columns"), *body]]), tmp_path).sections)
    places = [text.index(line) for line in [*LEFT, *RIGHT]]
    assert places == sorted(places)


def test_references_are_left_out_and_the_appendix_is_kept(tmp_path: Path) -> None:
    body: list[Text] = [
        *FRONT,
        (72, 500, 12, "2 Conclusion"),
        *column(72, 485, ["Trees bend."]),
        (72, 460, 12, "References"),
        *column(72, 445, ["Ada Fern. 2019. Trees. In Forest, pages 1-9.", "Bo Moss. 2018. Moss. In Stone 7, pages 3-4."]),
        (72, 400, 12, "A Details"),
        *column(72, 385, ["The wind was strong."]),
    ]
    paper = read(make_pdf([body]), tmp_path)
    assert [s.title for s in paper.sections] == ["Abstract", "1 Introduction", "2 Conclusion", "A Details"]
    assert not any("2019" in s.text for s in paper.sections)


def test_a_table_stands_apart_from_sentences(tmp_path: Path) -> None:
    rows = [("Model", "en", "de"), ("Fern", "80.1", "70.2"), ("Moss", "83.6", "73.7"), ("Oak", "81.0", "71.5")]
    table = [(x, 480 - 12 * i, 10.0, cell) for i, row in enumerate(rows) for x, cell in zip((80, 160, 220), row, strict=True)]
    body = [
        *FRONT,
        *table,
        (72, 420, 9, "Table 1: Scores of trees."),
        *column(72, 390, ["After the table we go on to say more about it."]),
    ]
    paper = read(make_pdf([body]), tmp_path)
    (found,) = paper.tables
    assert found.caption == "Table 1: Scores of trees."
    assert (found.columns, found.rows) == (rows[0], tuple(rows[1:]))
    text = paper.sections[1].text
    assert "80.1" not in text and "After the table we go on" in text
    assert "Table 1: Scores of trees." in text.split("\n\n"), "the caption is a paragraph of its own"


def test_work_and_version_from_the_stamp_or_the_name_of_the_file(tmp_path: Path) -> None:
    stamped = make_pdf([[*FRONT, (30, 300, 9, "arXiv:2005.90001v2  [cs.CL]  1 Oct 2020")]])
    paper = read(stamped, tmp_path, "2020.trees-main.56.pdf")
    assert (paper.id, paper.same, paper.year) == ("arxiv:2005.90001v2", ("acl:2020.trees-main.56",), 2020)
    assert not any("cs.CL" in s.text for s in paper.sections)
    paper = read(make_pdf([FRONT]), tmp_path, "N18-9001.pdf")
    assert (paper.id, paper.year) == ("acl:N18-9001 published", 2018)
    assert read(make_pdf([FRONT]), tmp_path, "2005.90001v1.pdf").id == "arxiv:2005.90001v1"


def test_too_many_pages_are_read_in_part_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "MAX_PAGES", 3)
    paper = read(make_pdf([FRONT, *(column(72, 700, [f"Page {i} says little."]) for i in range(2, 2001))]), tmp_path)
    text = paper.sections[-1].text
    assert "Page 3 says little." in text and "Page 4" not in text
    assert paper.notes[-1] == "It has 2,000 pages; the first 3 were read, and nothing after them."


def test_a_truncated_file_is_refused_or_read_in_part(tmp_path: Path) -> None:
    whole = make_pdf([FRONT, column(72, 700, INTRODUCTION)])
    for share in (0.3, 0.6, 0.9):
        (tmp_path / "cut.pdf").write_bytes(whole[: int(share * len(whole))])
        with suppress(InputError):
            assert read_pdf(tmp_path / "cut.pdf").papers
    (tmp_path / "cut.pdf").write_bytes(whole[:60])
    with pytest.raises(InputError, match="damaged or truncated"):
        read_pdf(tmp_path / "cut.pdf")


def test_a_withdrawn_paper_is_marked(tmp_path: Path) -> None:
    body = [FRONT[0], (72, 670, 12, "Abstract"), *column(72, 655, ["This paper has been withdrawn by the authors."])]
    assert read(make_pdf([body]), tmp_path).withdrawn


def test_a_typeset_page_with_ligatures_and_hyphens(tmp_path: Path) -> None:
    typst = pytest.importorskip("typst")
    sentence = (
        "The difficult configuration of multilingual representations is an efficient and sufficiently official generalization. "
    )
    source = (
        '#set page(columns: 2, numbering: "1")\n#set text(size: 10pt, hyphenate: true)\n#set par(justify: true)\n'
        '#place(top + center, scope: "parent", float: true, text(17pt)[Flying Trees])\n'
        f"= Abstract\n{sentence * 6}\n= 1 Introduction\n{sentence * 60}\n"
    )
    (tmp_path / "main.typ").write_text(source)
    paper = read(typst.compile(str(tmp_path / "main.typ")), tmp_path)
    assert paper.title == "Flying Trees"
    assert [s.title for s in paper.sections] == ["Abstract", "1 Introduction"]
    assert paper.sections[1].text.replace("\n\n", " ").count(sentence.strip()) >= 58, "page breaks may cost a sentence"
