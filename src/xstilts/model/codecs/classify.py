"""Classify: one or two texts -> a label. Cross-entropy over labels on the first token's state."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from xstilts.formats.classify import ClassifyExample
from xstilts.formats.format import Example
from xstilts.formats.prediction import Prediction
from xstilts.model.codecs.codec import Batch, Codec, Feature, FirstTokenHead, margins_of
from xstilts.model.encoder import head_dropout


class ClassifyCodec(Codec):
    recordable = True
    first_tokens_only = True
    export: ClassVar[str | None] = "AutoModelForSequenceClassification"

    def head(self, encoder: Any) -> nn.Module:
        return FirstTokenHead(encoder.config.hidden_size, len(self.spec.labels), head_dropout(encoder))

    def encode(self, examples: Sequence[Example], training: bool) -> list[Feature]:
        items = cast(Sequence[ClassifyExample], examples)
        second = [e.texts[1] for e in items] if self.spec.texts == 2 else None
        rows = self.pair_ids([e.texts[0] for e in items], second)
        index = {label: i for i, label in enumerate(self.spec.labels)}
        return [
            Feature(i, [row], index[e.answer] if training and e.answer is not None else None)
            for i, (e, row) in enumerate(zip(items, rows, strict=True))
        ]

    def logits(self, head: nn.Module, hidden_BLD: Tensor, batch: Batch) -> Tensor:
        return head(hidden_BLD).float()  # type: ignore[no-any-return]

    def outputs(self, head: nn.Module, hidden_BLD: Tensor, batch: Batch, features: Sequence[Feature]) -> list[Any]:
        best: list[Any] = head(hidden_BLD).argmax(-1).tolist()
        return best

    def margins(self, head: nn.Module, hidden_BLD: Tensor, batch: Batch, features: Sequence[Feature]) -> list[float]:
        found: list[float] = margins_of(head(hidden_BLD), torch.tensor([f.target for f in features])).tolist()
        return found

    def decode(self, examples: Sequence[Example], features: Sequence[Feature], outputs: Sequence[Any]) -> Iterator[Prediction]:
        for feature, best in zip(features, outputs, strict=True):
            yield Prediction(examples[feature.example].id, self.spec.labels[best])
