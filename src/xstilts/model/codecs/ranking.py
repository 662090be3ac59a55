"""Ranking: a query and the text that answers it -> two vectors that are close: a dual encoder with one trunk (XTREME-R).

Source: google-research/xtreme, third_party/{bert,run_retrieval_qa,evaluate_retrieval}.py. Vectors are the first token of the
last layer at unit length; the loss is the cross-entropy of a query over the texts of its batch, logits 100 times the cosine.
A candidate is its sentence and its paragraph in one string. Three differences: XTREME-R has the pooler (dense, tanh) above
the first token, learns the 100, and compares only the 4 pairs that are in memory at once (16 a step); here the head has no
weights, so vectors need only the trunk, and a query is compared with all texts of the step.
At test the embed stage makes the vectors of the pools, with the same cut and `passage`; `decode` ranks the texts of dev pairs.
"""

from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from xstilts.formats.format import Example
from xstilts.formats.prediction import Prediction
from xstilts.formats.ranking import DEPTH, MAX_QUERY_TOKENS, RankingExample, passage
from xstilts.model.codecs.codec import Batch, Codec, Feature, first_tokens
from xstilts.model.unpadding import last_states

SCALE = 100.0
_BLOCK = 1024


class RankingCodec(Codec):
    whole_batch = decodes_together = first_tokens_only = True

    def head(self, encoder: Any) -> nn.Module:
        """A head without weights: the trunk's own vectors are compared."""
        return nn.Identity()

    def encode(self, examples: Sequence[Example], training: bool) -> list[Feature]:
        items = cast(Sequence[RankingExample], examples)
        queries = self.pair_ids([e.query for e in items], max_length=min(MAX_QUERY_TOKENS, self.max_length))
        texts = self.pair_ids([passage(e.text, e.context) for e in items])
        return [Feature(i, [query, text]) for i, (query, text) in enumerate(zip(queries, texts, strict=True))]

    def collate(self, features: Sequence[Feature]) -> Batch:
        """The texts, and beside them the queries (`query_ids`, `query_mask`), which are shorter and padded by themselves."""
        queries = super().collate([Feature(f.example, f.rows[:1]) for f in features])
        texts = super().collate([Feature(f.example, f.rows[1:]) for f in features])
        return {**texts, "query_ids": queries["input_ids"], "query_mask": queries["attention_mask"]}

    def targets(self, features: Sequence[Feature], batch: Batch, rng: np.random.Generator) -> None:
        """Nothing to add: the right text of a query is the one in its row."""

    def hidden(self, encoder: Any, head: nn.Module, batch: Batch) -> Tensor:
        """The last states of the first tokens of queries and of texts, shape (2, B, D)."""
        texts_BLD = super().hidden(encoder, head, batch)
        mask_BL = batch["query_mask"]
        queries_BLD = last_states(encoder, batch["query_ids"], mask_BL, first_tokens(mask_BL))
        return torch.stack([queries_BLD[:, 0], texts_BLD[:, 0]])

    def loss(self, head: nn.Module, hidden_2BD: Tensor, batch: Batch) -> Tensor:
        queries_BD, texts_BD = functional.normalize(hidden_2BD.float(), dim=-1)
        with torch.autocast(queries_BD.device.type, enabled=False):  # bf16 would round the logits to halves
            logits_BB = SCALE * queries_BD @ texts_BD.T
        return functional.cross_entropy(logits_BB, torch.arange(len(logits_BB), device=logits_BB.device), reduction="sum")

    def loss_terms(self, batch: Batch) -> int:
        return len(batch["query_ids"])

    def outputs(self, head: nn.Module, hidden_2BD: Tensor, batch: Batch, features: Sequence[Feature]) -> list[Any]:
        vectors_B2D = functional.normalize(hidden_2BD.float(), dim=-1).transpose(0, 1)
        return list(vectors_B2D.cpu().numpy())

    def decode(self, examples: Sequence[Example], features: Sequence[Feature], outputs: Sequence[Any]) -> Iterator[Prediction]:
        """The ids of the pairs with the nearest texts, best first; ties go to the earlier one."""
        vectors_N2D = np.stack(outputs)
        for begin in range(0, len(examples), _BLOCK):
            scores_BN = vectors_N2D[begin : begin + _BLOCK, 0] @ vectors_N2D[:, 1].T
            for example, row in zip(examples[begin : begin + _BLOCK], scores_BN, strict=True):
                nearest = np.argsort(-row, kind="stable")[:DEPTH]
                yield Prediction(example.id, tuple(examples[i].id for i in nearest))
