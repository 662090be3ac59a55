"""A new format is one record, one codec and a line in each registry: nothing else asks which format it is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from xstilts.formats.format import Example, Format
from xstilts.formats.jsonl import read_jsonl, write_jsonl
from xstilts.formats.placebo import shuffle_answers
from xstilts.formats.prediction import Prediction
from xstilts.formats.registry import EXAMPLES, FORMATS, format_of
from xstilts.metrics.metric import Metric
from xstilts.model.codecs.codec import Batch, Codec, Feature, FirstTokenHead
from xstilts.model.codecs.registry import CODECS
from xstilts.model.model import fresh_model, load_model, save_model, trunk_folder
from xstilts.model.token_cache import write_cache
from xstilts.model.tokenizer import load_tokenizer
from xstilts.recipe.recipe import Recipe
from xstilts.stages.score import tally
from xstilts.train.ddp import Group
from xstilts.train.evaluate import predict
from xstilts.train.step import Stepper, make_optimizer

# -- formats/closeness.py ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ClosenessExample(Example):
    kind: ClassVar[str] = "closeness"
    texts: tuple[str, str]
    answer: int | None


@dataclass(frozen=True, slots=True)
class Closeness(Format):
    """Two texts in, how close they are out: 0 to `top`."""

    name: ClassVar[str] = "closeness"
    title: ClassVar[str] = "textual similarity"
    group: ClassVar[str] = "similarity"
    examples: ClassVar[tuple[type[Example], ...]] = (ClosenessExample,)
    stored_bytes: ClassVar[int] = 200
    top: int = 5

    def shuffle(self, examples: Sequence[Any], rng: np.random.Generator) -> list[Example]:
        return [replace(example, answer=int(rng.integers(self.top + 1))) for example in examples]


# -- model/codecs/closeness.py -----------------------------------------------------------------------------------------


class ClosenessCodec(Codec):
    """Its inputs are two batches of token ids, not one: `hidden` is the codec's own."""

    def head(self, encoder: Any) -> nn.Module:
        return FirstTokenHead(encoder.config.hidden_size, 1, 0.0)

    def encode(self, examples: Sequence[Any], training: bool) -> list[Feature]:
        rows = [self.pair_ids([e.texts[side] for e in examples], None) for side in (0, 1)]
        return [Feature(i, [rows[0][i], rows[1][i]], e.answer if training else None) for i, e in enumerate(examples)]

    def collate(self, features: Sequence[Feature]) -> Batch:
        first, second = (super(ClosenessCodec, self).collate([Feature(0, [f.rows[i]]) for f in features]) for i in (0, 1))
        return {**first, "other_ids": second["input_ids"], "other_mask": second["attention_mask"]}

    def targets(self, features: Sequence[Feature], batch: Batch, rng: np.random.Generator) -> None:
        batch["labels"] = torch.tensor([float(f.target) for f in features])

    def hidden(self, encoder: Any, head: nn.Module, batch: Batch) -> Tensor:
        other = {"input_ids": batch["other_ids"], "attention_mask": batch["other_mask"]}
        states = [super(ClosenessCodec, self).hidden(encoder, head, b) for b in (batch, other)]
        sums = [(x * b["attention_mask"][..., None]).sum(1) for x, b in zip(states, (batch, other), strict=True)]
        return (sums[0] - sums[1])[:, None]

    def loss(self, head: nn.Module, hidden_B1D: Tensor, batch: Batch) -> Tensor:
        return functional.mse_loss(head(hidden_B1D)[:, 0].float(), batch["labels"], reduction="sum")

    def loss_terms(self, batch: Batch) -> int:
        return len(batch["labels"])

    def outputs(self, head: nn.Module, hidden_B1D: Tensor, batch: Batch, features: Sequence[Feature]) -> list[Any]:
        return head(hidden_B1D)[:, 0].tolist()

    def decode(self, examples: Sequence[Any], features: Sequence[Feature], outputs: Sequence[Any]) -> Iterator[Prediction]:
        for feature, output in zip(features, outputs, strict=True):
            yield Prediction(examples[feature.example].id, min(max(round(output), 0), self.spec.top))


# ----------------------------------------------------------------------------------------------------------------------

NEAR = Metric(
    name="near",
    counts=("near", "total"),
    values=("near",),
    tally=lambda example, prediction: (float(abs(example.answer - prediction.answer) <= 1), 1.0),
    finish=lambda sums: sums[..., :1] / sums[..., 1:],
    cite="",
)
SOME = [ClosenessExample(str(i), ("bo ka mi", ("bo ka mi", "mi", "ka ka bo ti")[i % 3]), (5, 0, 2)[i % 3]) for i in range(24)]


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FORMATS, Closeness.name, Closeness)
    monkeypatch.setitem(EXAMPLES, ClosenessExample.kind, ClosenessExample)
    monkeypatch.setitem(CODECS, Closeness.name, ClosenessCodec)


def test_its_record_and_its_examples_survive_a_file(tmp_path: Path) -> None:
    assert format_of(json.loads(json.dumps(Closeness(top=7).record()))) == Closeness(top=7)
    write_jsonl(tmp_path / "examples.jsonl", SOME)
    assert list(read_jsonl(tmp_path / "examples.jsonl")) == SOME
    fake = shuffle_answers(Closeness(), SOME, 0)
    assert [e.texts for e in fake] == [e.texts for e in SOME] and fake != SOME


@pytest.mark.tiny
def test_it_is_encoded_trained_saved_decoded_and_scored(tiny_folder: Path, tmp_path: Path) -> None:
    recipe = Recipe(max_length=16, lr=3e-3, dropout=0.0)
    spec = format_of(Closeness().record())
    start = trunk_folder(tiny_folder)
    codec = CODECS[spec.name](spec, load_tokenizer(start), recipe)
    features = write_cache(codec, SOME, tmp_path / "cache")[:]
    torch.manual_seed(0)
    model = fresh_model(tiny_folder, {"t": codec}, 0.0)
    stepper = Stepper(model, make_optimizer(model, recipe), recipe, 0, Group(), budget=64)
    losses = [stepper.step("t", codec, features, step, 1e-2) for step in range(100)]
    assert losses[-1] < losses[0] / 4
    save_model(model, {"t": spec}, start, tmp_path / "model")
    predictions = list(predict(load_model(tmp_path / "model", "t", codec), "t", codec, SOME))
    rows = tally(NEAR, list(SOME), predictions, "here")
    assert rows.shape == (24, 2) and NEAR.headline(rows.sum(0)) > 0.9
