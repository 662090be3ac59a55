"""Punctuation that says nothing: the final mark of a text, quotation marks, a blank twice."""

from random import Random

import regex

from xstilts.attacks.attack import Attack, Pool, Variant, edit_example
from xstilts.attacks.edits import Edit, parts
from xstilts.attacks.text import is_placeholder
from xstilts.data.script import full_stop
from xstilts.formats.bitext_mining import BitextMining
from xstilts.formats.bitext_retrieval import BitextRetrieval
from xstilts.formats.choice import Choice
from xstilts.formats.classify import Classify
from xstilts.formats.format import Example
from xstilts.formats.image_pair import ImagePair
from xstilts.formats.ranking import Ranking
from xstilts.formats.span import Span

_FINAL = regex.compile(r"\s*[.!?…。！？।؟۔։။]\s*$")
_QUOTED = regex.compile(r'(?<!\S)"([^"]+)"(?!\w)')
_BLANK = regex.compile(r"(?<=\S) (?=\S)")


def needs_stop(language: str) -> str:
    """Every language whose script is known has marks; one without a full stop (Thai) still has quotation marks and blanks."""
    return ""


def change_marks(example: Example, language: str, rng: Random, budget: float, pool: Pool) -> Variant | None:
    """The example with as many changes as the budget says, drawn from all that are possible."""
    possible = [
        edit
        for part, text in enumerate(parts(example))
        if not is_placeholder(text)
        for edit in _list_changes(part, text, language)
    ]
    rng.shuffle(possible)
    chosen: list[tuple[Edit, ...]] = []
    for edits in possible:
        if len(chosen) == int(budget):
            break
        if not any(_meet(edit, other) for edit in edits for group in chosen for other in group) and edit_example(example, edits):
            chosen.append(edits)
    return edit_example(example, [edit for edits in chosen for edit in edits])


def _list_changes(part: int, text: str, language: str) -> list[tuple[Edit, ...]]:
    changes: list[tuple[Edit, ...]] = []
    final, stop = _FINAL.search(text), full_stop(language)
    if final and final.start() > 0:
        changes.append((Edit(part, final.start(), len(text), ""),))
    elif stop and text[-1:].isalpha():
        changes.append((Edit(part, len(text), len(text), stop),))
    for quoted in _QUOTED.finditer(text):
        start, end = quoted.span()
        changes.append((Edit(part, start, start + 1, "“"), Edit(part, end - 1, end, "”")))
    blanks = [found.end() for found in _BLANK.finditer(text)]
    return changes + [(Edit(part, place, place, " "),) for place in blanks]


def _meet(edit: Edit, other: Edit) -> bool:
    """Whether two edits touch."""
    return edit.part == other.part and edit.start <= other.end and other.start <= edit.end


PUNCTUATION = Attack(
    name="punctuation",
    title="punctuation",
    description="A final mark is dropped or added, quotation marks become typographic, or a blank is doubled. Sentences in words"
    " (tagging) have no such marks.",
    level="R0",
    goal="invariance",
    formats=(Classify, Choice, Span, BitextRetrieval, BitextMining, Ranking, ImagePair),
    cite="Ribeiro et al. 2020 (CheckList)",
    compose=change_marks,
    leaves_out=needs_stop,
    budget=1,
    most=2,
    unit="changes",
)
