"""An XLM-R of a given shape with random weights, and a tokenizer, as a Hugging Face folder: an encoder from scratch, or that of
the embedded world, whose tokenizer is word-level over the world's vocabulary. The same seed gives the same weights.

Ids are as in XLM-R: <s> 0, <pad> 1, </s> 2, <unk> 3, words or pieces, <mask> last; pairs are `<s> A </s></s> B </s>`.
"""

from collections.abc import Iterable
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaModel

from xstilts.recipe.encoder_identity import Architecture
from xstilts.stages.tokenizer import MASK, PAIRS, SPECIAL
from xstilts.store.store import read_json, write_json


def word_tokenizer(words: Iterable[str]) -> Tokenizer:
    """A tokenizer of words between blanks, with the special tokens around the given ones."""
    backend = Tokenizer(models.WordLevel({word: i for i, word in enumerate([*SPECIAL, *words, MASK])}, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    backend.post_processor = PAIRS
    return backend


def write_scratch(folder: Path, backend: Tokenizer, architecture: Architecture, seed: int) -> None:
    """Write tokenizer, config, and random weights drawn from `seed`."""
    write_tokenizer(folder, backend, architecture.positions - 2)
    config = XLMRobertaConfig(
        vocab_size=backend.get_vocab_size(),
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
    names = dict(zip(("bos_token", "pad_token", "eos_token", "unk_token"), SPECIAL, strict=True))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, mask_token=MASK, cls_token="<s>", sep_token="</s>", model_max_length=max_length, **names
    )
    tokenizer.save_pretrained(folder)
    settings = read_json(folder / "tokenizer_config.json")
    settings["tokenizer_class"] = "PreTrainedTokenizerFast"  # transformers 5 writes a name that 4.57 does not know
    write_json(folder / "tokenizer_config.json", settings)
