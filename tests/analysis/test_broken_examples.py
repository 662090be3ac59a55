"""Which examples of an attack a report shows, and how changes are marked."""

from __future__ import annotations

from typing import Any

import pytest

from xstilts.analysis.broken_examples import BEFORE, mark_changes, reveal
from xstilts.analysis.example_choice import LETTERS
from xstilts.formats.classify import ClassifyExample
from xstilts.formats.span import SpanExample
from xstilts.formats.tag import TagExample
from xstilts.tasks.registry import find_task

PARAPHRASE = find_task("world/paraphrase")


def edit(part: int, start: int, end: int, replacement: str) -> dict[str, Any]:
    return {"part": part, "start": start, "end": end, "replacement": replacement}


def test_what_was_edited_is_marked_on_both_sides() -> None:
    clean = ClassifyExample("0", ("one two", "three"), "1")
    attacked = ClassifyExample("0#0", ("oen two", "three!"), "1")
    before, after = mark_changes(PARAPHRASE, clean, attacked, [edit(0, 1, 3, "en"), edit(1, 5, 5, "!")])
    assert before == (("o", False), ("ne", True), (" two", False), (" | ", False), ("three", False))
    assert after == (("o", False), ("en", True), (" two", False), (" | ", False), ("three", False), ("!", True))


def test_texts_that_were_exchanged_are_marked_whole() -> None:
    clean, attacked = ClassifyExample("0", ("one", "two"), "1"), ClassifyExample("0#0", ("one", "zwei"), "1")
    before, after = mark_changes(PARAPHRASE, clean, attacked, [])
    assert before == (("one", False), (" | ", False), ("two", True)) and after[-1] == ("zwei", True)


def test_words_of_a_sentence_are_no_columns() -> None:
    clean, attacked = TagExample("0", ("a", "b"), ("O", "O")), TagExample("0#0", ("a", "c"), ("O", "O"))
    _, after = mark_changes(find_task("world/ner"), clean, attacked, [edit(1, 0, 1, "c")])
    assert "".join(text for text, _ in after) == "a c"


def test_of_a_long_text_the_letters_around_the_first_change_are_shown() -> None:
    context = "x" * 900 + "A" + "y" * 900
    clean = SpanExample("0", "q", context, ())
    attacked = SpanExample("0#0", "q", context.replace("A", "BB"), ())
    for pieces in mark_changes(find_task("world/tydiqa"), clean, attacked, [edit(1, 900, 901, "BB")]):
        text = "".join(text for text, _ in pieces)
        assert len(text) == LETTERS + 2 and text[0] == text[-1] == "…" and pieces[2][1]
        assert len(pieces[1][0]) == BEFORE


@pytest.mark.parametrize(
    ("text", "changed", "shown"),
    [
        ("a\u200bb", True, "a[U+200B]b"),
        ("a\u202eb", False, "a[U+202E]b"),
        ("می\u200cخواهم", False, "می\u200cخواهم"),
        ("می\u200cخواهم", True, "می[U+200C]خواهم"),
        ("ab", True, "ab"),
    ],
)
def test_characters_that_nobody_sees_are_written_out(text: str, changed: bool, shown: str) -> None:
    assert reveal(text, changed) == shown
