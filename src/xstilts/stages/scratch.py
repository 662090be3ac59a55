"""An encoder from scratch: an XLM-R of a given shape with random weights, and a tokenizer, as a Hugging Face folder.

It knows nothing before the phases of the study train it. The same seed gives the same weights.
"""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaModel

from xstilts.recipe.encoder_identity import Architecture
from xstilts.store.store import read_json, write_json

SPECIAL = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}


def write_scratch(folder: Path, tokenizer: Path, architecture: Architecture, seed: int) -> None:
    """Write the folder from a `tokenizer.json`."""
    backend = Tokenizer.from_file(str(tokenizer))
    write_tokenizer(folder, backend, architecture.positions - 2)
    write_trunk(folder, backend.get_vocab_size(), architecture, seed)


def write_trunk(folder: Path, vocabulary: int, architecture: Architecture, seed: int) -> None:
    """Write config and random weights drawn from `seed`."""
    config = XLMRobertaConfig(
        vocab_size=vocabulary,
        hidden_size=architecture.hidden,
        num_hidden_layers=architecture.layers,
        num_attention_heads=architecture.heads,
        intermediate_size=architecture.feed_forward,
        max_position_embeddings=architecture.positions,
        hidden_dropout_prob=architecture.dropout,
        attention_probs_dropout_prob=architecture.dropout,
        initializer_range=architecture.initializer,
        type_vocab_size=1,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
    )
    torch.manual_seed(seed)
    XLMRobertaModel(config, add_pooling_layer=False).save_pretrained(folder)


def write_tokenizer(folder: Path, backend: Tokenizer, max_length: int) -> None:
    """Write a tokenizer that has the special tokens of XLM-R."""
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, mask_token="<mask>", cls_token="<s>", sep_token="</s>", model_max_length=max_length, **SPECIAL
    )
    tokenizer.save_pretrained(folder)
    settings = read_json(folder / "tokenizer_config.json")
    settings["tokenizer_class"] = "PreTrainedTokenizerFast"  # transformers 5 writes a name that 4.57 does not know
    write_json(folder / "tokenizer_config.json", settings)
