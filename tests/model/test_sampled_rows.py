"""Rows that are drawn anew: what a word list may change in them, and what stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xstilts.attacks.code_mixing.word_list import code_mix_from
from xstilts.errors import InputError
from xstilts.formats.choice import Choice, ChoiceExample
from xstilts.formats.classify import Classify, ClassifyExample
from xstilts.formats.span import Span, SpanAnswer, SpanExample
from xstilts.formats.tag import Tag, TagExample
from xstilts.model.codecs.registry import CODECS
from xstilts.model.sampled_rows import SampledRows, mix_anew
from xstilts.model.tokenizer import load_tokenizer
from xstilts.recipe.recipe import Recipe

pytestmark = pytest.mark.tiny
TABLE = "en\tsw\tde\nbo\tbobobo\tmikabo\nkami\tkaka\tkabo\n"
CONTEXT = "bo ka kami bo mi kami " * 4 + "ka mimi bo"
ANSWER = SpanAnswer("mimi", CONTEXT.index("mimi"))
FORMATS: dict[str, tuple[Any, list[Any]]] = {
    "classify": (Classify(labels=("y", "n")), [ClassifyExample("0", ("bo kami ka bo", "kami kami"), "y")]),
    "choice": (Choice(choices=2), [ChoiceExample("0", "kami kami bo", ("bo bo", "ka kami"), 1)]),
    "tag": (Tag(labels=("N", "V")), [TagExample("0", ("bo", "kami", "ka", "bo"), ("N", "V", "N", "N"))]),
    "span": (Span(no_answer=False), [SpanExample("0", "kami bo ?", CONTEXT, (ANSWER,))]),
}


def rows_of(
    folder: Path, path: Path, form: str, examples: Mapping[str, Sequence[Any]], share: float = 0.4, table: str = TABLE
) -> tuple[Any, SampledRows, list[Any]]:
    """The codec, the rows, and the features of the examples as they are."""
    path = path / "words.tsv"
    path.write_text(table, encoding="utf-8")
    attack = code_mix_from(path, "code_mix", parallel=False)
    codec = CODECS[form](FORMATS[form][0], load_tokenizer(folder / "encoder"), Recipe(max_length=40, stride=12))
    plain = codec.encode([example for some in examples.values() for example in some], True)
    owners = np.array([feature.example for feature in plain])
    return codec, SampledRows(mix_anew(codec, attack, share, examples), owners), plain


def content(feature: Any) -> tuple[Any, ...]:
    return tuple(tuple(row.tolist()) for row in feature.rows)


@pytest.mark.parametrize("form", FORMATS)
def test_each_visit_draws_its_words_and_the_same_numbers_the_same_ones(tiny_folder: Path, tmp_path: Path, form: str) -> None:
    _, rows, plain = rows_of(tiny_folder, tmp_path, form, {"en": FORMATS[form][1]})
    seen = [content(rows.draw(0, 1, step)) for step in range(40)]
    assert len(set(seen)) > 4
    assert seen == [content(rows.draw(0, 1, step)) for step in range(40)]
    assert seen != [content(rows.draw(0, 2, step)) for step in range(40)], "another seed"
    assert all(rows.draw(row, 5).example == feature.example for row, feature in enumerate(plain))


@pytest.mark.parametrize("form", ["classify", "choice"])
def test_labels_stay(tiny_folder: Path, tmp_path: Path, form: str) -> None:
    _, rows, plain = rows_of(tiny_folder, tmp_path, form, {"en": FORMATS[form][1]}, share=1)
    assert {rows.draw(0, step).target for step in range(20)} == {plain[0].target}


def test_tags_stay_with_their_words(tiny_folder: Path, tmp_path: Path) -> None:
    """With every word replaced, the first piece of each word has its tag."""
    codec, rows, _ = rows_of(tiny_folder, tmp_path, "tag", {"en": FORMATS["tag"][1]}, share=1)
    for step in range(20):
        drawn = rows.draw(0, step)
        pieces = codec.tokenizer.convert_ids_to_tokens(drawn.rows[0].tolist())
        words = "".join(pieces[1:-1]).split("▁")[1:]
        assert words[0] in ("bobobo", "mikabo") and words[1] in ("kaka", "kabo") and words[2] == "ka"
        (again,) = codec.encode([TagExample("0", tuple(words), ("N", "V", "N", "N"))], True)
        assert content(again) == content(drawn)
        assert np.array_equal(again.target, drawn.target)


def test_answers_stay_and_their_places_follow(tiny_folder: Path, tmp_path: Path) -> None:
    codec, rows, plain = rows_of(tiny_folder, tmp_path, "span", {"en": FORMATS["span"][1]}, share=1)
    assert len(plain) > 1
    found = set()
    for row in range(len(plain)):
        for step in range(30):
            drawn = rows.draw(row, step)
            if drawn.target != (0, 0):
                ids = drawn.rows[0].tolist()[drawn.target[0] : drawn.target[1] + 1]
                found.add("".join(codec.tokenizer.convert_ids_to_tokens(ids)))
    assert found == {"▁mimi"}


@pytest.mark.parametrize("form", FORMATS)
def test_where_nothing_can_be_replaced_the_ids_are_the_plain_ones(tiny_folder: Path, tmp_path: Path, form: str) -> None:
    """The list has other words, or none of the language."""
    examples = FORMATS[form][1]
    for name, language, table in (("a", "en", "en\tsw\nzu\tka\n"), ("b", "fr", TABLE)):
        (tmp_path / name).mkdir()
        _, rows, plain = rows_of(tiny_folder, tmp_path / name, form, {language: examples}, table=table)
        # A window of a context is drawn within its own share, which for as many windows is itself.
        assert [content(rows.draw(row, 3)) for row in range(len(plain))] == [content(one) for one in plain]


def test_the_share_bounds_what_is_replaced(tiny_folder: Path, tmp_path: Path) -> None:
    example = TagExample("0", ("bo",) * 10, ("N",) * 10)
    codec, rows, _ = rows_of(tiny_folder, tmp_path, "tag", {"en": [example]}, share=0.3)
    for step in range(10):
        words = "".join(codec.tokenizer.convert_ids_to_tokens(rows.draw(0, step).rows[0].tolist()[1:-1])).split("▁")[1:]
        assert sum(word != "bo" for word in words) == 3


def test_every_language_is_replaced_from_the_others(tiny_folder: Path, tmp_path: Path) -> None:
    examples = {x: [TagExample("0", (word,), ("N",))] for x, word in {"en": "bo", "de": "mikabo", "fr": "bo"}.items()}
    codec, rows, _ = rows_of(tiny_folder, tmp_path, "tag", examples, share=1)
    words = [
        {"".join(codec.tokenizer.convert_ids_to_tokens(rows.draw(row, step).rows[0].tolist()[1:-1])) for step in range(20)}
        for row in range(3)
    ]
    assert words == [{"▁bobobo", "▁mikabo"}, {"▁bo", "▁bobobo"}, {"▁bo"}]


def test_a_list_in_another_language_is_refused(tiny_folder: Path, tmp_path: Path) -> None:
    words = [f"bo{'ka' * n}" for n in range(1, 31)]
    example = TagExample("0", tuple(f"mi{word}" for word in words), ("N",) * 30)
    table = "en\tsw\n" + "".join(f"{word}\tmi{word}\n" for word in words)
    _, rows, _ = rows_of(tiny_folder, tmp_path, "tag", {"en": [example]}, table=table)
    with pytest.raises(
        InputError, match=r"only 0 of its 30 words in en \(English\) occur in .*; is the list in another language"
    ):
        rows.draw(0, 1)
