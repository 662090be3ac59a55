"""The dual encoder: what is encoded, the loss of the whole batch against a plain computation, learning, ranking."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from xstilts.formats.bitext_mining import PoolExample
from xstilts.formats.ranking import DEPTH, MAX_QUERY_TOKENS, Ranking, RankingExample, passage
from xstilts.metrics.ranking import MAP_20
from xstilts.model.codecs import ranking
from xstilts.model.codecs.ranking import RankingCodec
from xstilts.model.model import Model, fresh_model, load_model, save_model, trunk_folder
from xstilts.model.tokenizer import load_tokenizer
from xstilts.recipe.recipe import Recipe
from xstilts.train.ddp import Group
from xstilts.train.evaluate import predict
from xstilts.train.step import Stepper, make_optimizer

pytestmark = pytest.mark.tiny
RECIPE = Recipe(lr=5e-3, batch=9, steps=60, max_length=24, warmup=0.0, policy="last", clip=1e9, dropout=0.0)
WORDS = ("bo", "ka", "mi")


def pairs() -> list[RankingExample]:
    """27 queries of three words, some of them long; the text of each has the next word for every word."""
    found = []
    for i in range(27):
        digits = [i // 9, i // 3 % 3, i % 3]
        text = " ".join(WORDS[(d + 1) % 3] for d in digits)
        found.append(RankingExample(f"p{i}", " ".join(WORDS[d] for d in digits) + " ?" * (i % 4), text, " mi" * (i % 5)))
    return found


def setting(folder: Path, recipe: Recipe = RECIPE) -> tuple[RankingCodec, Model]:
    """A model of larger weights than a fresh one has, whose vectors are all nearly the same."""
    codec = RankingCodec(Ranking(), load_tokenizer(folder / "encoder"), recipe)
    model = fresh_model(folder, {"t": codec}, 0.0)
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    return codec, model


def plain_vector(model: Model, codec: RankingCodec, text: str, length: int) -> Tensor:
    """The first token of the last layer of one text by itself, at unit length: shape (D,)."""
    ids = torch.tensor([codec.tokenizer(text, truncation=True, max_length=length)["input_ids"]])
    state = model.encoder(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state[0, 0]
    return state / state.square().sum().sqrt()


def plain_loss(model: Model, codec: RankingCodec, examples: list[RankingExample]) -> Tensor:
    """The mean over queries of -log softmax of 100 x cosine, one text at a time."""
    queries = [plain_vector(model, codec, e.query, min(MAX_QUERY_TOKENS, codec.max_length)) for e in examples]
    texts = [plain_vector(model, codec, passage(e.text, e.context), codec.max_length) for e in examples]
    losses = []
    for i, query in enumerate(queries):
        logits = torch.stack([100 * (query * text).sum() for text in texts])
        losses.append(torch.logsumexp(logits, 0) - logits[i])
    return torch.stack(losses).mean()


def gradients(model: Model) -> dict[str, Tensor]:
    found = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad(set_to_none=True)
    return found


def distance(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> float:
    """How far two gradients are apart, as a share of the second one's length."""
    assert set(found) == set(wanted)
    apart, length = (sum(float(t.square().sum()) for t in ts) for ts in ([found[n] - wanted[n] for n in found], wanted.values()))
    return float(np.sqrt(apart / length))


def step(model: Model, codec: RankingCodec, examples: list[RankingExample]) -> tuple[float, dict[str, Tensor]]:
    """What one step of the training loop computes, with no room for two pairs at once: its loss and its gradients."""
    stepper = Stepper(model, make_optimizer(model, RECIPE), RECIPE, 0, Group(), budget=1)
    return stepper._compute_gradient("t", codec, codec.encode(examples, training=True), 0), gradients(model)


def test_queries_and_texts_are_cut_each_to_its_length(tiny_folder: Path) -> None:
    codec, _ = setting(tiny_folder, Recipe(max_length=120))
    long = RankingExample("a", "bo ka mi " * 50, "ka " * 70, "mi " * 70)
    (feature,) = codec.encode([long], training=True)
    assert [len(row) for row in feature.rows] == [96, 120]
    short, _ = setting(tiny_folder)
    assert [len(row) for row in short.encode([long], training=True)[0].rows] == [24, 24]
    tokens = codec.tokenizer.convert_ids_to_tokens(codec.encode([RankingExample("b", "bo", "ka\n mi", "bo\n")], True)[0].rows[1])
    assert tokens == ["<s>", "▁ka", "▁mi", "bo", "</s>"]


def test_a_passage_is_the_text_and_its_context_in_one() -> None:
    assert passage("One.", "Zero. One.\nTwo.") == "One.Zero. One.Two."
    assert passage("alone", "") == "alone"


def test_the_loss_and_its_gradient_are_those_of_the_whole_batch(tiny_folder: Path) -> None:
    codec, model = setting(tiny_folder)
    examples = pairs()[:9]
    expected = plain_loss(model, codec, examples)
    expected.backward()
    wanted = gradients(model)
    features = codec.encode(examples, training=True)
    batch = codec.collate(features)
    assert codec.loss_terms(batch) == 9
    loss = codec.loss(model.head("t"), codec.hidden(model.encoder, model.head("t"), batch), batch) / codec.loss_terms(batch)
    loss.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-4)
    assert distance(gradients(model), wanted) < 1e-4
    for half in (features[:4], features[4:]):  # what the loss of micro-batches would be
        part = codec.collate(half)
        (codec.loss(model.head("t"), codec.hidden(model.encoder, model.head("t"), part), part) / 9).backward()
    assert distance(gradients(model), wanted) > 0.1


def test_the_training_loop_does_not_split_the_batch(tiny_folder: Path) -> None:
    codec, model = setting(tiny_folder)
    examples = pairs()[:9]
    expected = plain_loss(model, codec, examples)
    expected.backward()
    wanted = gradients(model)
    loss, found = step(model, codec, examples)
    assert loss == pytest.approx(expected.item(), rel=1e-4)
    assert distance(found, wanted) < 1e-4


def test_training_brings_the_right_text_to_the_top(tiny_folder: Path) -> None:
    codec, model = setting(tiny_folder)
    examples = pairs()
    features = codec.encode(examples, training=True)
    optimizer = make_optimizer(model, RECIPE)

    def loss() -> float:
        batch = codec.collate(features)
        with torch.no_grad():
            return float(codec.loss(model.head("t"), codec.hidden(model.encoder, model.head("t"), batch), batch)) / len(features)

    def score() -> float:
        found = predict(model, "t", codec, examples)
        golds = [PoolExample(e.id, e.query, "", "query", (e.id,)) for e in examples]
        rows = np.array([MAP_20.tally(gold, p) for gold, p in zip(golds, found, strict=True)])
        return float(MAP_20.headline(rows.sum(0)))

    before = loss(), score()
    for _ in range(120):
        optimizer.zero_grad()
        batch = codec.collate(features)
        (codec.loss(model.head("t"), codec.hidden(model.encoder, model.head("t"), batch), batch) / len(features)).backward()
        optimizer.step()
    assert loss() < before[0] / 4
    assert before[1] < 0.6 < 0.9 < score()


def test_a_ranking_depends_neither_on_padding_nor_on_blocks(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codec, model = setting(tiny_folder)
    model.eval()
    examples = pairs()
    found = list(predict(model, "t", codec, examples))
    assert [p.id for p in found] == [e.id for e in examples]
    queries = torch.stack([plain_vector(model, codec, e.query, 24) for e in examples])
    texts = torch.stack([plain_vector(model, codec, passage(e.text, e.context), 24) for e in examples])
    cosine = (queries @ texts.T).detach().numpy()
    place = {e.id: i for i, e in enumerate(examples)}
    for i, prediction in enumerate(found):
        assert isinstance(prediction.answer, tuple)
        assert len(set(prediction.answer)) == len(prediction.answer) == DEPTH
        ranked = cosine[i, [place[id] for id in prediction.answer]]
        assert np.all(np.diff(ranked) < 1e-5)
        assert ranked[-1] >= np.sort(cosine[i])[-DEPTH] - 1e-5
    monkeypatch.setattr(ranking, "_BLOCK", 4)
    monkeypatch.setattr("xstilts.train.evaluate.EVALUATION_TOKENS", 1)
    again = predict(model, "t", codec, examples)
    assert [p.answer[0] for p in again] == [p.answer[0] for p in found]


def test_equal_texts_are_ranked_in_their_order(tiny_folder: Path) -> None:
    codec, model = setting(tiny_folder)
    same = [RankingExample(f"s{i}", "bo ka", "mi", "") for i in range(5)]
    assert {p.answer for p in predict(model, "t", codec, same)} == {("s0", "s1", "s2", "s3", "s4")}


def test_logits_are_exact_in_mixed_precision(tiny_folder: Path) -> None:
    codec, model = setting(tiny_folder)
    batch = codec.collate(codec.encode(pairs()[:6], training=True))
    seen: list[Tensor] = []
    original = ranking.functional.cross_entropy

    def spy(logits: Tensor, *args: Any, **options: Any) -> Tensor:
        seen.append(logits)
        return original(logits, *args, **options)

    with pytest.MonkeyPatch.context() as patch, torch.autocast("cpu", torch.bfloat16):
        patch.setattr(ranking.functional, "cross_entropy", spy)
        hidden = codec.hidden(model.encoder, model.head("t"), batch)
        codec.loss(model.head("t"), hidden, batch)
        queries, texts = torch.nn.functional.normalize(hidden.float(), dim=-1)
    assert seen[0].dtype == torch.float32
    torch.testing.assert_close(seen[0], 100 * torch.einsum("id,jd->ij", queries, texts), rtol=1e-5, atol=1e-3)


def test_the_trunk_alone_is_kept(tiny_folder: Path, tmp_path: Path) -> None:
    codec, model = setting(tiny_folder)
    assert not list(model.head("t").parameters())
    assert set(model.state_dict()) == {f"encoder.{name}" for name in model.encoder.state_dict()}
    save_model(model, {"t": codec.spec}, trunk_folder(tiny_folder), tmp_path)
    loaded = load_model(tmp_path, "t", codec)
    model.eval()
    examples = pairs()[:7]
    assert list(predict(loaded, "t", codec, examples)) == list(predict(model, "t", codec, examples))
