"""Models with random weights in the shape of XLM-R, written once for all variants, with a tokenizer of words w4 ... w250000.

python bench/models.py SHAPE FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from transformers import XLMRobertaConfig, XLMRobertaModel

from lengths import SPECIAL, VOCABULARY
from xstilts.stages.scratch import word_tokenizer, write_tokenizer

SHAPES = {
    "tiny": {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 256},
    "small": {"hidden_size": 128, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 512},
    "base": {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072},
    "large": {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096},
}


def write(shape: str, folder: Path) -> None:
    """A Hugging Face folder."""
    words = [f"w{i}" for i in range(SPECIAL, VOCABULARY - 1)]
    write_tokenizer(folder, word_tokenizer(words), 512)
    torch.manual_seed(0)
    config = XLMRobertaConfig(
        vocab_size=VOCABULARY,
        max_position_embeddings=514,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
        **SHAPES[shape],
    )
    XLMRobertaModel(config, add_pooling_layer=False).save_pretrained(folder)


if __name__ == "__main__":
    write(sys.argv[1], Path(sys.argv[2]))
