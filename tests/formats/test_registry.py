"""What all formats state, and that their records and examples survive a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from xstilts.formats.bitext_mining import BitextMining, PoolExample
from xstilts.formats.bitext_retrieval import BitextRetrieval, BitextRetrievalExample
from xstilts.formats.choice import Choice, ChoiceExample
from xstilts.formats.classify import Classify, ClassifyExample
from xstilts.formats.format import Example, Format
from xstilts.formats.image_pair import ImagePair, ImagePairExample
from xstilts.formats.jsonl import read_jsonl, write_jsonl
from xstilts.formats.mlm import Mlm, MlmExample
from xstilts.formats.ranking import Ranking, RankingExample
from xstilts.formats.registry import EXAMPLES, FORMATS, format_of
from xstilts.formats.span import Span, SpanAnswer, SpanExample
from xstilts.formats.tag import Tag, TagExample
from xstilts.model.codecs.registry import CODECS
from xstilts.tasks.registry import CATALOGUE

SPECS: list[Format] = [
    Classify(("a", "b", "c"), 1),
    Choice(4),
    Tag(("X", "Y")),
    Span(no_answer=True),
    Mlm(),
    ImagePair(("a", "b")),
    BitextRetrieval(),
    BitextMining(),
    Ranking(),
]
SOME: list[Example] = [
    ClassifyExample("1", ("one", "zwei"), "a"),
    ChoiceExample("2", "p", ("x", "y"), 1),
    TagExample("3", ("ein", "Wort"), ("X", "Y")),
    SpanExample("4", "q", "a context", (SpanAnswer("context", 2),)),
    SpanExample("5", "q", "a context", ()),
    SpanExample("6", "q", "a context", None),
    BitextRetrievalExample("7", "ein Satz", "a sentence", "7"),
    PoolExample("8", "text", "", "query", ("9", "10")),
    PoolExample("9", "text", "around", "candidate", None),
    RankingExample("10", "q", "t", "c"),
    MlmExample("11", ("x", "y")),
    ImagePairExample("12", "4705552913", "a dog", "a", "a dog runs"),
]


def test_records_of_formats() -> None:
    assert {type(spec) for spec in SPECS} == set(FORMATS.values())
    for spec in SPECS:
        assert format_of(spec.record()) == spec
    assert Classify(("a", "b"), 1).record() == {"name": "classify", "labels": ("a", "b"), "texts": 1}


def test_examples_in_files(tmp_path: Path) -> None:
    assert {type(example) for example in SOME} == set(EXAMPLES.values())
    assert write_jsonl(tmp_path / "examples.jsonl", SOME) == len(SOME)
    assert list(read_jsonl(tmp_path / "examples.jsonl")) == SOME
    assert [e.id for e in SOME if not e.scored] == ["9"]


def test_what_is_stated_agrees() -> None:
    """Names never change; a trained format has a codec; what a catalogued task needs is stated."""
    assert list(FORMATS) == ["classify", "choice", "tag", "span", "mlm", "image_pair", "embed", "mine", "rank"]
    assert set(CODECS) == {form.name for form in FORMATS.values() if form.trained}
    for form in FORMATS.values():
        assert bool(form.sides) == form.retrieval
        assert form.title and form.group and form.stored_bytes
    assert {task.format.name for task in CATALOGUE.values()} == set(FORMATS)


@pytest.mark.parametrize(
    ("spec", "sizes", "chance"),
    [
        (Classify(("a", "b", "c")), [], 1 / 3),
        (Choice(4), [10], 0.25),
        (BitextRetrieval(), [100, 50], 0.015),
        (BitextRetrieval(), [], None),
        (BitextMining(), [100], None),
        (Ranking(), [100], None),
        (Span(), [100], None),
        (Tag(("a", "b")), [100], None),
    ],
)
def test_chance(spec: Format, sizes: list[int], chance: float | None) -> None:
    assert spec.chance(sizes) == (None if chance is None else pytest.approx(chance))


def test_descriptions() -> None:
    assert [spec.describe() for spec in SPECS[:5]] == [
        "classify: `a`, `b`, `c`",
        "choice of 4",
        "tag: `X`, `Y`",
        "span, or no answer",
        "mlm",
    ]
    assert Tag(tuple(map(str, range(40)))).describe() == "tag with 40 labels"
