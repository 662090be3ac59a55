"""Ways to keep the sequences of an unpadded row apart in attention, beside the one in use (`xstilts/model/unpadding.py`).

    in use     on a card, rows padded for the attention alone, with a mask; on a CPU, a call for neighbours of one length
    varlen     `torch.nn.attention.varlen`: flash attention over the lengths; bf16 on a card only, and it knows no dropout
    nested     sdpa on a jagged nested tensor

Forward and backward pass of the attention of one block, on the lengths of a batch, without dropout. `measure_ways` of training.py
puts the same functions into a whole training step.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from inputs import Inputs
from lengths import Rows
from rounds import WARM
from xstilts.model import unpadding
from xstilts.model.unpadding import Unpadding

HEADS, SIZE = {"base": 12, "large": 16}, 64
BATCH = {"nli": 32, "qa": 16}
REPEATS = 20

Attend = Callable[[tuple[Tensor, ...], Unpadding, float, float | None], Tensor]


@lru_cache(maxsize=1)  # the blocks of a step share it
def offsets_of(packed: Unpadding) -> Tensor:
    """Where sequences begin and the last one ends: (B + 1,)."""
    return functional.pad(packed.mask_BL.sum(1).cumsum(0), (1, 0)).int()


def varlen(qkv_1HTE: tuple[Tensor, ...], packed: Unpadding, dropout: float, scaling: float | None) -> Tensor:
    from torch.nn.attention.varlen import varlen_attn

    q, k, v = (x[0].transpose(0, 1) for x in qkv_1HTE)
    offsets, longest = offsets_of(packed), packed.mask_BL.shape[1]
    return varlen_attn(q, k, v, offsets, offsets, longest, longest, scale=scaling)[None]


def nested(qkv_1HTE: tuple[Tensor, ...], packed: Unpadding, dropout: float, scaling: float | None) -> Tensor:
    offsets = offsets_of(packed).long()
    how: dict[str, Any] = {"offsets": offsets, "min_seqlen": 1, "max_seqlen": packed.mask_BL.shape[1]}
    q, k, v = (torch.nested.nested_tensor_from_jagged(x[0].transpose(0, 1).contiguous(), **how).transpose(1, 2) for x in qkv_1HTE)
    return functional.scaled_dot_product_attention(q, k, v, dropout_p=dropout, scale=scaling).transpose(1, 2).values()[None]


WAYS: dict[str, Attend] = {"varlen": varlen, "nested": nested}


def use(name: str) -> None:
    """Let this process's unpadded encoders attend in that way."""
    unpadding._by_length = unpadding._padded = WAYS[name]


def measure(inputs: Inputs, device: str) -> Iterator[dict[str, Any]]:
    """A record for each way, shape and kind of lengths, as it is measured."""
    in_use = unpadding._padded if device == "cuda" else unpadding._by_length
    ways = {"in use": in_use, **WAYS}
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    repeats, share = (2, 8) if inputs.tiny else (REPEATS, 1)
    for kind, whole in BATCH.items():
        batch = whole // share
        rows = sorted(Rows.read(inputs.rows(kind, batch)).rows, key=lambda row: len(row.ids))
        longest = len(rows[-1].ids)
        lengths = torch.tensor([len(row.ids) for row in rows], device=device)
        packed = Unpadding.of((torch.arange(longest, device=device) < lengths[:, None]).long())
        for shape, heads in HEADS.items():
            torch.manual_seed(0)
            qkv = [torch.randn(1, heads, int(lengths.sum()), SIZE, device=device, dtype=dtype) for _ in range(3)]
            print(f"\nattention of one block, {kind} lengths, batch {batch}, {shape}, {device}")
            expected = in_use(tuple(qkv), packed, 0.0, None)
            for name, attend in ways.items():
                record: dict[str, Any] = {"name": f"attention, {kind} lengths, {shape}: {name}", "peer": "in use"}
                try:
                    record["seconds"] = _seconds(attend, qkv, packed, device, repeats)
                    record["largest_difference"] = float((attend(tuple(qkv), packed, 0.0, None) - expected).abs().max())
                    print(f"  {name:8} {1000 * record['seconds']:.3f} ms; largest difference {record['largest_difference']:.1e}")
                except Exception as error:
                    record["not_run"] = f"{type(error).__name__}: {error}".splitlines()[0][:200]
                    print(f"  {name:8} not run: {record['not_run']}")
                yield record


def _seconds(attend: Attend, qkv: list[Tensor], packed: Unpadding, device: str, repeats: int) -> float:
    """The median of forward and backward passes."""
    leaves = tuple(x.clone().requires_grad_() for x in qkv)
    taken = []
    for _ in range(WARM + repeats):
        began = time.perf_counter()
        attend(leaves, packed, 0.0, None).sum().backward()
        if device == "cuda":
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken[WARM:])
