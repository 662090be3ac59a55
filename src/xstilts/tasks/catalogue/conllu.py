"""CoNLL-U, the format of Universal Dependencies: sentences in lines, their syntactic words, and their written words.

A multi-word token ("zum" = "zu" + "dem") is one written word and several syntactic words. XTREME tags the written word with the
tag of its head (google-research/xtreme, third_party/ud-conversion-tools). The head is the syntactic word nearest to the root;
of several, the first in the order of PRECEDENCE. Empty nodes are skipped. Two differences: the distance is that in the basic
tree here, and over basic and enhanced edges together in XTREME. XTREME's script fails on a tag that its list lacks; here such a
tag ranks last.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from xstilts.errors import InputError
from xstilts.tasks.files.read import read_lines, split_columns

# The rankings of conllu_to_conll.py; "" is every other language.
PRECEDENCE = {
    "": "VERB NOUN PROPN PRON ADJ NUM ADV INTJ AUX ADP DET PART CCONJ SCONJ X PUNCT",
    "es": "VERB AUX PRON ADP DET",
    "fr": "VERB AUX PRON NOUN ADJ ADV ADP DET PART SCONJ CONJ",
    "it": "VERB AUX ADV PRON ADP DET INTJ",
}
WITHHELD = "_"
_NUMBER = re.compile(r"\d{1,9}")
ZERO_WIDTH_NON_JOINER = "\u200c"

Block = list[tuple[str, str]]  # (where, line) of each line of one sentence


def read_blocks(path: Path) -> Iterator[Block]:
    """The lines between blank lines. Several blank lines count as one, and the last sentence needs none."""
    block: Block = []
    for where, line in read_lines(path):
        if line.strip():
            block.append((where, line))
        elif block:
            yield block
            block = []
    if block:
        yield block


class Word(NamedTuple):
    """A word of a sentence. `head` is the number of the word above it, 0 at the root."""

    form: str
    tag: str
    head: int
    relation: str
    where: str


def _count_above(words: dict[int, Word], number: int) -> int:
    """How many words are above this one. The count is bounded, since some releases have cycles."""
    depth = 0
    while number in words and depth <= len(words):
        number, depth = words[number].head, depth + 1
    return depth


def find_head(words: dict[int, Word], span: range, precedence: Sequence[str]) -> int:
    """The word of a multi-word token that gives it its tag. `words` is the sentence by number."""
    depths = {number: _count_above(words, number) for number in span}
    highest = [number for number in span if depths[number] == min(depths.values())]
    ranks = {tag: rank for rank, tag in enumerate(precedence)}
    return min(highest, key=lambda number: ranks.get(words[number].tag, len(ranks)))


def _parse(block: Block) -> tuple[dict[int, Word], dict[int, tuple[range, str]]]:
    """The syntactic words by number, and the multi-word tokens (their words, their form) by their first word."""
    words: dict[int, Word] = {}
    fused: dict[int, tuple[range, str]] = {}
    for where, line in block:
        if line.startswith("#"):
            continue
        number, form, _, tag, _, _, head, relation, *_ = split_columns(line, 10, where, "the 10 of CoNLL-U")
        first, _, last = number.partition("-")
        if "." in number:
            continue
        if first != str(len(words) + 1) or not _NUMBER.fullmatch(last or first):
            raise InputError(
                f"{where}: word number {number!r}, expected {len(words) + 1} or a range from it; is there a blank line"
                " inside a sentence, or none between two?"
            )
        if last:
            fused[int(first)] = range(int(first), int(last) + 1), form.strip()
        else:
            above = int(head) if _NUMBER.fullmatch(head) else 0
            words[int(first)] = Word(form.strip(), tag.strip(), above, relation.strip(), where)
    for begin, (span, form) in fused.items():
        if not span or span[-1] not in words:
            where = words[begin].where if begin in words else block[-1][0]
            raise InputError(f"{where}: some words of the multi-word token {form!r} are missing")
    return words, fused


def list_syntactic_words(block: Block) -> list[Word]:
    """The syntactic words of a sentence: multi-word tokens in their parts. `head` counts these words from 1."""
    return list(_parse(block)[0].values())


def list_written_words(block: Block, language: str) -> list[Word]:
    """The written words of a sentence: multi-word tokens as one word, with the tag of their head."""
    words, fused = _parse(block)
    precedence = PRECEDENCE.get(language, PRECEDENCE[""]).split()
    surface: list[Word] = []
    number = 1
    while number in words:
        span, form = fused.get(number, (range(number, number + 1), words[number].form))
        surface.append(words[find_head(words, span, precedence)]._replace(form=form))
        number = span.stop
    return surface


def is_readable(words: Sequence[Word]) -> bool:
    """Whether XTREME keeps a sentence. It leaves out sentences with withheld words (`_`) and at most one other word."""
    withheld = sum(word.form == WITHHELD for word in words)
    return bool(words) and (not withheld or withheld < len(words) - 1)


def clean_form(form: str) -> str:
    """A word as in XTREME: without U+200C and blanks (some Vietnamese words have them), unless nothing else is in it."""
    return form.replace(ZERO_WIDTH_NON_JOINER, "").replace(" ", "") or form
