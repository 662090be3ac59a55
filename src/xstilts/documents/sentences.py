"""A paper's sentences and the passages made of them: windows of some sentences, each with the place where it stands.

Nothing is cut off: a sentence of more than `LONGEST` words (a list, a broken PDF) becomes several that overlap, so that a
model reads all of it. Sentences are found with `sentencex` (rules for about 300 languages), less some borders that it sets
after the abbreviations of papers ("Eq. (1)", "2.3 pts. on average").
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from xstilts.documents.libraries import need
from xstilts.documents.paper import Paper

LONGEST = 90  # words of a sentence; 90 English words are about 130 pieces
OVERLAP = 15
TITLE = "Title"
_OPEN = re.compile(r"(?:\b(?:Eqs?|Figs?|Tabs?|Secs?|Apps?|pts?|avg|approx|resp|cf|vs|al|no|incl|ca)\.|[(\[])\s*$", re.IGNORECASE)
_WORD = re.compile(r"\S+")


@dataclass(frozen=True)
class Sentence:
    """`number` counts from 0 through the whole paper; the title is sentence 0."""

    number: int
    section: str
    text: str


@dataclass(frozen=True)
class Passage:
    """Consecutive sentences of one section of one paper."""

    paper: Paper
    sentences: tuple[Sentence, ...]

    @property
    def text(self) -> str:
        return " ".join(sentence.text for sentence in self.sentences)

    @property
    def place(self) -> str:
        """Such as "arxiv:2005.13013v1, Abstract, sentence 4"."""
        first, last = self.sentences[0], self.sentences[-1]
        numbers = f"sentence {first.number}" if first is last else f"sentences {first.number}-{last.number}"
        return ", ".join(part for part in (self.paper.id, first.section, numbers) if part)


def split_sentences(text: str, language: str = "en") -> list[str]:
    """The sentences of a text, without blanks at either end. A paragraph ends a sentence."""
    segment = need("sentencex").segment
    found: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text):
        whole = re.sub(r"\s+", " ", paragraph).strip()
        pieces: list[str] = []
        for piece in segment(language, whole) if whole else ():
            if pieces and (_OPEN.search(pieces[-1]) or piece[:1].islower()):
                pieces[-1] += piece
            else:
                pieces.append(piece)
        found += [part for piece in pieces for part in _divide(piece.strip()) if part]
    return found


def _divide(sentence: str) -> list[str]:
    words = list(_WORD.finditer(sentence))
    if len(words) <= LONGEST:
        return [sentence]
    starts = range(0, len(words) - OVERLAP, LONGEST - OVERLAP)
    return [sentence[words[i].start() : words[min(i + LONGEST, len(words)) - 1].end()] for i in starts]


def list_sentences(paper: Paper) -> list[Sentence]:
    """The title, then the sentences of each section."""
    texts = [(TITLE, paper.title)] if paper.title else []
    texts += [(section.title, text) for section in paper.sections for text in split_sentences(section.text, paper.language)]
    return [Sentence(number, title, text) for number, (title, text) in enumerate(texts)]


def list_passages(paper: Paper, size: int = 3) -> list[Passage]:
    """All windows of `size` sentences (fewer at the ends of a section, or where a section has fewer): each sentence stands in
    some window with each of its neighbours."""
    by_section: list[list[Sentence]] = []
    for sentence in list_sentences(paper):
        if not by_section or by_section[-1][-1].section != sentence.section:
            by_section.append([])
        by_section[-1].append(sentence)
    return [Passage(paper, window) for sentences in by_section for window in _windows(sentences, size)]


def _windows(sentences: list[Sentence], size: int) -> Iterable[tuple[Sentence, ...]]:
    for start in range(max(1, len(sentences) - size + 1)):
        yield tuple(sentences[start : start + size])
