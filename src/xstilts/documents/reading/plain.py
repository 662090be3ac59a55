"""Plain text and Markdown: the title is the first heading or line, sections begin at headings, paragraphs at empty lines."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from xstilts.documents.names import choose_names, find_stamp, find_year
from xstilts.documents.paper import Paper, PaperTable
from xstilts.documents.reading.files import (
    Reading,
    count_words,
    decode,
    join_cut,
    read_bytes,
    says_withdrawn,
    squeeze,
    strip_suffixes,
)
from xstilts.documents.reading.headings import find_abstract, gather_sections, parse_heading

LONGEST_TITLE = 300

_MARKDOWN_HEADING = re.compile(r"#{1,6}\s+(.*?)\s*#*")
_TABLE_RULE = re.compile(r"\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?")


def read_plain(path: Path) -> Reading:
    """The paper of a plain text or Markdown file. Raises InputError if it is empty or no text."""
    text, notes = decode(read_bytes(path), path)
    stamp = find_stamp(text[:4000])
    work, version, same = choose_names([strip_suffixes(path)], path.name)
    tables: list[PaperTable] = []
    parts = list(_split(text, tables))
    title = squeeze(next((heading or paragraph for heading, paragraph in parts), ""))
    if parts and len(title) <= LONGEST_TITLE:
        parts = parts[1:]
    else:
        title = strip_suffixes(path)
    sections = gather_sections(parts)
    if stamp:
        work, version, same = stamp[0], stamp[1], tuple({work, *same} - {stamp[0], path.name})
    paper = Paper(
        work=work,
        version=version,
        title=title,
        origin=str(path),
        extent="full text" if sections or tables else "title",
        sections=sections,
        tables=tuple(tables),
        year=(stamp[2] if stamp else None) or find_year(work),
        same=same,
        withdrawn=says_withdrawn(title, find_abstract(sections)),
        notes=notes,
    )
    return Reading([paper])


def _split(text: str, tables: list[PaperTable]) -> Iterator[tuple[str | None, str]]:
    """(heading, "") and (None, paragraph) in order; tables of Markdown go into `tables`."""
    words = count_words(text)
    for block in re.split(r"\n[^\S\n]*\n", text):
        lines = [line for line in block.split("\n") if line.strip()]
        ruled = next((i for i, line in enumerate(lines) if i and "|" in line and _TABLE_RULE.fullmatch(line.strip())), 0)
        if ruled:
            tables.append(_make_table(lines[ruled - 1], lines[ruled + 1 :], squeeze(" ".join(lines[: ruled - 1]))))
            continue
        paragraph: list[str] = []
        for i, line in enumerate(lines):
            markdown = _MARKDOWN_HEADING.fullmatch(line.strip())
            heading = markdown[1] if markdown else parse_heading(line) if i == 0 else None
            if heading:
                if paragraph:
                    yield None, _join(paragraph, words)
                    paragraph = []
                yield heading, ""
            else:
                paragraph.append(line)
        if paragraph:
            yield None, _join(paragraph, words)


def _join(lines: list[str], words: Counter[str]) -> str:
    """One paragraph: a word that is hyphenated at the end of a line becomes whole."""
    text = lines[0].strip()
    for line in lines[1:]:
        cut = re.fullmatch(r"\w-", text[-2:])
        text = join_cut(text[:-1], line.strip(), words) if cut else f"{text} {line.strip()}"
    return squeeze(text)


def _make_table(head: str, body: list[str], caption: str) -> PaperTable:
    columns = _split_row(head)
    rows = tuple((*row, *[""] * len(columns))[: len(columns)] for row in map(_split_row, body))
    return PaperTable(caption, columns, rows)


def _split_row(line: str) -> tuple[str, ...]:
    return tuple(squeeze(cell) for cell in line.strip().removeprefix("|").removesuffix("|").split("|"))
