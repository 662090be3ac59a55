"""Tagging: parts of speech from Universal Dependencies (Nivre et al. 2020) and names from WikiANN (PAN-X; Pan et al.
2017, splits of Rahimi et al. 2019).

UDPOS follows XTREME (google-research/xtreme: third_party/ud-conversion-tools, utils_preprocess.py): all treebanks of a
language one after the other; a multi-word token is one word under the tag of its head; empty nodes are skipped; a
sentence with `_` for words is dropped if at most one word is left (texts withheld); U+200C and blanks in words go.
Head of a multi-word token = the syntactic word nearest to the root; of several, the first by the order in PRECEDENCE.
Two differences: we measure the distance in the basic tree, XTREME over basic and enhanced edges together; and XTREME's
script fails where it has to rank a tag that its list lacks, which we rank last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from xstilts.data.example import WordsExample
from xstilts.data.format import Tag
from xstilts.data.language import languages
from xstilts.errors import InputError
from xstilts.metrics.tag import CHUNK_F1, POS_F1
from xstilts.tasks.read import columns, known, lines, numbered, take
from xstilts.tasks.task import Hub, Request, Source, Task

# In the order of the class indices on the Hub (google/xtreme).
UPOS = (
    *("ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM"),
    *("PART", "PRON", "PROPN", "PUNCT", "SCONJ", "SYM", "VERB", "X"),
)
# In the order of the class indices on the Hub (unimelb-nlp/wikiann).
NER = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC")

# The rankings of conllu_to_conll.py; "" is every other language.
PRECEDENCE = {
    "": "VERB NOUN PROPN PRON ADJ NUM ADV INTJ AUX ADP DET PART CCONJ SCONJ X PUNCT",
    "es": "VERB AUX PRON ADP DET",
    "fr": "VERB AUX PRON NOUN ADJ ADV ADP DET PART SCONJ CONJ",
    "it": "VERB AUX ADV PRON ADP DET INTJ",
}
WITHHELD = "_"
ZERO_WIDTH_NON_JOINER = "\u200c"

Block = list[tuple[str, str]]  # (where, line) of each line of one sentence


def _blocks(path: Path) -> Iterator[Block]:
    """The lines between blank lines; several blank lines count as one, and the last sentence needs none."""
    block: Block = []
    for where, line in lines(path):
        if line.strip():
            block.append((where, line))
        elif block:
            yield block
            block = []
    if block:
        yield block


class Word(NamedTuple):
    """A syntactic word of CoNLL-U; `head` is the number of its head, 0 at the root."""

    form: str
    tag: str
    head: int
    where: str


def _depth(words: dict[int, Word], number: int) -> int:
    """How many words stand above this one (bounded, since some releases have cycles)."""
    depth = 0
    while number in words and depth <= len(words):
        number, depth = words[number].head, depth + 1
    return depth


def head_of(words: dict[int, Word], span: range, precedence: Sequence[str]) -> int:
    """The word of a multi-word token that gives it its tag; `words` is the sentence by number."""
    depths = {number: _depth(words, number) for number in span}
    highest = [number for number in span if depths[number] == min(depths.values())]
    ranks = {tag: rank for rank, tag in enumerate(precedence)}
    return min(highest, key=lambda number: ranks.get(words[number].tag, len(ranks)))


def _parsed(block: Block) -> tuple[dict[int, Word], dict[int, tuple[range, str]]]:
    """The syntactic words by number, and the multi-word tokens (their words, their form) by their first word."""
    words: dict[int, Word] = {}
    fused: dict[int, tuple[range, str]] = {}
    for where, line in block:
        if line.startswith("#"):
            continue
        number, form, _, tag, _, _, head, *_ = columns(line, 10, where, "the 10 of CoNLL-U")
        first, _, last = number.partition("-")
        if "." in number:
            continue
        if first != str(len(words) + 1) or not (last or first).isdecimal():
            raise InputError(f"{where}: word number {number!r}, expected {len(words) + 1} (or a range from it)")
        if last:
            fused[int(first)] = range(int(first), int(last) + 1), form.strip()
        else:
            words[int(first)] = Word(form.strip(), tag.strip(), int(head) if head.isdecimal() else 0, where)
    for begin, (span, form) in fused.items():
        if not span or span[-1] not in words:
            where = words[begin].where if begin in words else block[-1][0]
            raise InputError(f"{where}: the words of the multi-word token {form!r} are not all there")
    return words, fused


def _surface(block: Block, precedence: Sequence[str]) -> list[Word]:
    """The words of a sentence as they are written: multi-word tokens fused, under the tag of their head."""
    words, fused = _parsed(block)
    surface: list[Word] = []
    number = 1
    while number in words:
        span, form = fused.get(number, (range(number, number + 1), words[number].form))
        surface.append(words[head_of(words, span, precedence)]._replace(form=form))
        number = span.stop
    return surface


def _visible(form: str) -> str:
    return form.replace(ZERO_WIDTH_NON_JOINER, "").replace(" ", "") or form


def read_udpos(request: Request) -> Iterator[WordsExample]:
    precedence = PRECEDENCE.get(request.language, PRECEDENCE[""]).split()
    for path in request.files:
        treebank = path.name.split(".")[0]
        for number, block in enumerate(_blocks(path), start=1):
            words = _surface(block, precedence)
            withheld = sum(word.form == WITHHELD for word in words)
            if words and (not withheld or withheld < len(words) - 1):
                answer = tuple(known(word.tag, UPOS, word.where) for word in words)
                yield WordsExample(
                    f"{treebank}-{number}",
                    tuple(_visible(word.form) for word in words),
                    answer,
                )


def read_panx(request: Request) -> Iterator[WordsExample]:
    (path,) = request.files
    layout = f"'{request.language}:token<TAB>TAG'"
    for number, block in enumerate(_blocks(path), start=1):
        words, tags = [], []
        for where, line in block:
            token, tag = columns(line, 2, where, layout)[:2]
            _, colon, word = token.partition(":")
            if not colon:
                raise InputError(f"{where}: found {token!r:.80}, expected {layout}")
            words.append(word.strip())
            tags.append(known(tag.strip(), NER, where))
        yield WordsExample(
            f"{request.task.name}-{request.language}-{request.split}-{number}",
            tuple(words),
            tuple(tags),
        )


ReadHub = Callable[[Request, Iterable[dict[str, Any]]], Iterator[WordsExample]]


def _read_hub(column: str, labels: Sequence[str]) -> ReadHub:
    def read(request: Request, rows: Iterable[dict[str, Any]]) -> Iterator[WordsExample]:
        for number, row in enumerate(rows, start=1):
            where = f"Hub row {number}"
            words, tags = (
                take(row, "tokens", list, where),
                take(row, column, list, where),
            )
            if len(words) != len(tags):
                raise InputError(f"{where}: {len(words)} words but {len(tags)} tags")
            answer = tuple(numbered(tag, labels, where) for tag in tags)
            id = f"{request.task.name}-{request.language}-{request.split}-{number}"
            yield WordsExample(id, tuple(map(_visible, words)), answer)

    return read


UDPOS_LANGUAGES = languages("af ar bg de el en es et eu fa fi fr he hi hu id it ja kk ko mr nl pt ru ta te th tl tr ur vi yo zh")
# UD 2.5 has no training data for th, tl, yo and no dev data for these and kk.
_SPLIT_LANGUAGES = {
    "train": tuple(code for code in UDPOS_LANGUAGES if code not in ("th", "tl", "yo")),
    "dev": tuple(code for code in UDPOS_LANGUAGES if code not in ("kk", "th", "tl", "yo")),
    "test": UDPOS_LANGUAGES,
}
_HUB_SPLIT = {"train": "train", "dev": "validation", "test": "test"}

UDPOS = Task(
    name="udpos",
    version=1,
    format=Tag(labels=UPOS),
    metric=POS_F1,
    languages=UDPOS_LANGUAGES,
    splits={
        split: Source(
            paths=tuple(
                f"{folder}UD_*/{{lang}}_*-ud-{split}.conllu"
                for folder in (
                    "udpos/",
                    "udpos/ud-treebanks-v2.5/",
                    "ud-treebanks-v2.5/",
                    "",
                )
            ),
            languages=_SPLIT_LANGUAGES[split],
            url="http://hdl.handle.net/11234/1-3105",
            hub=Hub("google/xtreme", "udpos.{name}", _HUB_SPLIT[split], "main"),
        )
        for split in _SPLIT_LANGUAGES
    },
    read=read_udpos,
    read_hub=_read_hub("pos_tags", UPOS),
    trains_on="udpos",
    license="per treebank; many CC-BY-SA-4.0, some non-commercial",
    cite="nivre2020ud",
    url="https://universaldependencies.org",
    description="Universal part-of-speech tags; XTREME uses all treebanks of UD 2.5.",
    notes="The Hub's copy does not fuse multi-word tokens; the repositories of UD hold the current release, not 2.5.",
)

PANX_LANGUAGES = languages(
    "ar he vi id jv ms tl eu ml ta te af nl en de el bn hi mr ur fa fr it pt es bg ru ja ka ko th sw yo my zh kk tr et fi hu"
)

PANX = Task(
    name="panx",
    version=1,
    format=Tag(labels=NER),
    metric=CHUNK_F1,
    languages=PANX_LANGUAGES,
    splits={
        split: Source(
            paths=tuple(
                f"{folder}panx_dataset/{file}" for folder in ("panx/", "") for file in (f"{{lang}}/{split}", f"{{lang}}-{split}")
            ),
            languages=PANX_LANGUAGES,
            url="https://github.com/afshinrahimi/mmner",
            hub=Hub("unimelb-nlp/wikiann", "{lang}", hub_split, "main"),
        )
        for split, hub_split in _HUB_SPLIT.items()
    },
    read=read_panx,
    read_hub=_read_hub("ner_tags", NER),
    trains_on="panx",
    license="not stated by WikiANN",
    cite="pan2017wikiann",
    url="https://github.com/afshinrahimi/mmner",
    description="Persons, organisations and places in sentences of Wikipedia, tagged from its links.",
    notes="Splits of Rahimi et al. 2019: 20,000/10,000/10,000 sentences in large languages, 100 each in the smallest.",
)

TASKS = (UDPOS, PANX)
