"""Sampled segmentation: exact probabilities, the tokenizer's own ids in the limit, and all formats encoded with it."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from tests.model.tiny_encoders import make_encoder
from xstilts.errors import InputError
from xstilts.formats.choice import Choice, ChoiceExample
from xstilts.formats.classify import Classify, ClassifyExample
from xstilts.formats.format import Example
from xstilts.formats.mlm import Mlm, MlmExample
from xstilts.formats.ranking import Ranking, RankingExample
from xstilts.formats.span import Span, SpanAnswer, SpanExample
from xstilts.formats.tag import Tag, TagExample
from xstilts.model.codecs.registry import CODECS
from xstilts.model.sampled_rows import SampledRows, cut_anew
from xstilts.model.segmentation import SampledTokenizer, Segmenter, encode_sampled, number_of
from xstilts.model.tokenizer import load_tokenizer
from xstilts.recipe.recipe import Recipe

pytestmark = pytest.mark.tiny
LIMIT = 1e5  # an alpha that leaves only the best cut
VOCABULARY = [("<unk>", 0.0), ("a", -1.2), ("b", -1.5), ("ab", -1.9), ("ba", -2.5), ("aba", -2.8), ("bc", -3.0), ("▁", -1.0)]
TEXTS = [
    "The tower is old, a human says.", "Die Türme sind alt.", "две башни сгорели", "塔中文也没有空格。", "東京タワー",
    "मीनार जल गई थी", "หอคอยไหม้", "بنيت القلعة", "e\u0301 ﬁ ① Ａ\u00a0b\tc  d", "𓀀𓀁 a𓀀b", "\u200b\u200d", "🤷🏽‍♀️ok",
    "", "   ", "<s> </s> ＜s＞ <mask> a<mask>b <unk>", "▁▁a ▁",
]  # fmt: skip


def backend_of(vocabulary: list[tuple[str, float]]) -> Tokenizer:
    backend = Tokenizer(models.Unigram(vocabulary, unk_id=0))
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    return backend


@pytest.fixture(scope="module")
def learned() -> Any:
    """A tokenizer in XLM-R's form, trained on text of many scripts."""
    backend = Tokenizer(models.Unigram())
    backend.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace("  ", " ")])
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(vocab_size=220, special_tokens=special, unk_token="<unk>", show_progress=False)
    backend.train_from_iterator(TEXTS[:8] * 20, trainer)
    backend.add_special_tokens(["<mask>"])
    return PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="<pad>", mask_token="<mask>", unk_token="<unk>")


def all_cuts(word: str, scores: dict[str, float]) -> dict[tuple[str, ...], float]:
    """Every way to cut a word into pieces of the vocabulary, and its log probability."""
    if not word:
        return {(): 0.0}
    found = {}
    for end in range(1, len(word) + 1):
        if word[:end] in scores:
            found |= {(word[:end], *rest): scores[word[:end]] + log for rest, log in all_cuts(word[end:], scores).items()}
    return found


@pytest.mark.parametrize("alpha", [0.3, 1.0, 4.0])
def test_cuts_come_as_often_as_they_are_probable(alpha: float) -> None:
    """A chi-square test against the exact probabilities."""
    segmenter, rng, word, draws = Segmenter(backend_of(VOCABULARY), alpha), np.random.default_rng(0), "ababcab", 20_000
    seen = Counter(tuple(segmenter.pieces(word, rng)) for _ in range(draws))
    assert any("c" in cut for cut in seen) == (alpha == 0.3), "c alone is unknown, and rare"
    scores = dict(VOCABULARY) | {"c": min(score for _, score in VOCABULARY) - 10}
    weights = {cut: math.exp(alpha * log) for cut, log in all_cuts(word, scores).items()}
    assert len(weights) == 20
    assert set(seen) <= set(weights)
    expected = {cut: draws * weight / sum(weights.values()) for cut, weight in weights.items()}
    often = [cut for cut, count in expected.items() if count >= 5]
    rest = sum(count for cut, count in expected.items() if cut not in often)
    statistic = sum((seen[cut] - expected[cut]) ** 2 / expected[cut] for cut in often)
    if rest:
        statistic += (sum(n for cut, n in seen.items() if cut not in often) - rest) ** 2 / rest
    freedom = len(often) - 1 + bool(rest)
    assert statistic < freedom + 4 * math.sqrt(2 * freedom) + 4


def test_neighbouring_unknown_characters_are_one_piece() -> None:
    segmenter, rng = Segmenter(backend_of(VOCABULARY), 1.0), np.random.default_rng(0)
    assert segmenter.pieces("xyz", rng) == ["xyz"]
    assert segmenter.pieces("", rng) == []
    assert {tuple(segmenter.pieces("xyab", rng)) for _ in range(200)} == {("xy", "ab"), ("xy", "a", "b")}


WORLD = st.text(st.sampled_from([*{c for text in TEXTS for c in text}, " ", "é", "x", "\n"]), max_size=40)


@settings(max_examples=300)
@given(text=WORLD, pair=WORLD)
def test_the_most_probable_cut_is_the_tokenizers_own(learned: Any, text: str, pair: str) -> None:
    sampled = _limit(learned)
    for arguments in ([text], [text, pair]):
        ours, theirs = sampled(*arguments, return_offsets_mapping=True), learned(*arguments, return_offsets_mapping=True)
        assert (ours["input_ids"], ours["offset_mapping"]) == (theirs["input_ids"], theirs["offset_mapping"])


_made: dict[int, SampledTokenizer] = {}


def _limit(tokenizer: Any) -> SampledTokenizer:
    return _made.setdefault(id(tokenizer), SampledTokenizer(tokenizer, LIMIT))


def test_texts_of_many_scripts_and_none(learned: Any) -> None:
    for text in TEXTS:
        assert _limit(learned)(text)["input_ids"] == learned(text)["input_ids"], text


def test_a_real_tokenizer_in_xlmrs_form(mini_xlmr: Path) -> None:
    """With its compiled normaliser."""
    tokenizer = load_tokenizer(mini_xlmr)
    sampled = SampledTokenizer(tokenizer, LIMIT)
    for text in TEXTS:
        assert sampled(text)["input_ids"] == tokenizer(text)["input_ids"], text


def test_the_text_stays_what_it_is(learned: Any) -> None:
    sampled, seen = SampledTokenizer(learned, 0.1), set()
    written = "".join(learned.convert_ids_to_tokens(learned(TEXTS[0])["input_ids"]))
    for seed in range(30):
        sampled.seed(seed)
        ids = sampled(TEXTS[0])["input_ids"]
        seen.add(tuple(ids))
        assert "".join(learned.convert_ids_to_tokens(ids)) == written
    assert len(seen) > 5


def test_a_seed_repeats_its_cuts(learned: Any) -> None:
    sampled = SampledTokenizer(learned, 0.1)
    sampled.seed(5, 1)
    first = [sampled(text)["input_ids"] for text in TEXTS]
    assert [sampled(text)["input_ids"] for text in reversed(TEXTS)] == first[::-1]
    assert sampled(TEXTS)["input_ids"] == first
    sampled.seed(5, 2)
    assert [sampled(text)["input_ids"] for text in TEXTS] != first


def test_other_tokenizers_are_refused(tmp_path: Path) -> None:
    folder = make_encoder(tmp_path / "bert", "bert")
    with pytest.raises(InputError, match=r"expected a Unigram tokenizer .* found WordPiece"):
        SampledTokenizer(load_tokenizer(folder), 0.3)


# -- formats -----------------------------------------------------------------------------------------------------------

RECIPE = Recipe(max_length=24, stride=6)
CONTEXT = "bo ka mi kami bobo ka bokami mibo ka kaka bo mi kabo mi bobo"
FORMATS: dict[str, tuple[Any, list[Example]]] = {
    "classify": (
        Classify(labels=("y", "n"), texts=2),
        [ClassifyExample("a", ("kami bobo mika", "bokami kabo"), "y"), ClassifyExample("b", ("", "bobobo"), "n")],
    ),
    "choice": (Choice(choices=3), [ChoiceExample("a", "kami bobo mika bokami kabo", ("mika", "bokami ka", "ka"), 1)]),
    "tag": (
        Tag(labels=("N", "V")),
        [TagExample("a", ("kami", "bo", "bokabo", "mi"), ("N", "V", "N", "V")), TagExample("b", ("kakaka",) * 9, ("N",) * 9)],
    ),
    "span": (
        Span(no_answer=False),
        [
            SpanExample("a", "bobo ?", CONTEXT, (SpanAnswer(CONTEXT[13:17], 13),)),
            SpanExample("b", "kami bo ?" * 9, CONTEXT, (SpanAnswer("kabo mi", CONTEXT.index("kabo mi")),)),
        ],
    ),
    "mlm": (Mlm(), [MlmExample("a", (CONTEXT,)), MlmExample("b", ("bo mi", "ka kami"))]),
    "rank": (Ranking(), [RankingExample("a", "kami bobo", "mika", CONTEXT)]),
}


def setting(tiny_folder: Path, name: str, alpha: float) -> tuple[Any, SampledTokenizer, list[Example]]:
    tokenizer = load_tokenizer(tiny_folder / "encoder")
    spec, examples = FORMATS[name]
    return CODECS[name](spec, tokenizer, RECIPE), SampledTokenizer(tokenizer, alpha), examples


def numbers(example: Example) -> tuple[int, int]:
    return 7, number_of(example.id)


def plain(features: list[Any]) -> list[Any]:
    return [
        (f.example, [row.tolist() for row in f.rows], f.target, {name: np.asarray(x).tolist() for name, x in f.extra.items()})
        for f in features
    ]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", FORMATS)
def test_the_limit_encodes_every_format_as_before(tiny_folder: Path, name: str, training: bool) -> None:
    codec, sampler, examples = setting(tiny_folder, name, LIMIT)
    assert plain(encode_sampled(codec, sampler, examples, training, numbers)) == plain(codec.encode(examples, training))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", FORMATS)
def test_an_example_does_not_depend_on_the_others(tiny_folder: Path, name: str, training: bool) -> None:
    codec, sampler, examples = setting(tiny_folder, name, 0.1)
    together = encode_sampled(codec, sampler, examples, training, numbers)
    assert plain(together) != plain(codec.encode(examples, training))
    assert all(len(row) <= RECIPE.max_length for f in together for row in f.rows)
    for i, example in enumerate(examples):
        alone = encode_sampled(codec, sampler, [example], training, numbers)
        assert [x[1:] for x in plain(alone)] == [x[1:] for x in plain([f for f in together if f.example == i])]
    assert codec.tokenize is codec.tokenizer, "the codec itself is as it was"


def test_the_first_piece_of_a_word_carries_its_tag(tiny_folder: Path) -> None:
    codec, sampler, examples = setting(tiny_folder, "tag", 0.1)
    pieces = codec.tokenizer.convert_ids_to_tokens
    for draw in range(20):
        for example in examples:
            found = encode_sampled(codec, sampler, [example], True, lambda _, draw=draw: (draw,))
            words, tags = [], []
            for feature in found:
                row, starts = feature.rows[0][:-1], feature.extra["starts"]
                ends = [*starts[1:], len(row)]
                words += ["".join(pieces(row[a:b].tolist())) for a, b in zip(starts, ends, strict=True)]
                tags += [codec.spec.labels[t] for t in feature.target]
            assert [word.removeprefix("▁") for word in words] == list(example.words)
            assert tuple(tags) == example.answer


def test_the_offsets_of_a_span_follow(tiny_folder: Path) -> None:
    """In at least one window of each draw the target holds the answer, and pieces at its borders begin and end there or
    outside it."""
    codec, sampler, examples = setting(tiny_folder, "span", 0.1)
    for draw, example in itertools.product(range(20), examples):
        trained = encode_sampled(codec, sampler, [example], True, lambda _, draw=draw: (draw,))
        read = encode_sampled(codec, sampler, [example], False, lambda _, draw=draw: (draw,))
        assert [f.rows[0].tolist() for f in trained] == [f.rows[0].tolist() for f in read]
        answer = example.answer[0]
        texts = []
        for one, other in zip(trained, read, strict=True):
            if one.target != (0, 0):
                offsets = other.extra["offsets"]
                texts.append(example.context[offsets[one.target[0], 0] : offsets[one.target[1], 1]])
        assert texts
        assert all(answer.text in text and len(text) <= len(answer.text) + 4 for text in texts)


def test_rows_that_are_cut_anew(tiny_folder: Path) -> None:
    """Every window of a long context can be drawn, and each under its own example."""
    codec, sampler, examples = setting(tiny_folder, "span", 0.05)
    owners = np.array([f.example for f in codec.encode(examples, True)])
    rows = SampledRows(cut_anew(codec, sampler, examples), owners)
    seen = [{tuple(rows.draw(row, step).rows[0].tolist()) for step in range(60)} for row in range(len(owners))]
    assert all(len(found) > 20 for found in seen)
    assert [rows.draw(row, 3).example for row in range(len(owners))] == owners.tolist()
    assert rows.draw(0, 3, 4).rows[0].tolist() == rows.draw(0, 3, 4).rows[0].tolist()
    ends = {row.rows[0].tolist()[-2] for step in range(60) for row in [rows.draw(int((owners == 0).sum()) - 1, step)]}
    assert codec.tokenizer.convert_tokens_to_ids("bo") in ends, "the end of the context"
