"""Choice: a prompt and n candidates -> the index of the right one. Each (prompt, candidate) is scored by itself;
softmax over the candidates (jiant's multiple-choice head). So one head serves questions with any number of candidates: XCOPA's
two after a task with five, say; all questions of one batch have as many."""

from collections.abc import Iterator, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from xstilts.formats.choice import ChoiceExample
from xstilts.formats.format import Example
from xstilts.formats.prediction import Prediction
from xstilts.model.codecs.codec import Batch, Codec, Feature, FirstTokenHead, margins_of
from xstilts.model.encoder import head_dropout


class ChoiceCodec(Codec):
    recordable = True
    first_tokens_only = True
    export = "AutoModelForMultipleChoice"

    def head(self, encoder: Any) -> nn.Module:
        return FirstTokenHead(encoder.config.hidden_size, 1, head_dropout(encoder))

    def encode(self, examples: Sequence[Example], training: bool) -> list[Feature]:
        items = cast(Sequence[ChoiceExample], examples)
        prompts = [e.prompt for e in items for _ in e.choices]
        rows = iter(self.pair_ids(prompts, [c for e in items for c in e.choices]))
        return [Feature(i, [next(rows) for _ in e.choices], e.answer if training else None) for i, e in enumerate(items)]

    def _logits(self, head: nn.Module, hidden_BLD: Tensor, questions: int) -> Tensor:
        logits_BC: Tensor = head(hidden_BLD).view(questions, -1)
        return logits_BC

    def logits(self, head: nn.Module, hidden_BLD: Tensor, batch: Batch) -> Tensor:
        return self._logits(head, hidden_BLD, len(batch["labels"])).float()

    def outputs(self, head: nn.Module, hidden_BLD: Tensor, batch: Batch, features: Sequence[Feature]) -> list[Any]:
        best: list[Any] = self._logits(head, hidden_BLD, len(features)).argmax(-1).tolist()
        return best

    def margins(self, head: nn.Module, hidden_BLD: Tensor, batch: Batch, features: Sequence[Feature]) -> list[float]:
        right_B = torch.tensor([f.target for f in features])
        found: list[float] = margins_of(self._logits(head, hidden_BLD, len(features)), right_B).tolist()
        return found

    def decode(self, examples: Sequence[Example], features: Sequence[Feature], outputs: Sequence[Any]) -> Iterator[Prediction]:
        for feature, best in zip(features, outputs, strict=True):
            yield Prediction(examples[feature.example].id, best)
