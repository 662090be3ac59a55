"""Packed = padded: states, logits and gradients, on both ways of attention."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from transformers import BertConfig, BertModel, ModernBertConfig, ModernBertModel, XLMRobertaConfig, XLMRobertaModel

from xstilts.model import unpadding
from xstilts.model.unpadding import Unpadding, can_unpad, last_states

pytestmark = pytest.mark.tiny


def encoder_of(kind: str, dropout: float = 0.0) -> Any:
    fields = {
        "vocab_size": 50,
        "hidden_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "max_position_embeddings": 40,
        "hidden_dropout_prob": dropout,
        "attention_probs_dropout_prob": dropout,
        "pad_token_id": 1 if kind == "xlmr" else 0,
    }
    torch.manual_seed(0)
    if kind == "xlmr":
        return XLMRobertaModel(XLMRobertaConfig(**fields), add_pooling_layer=False)
    return BertModel(BertConfig(**fields), add_pooling_layer=False)


def batch_of(lengths: list[int], pad: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(seed)
    ids = torch.full((len(lengths), max(lengths)), pad)
    mask = torch.zeros_like(ids)
    for i, length in enumerate(lengths):
        ids[i, :length] = torch.from_numpy(rng.integers(4, 50, length))
        mask[i, :length] = 1
    return ids, mask


def plain(encoder: Any, ids: Tensor, mask: Tensor) -> Tensor:
    output: Tensor = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
    return output


def gradients(encoder: Any, run: Any, ids: Tensor, mask: Tensor) -> dict[str, Tensor]:
    encoder.zero_grad()
    weights = torch.linspace(-1, 1, 32)
    ((run(encoder, ids, mask) * weights).tanh() * mask[..., None]).sum().backward()
    return {name: p.grad.clone() for name, p in encoder.named_parameters()}


@pytest.mark.parametrize("way", ["by length", "padded"])
@pytest.mark.parametrize("kind", ["xlmr", "bert"])
@settings(max_examples=15)
@given(lengths=st.lists(st.integers(1, 36), min_size=1, max_size=9), seed=st.integers(0, 9))
def test_packed_is_padded(kind: str, way: str, lengths: list[int], seed: int) -> None:
    encoder = encoder_of(kind).eval()
    ids, mask = batch_of(lengths, encoder.config.pad_token_id, seed)
    with pytest.MonkeyPatch.context() as patch:
        if way == "padded":  # what other devices do
            patch.setattr(unpadding, "_by_length", unpadding._padded)
        ours, theirs = last_states(encoder, ids, mask), plain(encoder, ids, mask)
        torch.testing.assert_close(ours * mask[..., None], theirs * mask[..., None], rtol=1e-4, atol=2e-6)
        mine, other = gradients(encoder, last_states, ids, mask), gradients(encoder, plain, ids, mask)
    for name, gradient in other.items():
        torch.testing.assert_close(mine[name], gradient, rtol=1e-3, atol=1e-5 * float(gradient.abs().max() + 1), msg=name)


@pytest.mark.parametrize("kind", ["xlmr", "bert"])
@settings(max_examples=15)
@given(lengths=st.lists(st.integers(1, 36), min_size=1, max_size=9), seed=st.integers(0, 9), share=st.sampled_from([0.1, 0.7]))
def test_the_last_block_computes_what_is_read_exactly(kind: str, lengths: list[int], seed: int, share: float) -> None:
    encoder = encoder_of(kind).eval()
    ids, mask = batch_of(lengths, encoder.config.pad_token_id, seed)
    read = (torch.rand(mask.shape, generator=torch.Generator().manual_seed(seed)) < share) & mask.bool()
    read[0, 0] = True

    def ours(encoder: Any, ids: Tensor, mask: Tensor) -> Tensor:
        return last_states(encoder, ids, mask, read) * read[..., None]

    def theirs(encoder: Any, ids: Tensor, mask: Tensor) -> Tensor:
        return plain(encoder, ids, mask) * read[..., None]

    torch.testing.assert_close(ours(encoder, ids, mask), theirs(encoder, ids, mask), rtol=1e-4, atol=2e-6)
    mine, other = gradients(encoder, ours, ids, mask), gradients(encoder, theirs, ids, mask)
    for name, gradient in other.items():
        torch.testing.assert_close(mine[name], gradient, rtol=1e-3, atol=1e-5 * float(gradient.abs().max() + 1), msg=name)


def test_the_next_call_computes_all_positions_again() -> None:
    encoder = encoder_of("xlmr").eval()
    ids, mask = batch_of([7, 12, 3], 1)
    before = last_states(encoder, ids, mask)
    last_states(encoder, ids, mask, mask.bool() & (torch.arange(12) == 0))
    assert torch.equal(last_states(encoder, ids, mask), before)


def test_sequences_do_not_see_each_other() -> None:
    encoder = encoder_of("xlmr").eval()
    ids, mask = batch_of([7, 12, 3], 1)
    before = last_states(encoder, ids, mask)
    ids[1, 4] = (ids[1, 4] + 1 - 4) % 46 + 4
    after = last_states(encoder, ids, mask)
    assert torch.equal(before[[0, 2]], after[[0, 2]])
    assert not torch.equal(before[1, :12], after[1, :12])


def test_dropout_works_on_packed_rows() -> None:
    encoder = encoder_of("xlmr", dropout=0.5).train()
    ids, mask = batch_of([30, 11, 11, 5], 1)
    torch.manual_seed(1)
    first, second = last_states(encoder, ids, mask), last_states(encoder, ids, mask)
    torch.manual_seed(1)
    assert torch.equal(last_states(encoder, ids, mask), first)
    assert not torch.equal(first, second)


def test_a_trunk_that_was_run_packed_still_runs_padded() -> None:
    encoder, other = encoder_of("xlmr").eval(), encoder_of("xlmr").eval()
    ids, mask = batch_of([3, 5], 1)
    last_states(encoder, ids, mask)
    assert torch.equal(plain(encoder, ids, mask), plain(other, ids, mask))


def test_neighbours_of_one_length_make_one_run() -> None:
    _, mask = batch_of([2, 3, 3, 3, 2], 1)
    found = Unpadding.of(mask)
    assert found.runs == ((0, 1, 2), (2, 3, 3), (11, 1, 2))
    x = torch.arange(15).view(5, 3)
    assert torch.equal(found.pad(found.unpad(x)), x * mask)


def test_an_unknown_architecture_is_run_padded() -> None:
    """ModernBERT's positions are rotations and some of its blocks see a window only: run unpadded, its states would change."""
    sizes = {"vocab_size": 50, "hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 64}
    special = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2}
    torch.manual_seed(0)
    encoder = ModernBertModel(ModernBertConfig(**sizes, **special, local_attention=6, reference_compile=False)).eval()
    ids, mask = batch_of([7, 12, 3], 0)
    expected = plain(encoder, ids, mask)
    assert not can_unpad(encoder)
    assert torch.equal(last_states(encoder, ids, mask), expected)
    alone = plain(encoder, ids[2:, :3], mask[2:, :3])
    torch.testing.assert_close(expected[2:, :3], alone, rtol=1e-4, atol=2e-6)
