"""Edits of an example's texts. Answers follow: offsets of question answering move along, and tags stay with their words."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from xstilts.attacks.text import find_words, narrow, split_graphemes
from xstilts.errors import InputError
from xstilts.formats.bitext_mining import BitextMining, PoolExample
from xstilts.formats.bitext_retrieval import BitextRetrieval, BitextRetrievalExample
from xstilts.formats.choice import Choice, ChoiceExample
from xstilts.formats.classify import Classify, ClassifyExample
from xstilts.formats.format import Example, Format
from xstilts.formats.image_pair import ImagePair, ImagePairExample
from xstilts.formats.ranking import Ranking
from xstilts.formats.span import Span, SpanAnswer, SpanExample
from xstilts.formats.tag import Tag, TagExample

# Formats whose examples have texts that can be edited, each with its answers as they are.
EDITABLE: tuple[type[Format], ...] = (Classify, Choice, Tag, Span, BitextRetrieval, BitextMining, Ranking, ImagePair)


@dataclass(frozen=True, slots=True)
class Edit:
    """`replacement` in place of the characters `start` to `end` of part `part` of the clean example (see `parts`)."""

    part: int
    start: int
    end: int
    replacement: str


@dataclass(frozen=True, slots=True)
class Place:
    """A word of an example: the part, the characters, the word itself."""

    part: int
    start: int
    end: int
    word: str

    def respell(self, new: str) -> Edit | None:
        """The edit that makes the word `new`, as small as whole graphemes allow; None if it is the same."""
        before, after = split_graphemes(self.word), split_graphemes(new)
        first, last, last_after = narrow(before, after)
        if before == after:
            return None
        start = self.start + len("".join(before[:first]))
        return Edit(self.part, start, start + len("".join(before[first:last])), "".join(after[first:last_after]))


def parts(example: Example) -> tuple[str, ...]:
    """The texts of an example that may be edited: those of `strings()` without the answers, the words of a tagged sentence, the
    query of a pool (not the candidates), and the foreign sentence of a translation. Raises InputError for other examples."""
    match example:
        case ClassifyExample(texts=texts):
            return texts
        case ChoiceExample(prompt=prompt, choices=choices):
            return (prompt, *choices)
        case SpanExample(question=question, context=context):
            return (question, context)
        case TagExample(words=words):
            return words
        case PoolExample(text=text):
            return (text,) if example.scored else ()
        case BitextRetrievalExample(text=text) | ImagePairExample(text=text):
            return (text,)
    known = ", ".join(format.name for format in EDITABLE)
    raise InputError(f"example {example.id}: a {type(example).__name__} cannot be attacked; formats that can: {known}")


def list_places(example: Example) -> list[Place]:
    """The words of an example in their order, without placeholders and protected stretches."""
    return [
        Place(number, start, end, text[start:end])
        for number, text in enumerate(parts(example))
        for start, end in find_words(text)
    ]


def allow_words(budget: float, words: int) -> int:
    """How many words a share allows: at least one."""
    return max(1, int(budget * words + 1e-9))


def apply(example: Example, edits: Sequence[Edit]) -> Any | None:
    """The example with the edits. None if one of them reaches over the border of a gold answer, or if an answer becomes blank.
    Edits may not overlap."""
    texts = list(parts(example))
    by_part: dict[int, list[Edit]] = {}
    for edit in sorted(edits, key=lambda edit: (edit.part, edit.start, edit.end)):
        by_part.setdefault(edit.part, []).append(edit)
    for part, group in by_part.items():
        texts[part] = _splice(texts[part], group)
    match example:
        case ClassifyExample():
            return replace(example, texts=tuple(texts))
        case ChoiceExample():
            return replace(example, prompt=texts[0], choices=tuple(texts[1:]))
        case TagExample():
            return replace(example, words=tuple(texts))
        case SpanExample(answer=answer):
            moved = [_follow(one, by_part.get(1, []), texts[1]) for one in answer or ()]
            kept = tuple(one for one in moved if one is not None)
            if len(kept) < len(moved):
                return None
            return replace(example, question=texts[0], context=texts[1], answer=kept if answer is not None else None)
        case PoolExample() | BitextRetrievalExample() | ImagePairExample():
            return replace(example, text=texts[0]) if texts else example
    raise AssertionError("`parts` refused it")


def measure_edits(example: Example, edits: Sequence[Edit]) -> tuple[float, float]:
    """The shares of the clean example's words (`list_places`) and characters that these edits of it change. What is put between
    words changes none of them; its characters count, so that the second share may be more than 1."""
    places = list_places(example)
    changed = sum(any(_touches(edit, place) for edit in edits) for place in places)
    characters = sum(max(edit.end - edit.start, len(edit.replacement)) for edit in edits)
    return changed / max(len(places), 1), characters / max(sum(map(len, parts(example))), 1)


def _touches(edit: Edit, place: Place) -> bool:
    return edit.part == place.part and (
        (edit.start < place.end and place.start < edit.end) or place.start < edit.start == edit.end < place.end
    )


def cuts_answer(example: Example, edit: Edit) -> bool:
    """Whether an edit reaches over the border of a gold answer."""
    if not isinstance(example, SpanExample) or edit.part != 1:
        return False
    spans = [(answer.start, answer.start + len(answer.text)) for answer in example.answer or ()]
    return any(edit.start < end and edit.end > start and not start <= edit.start <= edit.end <= end for start, end in spans)


def touches_answer(example: Example, part: int, start: int, end: int) -> bool:
    """Whether a stretch of a text has a character in common with a gold answer."""
    if not isinstance(example, SpanExample) or part != 1:
        return False
    return any(start < answer.start + len(answer.text) and answer.start < end for answer in example.answer or ())


def _splice(text: str, edits: Sequence[Edit]) -> str:
    """The text with sorted edits."""
    pieces: list[str] = []
    done = 0
    for edit in edits:
        assert done <= edit.start <= edit.end <= len(text), "edits overlap or lie outside of the text"
        pieces += [text[done : edit.start], edit.replacement]
        done = edit.end
    return "".join((*pieces, text[done:]))


def _follow(answer: SpanAnswer, edits: Sequence[Edit], context: str) -> SpanAnswer | None:
    """The answer in the edited `context`. What is inserted at its border stays outside."""
    start, end = answer.start, answer.start + len(answer.text)
    before = inside = 0
    for edit in edits:
        grown = len(edit.replacement) - (edit.end - edit.start)
        if edit.end <= start:
            before += grown
        elif start <= edit.start and edit.end <= end and edit.start < end:
            inside += grown
        elif edit.start < end:
            return None
    text = context[start + before : end + before + inside]
    return SpanAnswer(text, start + before) if text.strip() else None


def respell_place(example: Example, place: Place, new: str | None) -> Edit | None:
    """The edit that writes a word otherwise; None if there is no other spelling, or if it would cut through an answer."""
    edit = place.respell(new) if new is not None else None
    return None if edit is None or cuts_answer(example, edit) else edit
