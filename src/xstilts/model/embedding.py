"""Sentence vectors for retrieval: one a sentence, layer and pooling. There is no head and no loss.

Layers are numbered as in Hugging Face's `hidden_states`: 0 is the embeddings' output, n that of block n. All come out of
one pass; each is pooled where it arises, so that one layer's states are held at a time, and blocks above the highest layer
that is wanted are not run. Batches are sorted by length and unpadded, so that next to nothing is spent on padding.
Poolings: "mean" over all tokens, special tokens included (what XTREME and jiant do), "mean_content" without them (XTREME's
--pool_skip_special_token; a sentence of nothing else keeps them), "cls" = the first.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from xstilts.model.encoder import blocks, round_linears
from xstilts.model.token_batches import split_token_batches
from xstilts.model.unpadding import Unpadding, can_unpad, run_unpadded


def embed(
    encoder: Any,
    tokenizer: Any,
    texts: Sequence[str],
    max_length: int,
    layers: Sequence[int],
    poolings: Sequence[str],
    tokens_a_batch: int,
    vectors: Any,
    on_batch: Callable[[int], None],
    precision: str = "fp32",
) -> None:
    """Fill `vectors`, an array of shape (layers, poolings, N, D) in the order of the arguments. Sentences are batched by
    length and cut at `max_length` tokens. `on_batch` is called after each batch with the number of sentences so far (0 while
    they are tokenized) and may raise to stop. `precision` "bf16" rounds the encoder's linear layers, in place."""
    if precision == "bf16":
        round_linears(encoder)
    ids, special = _token_ids(tokenizer, texts, max_length, on_batch)
    done = 0
    device = next(encoder.parameters()).device
    for rows in split_token_batches([(1, len(row)) for row in ids], tokens_a_batch):
        longest = len(ids[rows[-1]])
        input_ids = torch.full((len(rows), longest), tokenizer.pad_token_id)
        mask, content = (torch.zeros((len(rows), longest), dtype=torch.long) for _ in range(2))
        for b, i in enumerate(rows):
            input_ids[b, : len(ids[i])] = torch.from_numpy(ids[i])
            mask[b, : len(ids[i])] = 1
            content[b, : len(ids[i])] = torch.from_numpy(~special[i])
        inputs = [x.to(device) for x in (input_ids, mask, content)]

        def take(layer: int, hidden_BLD: Tensor, rows: list[int] = rows, inputs: list[Tensor] = inputs) -> None:
            for place, pooling in enumerate(poolings):
                pooled_BD = pool(hidden_BLD.float(), inputs[1], inputs[2], pooling)
                vectors[layers.index(layer), place, rows] = pooled_BD.cpu().numpy()

        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
            run_through(encoder, inputs[0], inputs[1], layers, take)
        done += len(rows)
        on_batch(done)


def _token_ids(
    tokenizer: Any, texts: Sequence[str], max_length: int, on_batch: Callable[[int], None]
) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
    """The token ids of each text, and which of them are special. As arrays: lists of a million texts would not fit."""
    ids, special = [], []
    for begin in range(0, len(texts), 10_000):
        some = list(texts[begin : begin + 10_000])
        encoded = tokenizer(some, truncation=True, max_length=max_length, return_special_tokens_mask=True)
        ids += [np.array(row, dtype=np.int32) for row in encoded["input_ids"]]
        special += [np.array(row, dtype=bool) for row in encoded["special_tokens_mask"]]
        on_batch(0)
    return ids, special


def pool(hidden_BLD: Tensor, mask_BL: Tensor, content_BL: Tensor, pooling: str) -> Tensor:
    """One vector a sentence: (B, D). `mask_BL` is 1 on tokens, `content_BL` on those that are not special."""
    if pooling == "cls":
        return hidden_BLD[:, 0]
    if pooling == "mean_content":
        mask_BL = torch.where(content_BL.any(1, keepdim=True), content_BL, mask_BL)
    weights_BL1 = mask_BL[..., None].to(hidden_BLD.dtype)
    return (hidden_BLD * weights_BL1).sum(1) / weights_BL1.sum(1)


class _HighestLayerSeen(Exception):
    """The highest layer that is wanted has been seen."""


def run_through(
    encoder: Any, input_ids_BL: Tensor, mask_BL: Tensor, layers: Sequence[int], take: Callable[[int, Tensor], None]
) -> None:
    """Run the encoder and give `take` the states of each wanted layer as they arise. Raises InputError as `blocks` does."""
    depth, found = encoder.config.num_hidden_layers, blocks(encoder)
    unpadding = Unpadding.of(mask_BL) if can_unpad(encoder) and not bool(mask_BL.all()) else None

    def give(layer: int, hidden: Tensor) -> None:
        take(layer, unpadding.pad(hidden) if unpadding else hidden)

    def before(layer: int) -> Callable[..., None]:
        def hook(_: nn.Module, positional: tuple[Any, ...], named: dict[str, Any]) -> None:
            give(layer, positional[0] if positional else named["hidden_states"])
            if layer == max(layers):
                raise _HighestLayerSeen

        return hook

    handles = [found[i].register_forward_pre_hook(before(i), with_kwargs=True) for i in layers if i < depth]
    try:
        if unpadding:
            output = run_unpadded(encoder, input_ids_BL, unpadding)
        else:
            output = encoder(input_ids=input_ids_BL, attention_mask=mask_BL).last_hidden_state
    except _HighestLayerSeen:
        return
    finally:
        for handle in handles:
            handle.remove()
    give(depth, output)
