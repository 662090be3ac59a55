"""Unpadding: the sequences of a padded batch laid end to end, so that no linear layer sees a padding token.

The trunk gets one row of all real tokens, each sequence numbered from its own beginning, and an attention function that
keeps sequences apart: on a CPU one call for all sequences of the same length (no mask, no padding at all), elsewhere one
call over rows padded for the attention alone, with a mask. Both are exact (tests/model/test_unpadding.py), and what comes out
is put back into the padded shape (B, L, D), zeros at the padding, so that heads need not know.

transformers' own unpadding is not used: with sdpa it ignores `position_ids` and lets sequences see each other, silently.
Shapes: B sequences, L tokens of the longest, T tokens of all, H heads, D hidden, E = D / H.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from xstilts.model.encoder import blocks

NAME = "xstilts_packed"  # of the attention function, once a trunk has been run packed
# Architectures whose attention is plain and whose positions can be given, and how far positions are from 0.
POSITIONS_BEHIND_PADDING = ("xlm-roberta", "xlm-roberta-xl", "roberta", "camembert")
ARCHITECTURES = (*POSITIONS_BEHIND_PADDING, "bert")


@dataclass(frozen=True)
class Unpadding:
    """Where the tokens of a padded batch are. `runs` are stretches of neighbouring sequences of one length, as (first
    token, sequences, length); `read_T` the tokens that the trunk's last states are wanted of, if not all."""

    index_T: Tensor
    mask_BL: Tensor
    runs: tuple[tuple[int, int, int], ...]
    read_T: Tensor | None = None

    @classmethod
    def of(cls, mask_BL: Tensor) -> Unpadding:
        """From a padded batch's mask, 1 on tokens; padding is at the end of rows."""
        lengths: list[int] = mask_BL.sum(1).tolist()
        runs: list[tuple[int, int, int]] = []
        first = 0
        for length in lengths:
            if runs and runs[-1][2] == length:
                runs[-1] = (runs[-1][0], runs[-1][1] + 1, length)
            else:
                runs.append((first, 1, length))
            first += length
        return cls(mask_BL.flatten().nonzero()[:, 0], mask_BL, tuple(runs))

    def unpad(self, x_BL: Tensor) -> Tensor:
        """(B, L, ...) -> (1, T, ...)."""
        return x_BL.flatten(0, 1)[self.index_T][None]

    def pad(self, x_1T: Tensor) -> Tensor:
        """(1, T, ...) -> (B, L, ...), zeros at the padding."""
        shape = (*self.mask_BL.shape, *x_1T.shape[2:])
        flat = x_1T.new_zeros((self.mask_BL.numel(), *x_1T.shape[2:]))
        return flat.index_copy(0, self.index_T, x_1T[0]).view(shape)


def can_unpad(encoder: Any) -> bool:
    """Whether this trunk is run packed: its architecture is known. (Even with 64 hidden units it is faster on a CPU.)"""
    return encoder.config.model_type in ARCHITECTURES


def states(encoder: Any, input_ids_BL: Tensor, mask_BL: Tensor, read_BL: Tensor | None = None) -> Tensor:
    """The trunk's last states, shape (B, L, D); whatever at the padding. Packed where that can be and saves something.
    `read_BL`: the positions whose states are asked for; whatever elsewhere. The last block computes only these, but that it
    attends to all: with one in thirty (the first token of a pair of sentences) a 16th of a 12-block trunk is saved."""
    output: Tensor
    if not can_unpad(encoder) or (read_BL is None and bool(mask_BL.all())):
        output = encoder(input_ids=input_ids_BL, attention_mask=mask_BL).last_hidden_state
        return output
    unpadding = Unpadding.of(mask_BL)
    if read_BL is None:
        return unpadding.pad(run_unpadded(encoder, input_ids_BL, unpadding))
    read_T = unpadding.unpad(read_BL)[0].nonzero()[:, 0]
    read_1ND = run_unpadded(encoder, input_ids_BL, replace(unpadding, read_T=read_T))
    return Unpadding(unpadding.index_T[read_T], mask_BL, ()).pad(read_1ND)


def run_unpadded(encoder: Any, input_ids_BL: Tensor, unpadding: Unpadding) -> Tensor:
    """The last states of the packed tokens, shape (1, T, D); of those in `unpadding.read_T` only, where it is given."""
    config = encoder.config
    offset = config.pad_token_id + 1 if config.model_type in POSITIONS_BEHIND_PADDING else 0
    positions_BL = torch.arange(offset, offset + input_ids_BL.shape[1], device=input_ids_BL.device).expand_as(input_ids_BL)
    config._attn_implementation = NAME
    last: Any = blocks(encoder)[-1]
    if unpadding.read_T is not None and not hasattr(last.attention.output, "read_T"):
        last.register_forward_pre_hook(_hand_on, with_kwargs=True)
        last.attention.output.register_forward_pre_hook(_narrow)
    output: Tensor = encoder(
        input_ids=unpadding.unpad(input_ids_BL), position_ids=unpadding.unpad(positions_BL), unpadding=unpadding
    ).last_hidden_state
    return output


def _hand_on(last: Any, inputs: tuple[Any, ...], options: dict[str, Any]) -> None:
    """Before the last block runs (or runs again, where activations are recomputed): which tokens are read."""
    unpadding = options.get("unpadding")
    last.attention.output.read_T = unpadding.read_T if unpadding else None


def _narrow(output: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """What follows a block's self-attention sees each token by itself, and in the last block nobody sees the others."""
    return inputs if output.read_T is None else tuple(x_1TD[:, output.read_T] for x_1TD in inputs)


def unpadded_attention(
    module: Any,
    query_1HTE: Tensor,
    key_1HTE: Tensor,
    value_1HTE: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    unpadding: Unpadding | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """Attention within each sequence: (1, T, H, E); with sdpa where rows are not packed. The signature is that of
    transformers' attention functions."""
    if unpadding is None:
        padded = sdpa_attention_forward(
            module, query_1HTE, key_1HTE, value_1HTE, attention_mask, dropout=dropout, scaling=scaling, **others
        )
        return padded[0], None
    attend = _by_length if query_1HTE.device.type == "cpu" else _padded
    return attend((query_1HTE, key_1HTE, value_1HTE), unpadding, dropout, scaling), None


def _by_length(qkv_1HTE: tuple[Tensor, ...], unpadding: Unpadding, dropout: float, scaling: float | None) -> Tensor:
    found = []
    for first, count, length in unpadding.runs:
        q, k, v = (x[0, :, first : first + count * length].unflatten(1, (count, length)).transpose(0, 1) for x in qkv_1HTE)
        out_nHlE = functional.scaled_dot_product_attention(q, k, v, dropout_p=dropout, scale=scaling)
        found.append(out_nHlE.transpose(1, 2).flatten(0, 1))
    return torch.cat(found)[None]


def _padded(qkv_1HTE: tuple[Tensor, ...], unpadding: Unpadding, dropout: float, scaling: float | None) -> Tensor:
    q, k, v = (unpadding.pad(x.transpose(1, 2)).transpose(1, 2) for x in qkv_1HTE)
    seen_B11L = unpadding.mask_BL.bool()[:, None, None, :]
    out_BHLE = functional.scaled_dot_product_attention(q, k, v, attn_mask=seen_B11L, dropout_p=dropout, scale=scaling)
    return unpadding.unpad(out_BHLE.transpose(1, 2))


AttentionInterface.register(NAME, unpadded_attention)
AttentionMaskInterface.register(NAME, sdpa_mask)
