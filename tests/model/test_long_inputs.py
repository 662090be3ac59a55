"""Long and odd inputs: windows and no-answer of questions, sentences longer than a row, words that a tokenizer drops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from xstilts.errors import InputError
from xstilts.formats.span import Span, SpanAnswer, SpanExample
from xstilts.formats.tag import Tag, TagExample
from xstilts.model.codecs.span import SpanCodec, best_answer, span_of
from xstilts.model.codecs.tag import TagCodec
from xstilts.model.model import fresh_model
from xstilts.model.tokenizer import load_tokenizer
from xstilts.recipe.recipe import Recipe
from xstilts.train.evaluate import predict

pytestmark = pytest.mark.tiny


@pytest.fixture(scope="module")
def tokenizer(tiny_folder: Path) -> Any:
    return load_tokenizer(tiny_folder / "encoder")


@pytest.fixture(scope="module")
def characters() -> Any:
    """One token a character, and one for a blank or the beginning, as XLM-R cuts text of unknown words without blanks."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    text = "北京大学位于。东边有湖東はのสวัสดีครับกท1234?ab"
    words = ["<s>", "<pad>", "</s>", "<unk>", "▁", *dict.fromkeys(text)]
    backend = Tokenizer(models.Unigram([(word, -1.0) for word in words], unk_id=3))
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", cls_token="<s>", eos_token="</s>", sep_token="</s>", unk_token="<unk>",
        pad_token="<pad>",
    )  # fmt: skip


def spans(tokenizer: Any, max_length: int = 24, stride: int = 6, no_answer: bool = False) -> SpanCodec:
    return SpanCodec(Span(no_answer), tokenizer, Recipe(max_length=max_length, stride=stride))


class Fixed(torch.nn.Module):
    """A head that gives the same start and end logits whatever it is given: shape (B, L, 2)."""

    def __init__(self, logits: list[list[tuple[float, float]]]):
        super().__init__()
        longest = max(map(len, logits))
        self.logits = torch.tensor([[*row, *[(0.0, 0.0)] * (longest - len(row))] for row in logits])

    def forward(self, _: torch.Tensor) -> torch.Tensor:
        return self.logits


def answer(codec: SpanCodec, example: SpanExample, logits: list[dict[int, tuple[float, float]]]) -> str:
    """The answer when the windows' logits are 0 but for those given by token."""
    features = codec.encode([example], training=False)
    assert len(features) == len(logits)
    rows = [[given.get(token, (0.0, 0.0)) for token in range(f.longest)] for f, given in zip(features, logits, strict=True)]
    outputs = codec.outputs(Fixed(rows), torch.empty(0), codec.collate(features), features)
    (found,) = codec.decode([example], features, outputs)
    assert isinstance(found.answer, str)
    return found.answer


# -- No answer --------------------------------------------------------------------------------------------------------

# <s> ▁bo </s> </s> ▁ka ▁mi ▁bo ▁ka </s>
SHORT = SpanExample("a", "bo", "ka mi bo ka", ())


@pytest.mark.parametrize(
    ("null", "no_answer", "expected"),
    [
        ((3.0, 3.001), True, ""),
        ((9.0, -2.9), True, ""),
        ((3.0, 3.0), True, "mi bo"),  # a tie goes to the answer: the difference has to be above the threshold of 0
        ((9.0, -3.1), True, "mi bo"),
        ((9.0, 9.0), False, "mi bo"),
    ],
)
def test_no_answer_when_the_first_token_scores_higher(
    tokenizer: Any, null: tuple[float, float], no_answer: bool, expected: str
) -> None:
    codec = spans(tokenizer, no_answer=no_answer)
    assert answer(codec, SHORT, [{0: null, 5: (3.0, -9.0), 6: (-9.0, 3.0)}]) == expected  # 3 + 3 from "mi" to "bo"


def test_of_several_windows_the_lowest_null_score_counts(tokenizer: Any) -> None:
    codec = spans(tokenizer, max_length=12, stride=2, no_answer=True)
    example = SpanExample("a", "bo", "ka mi bo ka mi bo ka mi bo", ())
    windows = len(codec.encode([example], training=False))
    assert windows > 1
    sure, unsure = (9.0, 9.0), (1.0, 1.0)
    quiet: list[dict[int, tuple[float, float]]] = [{0: sure} for _ in range(windows)]
    assert answer(codec, example, quiet) == ""
    one = [*quiet[:-1], {0: unsure, 4: (2.0, 2.0)}]  # only the last window sees an answer, better than its own null score
    assert answer(codec, example, one) != ""
    two = [{0: sure, 4: (2.0, 2.0)}, *quiet[1:-1], {0: unsure}]  # span and null score need not come out of the same window
    assert answer(codec, example, two) == "ka"


@given(st.lists(st.tuples(st.floats(-9, 9), st.integers(1, 9), st.integers(10, 19), st.floats(-9, 9)), min_size=1, max_size=5))
def test_the_decision_is_that_of_the_transformers_library(windows: list[tuple[float, int, int, float]]) -> None:
    """Null when min over windows of the null score, less the best span's score, is above 0."""
    best = sorted(windows, key=lambda found: -found[0])[0]
    difference = sorted(found[3] for found in windows)[0] - best[0]
    assert best_answer(windows, no_answer=True) == ((0, 0) if difference > 0 else best[1:3])
    assert best_answer(windows, no_answer=False) == best[1:3]


def test_an_unanswerable_question_is_trained_to_point_at_the_first_token(tiny_folder: Path, tokenizer: Any) -> None:
    codec = spans(tokenizer, no_answer=True)
    examples = [SpanExample("a", "bo", "ka mi " * 20, ()), SpanExample("b", "bo", "ka mi", (SpanAnswer("mi", 3),))]
    features = codec.encode(examples, training=True)
    assert len(features) > 2
    assert {f.target for f in features if f.example == 0} == {(0, 0)}
    assert features[-1].target == (5, 5)
    model = fresh_model(tiny_folder, {"t": codec}, 0.0)
    batch = codec.collate(features)
    codec.targets(features, batch, np.random.default_rng(0))
    assert torch.isfinite(codec.loss(model.head("t"), codec.hidden(model.encoder, model.head("t"), batch), batch))
    assert {type(p.answer) for p in predict(model, "t", codec, examples)} == {str}


def test_a_question_without_a_public_answer_is_not_trained_on(tokenizer: Any) -> None:
    with pytest.raises(InputError, match="question 'a' has no public answer"):
        spans(tokenizer).encode([SpanExample("a", "bo", "ka", None)], training=True)


# -- Windows ----------------------------------------------------------------------------------------------------------

words = st.lists(st.sampled_from(["bo", "ka", "mi", "kami", "bokami", "xyz", "?"]), max_size=60).map(" ".join)
LENGTHS = st.integers(8, 40), st.integers(1, 200)


@settings(deadline=None, max_examples=60)
@given(words, words, *LENGTHS)
def test_windows_cover_the_context_whatever_the_lengths(
    tokenizer: Any, question: str, context: str, max_length: int, stride: int
) -> None:
    codec = spans(tokenizer, max_length, stride)
    features = codec.encode([SpanExample("a", question, context, ())], training=False)
    assert all(f.longest <= max_length for f in features)
    seen = {place for f in features for start, end in f.extra["offsets"] if start >= 0 for place in range(start, end)}
    assert {place for place, character in enumerate(context) if character != " "} <= seen


@settings(deadline=None, max_examples=60)
@given(st.data(), *LENGTHS)
def test_an_answer_no_longer_than_the_overlap_is_whole_in_some_window(
    tokenizer: Any, data: st.DataObject, max_length: int, stride: int
) -> None:
    context = " ".join(data.draw(st.lists(st.sampled_from(["bo", "ka", "mi"]), min_size=1, max_size=50)))
    codec = spans(tokenizer, max_length, stride)
    overlap = min(stride, max_length // 3, max_length - max_length // 3 - 5)
    first = data.draw(st.integers(0, len(context.split()) - 1))
    gold = " ".join(context.split()[first : first + overlap])  # one token a word
    example = SpanExample("a", "bo " * 50, context, (SpanAnswer(gold, 3 * first),))
    features = codec.encode([example], training=True)
    offsets = [f.extra["offsets"] for f in codec.encode([example], training=False)]
    hits = [(f.target, o) for f, o in zip(features, offsets, strict=True) if f.target != (0, 0)]
    assert hits
    assert {context[o[start, 0] : o[end, 1]].strip() for (start, end), o in hits} == {gold}


def test_the_best_span_of_any_window_wins(tokenizer: Any) -> None:
    codec = spans(tokenizer, max_length=12, stride=2)
    example = SpanExample("a", "bo", "ka ka ka ka ka ka ka mi bo", ())
    windows = len(codec.encode([example], training=False))
    logits: list[dict[int, tuple[float, float]]] = [{4: (1.0, 1.0)}, *[{} for _ in range(windows - 1)]]
    assert answer(codec, example, logits) == "ka"
    last = len(codec.encode([example], training=False)[-1].rows[0]) - 2  # before the closing </s>
    logits[-1] = {last - 1: (2.0, 0.0), last: (0.0, 2.0)}
    assert answer(codec, example, logits) == "mi bo"


@pytest.mark.parametrize("no_answer", [False, True])
@pytest.mark.parametrize(("question", "context"), [("bo", ""), ("bo", " "), ("", "ka mi"), ("", ""), ("bo " * 99, "")])
def test_nothing_to_ask_or_to_look_in(tiny_folder: Path, tokenizer: Any, question: str, context: str, no_answer: bool) -> None:
    codec = spans(tokenizer, no_answer=no_answer)
    model = fresh_model(tiny_folder, {"t": codec}, 0.0)
    (found,) = predict(model, "t", codec, [SpanExample("a", question, context, ())])
    assert isinstance(found.answer, str)
    assert found.answer in context
    assert context.strip() or not found.answer.strip()


def test_a_long_question_is_cut_and_the_context_is_not(tokenizer: Any) -> None:
    codec = spans(tokenizer)
    examples = [SpanExample("a", "bo " * 500, "ka mi " * 30, ()), SpanExample("b", "bo", "ka mi " * 30, ())]
    features = codec.encode(examples, training=False)
    cut = [f for f in features if f.example == 0]
    assert all(f.rows[0].tolist().count(tokenizer.convert_tokens_to_ids("▁bo")) == 24 // 3 for f in cut)
    assert sum(f.example == 1 for f in features) < len(cut)


CONTEXTS = ["北京大学位于北京。东边有湖", "東京は北の大学1234の東", "สวัสดีครับ", "北京 大学。สวัสดี ab"]


@pytest.mark.parametrize("context", CONTEXTS)
def test_offsets_are_exact_without_blanks_between_words(characters: Any, context: str) -> None:
    codec = spans(characters)
    (offsets, *_) = [f.extra["offsets"] for f in codec.encode([SpanExample("a", "ab?", context, ())], training=False)]
    for start in range(len(context)):
        for end in range(start + 1, len(context) + 1):
            gold = context[start:end]
            if gold == gold.strip():
                first, last = span_of(SpanAnswer(gold, start), offsets)
                assert (first, last) != (0, 0)
                assert context[offsets[first, 0] : offsets[last, 1]] == gold


@pytest.mark.parametrize("context", ["①北京…大学½", "東京ﬁは1990年", "กรุงเทพ ฯลฯ", "a\u200bb\u00adc"])
def test_offsets_of_a_real_tokenizer_are_of_the_text_as_it_is(mini_xlmr: Path, context: str) -> None:
    """It normalises (① is 1, … is three points): its tokens must still say which characters they came from."""
    codec = spans(load_tokenizer(mini_xlmr), max_length=64)
    (feature,) = codec.encode([SpanExample("a", "?", context, ())], training=False)
    inside = feature.extra["offsets"][feature.extra["offsets"][:, 0] >= 0]
    assert (np.diff(inside[:, 0]) >= 0).all() and inside.max() <= len(context)
    for start in range(len(context)):
        first, last = span_of(SpanAnswer(context[start], start), feature.extra["offsets"])
        if (first, last) != (0, 0):
            assert context[start] in context[feature.extra["offsets"][first, 0] : feature.extra["offsets"][last, 1]]


# -- Tagging ----------------------------------------------------------------------------------------------------------

LABELS = ("N", "V", "X")
ODD = ("\u200b", "\u00ad", "\ufeff", " ", "", "\u200c", "☃")
tagged = st.lists(st.sampled_from(["bo", "kami", "mi", "bokamibo", *ODD]), max_size=60)


def tags(tokenizer: Any, max_length: int = 24) -> TagCodec:
    return TagCodec(Tag(LABELS), tokenizer, Recipe(max_length=max_length))


@settings(deadline=None, max_examples=40)
@given(tagged, st.integers(8, 30))
def test_every_word_keeps_its_label_in_order(tokenizer: Any, sentence: list[str], max_length: int) -> None:
    labels = tuple(LABELS[n % 3] for n in range(len(sentence)))
    features = tags(tokenizer, max_length).encode([TagExample("a", tuple(sentence), labels)], training=True)
    assert [LABELS[target] for f in features for target in f.target] == list(labels)
    for f in features:
        assert f.longest <= max_length
        starts = f.extra["starts"]
        assert starts == sorted(set(starts)), "a word without a token of its own"
        assert all(0 < start < f.longest - 1 for start in starts)


@pytest.fixture(scope="module")
def tagger(tiny_folder: Path, tokenizer: Any) -> tuple[TagCodec, Any]:
    codec = tags(tokenizer, 12)
    return codec, fresh_model(tiny_folder, {"t": codec}, 0.0)


@settings(deadline=None, max_examples=6)
@given(st.lists(tagged.filter(bool), min_size=1, max_size=4))
def test_a_split_sentence_is_predicted_as_its_pieces_are(tagger: tuple[TagCodec, Any], sentences: list[list[str]]) -> None:
    codec, model = tagger
    whole = [TagExample(str(n), tuple(sentence), None) for n, sentence in enumerate(sentences)]
    pieces = []
    place = dict.fromkeys(range(len(whole)), 0)
    for f in codec.encode(whole, training=False):
        begin = place[f.example]
        place[f.example] += len(f.extra["starts"])
        pieces.append((f.example, TagExample(str(len(pieces)), whole[f.example].words[begin : place[f.example]], None)))
    joined: list[list[str]] = [[] for _ in whole]
    for (n, _), found in zip(pieces, predict(model, "t", codec, [piece for _, piece in pieces]), strict=True):
        joined[n] += found.answer  # type: ignore[arg-type]
    assert [list(p.answer) for p in predict(model, "t", codec, whole)] == joined  # type: ignore[arg-type]
    assert [len(found) for found in joined] == [len(sentence) for sentence in sentences]


@pytest.mark.parametrize("word", [*ODD[:6], "kami" * 40])
def test_a_word_that_is_nothing_or_too_much_is_the_unknown_token(tokenizer: Any, word: str) -> None:
    (feature,) = tags(tokenizer).encode([TagExample("a", ("bo", word, "ka"), None)], training=False)
    unknown = tokenizer.unk_token_id
    row = feature.rows[0].tolist()
    assert row[feature.extra["starts"][1]] in (unknown, tokenizer.convert_tokens_to_ids("▁"))
    assert len(row) <= 24
    if len(word) > 24 or not tokenizer([[word]], is_split_into_words=True, add_special_tokens=False)["input_ids"][0]:
        assert row[2:4] == [unknown, tokenizer.convert_tokens_to_ids("▁ka")]


def test_words_that_a_real_tokenizer_maps_to_nothing(mini_xlmr: Path) -> None:
    codec = tags(load_tokenizer(mini_xlmr))
    (feature,) = codec.encode([TagExample("a", ("a", "\u200b", "", "b"), ("N", "X", "X", "V"))], training=True)
    unknown = codec.tokenizer.unk_token_id
    assert [feature.rows[0][start] == unknown for start in feature.extra["starts"]] == [False, True, True, False]
    assert feature.target == [0, 2, 2, 1]


def test_a_sentence_without_words_has_no_tags_and_harms_no_batch(tiny_folder: Path, tokenizer: Any) -> None:
    codec = tags(tokenizer)
    model = fresh_model(tiny_folder, {"t": codec}, 0.0)
    examples = [TagExample("a", (), ()), TagExample("b", ("bo", "mi"), ("N", "V"))]
    assert [len(p.answer) for p in predict(model, "t", codec, examples)] == [0, 2]  # type: ignore[arg-type]
    for chosen, weight in ((examples, 2), (examples[:1], 0)):
        features = codec.encode(chosen, training=True)
        batch = codec.collate(features)
        codec.targets(features, batch, np.random.default_rng(0))
        assert codec.loss_terms(batch) == weight
        assert torch.isfinite(codec.loss(model.head("t"), codec.hidden(model.encoder, model.head("t"), batch), batch))
