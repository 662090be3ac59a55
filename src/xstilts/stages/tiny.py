"""The embedded world's encoder: a tiny XLM-R with random weights and a word-level tokenizer over the world's vocabulary.

Ids are laid out as in XLM-R: <s> 0, <pad> 1, </s> 2, <unk> 3, words, <mask> last; pairs are `<s> A </s></s> B </s>`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.processors import TemplateProcessing

from xstilts.stages.scratch import SPECIAL, write_tokenizer, write_trunk
from xstilts.world import list_words
from xstilts.world.config import WorldConfig


def write_tiny(folder: Path, world: Mapping[str, Any], architecture: Mapping[str, Any], seed: int) -> None:
    """Write a Hugging Face folder: config, random weights drawn from `seed`, tokenizer."""
    words = [*SPECIAL.values(), *list_words(WorldConfig(**world)), "<mask>"]
    write_word_tokenizer(folder, words, architecture["positions"] - 2)
    write_trunk(folder, len(words), architecture, seed)


def write_word_tokenizer(folder: Path, words: list[str], max_length: int) -> None:
    """Write a whitespace word-level tokenizer; ids are positions in `words`, which must begin with the special tokens."""
    backend = Tokenizer(WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    backend.pre_tokenizer = WhitespaceSplit()
    backend.post_processor = TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    write_tokenizer(folder, backend, max_length)
