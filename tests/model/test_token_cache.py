"""The token cache gives back what was encoded, of every format, and stays small on disk and in memory."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xstilts.formats.choice import Choice, ChoiceExample
from xstilts.formats.classify import Classify, ClassifyExample
from xstilts.formats.format import Example
from xstilts.formats.mlm import Mlm, MlmExample
from xstilts.formats.ranking import Ranking, RankingExample
from xstilts.formats.span import Span, SpanAnswer, SpanExample
from xstilts.formats.tag import Tag, TagExample
from xstilts.model.codecs.codec import Codec, Feature
from xstilts.model.codecs.registry import CODECS
from xstilts.model.token_cache import TokenCache, write_cache
from xstilts.model.tokenizer import load_tokenizer
from xstilts.recipe.recipe import Recipe

pytestmark = pytest.mark.tiny
LABELS = ("N", "V")
FORMATS: dict[str, Any] = {
    "classify": Classify(LABELS),
    "choice": Choice(3),
    "tag": Tag(LABELS),
    "span": Span(),
    "mlm": Mlm(),
    "rank": Ranking(),
}

text = st.lists(st.sampled_from(["bo", "ka", "mi", "kami", "?", "", "\u200b"]), max_size=45).map(" ".join)
label = st.sampled_from(LABELS)


@st.composite
def answered(draw: st.DrawFn) -> SpanExample:
    context = draw(text)
    begin = draw(st.integers(0, len(context)))
    found = context[begin : draw(st.integers(begin, len(context)))]
    return SpanExample("a", draw(text), context, (SpanAnswer(found, begin),) if found else ())


def tagged(words: Sequence[str], tags: Sequence[str]) -> TagExample:
    return TagExample("a", tuple(words), tuple(tags))


EXAMPLES: dict[str, st.SearchStrategy[Any]] = {
    "classify": st.builds(ClassifyExample, st.just("a"), st.tuples(text, text), label | st.none()),
    "choice": st.builds(ChoiceExample, st.just("a"), text, st.tuples(text, text, text), st.integers(0, 2) | st.none()),
    "tag": st.lists(st.tuples(text.map(str.split), label), max_size=3).map(
        lambda parts: tagged([w for some, _ in parts for w in some], [tag for some, tag in parts for _ in some])
    ),
    "span": answered(),
    "mlm": st.builds(MlmExample, st.just("a"), st.tuples(text) | st.tuples(text, text)),
    "rank": st.builds(RankingExample, st.just("a"), text, text, text),
}


def codec_of(name: str, folder: Path, max_length: int = 24) -> Codec:
    return CODECS[name](FORMATS[name], load_tokenizer(folder), Recipe(max_length=max_length, stride=6))


@pytest.fixture(scope="module")
def codecs(tiny_folder: Path) -> dict[str, Codec]:
    return {name: codec_of(name, tiny_folder / "encoder") for name in FORMATS}


def assert_same(found: Feature, expected: Feature) -> None:
    assert found.example == expected.example
    assert [row.tolist() for row in found.rows] == [row.tolist() for row in expected.rows]
    assert {row.dtype for row in found.rows} == {row.dtype for row in expected.rows}
    assert (found.target, type(found.target)) == (expected.target, type(expected.target))
    assert found.extra == expected.extra


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_feature_comes_back_as_it_was_encoded(codecs: dict[str, Codec], tmp_path: Path, name: str, data: st.DataObject) -> None:
    examples = data.draw(st.lists(EXAMPLES[name], max_size=8))
    cache = write_cache(codecs[name], iter(examples), tmp_path / "cache", chunk=data.draw(st.integers(1, 9)))
    plain = codecs[name].encode(examples, training=True) if examples else []
    assert len(cache) == len(plain)
    for found, expected in zip(cache, plain, strict=True):
        assert_same(found, expected)
    assert cache.ids.tolist() == sorted({int(t) for f in plain for row in f.rows for t in row})


def test_any_order_and_any_process_reads_the_same(codecs: dict[str, Codec], tmp_path: Path) -> None:
    examples = [MlmExample(str(i), (" ".join(["bo", "kami"] * (i % 40)),)) for i in range(700)]  # several blocks of bounds
    written = write_cache(codecs["mlm"], examples, tmp_path)
    plain = codecs["mlm"].encode(examples, training=True)
    assert len(plain) > 768
    again = TokenCache(tmp_path)
    for i in random.Random(0).sample(range(len(plain)), 300):
        assert_same(written[i], plain[i])
        assert_same(again[np.int64(i)], plain[i])  # type: ignore[call-overload]
    assert_same(again[-1], plain[-1])
    assert [f.example for f in again[5:9]] == [f.example for f in plain[5:9]]
    with pytest.raises(IndexError):
        again[len(plain)]


def test_no_examples_and_a_document_of_nothing(codecs: dict[str, Codec], tmp_path: Path) -> None:
    for examples in ([], [MlmExample("a", ("",))]):
        cache = write_cache(codecs["mlm"], examples, tmp_path / "cache")
        assert len(cache) == len(cache.ids) == len(list(cache)) == 0
    empty = write_cache(
        codecs["classify"], [ClassifyExample("a", ("", ""), "N")], tmp_path / "cache"
    )  # and the folder is used again
    assert empty[0].rows[0].tolist() == [0, 2, 2, 2]


def test_a_stop_leaves_nothing_that_reads_as_a_cache(codecs: dict[str, Codec], tmp_path: Path) -> None:
    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_cache(codecs["classify"], [ClassifyExample("a", ("bo", "ka"), "N")], tmp_path, stop)
    with pytest.raises(FileNotFoundError):
        TokenCache(tmp_path)


# -- Size -------------------------------------------------------------------------------------------------------------


def utf8(value: Any) -> int:
    """The bytes of all text in an example's fields, but for its id and its answer."""
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, tuple):
        return sum(map(utf8, value))
    return sum(utf8(getattr(value, name)) for name in value.__slots__ if name not in ("id", "answer"))


def size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


def sentences(count: int) -> list[list[str]]:
    """Of 8 to 30 words of 2 to 9 letters, about as long and as varied as English."""
    draw = random.Random(1)
    letters = "etaoinshrdlucmfwyp"
    words = ["".join(draw.choices(letters, k=draw.choice((2, 3, 3, 4, 4, 5, 6, 7, 9)))) for _ in range(20_000)]
    return [[words[int(len(words) * draw.random() ** 3)] for _ in range(draw.randint(8, 30))] for _ in range(count)]


@pytest.fixture(scope="module")
def large_vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A tokenizer with XLM-R's number of ids, whose words are scattered over them and one to three tokens each."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    pieces = {word[:5] for s in sentences(2000) for word in s} | {word[5:] for s in sentences(2000) for word in s if word[5:]}
    draw = random.Random(2)
    vocabulary = dict.fromkeys(["<s>", "<pad>", "</s>", "<unk>"])
    ids = {word: i for i, word in enumerate(vocabulary)} | dict(
        zip(sorted(pieces), draw.sample(range(4, 250_000), len(pieces)), strict=True)
    )
    backend = Tokenizer(models.WordLevel(ids, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Whitespace(), pre_tokenizers.FixedLength(5)]  # "reading" -> "readi", "ng"
    )
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = {"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="<pad>", **names)


def ordinary(name: str) -> Iterable[Example]:
    """Training examples of ordinary length of each format."""
    some = sentences(1500)
    for i in range(0, len(some), 3):
        (a, b, c), key = (" ".join(s) for s in some[i : i + 3]), str(i)
        match name:
            case "classify":
                yield ClassifyExample(key, (a, b), LABELS[i % 2])
            case "choice":
                yield ChoiceExample(key, a, tuple(some[i + 1][:5]), i % 3)  # the prompt is in five rows
            case "tag":
                yield tagged(some[i], [LABELS[len(word) % 2] for word in some[i]])
            case "span":
                context = " ".join([a, b, c] * 5)
                yield SpanExample(key, " ".join(some[i][:10]), context, (SpanAnswer(b, len(a) + 1),))
            case "mlm":
                yield MlmExample(key, (f"{a} {b} {c}",))
            case "rank":
                yield RankingExample(key, " ".join(some[i][:10]), a, f"{a} {b} {c}")


@pytest.mark.parametrize("name", FORMATS)
def test_a_cache_is_no_larger_than_twice_its_text(large_vocabulary: Any, tmp_path: Path, name: str) -> None:
    codec = CODECS[name](FORMATS[name], large_vocabulary, Recipe(max_length=128, stride=32))
    examples = list(ordinary(name))
    cache = write_cache(codec, examples, tmp_path, chunk=100)
    assert cache.ids[-1] > 2**16
    assert size(tmp_path) <= 2 * sum(map(utf8, examples))


@pytest.mark.parametrize("task", ["snli", "commonsenseqa", "udpos", "tydiqa"])
def test_so_is_that_of_real_data(real_data: Path, mini_xlmr: Path, tmp_path: Path, task: str) -> None:
    from itertools import islice

    from xstilts.tasks.files.locate import read_examples
    from xstilts.tasks.registry import find_task

    found = find_task(task)
    some = list(islice(read_examples(found, "train", "en", real_data), 400))
    codec = CODECS[found.format.name](found.format, load_tokenizer(mini_xlmr), Recipe(max_length=384, stride=128))
    cache = write_cache(codec, some, tmp_path)
    plain = codec.encode(some, training=True)
    for i in random.Random(0).sample(range(len(plain)), 50):
        assert_same(cache[i], plain[i])
    assert size(tmp_path) <= 2 * sum(map(utf8, some))


def test_memory_does_not_grow_with_the_examples(codecs: dict[str, Codec], tmp_path: Path) -> None:
    def peak(count: int) -> int:
        tracemalloc.start()
        stream = (ClassifyExample(str(i), ("bo ka mi " * 3, "kami bo"), "N") for i in range(count))
        write_cache(codecs["classify"], stream, tmp_path / "cache", chunk=50)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(50)  # what is imported and remembered once
    assert peak(1600) < 1.3 * peak(200)
