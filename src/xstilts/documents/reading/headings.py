"""Sections of text that has no markup: headings are lines such as "2.1 Data", "Abstract" or "A Appendix"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from xstilts.documents.paper import Section

NAMES = (
    "abstract", "introduction", "background", "related work", "method", "methods", "methodology", "approach", "model", "models",
    "data", "datasets", "experiments", "experimental setup", "results", "results and discussion", "discussion", "analysis",
    "evaluation", "conclusion", "conclusions", "conclusion and future work", "conclusions and future work", "future work",
    "limitations", "ethics statement", "ethical considerations", "broader impact", "acknowledgments", "acknowledgements",
    "acknowledgment", "acknowledgement", "references", "bibliography", "appendix", "appendices", "supplementary material",
)  # fmt: skip
REFERENCES = frozenset({"references", "bibliography"})
SENTENCE_STARTS = frozenset({"We", "This", "These", "It", "They", "There", "Our"})

_NUMBERED = re.compile(r"((?:\d{1,2}|[A-Z])(?:\.\d{1,2}){0,3})\.?\s+(\S.{1,90})")


def parse_heading(line: str) -> str | None:
    """The title of the heading that a line is, with its number, or None."""
    line = " ".join(line.split())
    if line.rstrip(":.").lower() in NAMES:
        return line.rstrip(":.").title() if line.isupper() else line.rstrip(":.")
    found = _NUMBERED.fullmatch(line)
    if not found:
        return None
    number, title = found[1], found[2]
    words = title.split()
    letters = sum(c.isalpha() or c.isspace() or c in "-–—:'’&/" for c in title)
    if (
        len(words) > 12
        or title.endswith((".", ",", ";"))
        or not title[0].isupper()
        or letters < 0.85 * len(title)
        or title.count("(") != title.count(")")
    ):
        return None
    if words[0] in SENTENCE_STARTS or (number.isalpha() and len(words) > 8):
        return None
    long_words = [word for word in words if len(word) > 4]
    if number.isdecimal() and sum(word[0].isupper() for word in long_words) < 0.5 * len(long_words):
        return None
    if number[0].isdigit() and int(number.split(".")[0]) > 20:
        return None
    return f"{number} {title}"


def is_references(title: str) -> bool:
    return re.sub(r"^[\dA-Z.]+\s+", "", title).strip().lower() in REFERENCES or title.strip().lower() in REFERENCES


def gather_sections(parts: Iterable[tuple[str | None, str]]) -> tuple[Section, ...]:
    """Sections from (heading, "") and (None, paragraph) in order. References go into no section; empty ones are left out unless
    a subsection follows, which says where it belongs by its own number."""
    sections: list[tuple[str, list[str]]] = [("", [])]
    for heading, paragraph in parts:
        if heading is not None:
            sections.append((heading, []))
        elif paragraph:
            sections[-1][1].append(paragraph)
    return tuple(
        Section(title, "\n\n".join(paragraphs)) for title, paragraphs in sections if paragraphs and not is_references(title)
    )


def find_abstract(sections: Sequence[Section]) -> str:
    return next((section.text for section in sections if section.title.lower().strip(" .:") == "abstract"), "")
