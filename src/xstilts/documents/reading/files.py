"""What every reader needs: bytes of a regular file, text of any usual encoding, and libraries that may be missing."""

from __future__ import annotations

import codecs
import logging
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from xstilts.documents.paper import Paper
from xstilts.errors import InputError
from xstilts.reading import check_length, open_uncompressed

MAX_BYTES = 256 * 2**20
SUFFIXES = (".gz", ".tei", ".xml", ".pdf", ".html", ".htm", ".xhtml", ".tex", ".txt", ".md", ".bib", ".jsonl")

_WITHDRAWN = re.compile(
    r"^\W*(?:withdrawn|retracted)\b|\b(?:paper|submission|article|work|manuscript|preprint)\b[^.]{0,60}?"
    r"\b(?:has been|have been|was|is being|is) (?:withdrawn|retracted)\b|\bwithdrawn by (?:the |its )?(?:author|arxiv)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Reading:
    """The papers of a file, and one sentence for each record in it that could not be read."""

    papers: Sequence[Paper]
    refused: Sequence[str] = ()


@contextmanager
def quiet(library: str) -> Iterator[None]:
    """Without the log of a library that warns of what its caller says itself."""
    logger = logging.getLogger(library)
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)


def read_bytes(path: Path, max_bytes: int = MAX_BYTES) -> bytes:
    """The bytes of a file, unpacked if its name ends in `.gz`. Raises InputError."""
    with open_uncompressed(path, "a document") as file:
        raw = check_length(file.read(max_bytes + 1), str(path), max_bytes)
    if not raw.strip():
        raise InputError(f"{path}: the file is empty")
    return raw


def decode(raw: bytes, path: Path, declared: str = "") -> tuple[str, tuple[str, ...]]:
    """The text of some bytes, and notes on its encoding: that of a byte order mark, else UTF-8, else what the file declares, else
    Windows-1252, which is said. Raises InputError if it is no text."""
    for mark, encoding in ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if raw.startswith(mark):
            return _clean(raw[len(mark) :].decode(encoding, "replace"), path), ()
    for encoding in filter(None, ("utf-8", declared)):
        try:
            return _clean(raw.decode(encoding), path), ()
        except (UnicodeError, LookupError):
            pass
    bad = next(i for i in range(len(raw)) if raw[i] > 127)
    text = _clean(raw.decode("cp1252", "replace"), path)
    return text, (f"not UTF-8 (first at byte {bad}); read as Windows-1252, so letters with accents may be wrong",)


def _clean(text: str, path: Path) -> str:
    """Text with LF as the end of a line. Binary data is an InputError: it has control characters that no text has."""
    odd = len(re.findall(r"[\x00-\x08\x0e-\x1a\x1c-\x1f�]", text))
    if odd > 3 + len(text) // 100:
        raise InputError(f"{path}: not text ({odd:,} control characters in {len(text):,}); expected a document")
    text = re.sub(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]", "", text).replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise InputError(f"{path}: the file has no text; expected a document")
    return text


def join_cut(left: str, right: str, words: Counter[str]) -> str:
    """The text before and after a hyphen at the end of a line, made one. Whether the word has a hyphen of its own is what `words`
    (the words of the paper) say; else "state-of-", and "XLM-" before "R", keep theirs."""
    begin, end = re.search(r"[\w-]*$", left[-60:]), re.match(r"[\w-]*", right)
    first, second = begin[0] if begin else "", end[0] if end else ""
    whole, hyphened = (first + second).lower(), f"{first}-{second}".lower()
    own = words[hyphened] > words[whole] or not second[:1].islower() or ("-" in first and not words[whole])
    return f"{left}{'-' if own and second else ''}{right}"


def count_words(text: str) -> Counter[str]:
    return Counter(re.findall(r"[\w-]+", text.lower()))


def squeeze(text: str) -> str:
    """The text with single blanks."""
    return " ".join(text.split())


def strip_suffixes(path: Path) -> str:
    """The name of a file without what tells its format: "N18-1089" of "N18-1089.tei.xml.gz"."""
    name = path.name
    while name.lower().endswith(SUFFIXES):
        name = name[: name.rindex(".")]
    return name or path.name


def says_withdrawn(*texts: str) -> bool:
    """Whether a title, an abstract or a comment says that the paper was withdrawn or retracted."""
    return any(_WITHDRAWN.search(text[:600]) for text in texts)


def as_year(value: object) -> int | None:
    """The year in a date such as 2020, "2020-05-26" or "26 May 2020"."""
    found = re.search(r"\b(1[89]\d\d|20\d\d)\b", str(value or ""))
    return int(found[1]) if found else None
