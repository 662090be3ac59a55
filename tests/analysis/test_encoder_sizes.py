"""The size of an encoder: counted in its files, agreeing with its shape, and unknown rather than guessed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from xstilts.analysis.encoder_sizes import body_weights
from xstilts.plan.cost.sizes import weights
from xstilts.store.store import write_json

HIDDEN, LAYERS, FEED_FORWARD, VOCABULARY = 8, 3, 16, 50
SQUARE, VECTOR = (HIDDEN, HIDDEN), (HIDDEN,)
BLOCK = {
    **{f"attention.{part}.weight": SQUARE for part in ("self.query", "self.key", "self.value", "output.dense")},
    **{f"attention.{part}.bias": VECTOR for part in ("self.query", "self.key", "self.value", "output.dense")},
    **{f"{part}.LayerNorm.{side}": VECTOR for part in ("attention.output", "output") for side in ("weight", "bias")},
    "intermediate.dense.weight": (FEED_FORWARD, HIDDEN),
    "intermediate.dense.bias": (FEED_FORWARD,),
    "output.dense.weight": (HIDDEN, FEED_FORWARD),
    "output.dense.bias": VECTOR,
}
OUTSIDE = {
    "embeddings.word_embeddings.weight": (VOCABULARY, HIDDEN),
    "embeddings.LayerNorm.weight": VECTOR,
    "pooler.dense.weight": SQUARE,
    "lm_head.layer_norm.weight": VECTOR,
    "lm_head.decoder.weight": (VOCABULARY, HIDDEN),
}


def tensors(prefix: str, layers: range) -> dict[str, np.ndarray]:
    shapes = {f"{prefix}encoder.layer.{layer}.{name}": shape for layer in layers for name, shape in BLOCK.items()}
    shapes |= {f"{prefix}{name}": shape for name, shape in OUTSIDE.items()}
    return {name: np.zeros(shape, np.float16) for name, shape in shapes.items()}


@pytest.mark.parametrize("prefix", ["", "roberta."])
def test_only_blocks_count_and_agree_with_the_shape(tmp_path: Path, prefix: str) -> None:
    save_file(tensors(prefix, range(LAYERS)), tmp_path / "model.safetensors")
    assert body_weights(tmp_path) == weights(HIDDEN, LAYERS, FEED_FORWARD, VOCABULARY).body


def test_parts_of_a_split_model_add_up(tmp_path: Path) -> None:
    save_file(tensors("", range(2)), tmp_path / "model-00001-of-00002.safetensors")
    save_file(tensors("", range(2, LAYERS)), tmp_path / "model-00002-of-00002.safetensors")
    assert body_weights(tmp_path) == weights(HIDDEN, LAYERS, FEED_FORWARD, VOCABULARY).body


def test_what_the_files_do_not_tell_is_not_known(tmp_path: Path) -> None:
    assert body_weights(tmp_path / "nowhere") is None
    write_json(tmp_path / "config.json", {"dim": 8})
    assert body_weights(tmp_path) is None
    (tmp_path / "model.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{cut")
    assert body_weights(tmp_path) is None
