"""The embedded world's encoder: a tiny XLM-R with random weights and a word-level tokenizer over the world's vocabulary.

Ids are laid out as in XLM-R: <s> 0, <pad> 1, </s> 2, <unk> 3, words, <mask> last; pairs are `<s> A </s></s> B </s>`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaModel

from xstilts.store.store import read_json, write_json
from xstilts.world import vocabulary
from xstilts.world.config import WorldConfig

SPECIAL = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}


def write_tiny(folder: Path, world: Mapping[str, Any], architecture: Mapping[str, Any], seed: int) -> None:
    """Write a Hugging Face folder: config, random weights drawn from `seed`, tokenizer."""
    words = [*SPECIAL.values(), *vocabulary(WorldConfig(**world)), "<mask>"]
    write_word_tokenizer(folder, words, architecture["positions"] - 2)
    config = XLMRobertaConfig(
        vocab_size=len(words),
        hidden_size=architecture["hidden"],
        num_hidden_layers=architecture["layers"],
        num_attention_heads=architecture["heads"],
        intermediate_size=architecture["feed_forward"],
        max_position_embeddings=architecture["positions"],
        hidden_dropout_prob=architecture["dropout"],
        attention_probs_dropout_prob=architecture["dropout"],
        initializer_range=architecture["initializer"],
        type_vocab_size=1,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
    )
    torch.manual_seed(seed)
    XLMRobertaModel(config, add_pooling_layer=False).save_pretrained(folder)


def write_word_tokenizer(folder: Path, words: list[str], max_length: int) -> None:
    """Write a whitespace word-level tokenizer; ids are positions in `words`, which must begin with the special tokens."""
    backend = Tokenizer(WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    backend.pre_tokenizer = WhitespaceSplit()
    backend.post_processor = TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        mask_token="<mask>",
        cls_token="<s>",
        sep_token="</s>",
        model_max_length=max_length,
        **SPECIAL,
    )
    tokenizer.save_pretrained(folder)
    config = read_json(folder / "tokenizer_config.json")
    config["tokenizer_class"] = "PreTrainedTokenizerFast"  # transformers 5 writes a name that 4.57 does not know
    write_json(folder / "tokenizer_config.json", config)
