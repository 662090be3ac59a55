"""Inputs of one's own, in every format that predicts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from xstilts.errors import InputError
from xstilts.formats.choice import Choice, ChoiceExample
from xstilts.formats.classify import Classify, ClassifyExample
from xstilts.formats.format import Example, Format
from xstilts.formats.inputs import read_input
from xstilts.formats.span import Span, SpanExample
from xstilts.formats.tag import Tag, TagExample

PAIR, ALONE, TAGS, SPAN, CHOICE = Classify(("no", "yes")), Classify(("no", "yes"), 1), Tag(("O", "B-PER")), Span(), Choice(2)


@pytest.mark.parametrize(
    ("spec", "short", "full", "example"),
    [
        (PAIR, ["a", "b"], {"texts": ["a", "b"]}, ClassifyExample("x", ("a", "b"), None)),
        (ALONE, "a", {"texts": ["a"]}, ClassifyExample("x", ("a",), None)),
        (TAGS, ("New", "York"), {"words": ["New", "York"]}, TagExample("x", ("New", "York"), None)),
        (SPAN, ["Who?", "She."], {"context": "She.", "question": "Who?"}, SpanExample("x", "Who?", "She.", None)),
        (CHOICE, ["I", ["a", "b"]], {"prompt": "I", "choices": ["a", "b"]}, ChoiceExample("x", "I", ("a", "b"), None)),
    ],
)
def test_both_forms_give_the_example(spec: Format, short: Any, full: Any, example: Example) -> None:
    assert read_input(spec, short, "x") == read_input(spec, full, "x") == example
    assert read_input(spec, {**full, "id": 7, "note": "kept by others"}, "x").id == "7"
    assert read_input(spec, json.loads(spec.asked), "x"), "what an error asks for is right"


@pytest.mark.parametrize(
    ("spec", "given", "message"),
    [
        (PAIR, "a", "'texts' is 'a'; expected"),
        (PAIR, ["a"], "1 texts, expected 2"),
        (PAIR, {"text": "a"}, "no field 'texts'; expected"),
        (PAIR, ["a", 3], "'texts' is"),
        (ALONE, ["a", "b"], "2 texts, expected 1"),
        (TAGS, "New York", "'words' is 'New York'; expected"),
        (TAGS, [], "no words"),
        (TAGS, ["New", " "], "word 2 is blank"),
        (SPAN, "Who?", "found 'Who?'; expected"),
        (SPAN, ["Who?", " "], "the context is blank"),
        (SPAN, ["Who?", ["She."]], "'context' is"),
        (CHOICE, ["I", ["a"]], "1 choices, expected two or more"),
        (CHOICE, ["a", "b", "c"], "found ['a', 'b', 'c']; expected"),
    ],
)
def test_another_shape_is_refused_with_the_right_one(spec: Format, given: Any, message: str) -> None:
    with pytest.raises(InputError) as error:
        read_input(spec, given, "x")
    assert message in str(error.value)
    assert spec.asked in str(error.value)
