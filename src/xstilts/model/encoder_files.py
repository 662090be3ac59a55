"""The files of an encoder's folder, checked without torch: what a plan can say before anything runs.

The `encoder` stage checks the rest by loading the model (`encoder.py`).
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from safetensors import safe_open

from xstilts.errors import InputError
from xstilts.model.architectures import ENCODER_TYPES, EncoderType, encoder_type
from xstilts.reading import decode_utf8, open_file, parse_json, read_bytes
from xstilts.recipe.encoder_identity import TOKENIZER_FILES, list_encoder_files

# One network under three names.
_ALIKE = {"xlm-roberta", "roberta", "camembert"}
_TOKEN_EMBEDDINGS = ("word_embeddings.weight", "tok_embeddings.weight", "embed_tokens.weight")
# DistilBERT's words for the shape of an encoder.
_ALSO_CALLED = {"hidden_size": "dim", "num_hidden_layers": "n_layers", "intermediate_size": "hidden_dim"}
_LFS = b"version https://git-lfs"


def read_json(path: Path) -> Any:
    """The value of a JSON file of an encoder. Raises InputError."""
    return parse_json(decode_utf8(read_bytes(path), str(path)), str(path))


def read_config(folder: Path) -> dict[str, Any]:
    """The config.json of a folder. Raises InputError."""
    try:
        config = read_json(folder / "config.json")
    except InputError as error:
        if os.path.lexists(folder / "config.json"):
            raise InputError(f"encoder {error}; fetch the file again") from None
        raise InputError(
            f"encoder {folder}: config.json is missing; expected a Hugging Face model folder{_hint(folder)}"
        ) from None
    if not isinstance(config, dict) or not isinstance(config.get("model_type"), str):
        raise InputError(f"encoder {folder}: config.json has no `model_type`; expected the config of a transformers model")
    return config


def shape_number(config: Mapping[str, Any], name: str) -> int | None:
    """A number of an encoder's shape by transformers' usual name, also where its type has another; None if it is not there."""
    value = config.get(name, config.get(_ALSO_CALLED.get(name, "")))
    return value if isinstance(value, int) else None


def count_positions(folder: Path) -> int | None:
    """How many tokens the encoder in a folder can number; None if its config.json does not say."""
    config = read_config(folder)
    if not isinstance(config.get("max_position_embeddings"), int) or not isinstance(config.get("pad_token_id"), int):
        return None
    return encoder_type(config["model_type"]).max_positions(SimpleNamespace(**config))


def explain_no_unigram(tokenizer_model: Mapping[str, Any]) -> str:
    """Why the `model` of a tokenizer.json cannot cut words at random; "" if it can."""
    kind = tokenizer_model.get("type")
    if kind == "Unigram" and not tokenizer_model.get("byte_fallback") and tokenizer_model.get("unk_id") is not None:
        return ""
    found = "Unigram with bytes or without an unknown piece" if kind == "Unigram" else kind
    return f"expected a Unigram tokenizer with an unknown piece, as XLM-R has, found {found}"


def read_tokenizer_model(folder: Path) -> dict[str, Any] | None:
    """The `model` of a folder's tokenizer.json; None if it has no such file or it cannot be read."""
    try:
        model = read_json(folder / "tokenizer.json")["model"]
    except (InputError, LookupError, TypeError):
        return None
    return model if isinstance(model, dict) else None


def _hint(folder: Path) -> str:
    if (folder / "adapter_config.json").is_file():
        return "; this one holds an adapter: merge it into its encoder and save that (peft: merge_and_unload)"
    inside = next((path.parent for path in sorted(folder.glob("*/config.json"))), None)
    return f" (there is one in {inside})" if inside else ""


def check_files(folder: Path) -> EncoderType:
    """See that a folder has the config of a known type, weights that can be read and hold the blocks and the vocabulary that the
    config says, and a tokenizer. Gives the type's row. Raises InputError."""
    if not folder.is_dir():
        raise InputError(f"encoder {folder}: no such folder; expected a Hugging Face model folder or a Hub id")
    config = read_config(folder)
    try:
        row = encoder_type(config["model_type"])
    except InputError as error:
        raise InputError(f"encoder {folder}: {str(error).removeprefix('encoder: ')}") from None
    named = config.get("architectures") or ()
    for name in named if isinstance(named, list) else ():
        if (other := _type_of_class(str(name))) and other != row.model_type and not {other, row.model_type} <= _ALIKE:
            raise InputError(
                f"encoder {folder}: config.json contradicts itself: model_type is '{row.model_type}', but architectures names "
                f"{name}, which is '{other}'; set model_type to what the weights are"
            )
    files = list_encoder_files(folder)
    for path in files:
        try:
            with open_file(path) as file:
                begin = file.read(len(_LFS))
        except InputError as error:
            raise InputError(f"encoder {error}") from None
        if begin == _LFS:
            raise InputError(f"encoder {folder}: {path.name} is a Git LFS pointer, not the file itself; run `git lfs pull`")
    names = {path.name for path in files}
    for index in (path for path in files if path.name.endswith(".index.json")):
        try:
            shards = {str(name) for name in read_json(index)["weight_map"].values()}
        except (InputError, LookupError, TypeError, AttributeError):
            raise InputError(f"encoder {folder}: {index.name} has no `weight_map` as JSON; fetch the file again") from None
        if lost := sorted(shards - names):
            raise InputError(
                f"encoder {folder}: {index.name} names {', '.join(lost)}, which is not there; fetch the folder again"
            )
    if not any(name.endswith((".safetensors", ".bin")) for name in names):
        raise InputError(f"encoder {folder}: no weights; expected model.safetensors (or pytorch_model.bin)")
    if not names & set(TOKENIZER_FILES):
        raise InputError(f"encoder {folder}: no tokenizer; expected tokenizer.json or sentencepiece.bpe.model")
    if shapes := read_shapes(folder):
        _check_shapes(folder, config, row, shapes)
    return row


def _type_of_class(name: str) -> str | None:
    """The known type whose classes are called like this."""
    found = [kind for kind in ENCODER_TYPES if name.lower().startswith(re.sub(r"[-_]", "", kind))]
    return max(found, key=len, default=None)


def read_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor of a folder's safetensors files by name; {} if its weights are in other files. Raises InputError
    for a file that cannot be read."""
    shapes: dict[str, tuple[int, ...]] = {}
    for path in sorted(folder.glob("model*.safetensors")):
        try:
            with safe_open(path, framework="numpy") as file:
                shapes |= {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 (not a dict)
        except Exception as error:
            raise InputError(f"encoder {folder}: {path.name} cannot be read ({error}); fetch the file again") from None
    return shapes


def _check_shapes(folder: Path, config: dict[str, Any], row: EncoderType, shapes: dict[str, tuple[int, ...]]) -> None:
    depth = shape_number(config, "num_hidden_layers") or 0
    in_block = re.compile(rf"(?:^|\.){re.escape(row.blocks)}\.(\d+)\.")
    blocks = {int(found[1]) for found in map(in_block.search, shapes) if found}
    if blocks != set(range(depth)):
        raise InputError(
            f"encoder {folder}: its weights hold {len(blocks)} of {depth} blocks that config.json says (num_hidden_layers); "
            "blocks without weights would be random, and blocks that are too many would be dropped"
            if blocks
            else f"encoder {folder}: its weights have no blocks of {row.model_type} ({row.blocks}.N): is it another model?"
        )
    tables = [shape for name, shape in shapes.items() if name.endswith(_TOKEN_EMBEDDINGS)]
    if not tables:
        raise InputError(f"encoder {folder}: its weights have no token embeddings ({', '.join(_TOKEN_EMBEDDINGS)})")
    if all(shape[0] != config.get("vocab_size") for shape in tables):
        raise InputError(
            f"encoder {folder}: its weights embed {tables[0][0]} tokens, config.json says {config.get('vocab_size')}"
        )
