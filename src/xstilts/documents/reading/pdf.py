"""PDF with pypdfium2: text in reading order, in one column or two, by sections.

A line of text has a place and a size on its page. What recurs at the edge of pages is a header or a footer. A line with a gap at
the gutter of two columns belongs to both of them. Lines in smaller type than the body (captions, footnotes) and rows of numbers
do not run into sentences: they stand as paragraphs at the end of their section, and rows under each other make a table.
"""

from __future__ import annotations

import ctypes
import re
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from xstilts.documents.libraries import need
from xstilts.documents.names import choose_names, find_stamp, find_year
from xstilts.documents.paper import Paper, PaperTable
from xstilts.documents.reading.files import (
    Reading,
    as_year,
    count_words,
    join_cut,
    read_bytes,
    says_withdrawn,
    squeeze,
    strip_suffixes,
)
from xstilts.documents.reading.headings import find_abstract, gather_sections, is_references, parse_heading
from xstilts.errors import InputError

MAX_PAGES = 300
SCANNED = 20  # letters a page; with fewer, the pages are pictures
EDGE = 0.085  # of a page's height, above and below: where headers and footers stand
ENCRYPTED = "encrypted; take its password off (for example with qpdf --decrypt) and try again"

_one_at_a_time = threading.Lock()  # pdfium is not safe with threads
_RUNNING = re.compile(
    r"Proceedings of |Transactions of the |Findings of the |©|c©|c\s?\d{4} Association|Copyright |Published as |Under review"
    r"|Preprint\b|\d+$"
)
_CAPTION = re.compile(r"(Table|Figure|Fig\.)\s*\d+\s*[:.]")
_NUMBER = re.compile(r"[-+−±*∗†‡(]*\d[\d.,]*[%)*∗†‡]*(?:[±/]\d[\d.,]*)?|[-–—−]+|N/?A")
_ENDED = re.compile(r"[.!?:][”’\")\]]*\d{0,2}$")  # a mark of a footnote may follow
_HYPHENS = "\x02\ufffe"


@dataclass(frozen=True)
class Line:
    """A line of text. `left` and `right` are shares of the width of page `page`, `bottom` and `size` (of its type; 0 for a line
    that runs upwards) of its height. `cut`: it ended in a hyphen. `cells`: its parts between wide gaps, each with its ends."""

    text: str
    page: int
    left: float
    right: float
    bottom: float
    size: float
    cut: bool
    cells: tuple[tuple[str, float, float], ...]


def read_pdf(path: Path) -> Reading:
    """The paper of a PDF. Raises InputError if it is no PDF, damaged, encrypted, or has no text (a scan)."""
    raw = read_bytes(path)
    if b"%PDF-" not in raw[:1024]:
        kind = "an HTML page" if re.match(rb"\s*<(!doctype|html)", raw[:200], re.IGNORECASE) else "another kind of file"
        raise InputError(f"{path}: not a PDF but {kind} (a PDF begins with %PDF-); get it again")
    with _one_at_a_time:
        pages, count, unread, metadata = _read_pages(raw, path)
    notes = list(unread)
    if count > MAX_PAGES:
        notes.append(f"It has {count:,} pages; the first {MAX_PAGES} were read, and nothing after them.")
    lines = [line for page in pages for line in page]
    letters = sum(len(line.text) for line in lines)
    if letters < SCANNED * len(pages) or not letters:
        raise InputError(
            f"{path}: no text in its {len(pages)} pages ({letters} letters): a scan; recognise its text first, for example"
            " with ocrmypdf"
        )
    stamp = find_stamp(" ".join(line.text for page in pages[:1] for line in page))
    lines = _drop_running([[line for line in page if not find_stamp(line.text)] for page in pages])
    body = _find_body_size(lines)
    title, authors, lines = _read_front(lines, metadata, body)
    tables: list[PaperTable] = []
    sections = gather_sections(_walk(lines, body, tables))
    work, version, same = choose_names([strip_suffixes(path)], path.name)
    if stamp:
        work, version, same = stamp[0], stamp[1] or version, tuple(x for x in (work, *same) if x not in (stamp[0], path.name))
    year = (stamp[2] if stamp else None) or find_year(work)
    if not year and (year := as_year(metadata.get("CreationDate", "")[2:6])):
        notes.append(f"It does not say its year; the file was made in {year}.")
    if not title:
        notes.append("Its title was not found; the name of the file stands for it.")
    return Reading(
        [
            Paper(
                work=work,
                version=version,
                title=title or strip_suffixes(path),
                origin=str(path),
                extent="full text",
                sections=sections,
                tables=tuple(tables),
                authors=authors,
                year=year,
                same=same,
                withdrawn=says_withdrawn(title, find_abstract(sections)),
                notes=tuple(notes),
            )
        ]
    )


def _read_pages(raw: bytes, path: Path) -> tuple[list[list[Line]], int, list[str], dict[str, str]]:
    """Lines of the pages that are read, how many pages there are, notes on damaged ones, and the metadata."""
    pdfium = need("pypdfium2")
    try:
        document = pdfium.PdfDocument(raw)
    except pdfium.PdfiumError as error:
        if "assword" in str(error) or "ecurity" in str(error):
            raise InputError(f"{path}: {ENCRYPTED}") from None
        raise InputError(f"{path}: damaged or truncated ({error}); get it again") from None
    try:
        count = len(document)
        pages, notes = [], []
        for number in range(min(count, MAX_PAGES)):
            try:
                page = document[number]
                pages.append(_read_page(page, number))
            except pdfium.PdfiumError as error:
                notes.append(f"Page {number + 1} could not be read ({error}).")
        if not pages:
            raise InputError(f"{path}: damaged or truncated (none of its {count} pages can be read); get it again")
        return pages, count, notes, document.get_metadata_dict()
    finally:
        document.close()


def _read_page(page: Any, number: int) -> list[Line]:
    raw = need("pypdfium2.raw")
    textpage = page.get_textpage()
    count = textpage.count_chars()
    text = textpage.get_text_range()
    if len(text) != count:
        text = "".join(map(chr, (raw.FPDFText_GetUnicode(textpage, i) for i in range(count))))
    edges = [ctypes.c_double() for _ in range(4)]
    origin = [ctypes.c_double() for _ in range(2)]

    def locate(i: int) -> tuple[float, float]:
        raw.FPDFText_GetCharBox(textpage, i, *edges)  # left, right, bottom, top
        return edges[0].value, edges[1].value

    matrix = raw.FS_MATRIX()
    width, height = page.get_size()
    lines = []
    for found in re.finditer(rf"[^\r\n{_HYPHENS}]+", text):
        piece = found[0]
        start = found.start() + len(piece) - len(piece.lstrip())
        end = found.start() + len(piece.rstrip())
        if not _tidy(text[start:end]):
            continue
        size = 0.0  # it stays 0 where text runs upwards, as the stamp of arXiv does
        for i in range(start, end, max(1, (end - start) // 6)):
            if text[i].isalnum():  # pdfium adds blanks, which have no size
                raw.FPDFText_GetMatrix(textpage, i, matrix)
                size = max(size, raw.FPDFText_GetFontSize(textpage, i) * abs(matrix.d))
        raw.FPDFText_GetCharOrigin(textpage, end - 1, *origin)
        first, last = locate(start), locate(end - 1)
        cells, begin, left = [], start, first[0]
        for blank in re.finditer(r"\s+", text[start:end]):
            before, after = locate(start + blank.start() - 1), locate(start + blank.end())
            if size and after[0] - before[1] > 0.8 * size:
                cells.append((_tidy(text[begin : start + blank.start()]), left, before[1]))
                begin, left = start + blank.end(), after[0]
        cells.append((_tidy(text[begin:end]), left, last[1]))
        cut = found.end() < count and text[found.end()] in _HYPHENS
        lines.append(
            Line(
                text=_tidy(text[start:end]),
                page=number,
                left=first[0] / width,
                right=last[1] / width,
                bottom=origin[1].value / height,
                size=round(size / height, 4),
                cut=cut,
                cells=tuple((cell, begin / width, end / width) for cell, begin, end in cells),
            )
        )
    return _order_columns(lines)


def _tidy(text: str) -> str:
    """The text without what fonts of formulas have in place of control characters."""
    return squeeze(re.sub(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]", " ", text))


def _order_columns(lines: list[Line]) -> list[Line]:
    """The lines in reading order: as they are in the file, unless they jump to and fro between two columns."""
    halves = [half for line in lines for half in _cut_at_gutter(line)]
    sides = [side for line in halves if (side := _side(line))]
    jumps = sum(a != b for a, b in pairwise(sides))
    if min(sides.count("left"), sides.count("right")) < 5 or jumps <= max(4, len(sides) // 8):
        return lines
    ordered: list[Line] = []
    band: list[Line] = []
    for line in [*sorted(halves, key=lambda line: -line.bottom), None]:
        if line is None or not _side(line):
            ordered += [x for x in band if _side(x) == "left"] + [x for x in band if _side(x) == "right"]
            ordered += [line] if line else []
            band = []
        else:
            band.append(line)
    return ordered


def _side(line: Line) -> str:
    """ "left" or "right" of the gutter in the middle of the page, "" if it crosses it."""
    return "left" if line.right < 0.52 else "right" if line.left > 0.48 else ""


def _cut_at_gutter(line: Line) -> Iterator[Line]:
    """The parts of a line in the left and in the right column, if it has a wide gap at the middle of the page."""
    left = [cell for cell in line.cells if cell[2] < 0.52]
    right = [cell for cell in line.cells if cell[1] > 0.48]
    if not left or not right or len(left) + len(right) < len(line.cells):
        yield line
        return
    for cells, cut in ((left, left[-1][0].endswith("-")), (right, line.cut)):
        text = " ".join(cell[0] for cell in cells)
        yield replace(
            line, text=text.removesuffix("-") if cut else text, left=cells[0][1], right=cells[-1][2], cells=tuple(cells), cut=cut
        )


def _drop_running(pages: list[list[Line]]) -> list[Line]:
    """All lines without headers, footers and page numbers: lines at the edge that recur on other pages or say what they are."""

    def shape(line: Line) -> str:
        return re.sub(r"\d+", "#", line.text)

    def at_edge(line: Line) -> bool:
        return line.bottom < EDGE or line.bottom > 1 - EDGE

    counts = Counter(text for page in pages for text in {shape(line) for line in page if at_edge(line)})
    kept = []
    for page in pages:
        floor = max((line.bottom for line in page if line.bottom < EDGE and _RUNNING.match(line.text)), default=0.0)
        for line in page:
            running = at_edge(line) and (counts[shape(line)] >= 3 or bool(_RUNNING.match(line.text)))
            if not running and line.bottom > floor:
                kept.append(line)
    return kept


def _find_body_size(lines: Sequence[Line]) -> float:
    sizes: Counter[float] = Counter()
    for line in lines:
        sizes[line.size] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 0.0


def _read_front(lines: list[Line], metadata: dict[str, str], body: float) -> tuple[str, tuple[str, ...], list[Line]]:
    """Title, authors, and the lines after them: from the metadata, or from the first page, where the title is the first text in
    the largest type, and the authors follow until the abstract."""
    first = [i for i, line in enumerate(lines) if line.page == lines[0].page]
    begin = next(
        (i for i in first if (heading := parse_heading(lines[i].text)) and heading.lower() in ("abstract", "1 introduction")),
        None,
    )
    front = [lines[i] for i in first if begin is None or i < begin][:60]
    largest = max((line.size for line in front if len(line.text) > 5), default=0.0)
    title_lines: list[Line] = []
    for line in front:
        if line.size >= 0.97 * largest and line.size >= body:
            title_lines.append(line)
        elif title_lines:
            break
    title = squeeze(metadata.get("Title", ""))
    shown = squeeze(" ".join(line.text + ("-" if line.cut else "") for line in title_lines)) if largest > 1.05 * body else ""
    if not re.search(r"[A-Za-z]{3}.* ", title) or title.lower().endswith((".dvi", ".tex", ".doc", ".docx", ".pdf")):
        title = shown[:300]
    named = re.split(r"\s*[;,]\s*|\s+and\s+", metadata.get("Author", ""))
    rest = front[front.index(title_lines[-1]) + 1 :] if title_lines else []
    authors = tuple(name for name in map(squeeze, named) if name) or tuple(_find_authors(rest))
    if begin is None:
        return title, authors, [line for line in lines if line not in title_lines] if title == shown else lines
    return title, authors, lines[begin:]


def _find_authors(lines: list[Line]) -> Iterator[str]:
    """Names in the lines below the title: two to four words with capitals, no address and no institution."""
    for line in lines[:6]:
        for part in (piece for cell in line.cells for piece in re.split(r",| and |&", cell[0])):
            words = re.sub(r"[\d∗*†‡§¶♠♣♥♦]+", " ", part).split()
            if re.search(
                r"@|Universit|Institut|Department|Research|Laborator|School|College|Inc\.|Google|Facebook|Microsoft|Center|Centre",
                line.text,
            ):
                continue
            names = [words[i : i + 2] for i in range(0, len(words), 2)] if len(words) % 2 == 0 and len(words) > 4 else [words]
            for name in names:
                if 2 <= len(name) <= 4 and all(word[0].isupper() or word in ("de", "van", "von", "der", "da") for word in name):
                    yield " ".join(name)


def _walk(lines: list[Line], body: float, tables: list[PaperTable]) -> Iterator[tuple[str | None, str]]:
    """Headings and paragraphs in order. The paragraphs that stand aside (captions, footnotes, rows) close their section."""
    flow: list[Line] = []
    aside: list[list[Line]] = []
    words = count_words(" ".join(line.text for line in lines))
    in_references = False
    lines, found = _take_tables(lines)
    tables += found
    taken = 0
    for i, line in enumerate(lines):
        if i < taken:
            continue
        before = lines[i - 1] if i else None
        heading = parse_heading(line.text) if line.size >= 0.98 * body and not line.cut else None
        if heading and before is not None and not _opens_block(before, line, flow):
            heading = None
        if heading and is_references(heading) and _goes_on(lines[:i], lines[i + 1 :], body):
            heading = None
        if heading and line.size > 1.04 * body:
            taken = i + 1
            while (
                taken < min(i + 3, len(lines))
                and _continues(lines[taken - 1], lines[taken])
                and not parse_heading(lines[taken].text)
            ):
                heading += f" {lines[taken].text}"
                taken += 1
        if heading:
            yield from _paragraphs(flow, aside, words)
            flow, aside = [], []
            in_references = is_references(heading)
            yield heading, ""
        elif in_references:
            continue
        elif _CAPTION.match(line.text):
            aside.append([line])
        elif aside and before is aside[-1][-1] and _continues(before, line) and _is_row(before) == _is_row(line):
            aside[-1].append(line)
        elif (abs(line.size - body) > 0.04 * body and line.size < body) or _is_row(line):
            if line.size:
                aside.append([line])
        else:
            flow.append(line)
    yield from _paragraphs(flow, aside, words)


def _opens_block(before: Line, line: Line, flow: list[Line]) -> bool:
    """Whether a line that reads like a heading is one: it is larger than the text, or what comes before it is at an end."""
    if re.match(r"[A-Z]\b|\d+ [A-Z][a-z]+ [a-z]", line.text):
        return line.size > 1.04 * before.size
    known = not line.text[0].isdigit()
    ended = not flow or _ENDED.search(flow[-1].text) or flow[-1].page != line.page
    return known or line.size > 1.04 * before.size or bool(ended)


def _goes_on(before: list[Line], after: list[Line], body: float) -> bool:
    """Whether the numbers of sections go on after a line: then it is no list of references, but a word in a figure."""
    numbers = [
        [
            int(found[1])
            for line in lines
            if line.size > 1.04 * body and (found := re.match(r"(\d+)", parse_heading(line.text) or ""))
        ]
        for lines in (before, after)
    ]
    return bool(numbers[0] and numbers[1]) and numbers[1][0] in (numbers[0][-1], numbers[0][-1] + 1)


def _continues(before: Line, line: Line) -> bool:
    """Whether a line goes on with the one before: right below it, in the same size, in the same column."""
    drop = before.bottom - line.bottom
    return (
        line.page == before.page
        and abs(line.size - before.size) <= 0.04 * before.size + 0.0001
        and 0 <= drop < 1.45 * before.size
        and line.left < before.right
        and not (before.text.endswith(".") and line.left - before.left > 0.01)
    )


def _is_row(line: Line) -> bool:
    """Whether a line is a row of numbers, not a part of a sentence."""
    words = line.text.split()
    numbers = sum(bool(_NUMBER.fullmatch(word)) for word in words)
    return numbers > 0.5 * len(words) and len(re.findall(r"\b[a-z]{3,}\b", line.text)) < 2 and not line.text.endswith(".")


def _paragraphs(flow: list[Line], aside: list[list[Line]], words: Counter[str]) -> Iterator[tuple[None, str]]:
    paragraph: list[Line] = []
    for line in flow:
        if paragraph and not paragraph[-1].cut and _ends_paragraph(paragraph[-1], line):
            yield None, _join(paragraph, words)
            paragraph = []
        paragraph.append(line)
    if paragraph:
        yield None, _join(paragraph, words)
    for lines in aside:
        text = _join(lines, words)
        if (
            len(re.findall(r"[^\W\d_]{3,}", text)) > 1 or len(re.findall(r"\d", text)) > 3
        ):  # what is left of formulas says nothing
            yield None, text


def _ends_paragraph(before: Line, line: Line) -> bool:
    ended = bool(_ENDED.search(before.text))
    same_column = before.page == line.page and abs(before.left - line.left) < 0.1 and before.bottom > line.bottom
    indented = same_column and line.left - before.left > 0.008
    spaced = same_column and (before.bottom - line.bottom) > 1.6 * before.size
    short = same_column and before.right - before.left < 0.75 * (line.right - line.left)
    bullet = line.text[0] in "•–∙◦"
    return bullet or (ended and (indented or spaced or short))


def _join(lines: Sequence[Line], words: Counter[str]) -> str:
    """The text of lines. Of a word that is cut at the end of a line, the paper itself says whether it has a hyphen."""
    text, cut = "", False
    for line in lines:
        text = join_cut(text, line.text, words) if cut else f"{text} {line.text}"
        cut = line.cut
    return squeeze(text)


def _take_tables(lines: list[Line]) -> tuple[list[Line], list[PaperTable]]:
    """Lines without those that make tables, and the tables: rows under each other, with numbers, most of them as wide."""
    kept: list[Line] = []
    tables: list[PaperTable] = []
    run: list[Line] = []
    for line in [*lines, None]:
        if line is not None and len(_cells(line)) >= 2 and (not run or _below(run[-1], line)):
            run.append(line)
            continue
        table = _make_table(run)
        if table:
            caption = _find_caption(lines, run)
            tables.append(replace(table, caption=caption))
        else:
            kept += run
        run = []
        if line is not None:
            if len(_cells(line)) >= 2:
                run = [line]
            else:
                kept.append(line)
    return kept, tables


def _cells(line: Line) -> Sequence[tuple[str, float, float]]:
    """The cells of a line that may be a row: by its wide gaps, and by its words after the first number if the gaps are narrow."""
    if _CAPTION.match(line.text) or not line.size:
        return ()
    if len(line.cells) >= 3:
        return line.cells
    found = re.fullmatch(r"(\D.*?)\s+((?:\S*\d\S*|[-–—−]+)(?:\s+(?:\S*\d\S*|[-–—−]+))+)", line.text)
    if found and all(_NUMBER.fullmatch(word) for word in found[2].split()):
        numbers = found[2].split()
        step = (line.right - line.left) / (len(line.text) or 1)
        ends, place = [], line.right
        for number in reversed(numbers):
            ends.append((number, place - step * len(number), place))
            place -= step * (len(number) + 1)
        return ((found[1], line.left, place), *reversed(ends))
    return line.cells if len(line.cells) == 2 and any(_NUMBER.fullmatch(cell[0]) for cell in line.cells) else ()


def _below(before: Line, line: Line) -> bool:
    drop = before.bottom - line.bottom
    return line.page == before.page and 0 < drop < 3 * before.size


def _make_table(run: list[Line]) -> PaperTable | None:
    rows = [_cells(line) for line in run]
    widths = Counter(map(len, rows))
    if len(rows) < 3 or not any(bool(_NUMBER.fullmatch(cell[0])) for row in rows[1:] for cell in row):
        return None
    width = max(widths, key=lambda w: (widths[w], w))
    full = [row for row in rows if len(row) == width]
    if width < 2 or len(full) < 2:
        return None
    numbers = sum(bool(_NUMBER.fullmatch(cell[0])) for row in full for cell in row[1:])
    if numbers < 0.3 * sum(len(row) - 1 for row in full):
        return None
    middles = [median((row[i][1] + row[i][2]) / 2 for row in full) for i in range(width)]
    grid = []
    for row in rows:
        cells = [""] * width
        for i, (text, left, right) in enumerate(row):
            place = i if len(row) == width else min(range(width), key=lambda k: abs(middles[k] - (left + right) / 2))
            cells[place] = squeeze(f"{cells[place]} {text}")
        grid.append(tuple(cells))
    return PaperTable("", grid[0], tuple(grid[1:]))


def _find_caption(lines: list[Line], run: list[Line]) -> str:
    """The caption nearest to a table on its page, below or above it."""
    near: list[tuple[float, int]] = []
    for i, line in enumerate(lines):
        if line.page == run[0].page and line.text.startswith("Table") and _CAPTION.match(line.text):
            overlap = line.left < max(x.right for x in run) and line.right > min(x.left for x in run)
            distance = min(abs(line.bottom - run[-1].bottom), abs(line.bottom - run[0].bottom))
            if overlap and distance < 0.25:
                near.append((distance, i))
    if not near:
        return ""
    i = min(near)[1]
    caption = [lines[i]]
    for line in lines[i + 1 :]:
        if not _continues(caption[-1], line):
            break
        caption.append(line)
    return _join(caption, Counter())
