"""Unpadding: the sequences of a padded batch laid end to end as one row, so that no layer computes anything for padding.

The trunk gets one row of all real tokens. Positions begin anew with each sequence, and the attention function keeps sequences
apart, so the result is that of the padded batch: unpadding saves time and changes nothing. (Packing is something else: it joins
documents into rows of equal length, which changes what a training row is.) On a CPU attention is one call for neighbouring
sequences of one length, without a mask; elsewhere one call over rows that are padded for the attention alone, with a mask.
Both are exact (tests/model/test_unpadding.py). What comes out is put back into the padded shape (B, L, D), with zeros at the
padding, so heads need not know of it.

transformers' own unpadding is not used: with sdpa it ignores `position_ids` and lets sequences see each other, silently.
Shapes: B sequences, L tokens of the longest, T tokens of all, N needed tokens, H heads, D hidden, E = D / H.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from xstilts.model.encoder import blocks, row_of

ATTENTION = "xstilts_packed"  # the name that transformers knows the attention function by
_fixed = False


@contextmanager
def fix_shapes() -> Iterator[None]:
    """Inside, a batch is computed with its padding, and the shapes of its tensors alone decide what is computed: nothing waits
    for a value. So it can be recorded once and repeated for other values (train/recording.py)."""
    global _fixed
    _fixed = True
    try:
        yield
    finally:
        _fixed = False


def shapes_are_fixed() -> bool:
    """Whether this is inside `fix_shapes`."""
    return _fixed


@dataclass(frozen=True)
class Unpadding:
    """Where the tokens of a padded batch are. `runs`: neighbouring sequences of one length, as (first token, sequences,
    length). `needed_T`: the tokens whose last states are needed, shape (N,); None: all."""

    index_T: Tensor
    mask_BL: Tensor
    runs: tuple[tuple[int, int, int], ...]
    needed_T: Tensor | None = None

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
    """Whether this trunk is run unpadded: its attention is plain and its positions can be given. (Even with 64 hidden units that
    is faster on a CPU.)"""
    return row_of(encoder).unpadded


def last_states(
    encoder: Any, input_ids_BL: Tensor, mask_BL: Tensor, needed_BL: Tensor | None = None, types_BL: Tensor | None = None
) -> Tensor:
    """The trunk's last states, shape (B, L, D), with arbitrary values at the padding. Unpadded where the trunk allows it and it
    saves something. `needed_BL`: the positions whose states are needed; values elsewhere are arbitrary. The last block then
    computes only these (they attend to all): with one in thirty, the first token of a pair of sentences, this saves a 16th of
    a trunk of 12 blocks. `types_BL`: the token types, if the trunk has any."""
    output: Tensor
    types = {} if types_BL is None else {"token_type_ids": types_BL}
    if shapes_are_fixed():
        seen_BHLL = mask_BL.bool()[:, None, None, :].expand(-1, 1, mask_BL.shape[1], -1)
        output = encoder(
            input_ids=input_ids_BL, attention_mask=seen_BHLL, position_ids=_positions(encoder, input_ids_BL), **types
        ).last_hidden_state
        return output
    if not can_unpad(encoder) or (needed_BL is None and bool(mask_BL.all())):
        output = encoder(input_ids=input_ids_BL, attention_mask=mask_BL, **types).last_hidden_state
        return output
    unpadding = Unpadding.of(mask_BL)
    if needed_BL is None:
        return unpadding.pad(run_unpadded(encoder, input_ids_BL, unpadding, types_BL))
    needed_T = unpadding.unpad(needed_BL)[0].nonzero()[:, 0]
    needed_1ND = run_unpadded(encoder, input_ids_BL, replace(unpadding, needed_T=needed_T), types_BL)
    return Unpadding(unpadding.index_T[needed_T], mask_BL, ()).pad(needed_1ND)


def run_unpadded(encoder: Any, input_ids_BL: Tensor, unpadding: Unpadding, types_BL: Tensor | None = None) -> Tensor:
    """The last states of all tokens, shape (1, T, D), or of the needed ones, (1, N, D)."""
    config = encoder.config
    positions_BL = _positions(encoder, input_ids_BL)
    config._attn_implementation = ATTENTION
    last: Any = blocks(encoder)[-1]
    if unpadding.needed_T is not None and not hasattr(last.attention.output, "needed_T"):
        last.register_forward_pre_hook(_note_needed, with_kwargs=True)
        last.attention.output.register_forward_pre_hook(_keep_needed)
    types = {} if types_BL is None else {"token_type_ids": unpadding.unpad(types_BL)}
    output: Tensor = encoder(
        input_ids=unpadding.unpad(input_ids_BL), position_ids=unpadding.unpad(positions_BL), unpadding=unpadding, **types
    ).last_hidden_state
    return output


def _positions(encoder: Any, input_ids_BL: Tensor) -> Tensor:
    """The position of each token in its sequence, as this trunk numbers them; shape (B, L)."""
    first = row_of(encoder).first_position(encoder.config)
    return torch.arange(first, first + input_ids_BL.shape[1], device=input_ids_BL.device).expand_as(input_ids_BL)


def _note_needed(last: Any, inputs: tuple[Any, ...], options: dict[str, Any]) -> None:
    """Before the last block runs (or runs again, where activations are recomputed): which tokens are needed."""
    unpadding = options.get("unpadding")
    last.attention.output.needed_T = unpadding.needed_T if unpadding else None


def _keep_needed(output: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """After its attention a block computes each token by itself, so in the last block the others can be left out."""
    return inputs if output.needed_T is None else tuple(x_1TD[:, output.needed_T] for x_1TD in inputs)


def unpadded_attention(
    module: Any,
    query_1HTE: Tensor,
    key_1HTE: Tensor,
    value_1HTE: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    unpadding: Unpadding | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    """Attention within each sequence: (1, T, H, E); plain sdpa where the batch is padded. The signature is that of
    transformers' attention functions."""
    if unpadding is None:
        padded = sdpa_attention_forward(
            module, query_1HTE, key_1HTE, value_1HTE, attention_mask, dropout=dropout, scaling=scaling, **options
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


AttentionInterface.register(ATTENTION, unpadded_attention)
AttentionMaskInterface.register(ATTENTION, sdpa_mask)
