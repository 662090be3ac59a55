"""Embed: sentences -> vectors, one per layer, and the nearest English sentence. No head, no training, no loss.

A sentence's vector is the mean of a layer's states over its tokens, special tokens included (what XTREME's and jiant's
mean pooling do); layer 0 is the embedding output, layer n the n-th block's (the numbering of `hidden_states`). Centring
subtracts each language's mean vector (Libovický et al. 2020, arXiv 2004.05160). All layers come out of one pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def mean_pool(hidden_BLD: Tensor, mask_BL: Tensor) -> Tensor:
    """Mean over the tokens that the mask keeps: (B, D)."""
    weights_BL1 = mask_BL[..., None].to(hidden_BLD.dtype)
    return (hidden_BLD * weights_BL1).sum(1) / weights_BL1.sum(1)


def embed(
    encoder: Any, tokenizer: Any, texts: Sequence[str], max_length: int, tokens_a_batch: int, tick: Callable[[], None]
) -> NDArray[np.float32]:
    """Vectors of all layers: shape (layers + 1, N, D). Sentences are batched by length and come back in their order."""
    ids = tokenizer(list(texts), truncation=True, max_length=max_length)["input_ids"]
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    layers = encoder.config.num_hidden_layers + 1
    device = next(encoder.parameters()).device
    vectors = np.zeros((layers, len(texts), encoder.config.hidden_size), dtype=np.float32)
    begin = 0
    with torch.inference_mode():
        while begin < len(order):
            end = begin + 1
            while end < len(order) and len(ids[order[end]]) * (end + 1 - begin) <= tokens_a_batch:
                end += 1
            rows = order[begin:end]
            longest = len(ids[rows[-1]])
            input_ids = torch.full((len(rows), longest), tokenizer.pad_token_id)
            mask = torch.zeros((len(rows), longest), dtype=torch.long)
            for b, i in enumerate(rows):
                input_ids[b, : len(ids[i])] = torch.tensor(ids[i])
                mask[b, : len(ids[i])] = 1
            output = encoder(input_ids=input_ids.to(device), attention_mask=mask.to(device), output_hidden_states=True)
            for layer, hidden_BLD in enumerate(output.hidden_states):
                vectors[layer, rows] = mean_pool(hidden_BLD.float(), mask.to(device)).cpu().numpy()
            begin = end
            tick()
    return vectors


def nearest(
    queries_ND: NDArray[np.float32], database_MD: NDArray[np.float32], centred: bool, block: int = 1024
) -> NDArray[np.int64]:
    """Index of the database row with the highest cosine, per query: shape (N,). Exact; ties go to the lower index."""

    def unit(x: NDArray[np.float32]) -> NDArray[np.float32]:
        x = x - x.mean(0) if centred else x
        norms = np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
        return np.asarray(x / norms, dtype=np.float32)

    queries, database = unit(queries_ND), unit(database_MD)
    found = [np.argmax(queries[i : i + block] @ database.T, axis=1) for i in range(0, len(queries), block)]
    return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)
