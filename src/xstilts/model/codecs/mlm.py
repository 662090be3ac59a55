"""Mlm: predict masked tokens (BERT's rule: of the chosen 15 %, 80 % become <mask>, 10 % a random token, 10 % stay).

One document is one row (cut into several where it is longer than `max_length`); a pair of texts is one row `<s> A </s></s>
B </s>` (TLM). Masks are drawn anew at each visit from (seed, step). Logits are computed at the masked tokens only; the
decoder is tied to the word embeddings.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from xstilts.errors import InputError
from xstilts.formats.format import Example
from xstilts.formats.mlm import MlmExample
from xstilts.model.codecs.codec import IGNORED, Batch, Feature, TokenCodec
from xstilts.model.encoder import mlm_head_weights, row_of, word_embeddings
from xstilts.model.tokenizer import frame


class MlmHead(nn.Module):
    """dense -> gelu -> layer norm -> the word embeddings transposed + bias (RobertaLMHead)."""

    def __init__(self, encoder: Any):
        super().__init__()
        size = word_embeddings(encoder).shape[1]  # in a few types not the hidden size
        self.dense = nn.Linear(encoder.config.hidden_size, size)
        self.layer_norm = nn.LayerNorm(size, eps=row_of(encoder).norm_epsilon(encoder.config))
        self.bias = nn.Parameter(torch.zeros(encoder.config.vocab_size))
        nn.init.normal_(self.dense.weight, std=0.02)
        nn.init.zeros_(self.dense.bias)
        self._tied = [word_embeddings(encoder)]  # in a list: not a parameter of the head

    def forward(self, hidden_ND: Tensor) -> Tensor:
        x_ND = self.layer_norm(functional.gelu(self.dense(hidden_ND)))
        return functional.linear(x_ND, self._tied[0], self.bias)


class MlmCodec(TokenCodec):
    whole_vocabulary = True
    export = "AutoModelForMaskedLM"

    def head(self, encoder: Any) -> nn.Module:
        if self.tokenizer.mask_token_id is None:
            raise InputError("masked language modelling: the encoder's tokenizer has no mask token")
        return MlmHead(encoder)

    def pretrained_head(self, folder: Path) -> dict[str, Tensor]:
        return mlm_head_weights(folder)

    def encode(self, examples: Sequence[Example], training: bool) -> list[Feature]:
        features: list[Feature] = []
        first, last = frame(self.tokenizer)
        items = cast(Sequence[MlmExample], examples)
        for i, e in enumerate(items):
            if len(e.texts) == 2:
                features.append(Feature(i, self.pair_ids([e.texts[0]], [e.texts[1]])))
                continue
            ids = self.tokenize(e.texts[0], add_special_tokens=False)["input_ids"]
            room = self.max_length - len(first) - len(last)
            for begin in range(0, len(ids), room):
                row = np.asarray([*first, *ids[begin : begin + room], *last], dtype=np.int32)
                features.append(Feature(i, [row]))
        return features

    def targets(self, features: Sequence[Feature], batch: Batch, rng: np.random.Generator) -> None:
        ids = batch["input_ids"].numpy()
        special = np.isin(ids, self.tokenizer.all_special_ids)
        chosen = (rng.random(ids.shape) < self.recipe.mlm_rate) & ~special
        if not chosen.any() and (~special).any():
            chosen.flat[np.flatnonzero(~special)[0]] = True
        labels = np.where(chosen, ids, IGNORED)
        fate = rng.random(ids.shape)
        random_ids = rng.integers(0, len(self.tokenizer), ids.shape)
        masked = np.where(chosen & (fate < 0.8), self.tokenizer.mask_token_id, ids)
        masked = np.where(chosen & (fate >= 0.9), random_ids, masked)
        batch["input_ids"] = torch.from_numpy(masked)
        batch["labels"] = torch.from_numpy(labels)
