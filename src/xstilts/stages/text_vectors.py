"""An encoder as a function from texts to vectors of length 1, for a search by meaning."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xstilts.errors import InputError
from xstilts.model.embedding import embed
from xstilts.model.encoder import check_encoder, load_encoder, max_positions
from xstilts.model.tokenizer import load_tokenizer
from xstilts.stages.device import device
from xstilts.stages.embed import TOKENS_A_BATCH

POOLING = "mean"


def load_embed(folder: Path) -> Callable[[Sequence[str]], NDArray[np.float32]]:
    """Texts -> an array (N, D): the mean over the tokens of the last block. Raises InputError for a folder that is no encoder."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; expected an encoder with config.json and weights")
    check_encoder(folder)
    tokenizer = load_tokenizer(folder)
    encoder: Any = load_encoder(folder).to(device()).eval()
    layer, longest = encoder.config.num_hidden_layers, max_positions(encoder)

    def run(texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.zeros((1, 1, len(texts), encoder.config.hidden_size), dtype=np.float32)
        embed(encoder, tokenizer, texts, longest, (layer,), (POOLING,), TOKENS_A_BATCH, vectors, lambda done: None)
        found_ND: NDArray[np.float32] = vectors[0, 0]
        lengths_N1 = np.linalg.norm(found_ND, axis=1, keepdims=True)
        return np.asarray(found_ND / np.maximum(lengths_N1, 1e-9), dtype=np.float32)

    return run
