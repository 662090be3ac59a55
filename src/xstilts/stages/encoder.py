"""encoder: bring the trunk that phase 1 starts from into the store.

Four sources: a local Hugging Face folder or a Hub model at a pinned revision (copied); the same architecture with fresh
weights (the random-init control); the embedded world's tiny XLM-R; an XLM-R from scratch around a tokenizer of its own.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from xstilts.errors import InputError
from xstilts.model.encoder import check_encoder, random_encoder, save_encoder
from xstilts.model.model import trunk_folder
from xstilts.recipe.encoder_identity import TOKENIZER_FILES, list_encoder_files
from xstilts.stages.contracts import (
    EncoderConfig,
    EncoderInputs,
    FolderSource,
    HubSource,
    RandomSource,
    ScratchSource,
    WorldSource,
)
from xstilts.stages.job import Job
from xstilts.store.store import sha256_file


def run(job: Job[EncoderConfig, EncoderInputs[Path]]) -> None:
    """Leaves `encoder/`, a Hugging Face folder."""
    target = trunk_folder(job.out)
    target.mkdir()
    match job.config.source:
        case FolderSource(files):
            _copy(Path(job.context.folder), target, files if isinstance(files, Mapping) else {})
        case HubSource(id, revision):
            _copy(_download(id, revision), target, {})
        case RandomSource(seed):
            assert job.inputs.like is not None
            like = trunk_folder(job.inputs.like)
            save_encoder(random_encoder(like, seed), like, target)
        case WorldSource(world, architecture, seed):
            from xstilts.stages.tiny import write_tiny

            write_tiny(target, world, architecture, seed)
        case ScratchSource(architecture, seed):
            from xstilts.stages.scratch import write_scratch

            assert job.inputs.tokenizer is not None
            write_scratch(target, job.inputs.tokenizer / "tokenizer.json", architecture, seed)
    check_encoder(target)


def _copy(folder: Path, target: Path, expected: Mapping[str, str]) -> None:
    """Copy an encoder's files. Raises InputError for one that has not the `expected` sha256."""
    check_encoder(folder)
    for path in list_encoder_files(folder):
        if path.name in expected and sha256_file(path) != expected[path.name]:
            raise InputError(f"{path}: changed since the plan was made; run again to plan with the new file")
        shutil.copyfile(path, target / path.name)


def _download(name: str, revision: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(
            snapshot_download(name, revision=revision, allow_patterns=["config.json", "model*.safetensors*", *TOKENIZER_FILES])
        )
    except Exception as error:
        raise InputError(
            f"encoder {name}@{revision}: neither in the local Hub cache nor on the Hub ({type(error).__name__}); "
            "check the name and the network, or give a local folder"
        ) from None
