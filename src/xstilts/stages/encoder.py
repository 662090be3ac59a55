"""encoder: bring the trunk that phase 1 starts from into the store.

Four sources: a local Hugging Face folder or a Hub model at a pinned revision (copied); the same architecture with fresh
weights (the random-init control); the embedded world's tiny XLM-R; an XLM-R from scratch around a tokenizer of its own.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

from tokenizers import Tokenizer

from xstilts.errors import InputError
from xstilts.model.encoder import check_encoder, complete_folder, random_encoder, save_encoder
from xstilts.model.encoder_files import check_files
from xstilts.model.model import trunk_folder
from xstilts.recipe.encoder_identity import TOKENIZER_FILES, list_encoder_files
from xstilts.stages import contracts
from xstilts.stages.job import Job
from xstilts.stages.scratch import word_tokenizer, write_scratch
from xstilts.store.store import sha256_file
from xstilts.world import list_words


def run(job: Job[contracts.EncoderConfig, contracts.EncoderInputs[Path]]) -> None:
    """Leaves `encoder/`, a Hugging Face folder."""
    target = trunk_folder(job.out)
    target.mkdir()
    given = target
    match job.config.source:
        case contracts.FolderSource(files):
            given = Path(job.context.folder)
            _copy(given, target, files if isinstance(files, Mapping) else {})
        case contracts.HubSource(id, revision):
            given = _download(id, revision)
            _copy(given, target, {})
        case contracts.RandomSource(seed):
            assert job.inputs.like is not None
            like = trunk_folder(job.inputs.like)
            save_encoder(random_encoder(like, seed), like, target)
        case contracts.WorldSource(world, architecture, seed):
            write_scratch(target, word_tokenizer(list_words(world)), architecture, seed)
        case contracts.ScratchSource(architecture, seed):
            assert job.inputs.tokenizer is not None
            write_scratch(target, Tokenizer.from_file(str(job.inputs.tokenizer / "tokenizer.json")), architecture, seed)
    try:
        complete_folder(target)
        check_encoder(target)
    except InputError as error:
        raise InputError(str(error).replace(str(target), str(given))) from None


def _copy(folder: Path, target: Path, expected: Mapping[str, str]) -> None:
    """Copy an encoder's files. Raises InputError for one that has not the `expected` sha256."""
    check_files(folder)
    for path in list_encoder_files(folder):
        if path.name in expected and sha256_file(path) != expected[path.name]:
            raise InputError(f"{path}: changed since the plan was made; run again to plan with the new file")
        shutil.copyfile(path, target / path.name)


def _download(name: str, revision: str) -> Path:
    from huggingface_hub import snapshot_download

    patterns = ["config.json", "model*.safetensors*", *TOKENIZER_FILES]
    try:
        folder = Path(snapshot_download(name, revision=revision, allow_patterns=patterns))
        if not any(folder.glob("model*.safetensors")):
            folder = Path(snapshot_download(name, revision=revision, allow_patterns=["pytorch_model*.bin*"]))
        return folder
    except Exception as error:
        raise InputError(
            f"encoder {name}@{revision}: neither in the local Hub cache nor on the Hub ({type(error).__name__}); "
            "check the name and the network, or give a local folder"
        ) from None
