"""Encode -> loss -> decode of every format, on a tiny random encoder with a sub-word tokenizer of our own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from xstilts.formats.choice import Choice, ChoiceExample
from xstilts.formats.classify import Classify, ClassifyExample
from xstilts.formats.mlm import Mlm, MlmExample
from xstilts.formats.registry import format_of
from xstilts.formats.span import Span, SpanAnswer, SpanExample
from xstilts.formats.tag import Tag, TagExample
from xstilts.model.codecs.registry import CODECS
from xstilts.model.codecs.span import MAX_ANSWER_TOKENS, best_span, span_of
from xstilts.model.model import Model, fresh_model, load_model, save_model
from xstilts.model.tokenizer import load_tokenizer
from xstilts.recipe.recipe import Recipe
from xstilts.train.evaluate import predict, rank_answers
from xstilts.train.step import split_micro_batches

pytestmark = pytest.mark.tiny
RECIPE = Recipe(max_length=24, stride=6)


def codec(spec: Any, folder: Path, recipe: Recipe = RECIPE) -> Any:
    return CODECS[spec.name](spec, load_tokenizer(folder / "encoder"), recipe)


SPECS = [
    (
        Classify(labels=("yes", "no")),
        [ClassifyExample("a", ("bo ka", "mi"), "yes"), ClassifyExample("b", ("mi", "bo " * 40), "no")],
    ),
    (Classify(labels=("x", "y", "z"), texts=1), [ClassifyExample("a", ("bo",), "z")]),
    (Choice(choices=3), [ChoiceExample("a", "bo", ("ka", "mi mi", "bo"), 2), ChoiceExample("b", "ka", ("ka", "bo", "mi"), 0)]),
    (
        Tag(labels=("N", "V")),
        [TagExample("a", ("bo", "kami", "mi"), ("N", "V", "N")), TagExample("b", ("ka",) * 70, ("V",) * 70)],
    ),
    (
        Span(),
        [
            SpanExample("a", "bo ?", "ka mi bo ka", (SpanAnswer("mi bo", 3),)),
            SpanExample("b", "mi", "ka " * 60 + "bomi", (SpanAnswer("bomi", 180),)),
        ],
    ),
]


@pytest.mark.parametrize(("spec", "examples"), SPECS, ids=lambda x: getattr(x, "name", ""))
def test_encode_loss_decode(tiny_folder: Path, spec: Any, examples: Any) -> None:
    c = codec(spec, tiny_folder)
    model = fresh_model(tiny_folder, {"t": c}, 0.0)
    features = c.encode(examples, training=True)
    assert all(f.longest <= RECIPE.max_length for f in features)
    batch = c.collate(features)
    c.targets(features, batch, np.random.default_rng(0))
    loss = c.loss(model.head("t"), c.hidden(model.encoder, model.head("t"), batch), batch)
    assert torch.isfinite(loss)
    assert loss > 0
    assert c.loss_terms(batch) > 0
    loss.backward()
    assert all(p.grad is not None for p in model.head("t").parameters())
    found = list(predict(model, "t", c, examples))
    assert [p.id for p in found] == [e.id for e in examples]
    for p, e in zip(found, examples, strict=True):
        match spec:
            case Classify():
                assert p.answer in spec.labels
            case Choice():
                assert p.answer in range(spec.choices)
            case Tag():
                assert len(p.answer) == len(e.words)
                assert set(p.answer) <= set(spec.labels)
            case Span():
                assert p.answer in e.context


@pytest.mark.parametrize(("spec", "examples"), SPECS, ids=lambda x: getattr(x, "name", ""))
def test_prediction_depends_neither_on_order_nor_on_company(tiny_folder: Path, spec: Any, examples: Any) -> None:
    c = codec(spec, tiny_folder)
    model = fresh_model(tiny_folder, {"t": c}, 0.0)
    together = {p.id: p.answer for p in predict(model, "t", c, examples)}
    alone = {p.id: p.answer for e in examples for p in predict(model, "t", c, [e])}
    backwards = {p.id: p.answer for p in predict(model, "t", c, examples[::-1])}
    assert together == alone == backwards


@pytest.mark.parametrize(("spec", "examples"), SPECS, ids=lambda x: getattr(x, "name", ""))
def test_a_saved_model_predicts_the_same(tiny_folder: Path, tmp_path: Path, spec: Any, examples: Any) -> None:
    c = codec(spec, tiny_folder)
    model = fresh_model(tiny_folder, {"a/task": c}, 0.0)
    save_model(model, {"a/task": spec}, tiny_folder / "encoder", tmp_path)
    again = load_model(tmp_path, "a/task", c)
    assert list(predict(again, "a/task", c, examples)) == list(predict(model, "a/task", c, examples))
    assert format_of(spec.record()) == spec


@pytest.mark.parametrize(("spec", "examples"), SPECS, ids=lambda x: getattr(x, "name", ""))
def test_micro_batches_give_the_gradient_of_the_whole_batch(tiny_folder: Path, spec: Any, examples: Any) -> None:
    """Sorted, padded to its own longest row and normalised over the whole batch = one padded batch (the plain way)."""
    c = codec(spec, tiny_folder)
    model = fresh_model(tiny_folder, {"t": c}, 0.0)
    features = c.encode([*examples] * 3, training=True)

    def gradient(groups: list[list[int]]) -> torch.Tensor:
        model.zero_grad(set_to_none=True)
        batches = []
        for group in groups:
            chosen = [features[i] for i in group]
            batches.append(c.collate(chosen))
            c.targets(chosen, batches[-1], np.random.default_rng(0))
        weight = sum(c.loss_terms(b) for b in batches)
        for b in batches:
            (c.loss(model.head("t"), c.hidden(model.encoder, model.head("t"), b), b) / weight).backward()
        return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])

    whole = gradient([list(range(len(features)))])
    split = gradient(split_micro_batches(features, tokens=6))
    assert len(split_micro_batches(features, tokens=6)) > 1
    torch.testing.assert_close(split, whole, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("spec", "examples"), SPECS)
def test_a_head_reads_no_state_that_it_does_not_name(spec: Any, examples: Any, tiny_folder: Path) -> None:
    """Else leaving the others out would change the loss."""
    c = codec(spec, tiny_folder)
    model = fresh_model(tiny_folder, {"t": c}, 0.0)
    features = c.encode(examples, training=True)
    batch = c.collate(features)
    c.targets(features, batch, np.random.default_rng(0))
    read = c.needed_positions(batch)
    hidden = c.hidden(model.encoder, model.head("t"), batch).detach()
    if read is None or hidden.shape[:2] != read.shape:
        pytest.skip("needs all that `hidden` gives")
    other = torch.where(read[..., None], hidden, torch.randn(hidden.shape))
    assert torch.equal(c.loss(model.head("t"), other, batch), c.loss(model.head("t"), hidden, batch))


def test_padding_is_invisible(tiny_folder: Path) -> None:
    c = codec(SPECS[0][0], tiny_folder)
    model = fresh_model(tiny_folder, {"t": c}, 0.0).eval()
    short, long = c.encode(SPECS[0][1], training=False)
    with torch.no_grad():
        alone = c.hidden(model.encoder, model.head("t"), c.collate([short]))[0]
        padded = c.hidden(model.encoder, model.head("t"), c.collate([short, long]))[0, : short.longest]
    torch.testing.assert_close(alone, padded, rtol=1e-4, atol=1e-6)


def test_tagging_splits_long_sentences_and_never_cuts(tiny_folder: Path) -> None:
    c = codec(Tag(labels=("N", "V")), tiny_folder)
    tags = tuple("NV"[i % 2] for i in range(70))
    features = c.encode([TagExample("a", ("kami",) * 70, tags)], training=True)
    assert len(features) > 1
    assert [t for f in features for t in f.target] == [c.spec.labels.index(t) for t in tags]


def test_a_word_that_the_tokenizer_maps_to_nothing_still_has_a_label(tiny_folder: Path) -> None:
    c = codec(Tag(labels=("N", "V")), tiny_folder)
    example = TagExample("a", ("bo", "\u200b", "ka"), ("N", "V", "N"))
    (feature,) = c.encode([example], training=True)
    assert len(feature.extra["starts"]) == 3
    model = fresh_model(tiny_folder, {"t": c}, 0.0)
    (found,) = predict(model, "t", c, [example])
    assert len(found.answer) == 3


def test_span_targets_point_at_the_answer(tiny_folder: Path) -> None:
    c = codec(Span(), tiny_folder)
    example = SPECS[4][1][1]
    features = c.encode([example], training=True)
    assert len(features) > 1, "the context needs several windows"
    hits = [f for f in features if f.target != (0, 0)]
    assert hits
    for f in hits:
        start, end = f.target
        assert c.tokenizer.decode(f.rows[0][start : end + 1]).replace(" ", "").strip("▁") == "bomi"


@pytest.mark.parametrize("training", [True, False])
def test_answers_that_no_window_holds_are_counted(tiny_folder: Path, training: bool) -> None:
    c = codec(Span(), tiny_folder)
    long = "ka " * 60
    reached = SpanExample("reached", "mi", long + "bomi", (SpanAnswer("bomi", 180),))
    too_long = SpanExample("too long", "mi", long, (SpanAnswer(long.strip(), 0),))
    one_of_two = SpanExample("one of two", "mi", long, (SpanAnswer(long.strip(), 0), SpanAnswer("ka", 0)))
    without = SpanExample("without", "mi", long, ())
    c.encode([reached, too_long, one_of_two, without], training)
    assert c.unreached == ["too long"]


@given(st.integers(0, 30), st.integers(1, 12))
def test_span_of_covers_exactly_the_tokens_of_the_answer(start: int, length: int) -> None:
    offsets = np.array([[-1, -1]] * 3 + [[i, i + 3] for i in range(0, 42, 3)])
    first, last = span_of(SpanAnswer("x" * length, start), offsets)
    assert offsets[first, 0] <= start < offsets[first, 1]
    assert offsets[last, 0] < start + length <= offsets[last, 1]


def test_an_answer_outside_the_window_points_at_the_first_token() -> None:
    offsets = np.array([[-1, -1], [10, 13], [13, 16]])
    assert span_of(SpanAnswer("abc", 0), offsets) == (0, 0)
    assert span_of(SpanAnswer("x" * 10, 12), offsets) == (0, 0)


@settings(max_examples=50)
@given(st.integers(0, 1000))
def test_best_span_is_the_best_of_all_spans(seed: int) -> None:
    rng = np.random.default_rng(seed)
    start, end = rng.normal(size=18), rng.normal(size=18)
    offsets = np.array([[-1, -1]] * 4 + [[i, i + 1] for i in range(14)])
    score, first, last = best_span(start, end, offsets)
    every = [
        (start[i] + end[j], offsets[i, 0], offsets[j, 1]) for i in range(4, 18) for j in range(i, min(18, i + MAX_ANSWER_TOKENS))
    ]
    assert (score, first, last) == pytest.approx(max(every))


@pytest.mark.parametrize("no_answer", [False, True])
def test_ranked_answers_begin_with_the_prediction_and_hold_the_gold_one(tiny_folder: Path, no_answer: bool) -> None:
    """Also where the context needs several windows, and where the gold span is none of the best."""
    c = codec(Span(no_answer=no_answer), tiny_folder)
    words = ["bo", "ka", "mi", "kami", "bobo", "kaka", "mika", "boka"]
    examples: list[Any] = []
    for i in range(12):
        text = " ".join(words[(i * 3 + j * (1 + i % 3)) % 8] for j in range(10 + 12 * (i % 4)))
        gold = text.split()[i % 7]
        examples.append(SpanExample(str(i), words[i % 8], text, (SpanAnswer(gold, text.index(gold)),) if i % 5 else ()))
    model = fresh_model(tiny_folder, {"t": c}, 0.0)
    torch.nn.init.normal_(model.head("t").linear.weight, generator=torch.Generator().manual_seed(3))
    ranked = rank_answers(model, "t", c, examples)
    for example, own, predicted in zip(examples, ranked, predict(model, "t", c, examples), strict=True):
        assert own[0][1] == predicted
        scores = [score for score, _ in own]
        assert scores == sorted(scores, reverse=True) and len(own) > 20
        answers = {prediction.answer for _, prediction in own}
        assert {answer.text for answer in example.answer} <= answers and ("" in answers) == no_answer
        assert all(answer in example.context for answer in answers)


def test_masks_follow_the_rule(tiny_folder: Path) -> None:
    c = codec(Mlm(), tiny_folder, Recipe(max_length=128, mlm_rate=0.2))
    examples = [MlmExample(str(i), (" ".join(["bo", "ka", "mi", "kami"] * 30),)) for i in range(40)]
    features = c.encode(examples, training=True)
    batch = c.collate(features)
    before = batch["input_ids"].clone()
    c.targets(features, batch, np.random.default_rng(1))
    chosen = batch["labels"] != -100
    assert (batch["labels"][chosen] == before[chosen]).all()
    masked = batch["input_ids"][chosen] == c.tokenizer.mask_token_id
    assert masked.float().mean().item() == pytest.approx(0.8, abs=0.04)
    assert (batch["input_ids"][~chosen] == before[~chosen]).all()
    special = torch.isin(before, torch.tensor([c.tokenizer.cls_token_id, c.tokenizer.sep_token_id, c.tokenizer.pad_token_id]))
    assert not (chosen & special).any()
    assert (chosen.sum() / (~special).sum()).item() == pytest.approx(0.2, abs=0.02)


def test_mlm_cuts_long_documents_and_pairs_translations(tiny_folder: Path) -> None:
    c = codec(Mlm(), tiny_folder)
    features = c.encode([MlmExample("a", ("bo ka " * 40,)), MlmExample("b", ("bo", "ka"))], training=True)
    assert sum(f.example == 0 for f in features) > 1
    assert c.tokenizer.decode(features[-1].rows[0]).count("</s>") == 3


def test_heads_share_one_trunk(tiny_folder: Path) -> None:
    codecs = {"a": codec(SPECS[0][0], tiny_folder), "b": codec(SPECS[3][0], tiny_folder)}
    model = fresh_model(tiny_folder, codecs, None)
    assert isinstance(model, Model)
    assert len(list(model.heads)) == 2
