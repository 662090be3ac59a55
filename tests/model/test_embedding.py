"""Vectors of sentences against what the encoder's own `hidden_states` say, one sentence at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from xstilts.model.embedding import embed, pool
from xstilts.model.encoder import load_encoder
from xstilts.model.tokenizer import load_tokenizer

pytestmark = pytest.mark.tiny

TEXTS = ("bo ka", "mi", "ka ka bo mi mi bo", "", "bo ?", "mi ka", "zz")
POOLINGS = ("mean", "mean_content", "cls")


@pytest.fixture
def trunk(tiny_folder: Path) -> tuple[Any, Any]:
    return load_encoder(tiny_folder / "encoder").eval(), load_tokenizer(tiny_folder / "encoder")


def vectors(trunk: tuple[Any, Any], layers: tuple[int, ...], tokens: int = 64, max_length: int = 128) -> np.ndarray:
    found = np.full((len(layers), len(POOLINGS), len(TEXTS), 16), np.nan, dtype=np.float32)
    embed(*trunk, TEXTS, max_length, layers, POOLINGS, tokens, found, lambda _: None)
    return found


def by_hand(trunk: tuple[Any, Any], max_length: int = 128) -> np.ndarray:
    encoder, tokenizer = trunk
    rows = []
    for text in TEXTS:
        ids = tokenizer(text, truncation=True, max_length=max_length)["input_ids"]
        with torch.inference_mode():
            states = encoder(input_ids=torch.tensor([ids]), output_hidden_states=True).hidden_states
        content = slice(1, -1) if len(ids) > 2 else slice(None)
        rows.append([[s[0].mean(0), s[0][content].mean(0), s[0][0]] for s in states])
    return np.array([[[np.asarray(x) for x in p] for p in row] for row in rows]).transpose(1, 2, 0, 3)


@pytest.mark.parametrize("tokens", [1, 12, 10_000])
def test_all_layers_and_poolings_of_one_pass(trunk: tuple[Any, Any], tokens: int) -> None:
    np.testing.assert_allclose(vectors(trunk, (0, 1, 2), tokens), by_hand(trunk), atol=1e-5)


def test_bf16_is_autocast_and_close_to_fp32(trunk: tuple[Any, Any], tiny_folder: Path) -> None:
    """Linear layers that are rounded once give what autocast gives by rounding them at each call."""
    exact = vectors(trunk, (1, 2))
    layers, found, plain = (1, 2), *(np.zeros_like(exact) for _ in range(2))
    with torch.autocast("cpu", torch.bfloat16):
        embed(*trunk, TEXTS, 128, layers, POOLINGS, 64, plain, lambda _: None)
    embed(load_encoder(tiny_folder / "encoder").eval(), trunk[1], TEXTS, 128, layers, POOLINGS, 64, found, lambda _: None, "bf16")
    np.testing.assert_allclose(found, plain, atol=1e-3)
    cosine = (exact * found).sum(-1) / np.linalg.norm(exact, axis=-1) / np.linalg.norm(found, axis=-1)
    assert cosine.min() > 0.999
    assert not np.array_equal(exact, found)


def test_long_sentences_are_cut(trunk: tuple[Any, Any]) -> None:
    np.testing.assert_allclose(vectors(trunk, (0, 1, 2), max_length=4), by_hand(trunk, 4), atol=1e-5)
    assert not np.allclose(by_hand(trunk, 4), by_hand(trunk), atol=1e-3)


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_one_layer_alone_runs_no_block_above_it(trunk: tuple[Any, Any], layer: int) -> None:
    ran: list[int] = []
    for number, block in enumerate(trunk[0].encoder.layer):
        block.register_forward_hook(lambda *_, number=number: ran.append(number))
    np.testing.assert_array_equal(vectors(trunk, (layer,), 10_000), vectors(trunk, (0, 1, 2), 10_000)[[layer]])
    assert ran == [*range(layer), 0, 1]


def test_no_hook_is_left_behind(trunk: tuple[Any, Any]) -> None:
    vectors(trunk, (1,))
    vectors(trunk, (0, 2))
    assert not any(block._forward_pre_hooks for block in trunk[0].encoder.layer)


def test_no_texts_no_vectors(trunk: tuple[Any, Any]) -> None:
    embed(*trunk, [], 16, (0,), POOLINGS, 64, np.zeros((1, 3, 0, 16)), pytest.fail)


def test_every_batch_can_stop_it(trunk: tuple[Any, Any]) -> None:
    ticks: list[int] = []
    embed(*trunk, TEXTS, 128, (0,), POOLINGS, 1, np.zeros((1, 3, len(TEXTS), 16)), ticks.append)
    assert ticks == [0, *range(1, len(TEXTS) + 1)]


def test_poolings() -> None:
    hidden = torch.tensor([[[1.0], [2.0], [4.0], [9.0]], [[1.0], [3.0], [50.0], [50.0]]])
    mask, content = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]]), torch.tensor([[0, 1, 1, 0], [0, 0, 0, 0]])
    assert pool(hidden, mask, content, "mean").tolist() == [[4.0], [2.0]]
    assert pool(hidden, mask, content, "mean_content").tolist() == [[3.0], [2.0]], "nothing but special tokens: all of them"
    assert pool(hidden, mask, content, "cls").tolist() == [[1.0], [1.0]]
