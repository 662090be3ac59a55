"""The work of a training against PyTorch's own counter, and the measured peak."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from transformers import XLMRobertaConfig, XLMRobertaModel

from xstilts.model.adapt import adapt
from xstilts.model.unpadding import last_states
from xstilts.recipe.recipe import Recipe
from xstilts.train.flops import count_training_work, measure_peak_flops

HIDDEN, LAYERS, FEED_FORWARD = 32, 3, 64


def trunk() -> nn.Module:
    torch.manual_seed(0)
    config = XLMRobertaConfig(
        vocab_size=50,
        hidden_size=HIDDEN,
        num_hidden_layers=LAYERS,
        num_attention_heads=4,
        intermediate_size=FEED_FORWARD,
        max_position_embeddings=40,
    )
    config._attn_implementation = "eager"  # its products are plain ones, which the counter knows on every device
    return XLMRobertaModel(config, add_pooling_layer=False).train()


def counted(encoder: nn.Module, rows: int, length: int) -> int:
    """FLOPs of forward and backward as PyTorch counts them. No row is padded."""
    ids_BL = torch.randint(5, 50, (rows, length), generator=torch.Generator().manual_seed(1))
    with FlopCounterMode(display=False) as counter:
        encoder(input_ids=ids_BL).last_hidden_state.sum().backward()
    return int(counter.get_total_flops())


@pytest.mark.parametrize(("rows", "length"), [(1, 8), (4, 17)])
def test_the_work_is_what_pytorch_counts(rows: int, length: int) -> None:
    encoder = trunk()
    assert count_training_work(encoder).flops([length] * rows) == counted(encoder, rows, length)


@pytest.mark.parametrize("frozen", [0, 1, 2])
def test_frozen_embeddings_and_blocks_need_no_backward(frozen: int) -> None:
    encoder = trunk()
    encoder.embeddings.requires_grad_(False)
    for block in encoder.encoder.layer[:frozen]:
        block.requires_grad_(False)
    found = count_training_work(encoder).flops([9, 9])
    assert found == counted(encoder, 2, 9)
    assert found < count_training_work(trunk()).flops([9, 9])


def test_adapters_need_the_gradients_of_inputs_but_not_of_the_weights() -> None:
    encoder = trunk()
    adapt(encoder, Recipe(lora=4))
    assert count_training_work(encoder).flops([9, 9]) == counted(encoder, 2, 9)


@pytest.mark.parametrize("adapters", [False, True])
def test_states_that_nobody_reads_are_no_work(adapters: bool) -> None:
    """PyTorch's count of the last block with 2 x 9 tokens of which 4 are read."""
    encoder = trunk()
    if adapters:
        adapt(encoder, Recipe(lora=4))
    ids = torch.randint(5, 50, (2, 9))
    read = torch.zeros((2, 9), dtype=torch.bool)
    read[:, :2] = True
    with FlopCounterMode(display=False) as counter:
        last_states(encoder, ids, torch.ones_like(ids), read)[read].sum().backward()
    work = count_training_work(encoder)
    assert work.flops([9, 9], skipped=14) == counter.get_total_flops()


def test_the_work_in_closed_form() -> None:
    """6 x weights x tokens + 12 x layers x hidden x length**2, by sequence and not by padded row."""
    weights = LAYERS * (4 * HIDDEN**2 + 2 * HIDDEN * FEED_FORWARD)
    work = count_training_work(trunk())
    assert (work.per_token, work.per_square) == (6 * weights, 12 * LAYERS * HIDDEN)
    assert work.flops([3, 5]) == work.flops([3]) + work.flops([5])
    assert work.flops([]) == 0


def test_the_peak_is_measured_once_and_disturbs_no_random_numbers() -> None:
    device = torch.device("cpu")
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first = measure_peak_flops(device, "fp32")
    assert first > 1e8
    assert measure_peak_flops(device, "fp32") == first  # no two measurements agree to the last digit
    assert torch.equal(torch.rand(3), expected)
    assert measure_peak_flops(device, "bf16") > 1e7
