"""Lines that are headings, and lines that only look like them."""

from __future__ import annotations

import pytest

from xstilts.documents.reading.headings import is_references, parse_heading


@pytest.mark.parametrize(
    "line", ["1 Introduction", "2.1 Data and Tasks", "A Appendix", "3. Results", "Abstract", "7 Related Work", "B.2 More Trees"]
)
def test_headings(line: str) -> None:
    assert parse_heading(line) == line.replace("3.", "3")


def test_spellings() -> None:
    assert parse_heading("ABSTRACT") == "Abstract" and parse_heading("Conclusions.") == "Conclusions"


@pytest.mark.parametrize(
    "line",
    [
        "", "1", "2020 was a year", "1 We show that", "12.5 points more than", "3 trees", "A tree bends.", "1 0.5 0.7 0.9",
        "We bend trees", "35 Trees", "2 Trees (of the", "A Tree of nine words is no title of a section, for it goes on",
    ],
)  # fmt: skip
def test_no_headings(line: str) -> None:
    assert parse_heading(line) is None


def test_references() -> None:
    assert is_references("References") and is_references("7 References") and is_references("BIBLIOGRAPHY")
    assert not is_references("Preferences")
