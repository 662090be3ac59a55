"""encoder: bring the trunk that phase 1 starts from into the store.

Four sources: a local Hugging Face folder or a Hub model at a pinned revision (copied); the same architecture with fresh
weights (the random-init control); the embedded world's tiny XLM-R; an XLM-R from scratch around a tokenizer of its own.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from xstilts.errors import InputError
from xstilts.model.encoder import check_encoder, random_encoder, save_encoder
from xstilts.model.model import trunk_folder
from xstilts.recipe.encoder_identity import TOKENIZER_FILES, list_encoder_files
from xstilts.stages.attempt import Job
from xstilts.store.store import sha256_file


def run(job: Job) -> None:
    """Leaves `encoder/`, a Hugging Face folder."""
    target = trunk_folder(job.out)
    target.mkdir()
    source: dict[str, Any] = dict(job.config["source"])
    match source["kind"]:
        case "folder" | "hub":
            folder = Path(job.context["folder"]) if source["kind"] == "folder" else _download(source["id"], source["revision"])
            check_encoder(folder)
            for path in list_encoder_files(folder):
                expected = source.get("files", {}).get(path.name)
                if expected is not None and sha256_file(path) != expected:
                    raise InputError(f"{path}: changed since the plan was made; run again to plan with the new file")
                shutil.copyfile(path, target / path.name)
        case "random":
            like = trunk_folder(job.inputs["like"])
            save_encoder(random_encoder(like, source["seed"]), like, target)
        case "world":
            from xstilts.stages.tiny import write_tiny

            write_tiny(target, source["world"], source["architecture"], source["seed"])
        case "scratch":
            from xstilts.stages.scratch import write_scratch

            write_scratch(target, job.inputs["tokenizer"] / "tokenizer.json", source["architecture"], source["seed"])
    check_encoder(target)


def _download(name: str, revision: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(
            snapshot_download(name, revision=revision, allow_patterns=["config.json", "model*.safetensors*", *TOKENIZER_FILES])
        )
    except Exception as error:
        raise InputError(
            f"encoder {name}@{revision}: not in the local Hub cache and not to be had from the Hub ({type(error).__name__}); "
            "check the name and the network, or give a local folder"
        ) from None
