"""Encoders: the files of one and what identifies it (the sha256 of each file, or a Hub commit). An encoder that is trained from
scratch is identified by its shape and by how its tokenizer is trained.
"""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import Field, model_validator

from xstilts.data.yaml_records import LanguageCode, Record
from xstilts.errors import InputError
from xstilts.store.store import sha256_file

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "sentencepiece.bpe.model",
    "spiece.model",
    "vocab.txt",
)


class Architecture(Record):
    """The shape of an XLM-R with random weights. Two of the `positions` are not for tokens, as in XLM-R."""

    hidden: int = Field(64, ge=4)
    layers: int = Field(2, ge=1)
    heads: int = Field(4, ge=1)
    feed_forward: int = Field(256, ge=4)
    positions: int = Field(130, ge=16)
    dropout: float = Field(0.1, ge=0, lt=1)
    initializer: float = Field(0.02, gt=0)

    @model_validator(mode="after")
    def _divides(self) -> Architecture:
        if self.hidden % self.heads:
            raise ValueError(f"hidden ({self.hidden}) must be a multiple of heads ({self.heads})")
        return self


class Scratch(Record):
    """An encoder that starts from random weights, with its own tokenizer: SentencePiece Unigram with `vocabulary` ids, trained
    on about `sample` characters of the plain-text task `corpus`. Languages are sampled with probability ~ characters **
    `smoothing` (0.3 as in XLM, arXiv 1901.07291; small languages are repeated) from `languages` (None: the study's). `coverage`
    is the share of characters that get a piece."""

    corpus: str
    vocabulary: int = Field(20_000, ge=32)
    languages: tuple[LanguageCode, ...] | None = Field(None, min_length=1)
    smoothing: float = Field(0.3, ge=0, le=1)
    coverage: float = Field(0.9995, gt=0.9, le=1)
    sample: int = Field(10_000_000, ge=1000)


def list_encoder_files(folder: Path) -> list[Path]:
    """Config, tokenizer and weights (safetensors before .bin) of a Hugging Face folder, sorted by name."""
    weights = sorted(folder.glob("model*.safetensors*")) or sorted(folder.glob("pytorch_model*.bin*"))
    others = [folder / name for name in ("config.json", *TOKENIZER_FILES) if (folder / name).is_file()]
    return sorted({*weights, *others})


def identify_encoder(folder: Path) -> dict[str, str]:
    """sha256 of each of the encoder's files."""
    return {path.name: sha256_file(path) for path in list_encoder_files(folder)}


def resolve_hub_commit(name: str, revision: str) -> str:
    """The commit of a Hub model's revision: the revision itself if it is a commit, else what the Hub or its local cache says."""
    if re.fullmatch(r"[0-9a-f]{40}", revision):
        return revision
    from huggingface_hub import HfApi, constants, snapshot_download

    try:
        if not constants.HF_HUB_OFFLINE:
            commit: str | None = HfApi().model_info(name, revision=revision or "main").sha
            if commit:
                return commit
        return Path(snapshot_download(name, revision=revision or "main", local_files_only=True)).name
    except Exception as error:
        raise InputError(
            f"encoder {name}: neither a local folder nor a model that the Hub (or its local cache) has at revision "
            f"'{revision or 'main'}' ({type(error).__name__}); give a folder, or {name}@COMMIT"
        ) from None
