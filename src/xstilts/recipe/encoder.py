"""Which files make an encoder, and what identifies it: the sha256 of each (a local folder) or a Hub commit."""

from __future__ import annotations

import re
from pathlib import Path

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


def encoder_files(folder: Path) -> list[Path]:
    """Config, tokenizer and weights (safetensors win over .bin) of a Hugging Face folder, sorted by name."""
    weights = sorted(folder.glob("model*.safetensors*")) or sorted(folder.glob("pytorch_model*.bin*"))
    others = [folder / name for name in ("config.json", *TOKENIZER_FILES) if (folder / name).is_file()]
    return sorted({*weights, *others})


def identity(folder: Path) -> dict[str, str]:
    """sha256 of each of the encoder's files. Raises InputError if there is no model in the folder."""
    files = encoder_files(folder)
    names = {path.name for path in files}
    if "config.json" not in names:
        raise InputError(f"encoder {folder}: config.json is missing; expected a Hugging Face model folder")
    if not any(name.endswith((".safetensors", ".bin")) for name in names):
        raise InputError(f"encoder {folder}: no weights; expected model.safetensors (or pytorch_model.bin)")
    if not names & set(TOKENIZER_FILES):
        raise InputError(f"encoder {folder}: no tokenizer; expected tokenizer.json or sentencepiece.bpe.model")
    return {path.name: sha256_file(path) for path in files}


def hub_commit(name: str, revision: str) -> str:
    """The commit of a Hub model's revision: itself if it is one, else as the Hub or its local cache resolves it."""
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
