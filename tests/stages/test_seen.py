"""What the tokenizer sees of an attack: known shares on attacks that it undoes, and on cuts of the same text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from xstilts.formats.classify import Classify, ClassifyExample
from xstilts.formats.format import Example
from xstilts.formats.jsonl import write_jsonl
from xstilts.formats.span import Span, SpanExample
from xstilts.model.codecs.registry import CODECS
from xstilts.model.segmentation import sample_by_id
from xstilts.model.tokenizer import load_tokenizer
from xstilts.recipe.recipe import Recipe
from xstilts.stages.attack import CLEAN
from xstilts.stages.seen import SeenCounter

pytestmark = pytest.mark.tiny


def lay_out(folder: Path, clean: list[Any], variants: list[Any]) -> Path:
    folder.mkdir()
    write_jsonl(folder / CLEAN, clean)
    records = [{"id": one.id, "clean": one.id.rpartition("#")[0], "edits": []} for one in variants]
    (folder / "variants.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return folder


def codec_of(tiny_folder: Path, spec: Any, max_length: int) -> Any:
    return CODECS[spec.name](spec, load_tokenizer(tiny_folder / "encoder"), Recipe(max_length=max_length, stride=4))


def share(codec: Any, folder: Path, variants: list[Example], at_once: int = 1) -> float | None:
    counter = SeenCounter(codec.encode, codec.encode, folder)
    assert counter.share is None
    for first in range(0, len(variants), at_once):
        some = variants[first : first + at_once]
        assert [f.rows[0].tolist() for f in counter(some, False)] == [f.rows[0].tolist() for f in codec.encode(some, False)]
    return counter.share


def test_only_other_tokens_count(tiny_folder: Path, tmp_path: Path) -> None:
    """Letters that the vocabulary lacks are one unknown token, whichever they are."""
    clean = [ClassifyExample("a", ("bo ka", "mi xyz"), "0"), ClassifyExample("b", ("ka", "bo mi"), "1")]
    variants: list[Example] = [
        ClassifyExample("a#0", ("bo ka", "mi zzyx"), "0"),
        ClassifyExample("a#1", ("bo mi", "mi xyz"), "0"),
        ClassifyExample("b#0", ("ka mi", "bo mi"), "1"),
        ClassifyExample("b#3", ("mi", "bo mi"), "1"),
    ]
    folder = lay_out(tmp_path / "variants", clean, variants)
    codec = codec_of(tiny_folder, Classify(("0", "1"), texts=2), 128)
    assert {share(codec, folder, variants, at_once) for at_once in (1, 3, 4)} == {0.75}


def test_what_is_cut_off_is_not_seen(tiny_folder: Path, tmp_path: Path) -> None:
    """The edit is behind the last token that is read."""
    clean = [ClassifyExample("a", ("bo ka " * 30,), "0")]
    variants: list[Example] = [ClassifyExample("a#0", ("bo ka " * 29 + "mi mi",), "0")]
    folder = lay_out(tmp_path / "variants", clean, variants)
    spec = Classify(("0", "1"), texts=1)
    assert share(codec_of(tiny_folder, spec, 20), folder, variants) == 0
    assert share(codec_of(tiny_folder, spec, 128), folder, variants) == 1


def test_every_window_of_a_context_counts(tiny_folder: Path, tmp_path: Path) -> None:
    clean = [SpanExample("a", "bo ?", "bo ka " * 30, ())]
    texts = ("bo ka " * 29 + "mi mi", "bo ka " * 30)
    variants: list[Example] = [SpanExample(f"a#{n}", "bo ?", text, ()) for n, text in enumerate(texts)]
    encode = codec_of(tiny_folder, Span(no_answer=True), 30).encode
    counter = SeenCounter(encode, encode, lay_out(tmp_path / "variants", clean, variants))
    assert len(counter(variants, False)) > 2
    assert counter.share == 0.5


def test_a_cut_is_seen_where_it_is_another(tiny_folder: Path, tmp_path: Path) -> None:
    clean = [ClassifyExample("a", ("bobo kami bokabomi",), "0"), ClassifyExample("b", ("?",), "0")]
    variants: list[Example] = [ClassifyExample(f"{one.id}#{n}", one.texts, one.answer) for one in clean for n in range(50)]
    folder = lay_out(tmp_path / "variants", clean, variants)
    codec = codec_of(tiny_folder, Classify(("0", "1"), texts=1), 64)
    counter = SeenCounter(sample_by_id(codec, 0.1, 0), codec.encode, folder)
    rows = [feature.rows[0].tolist() for feature in counter(variants, False)]
    plain = [codec.encode([one], False)[0].rows[0].tolist() for one in variants]
    assert counter.share == sum(one != other for one, other in zip(rows, plain, strict=True)) / 100
    assert 0.1 < counter.share < 1
