"""A paper as it was read: which version of which work, its sections and tables, and what could not be read.

The version is part of a paper's identity, because two versions of one paper may disagree. What was read of it (`extent`)
decides what can be said about it: an abstract that is silent does not speak for the whole paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Extent = Literal["full text", "abstract", "title"]


@dataclass(frozen=True)
class PaperTable:
    """A table of a paper: `columns` are the names at its head, and each row has as many cells."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Section:
    """`title` may be empty. Paragraphs of `text` are separated by an empty line. Nothing is hyphenated at the ends of lines."""

    title: str
    text: str


@dataclass(frozen=True)
class Paper:
    """`work` names the work in all its versions: "arxiv:2005.13013", "acl:2020.aacl-main.56", "doi:10.1000/1", or the name of a
    file. `version` is as its source writes it ("v1", "published"), empty if it is not known. `same`: other names of the work.
    `origin`: the file or the address that it was read from. `notes`: what is odd about it or was not read, one sentence each."""

    work: str
    version: str
    title: str
    origin: str
    extent: Extent
    sections: tuple[Section, ...] = ()
    tables: tuple[PaperTable, ...] = ()
    authors: tuple[str, ...] = ()
    year: int | None = None
    venue: str = ""
    url: str = ""
    language: str = "en"
    same: tuple[str, ...] = ()
    withdrawn: bool = False
    notes: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """work and version, such as "arxiv:2005.13013v1"."""
        return f"{self.work}{self.version}" if self._joined else f"{self.work} {self.version}".strip()

    @property
    def _joined(self) -> bool:
        return self.work.startswith("arxiv:") and self.version.startswith("v")


@dataclass(frozen=True)
class Found:
    """What a source gave. `asked`: the folder or the query, as it is printed. `total`: how many records there were, of which
    `papers` were read; `refused`: one sentence for each that could not be. `date`: when it was asked, ISO 8601 (of a cached
    answer: when it was fetched). `notes`: what was left out without being a record, one sentence each."""

    source: str
    asked: str
    date: str
    total: int
    papers: Sequence[Paper]
    refused: Sequence[str] = ()
    notes: Sequence[str] = ()
