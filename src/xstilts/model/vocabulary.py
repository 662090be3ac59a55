"""A trimmed vocabulary: while a phase trains, the embedding table holds only the tokens that its data can meet.

XLM-R's 250,002 rows are two thirds of its Base size, and a step pays for all of them (gradient, clipping, optimizer) though
it touches a few thousand. Rows that are never met have gradient and moments 0, so that AdamW changes them by weight decay
alone: each step multiplies them by 1 - lr * weight_decay. That product is kept as one number and applied when the full
table is restored, exactly (without weight decay: bit for bit; with it: but for rounding; tests/model/test_vocabulary.py).
Not for masked language modelling, whose softmax is over all tokens.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

WORTH = 0.7  # trimmed only if at most this share of the rows is met


class TrimmedEmbedding(nn.Module):
    """Looks like the table it stands for: `weight` holds the rows of `kept` (ascending token ids), and forward takes the
    full vocabulary's ids. Raises IndexError for a token that was not kept."""

    row_V: Tensor

    def __init__(self, table: nn.Embedding, kept: NDArray[np.int64]):
        super().__init__()
        self.full = table.num_embeddings
        self.kept = torch.from_numpy(kept)
        self.weight = nn.Parameter(table.weight.detach()[self.kept].clone())
        row_V = torch.full((self.full,), -1)
        row_V[self.kept] = torch.arange(len(kept))
        self.register_buffer("row_V", row_V, persistent=False)
        self.padding_idx = None if table.padding_idx is None else int(row_V[table.padding_idx])

    def forward(self, ids_BL: Tensor) -> Tensor:
        rows_BL = self.row_V[ids_BL]
        if rows_BL.device.type == "cpu" and bool((rows_BL < 0).any()):
            raise IndexError(f"token {int(ids_BL[rows_BL < 0][0])} is not in the trimmed vocabulary")
        return functional.embedding(rows_BL, self.weight, self.padding_idx)


def trim(encoder: Any, met: NDArray[np.int64], special: list[int]) -> bool:
    """Put a trimmed table into the trunk, holding the tokens `met` and the `special` ones. Gives whether it did: it does
    not where little would be saved, or the table is no plain embedding."""
    table = encoder.get_input_embeddings()
    kept = np.union1d(met, np.asarray(special, dtype=np.int64))
    if type(table) is not nn.Embedding or len(kept) > WORTH * table.num_embeddings:
        return False
    encoder.set_input_embeddings(TrimmedEmbedding(table, kept))
    return True


def restore(encoder: Any, full_VD: Tensor, decay: float) -> None:
    """Put the full table back: the rows that were trained, and of `full_VD`, the table as it was, all others times `decay`.
    Nothing happens to a trunk that was not trimmed."""
    trimmed = encoder.get_input_embeddings()
    if not isinstance(trimmed, TrimmedEmbedding):
        return
    weight_VD = full_VD.float() * decay
    weight_VD[trimmed.kept] = trimmed.weight.detach().cpu().float()
    padding = None if trimmed.padding_idx is None else int(trimmed.kept[trimmed.padding_idx])
    encoder.set_input_embeddings(nn.Embedding.from_pretrained(weight_VD, freeze=False, padding_idx=padding))
