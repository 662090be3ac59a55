"""One encoder, loaded and looked at: what a study would use of it."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from xstilts.errors import InputError
from xstilts.model.encoder import (
    blocks,
    check_encoder,
    complete_folder,
    has_token_types,
    load_encoder,
    max_positions,
    mlm_head_weights,
    word_embeddings,
)
from xstilts.model.encoder_files import check_files
from xstilts.model.tokenizer import frame, load_tokenizer, needs_blank, type_separator
from xstilts.recipe.encoder_identity import list_encoder_files


def inspect_encoder(folder: Path) -> dict[str, Any]:
    """Facts about a folder, after every weight was loaded and a text was encoded as the `encoder` stage does it. The folder is
    only read. Raises InputError if the encoder is refused."""
    check_files(folder)
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name)
        for path in list_encoder_files(folder):
            shutil.copyfile(path, copy / path.name)
        try:
            complete_folder(copy)
            row = check_encoder(copy)
        except InputError as error:
            raise InputError(str(error).replace(name, str(folder))) from None
        tokenizer, encoder = load_tokenizer(copy), load_encoder(copy)
        config: Any = encoder.config
        embeddings = word_embeddings(encoder)
        weights = sum(weight.numel() for weight in encoder.parameters())
        return {
            "folder": str(folder),
            "model_type": row.model_type,
            "blocks": len(blocks(encoder)),
            "hidden": int(config.hidden_size),
            "weights": weights,
            "weights_without_embeddings": weights - embeddings.numel(),
            "vocabulary": len(embeddings),
            "positions": max_positions(encoder),
            "token_types": has_token_types(encoder) and type_separator(tokenizer) is not None,
            "tokenizer": _compare_tokenizer(folder, copy),
            "blank_before_words": needs_blank(tokenizer),
            "text_begins_with": tokenizer.convert_ids_to_tokens(frame(tokenizer)[0]),
            "pretrained_mlm_head": bool(mlm_head_weights(copy)),
        }


def _compare_tokenizer(folder: Path, copy: Path) -> str:
    """ "as given", "converted" (it had no tokenizer.json), or "as in tokenizer.json" (transformers alone gives other ids)."""
    if not (folder / "tokenizer.json").is_file():
        return "converted"
    settings = "tokenizer_config.json"
    same = (folder / settings).is_file() == (copy / settings).is_file() and (
        not (copy / settings).is_file() or (folder / settings).read_bytes() == (copy / settings).read_bytes()
    )
    return "as given" if same else "as in tokenizer.json"
