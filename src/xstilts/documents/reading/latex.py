r"""LaTeX sources: `\input` is followed inside the folder of the file, comments are dropped, tabulars become tables.

Macros without arguments are put in place (`\newcommand{\ours}{XLM-R}`), since results are often written with them. The rest is
turned into text by pylatexenc.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from xstilts.documents.libraries import need
from xstilts.documents.names import choose_names
from xstilts.documents.paper import Paper, PaperTable
from xstilts.documents.reading.files import (
    Reading,
    as_year,
    decode,
    quiet,
    read_bytes,
    says_withdrawn,
    squeeze,
    strip_suffixes,
)
from xstilts.documents.reading.headings import find_abstract, gather_sections
from xstilts.errors import InputError

DEEPEST_INPUT = 8
MOST_MACROS = 500
MAX_LETTERS = 5_000_000
LONGEST_ARGUMENT = 20_000
LONGEST_HEADING = 500
LONGEST_PARAGRAPH = 20_000  # pylatexenc is slow on longer ones, and no text has them

_COMMENT = re.compile(r"(?<!\\)((?:\\\\)*)%.*?(?:\n[^\S\n]*|$)")
_INPUT = re.compile(r"\\(?:input|include|subfile)\s*\{([^{}]{1,200})\}")
_MACRO = re.compile(r"\\(?:re)?newcommand\*?\s*\{?\\([A-Za-z]+)\}?\s*(?=\{)|\\def\s*\\([A-Za-z]+)\s*(?=\{)")
_TABULARS = frozenset({"tabular", "tabular*", "tabularx", "tabulary", "longtable"})
_FLOATS = frozenset({"table", "table*", "figure", "figure*", "wraptable", "wrapfigure"})
_LEFT_OUT = frozenset({"thebibliography", "tikzpicture", "comment"})
_ENVIRONMENT = re.compile(r"\\(begin|end)\{([A-Za-z]+\*?)\}")
_DROPPED = re.compile(
    r"\\(?:bibliography|bibliographystyle|label|vspace|hspace|usepackage)\*?"
    r"\s*(?:\[[^\]]{0,300}\])?\{[^{}]{0,300}\}|\\(?:maketitle|tableofcontents|clearpage|newpage|noindent|centering|appendix|small|footnotesize)\b",
    re.DOTALL,
)
_CITE = re.compile(r"~?\\(?:no)?(?:[Cc]ite|textcite|parencite)[a-zA-Z]*\*?\s*(?:\[[^\]]{0,300}\]\s*){0,2}\{([^{}]{0,1000})\}")
_SECTION = re.compile(r"\\(chapter|section|subsection|subsubsection|paragraph)\*?\s*(?:\[[^\]]{0,300}\])?(?=\{)")


def is_part(path: Path) -> bool:
    r"""Whether a file is a part of another one: it has no `\begin{document}`."""
    return b"\\begin{document}" not in read_bytes(path)


def read_latex(path: Path) -> Reading:
    r"""The paper of a LaTeX file with the files it includes. Raises InputError if it has no text. A file without
    `\begin{document}` is read as a whole."""
    raw, notes = decode(read_bytes(path), path)
    missing: list[str] = []
    source = _include(raw, path.parent.resolve(), (path.resolve(),), missing)
    if len(source) > MAX_LETTERS:
        raise InputError(
            f"{path}: more than {MAX_LETTERS:,} characters with the files it includes; expected the source of a paper"
        )
    source = _put_macros(source)
    head, begin, body = source.partition(r"\begin{document}")
    body = body.partition(r"\end{document}")[0] if begin else source
    title = to_text(_find_argument(source, "title"))
    authors = [to_text(name) for name in re.split(r"\\(?:And|AND|and)\b|\\\\|(?<!\w),\s", _find_argument(source, "author"))]
    date = _find_argument(head, "date")
    tables: list[PaperTable] = []
    sections = gather_sections(_walk(body, tables))
    if not sections and not tables:
        raise InputError(f"{path}: no text in this LaTeX file; expected the source of a paper")
    work, version, same = choose_names([strip_suffixes(path), strip_suffixes(path.parent.resolve())], path.name)
    if missing:
        notes = (*notes, f"Not found, or outside the folder, and so not read: {', '.join(dict.fromkeys(missing))}.")
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
                authors=tuple(name for name in authors if re.fullmatch(r"[^\d@{}]{3,60}", name) and " " in name)[:50],
                year=as_year(date),
                same=same,
                withdrawn=says_withdrawn(title, find_abstract(sections)),
                notes=notes if title else (*notes, r"The source gives no \title; the name of the file stands for it."),
            )
        ]
    )


def to_text(source: str) -> str:
    """LaTeX as plain text with single blanks; what pylatexenc cannot read loses its commands only."""
    if not re.search(r"[\\{}$~%&]|--|``|''", source):
        return squeeze(source)
    if len(source) > LONGEST_PARAGRAPH:
        return _strip_commands(source)
    latex2text = need("pylatexenc.latex2text")
    source = _CITE.sub(lambda found: f" [{found[1]}]", source)
    try:
        with quiet("pylatexenc"):
            text = latex2text.LatexNodes2Text(math_mode="text", keep_comments=False).latex_to_text(source, tolerant_parsing=True)
    except Exception:  # its parser raises many kinds of errors, RecursionError among them
        return _strip_commands(source)
    return squeeze(str(text))


def _strip_commands(source: str) -> str:
    return squeeze(re.sub(r"\\[A-Za-z]+\*?|[{}$~\\]", " ", source))


def _include(source: str, root: Path, above: tuple[Path, ...], missing: list[str]) -> str:
    def replace(found: re.Match[str]) -> str:
        name = found[1].strip()
        file = root / (name if name.endswith(".tex") else f"{name}.tex")
        try:
            file = file.resolve()
            if not file.is_relative_to(root) or file in above or len(above) > DEEPEST_INPUT:
                raise InputError(name)
            return _include(decode(read_bytes(file), file)[0], root, (*above, file), missing)
        except (InputError, OSError, ValueError, RuntimeError):
            missing.append(name)
            return ""

    return _INPUT.sub(replace, _COMMENT.sub(r"\1", source)) if len(source) <= MAX_LETTERS else source


def _read_braces(source: str, start: int, longest: int = LONGEST_ARGUMENT) -> tuple[str, int]:
    """What stands between the brace at `start` and its partner, and where it ends; ("", start) if there is no partner near."""
    depth = 0
    for found in re.compile(r"\\.|[{}]", re.DOTALL).finditer(source, start, start + longest):
        depth += {"{": 1, "}": -1}.get(found[0], 0)
        if depth == 0:
            return source[start + 1 : found.start()], found.end()
    return "", start


def _take_environments(source: str, names: frozenset[str], take: Callable[[str], None]) -> str:
    """The source without the outermost environments of these names, the inside of each of which goes to `take`."""
    kept, place, depth, begin = [], 0, 0, 0
    for found in _ENVIRONMENT.finditer(source):
        if found[2] not in names:
            continue
        if found[1] == "begin":
            if depth == 0:
                kept.append(source[place : found.start()])
                place, begin = found.start(), found.end()
            depth += 1
        elif depth:
            depth -= 1
            if depth == 0:
                take(source[begin : found.start()])
                place = found.end()
    return "\n\n".join([*kept, source[place:]])


def _find_argument(source: str, command: str) -> str:
    found = re.search(rf"\\{command}\s*(?:\[[^\]]{0, 300}\])?\s*(?=\{{)", source)
    argument = _read_braces(source, found.end())[0] if found else ""
    for _ in range(50):
        note = re.search(r"\\(?:thanks|footnote)\s*(?=\{)", argument)
        if note is None:
            break
        argument = argument[: note.start()] + argument[max(note.end() + 1, _read_braces(argument, note.end())[1]) :]
    return argument


def _put_macros(source: str) -> str:
    """The source with macros that take no argument replaced by what they stand for (two levels deep)."""
    macros: dict[str, str] = {}
    for found in list(_MACRO.finditer(source))[:MOST_MACROS]:
        body, _ = _read_braces(source, found.end())
        name = found[1] or found[2]
        if body and len(body) < 200 and not re.search(rf"#|\\begin|\\{name}\b", body):
            macros[name] = re.sub(r"\\xspace\b", "", body)
    if not macros:
        return source
    definitions = re.compile(r"(\\(?:re)?newcommand\*?\s*\{?\\[A-Za-z]+\}?\s*\{|\\def\s*\\[A-Za-z]+\s*\{)")
    source = definitions.sub(lambda found: found[1].replace("\\", "\x00"), source)
    used = re.compile(r"\\(" + "|".join(sorted(macros, key=len, reverse=True)) + r")(?![A-Za-z])(?:\{\})?[^\S\n]?")
    for _ in range(2):
        source = used.sub(lambda found: macros[found[1]] + (" " if found[0][-1].isspace() else ""), source)
        if len(source) > MAX_LETTERS // 10:
            break
    return source.replace("\x00", "\\")


def _walk(body: str, tables: list[PaperTable]) -> Iterator[tuple[str | None, str]]:
    """Headings and paragraphs in order. Captions of tables and figures stand as paragraphs at the end of their section."""
    abstracts: list[str] = []
    body = _take_environments(body, frozenset({"abstract"}), abstracts.append)
    for abstract in abstracts[:1]:
        yield "Abstract", ""
        yield from ((None, to_text(text)) for text in re.split(r"\n[^\S\n]*\n", abstract))
        yield "", ""
    for command in ("title", "author", "date"):
        if found := re.search(rf"\\{command}\s*(?:\[[^\]]{0, 300}\])?\s*(?=\{{)", body):
            body = body[: found.start()] + body[_read_braces(body, found.end())[1] :]
    marks = list(_SECTION.finditer(body))
    yield from _paragraphs(body[: marks[0].start() if marks else len(body)], tables)
    ends = [*(mark.start() for mark in marks[1:]), len(body)]
    for mark, last in zip(marks, ends, strict=False):
        title, end = _read_braces(body, mark.end(), LONGEST_HEADING)
        yield to_text(title), ""
        yield from _paragraphs(body[end:last], tables)


def _paragraphs(source: str, tables: list[PaperTable]) -> Iterator[tuple[None, str]]:
    captions: list[str] = []

    def take_float(inside: str) -> None:
        caption = to_text(_find_argument(inside, "caption"))
        _take_environments(inside, _TABULARS, lambda tabular: take_tabular(tabular, caption))
        if caption:
            captions.append(caption)

    def take_tabular(inside: str, caption: str = "") -> None:
        if table := _read_tabular(inside, caption):
            tables.append(table)

    source = _take_environments(source, _LEFT_OUT, lambda inside: None)
    source = _take_environments(_take_environments(source, _FLOATS, take_float), _TABULARS, take_tabular)
    source = re.sub(
        r"\\(?:begin|end)\{(?:itemize|enumerate|quote)\}(?:\[[^\]]{0,300}\])?|\\item\b", "\n\n", _DROPPED.sub(" ", source)
    )
    for text in (*re.split(r"\n[^\S\n]*\n", source), *captions):
        if plain := to_text(text):
            yield None, plain


def _read_tabular(source: str, caption: str) -> PaperTable | None:
    if source.lstrip().startswith(("{", "[")):
        source = re.sub(r"^\s*\[[^\]]{0,300}\]", "", source)
        while source.lstrip().startswith("{"):
            source = source.lstrip()
            end = _read_braces(source, 0)[1]
            if not end:
                break
            source = source[end:]
    source = re.sub(
        r"\\(?:toprule|midrule|bottomrule|hline|cmidrule|cline|specialrule|addlinespace)\*?(?:\([^)]*\))?(?:\[[^\]]{0,300}\])?(?:\{[^{}]{0,300}\})*",
        "",
        source,
    )
    rows = []
    for line in re.split(r"\\\\(?:\[[^\]]{0,300}\])?|\\tabularnewline", source):
        cells: list[str] = []
        for cell in re.split(r"(?<!\\)&", line):
            span = re.search(r"\\multicolumn\s*\{(\d{1,2})\}\s*\{[^{}]{0,300}\}\s*", cell)
            cell = cell.replace(span[0], "") if span else cell
            cells += [to_text(re.sub(r"\\multirow\s*\{[^{}]{0,300}\}\s*\{[^{}]{0,300}\}", "", cell))] + [""] * (
                int(span[1]) - 1 if span else 0
            )
        if any(cells):
            rows.append(cells)
    width = max(map(len, rows), default=0)
    if len(rows) < 2 or width < 2:
        return None
    head, *body = [(*row, *[""] * (width - len(row))) for row in rows]
    return PaperTable(caption, head, tuple(body))
