"""The encoder: a Hugging Face trunk (no pooler) and its tokenizer, loaded from and saved to a folder that
`AutoModel.from_pretrained` reads. The tokenizer's files travel unchanged from phase to phase.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoTokenizer

from xstilts.errors import InputError
from xstilts.recipe.encoder_identity import TOKENIZER_FILES

# Architectures whose positions start behind the padding id.
POSITIONS_BEHIND_PADDING = ("xlm-roberta", "xlm-roberta-xl", "roberta", "camembert")


def load_tokenizer(folder: Path) -> Any:
    """The fast tokenizer of an encoder folder. Raises InputError if there is none that works."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, use_fast=True)
    except Exception as error:
        raise InputError(f"encoder {folder}: its tokenizer cannot be loaded ({type(error).__name__}: {error})") from None
    if not tokenizer.is_fast:
        raise InputError(f"encoder {folder}: expected a fast tokenizer (tokenizer.json), found a slow one; convert it first")
    return tokenizer


def load_encoder(folder: Path, dropout: float | None = None) -> nn.Module:
    """The trunk in fp32. `dropout` replaces the folder's hidden and attention dropout."""
    changes = {} if dropout is None else {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    options: dict[str, Any] = {"dtype": torch.float32, "attn_implementation": "sdpa", **changes}
    try:
        model: nn.Module = AutoModel.from_pretrained(folder, add_pooling_layer=False, **options)
    except TypeError:  # trunks without a pooler do not know the argument
        model = AutoModel.from_pretrained(folder, **options)
    return model


def random_encoder(folder: Path, seed: int) -> nn.Module:
    """A trunk of the folder's architecture with fresh weights drawn from `seed`."""
    config = AutoConfig.from_pretrained(folder)
    torch.manual_seed(seed)
    try:
        model: nn.Module = AutoModel.from_config(config, add_pooling_layer=False)
    except TypeError:
        model = AutoModel.from_config(config)
    return model.float()


def save_encoder(encoder: Any, tokenizer_folder: Path, folder: Path) -> None:
    """Write config, weights and the tokenizer's files (copied from `tokenizer_folder`). A phase's own dropout is not
    handed on: the config keeps the values it had."""
    before = AutoConfig.from_pretrained(tokenizer_folder)
    for name in ("hidden_dropout_prob", "attention_probs_dropout_prob"):
        setattr(encoder.config, name, getattr(before, name))
    encoder.save_pretrained(folder)
    for name in TOKENIZER_FILES:
        if (tokenizer_folder / name).is_file():
            shutil.copyfile(tokenizer_folder / name, folder / name)


def check_encoder(folder: Path) -> None:
    """See that a folder holds a config, weights, and a tokenizer whose ids fit the embedding table. Raises InputError."""
    if not folder.is_dir():
        raise InputError(f"encoder {folder}: no such folder; expected a Hugging Face model folder or a Hub id")
    if not (folder / "config.json").is_file():
        raise InputError(f"encoder {folder}: config.json is missing; expected a Hugging Face model folder")
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"encoder {folder}: config.json is not valid JSON ({error})") from None
    weights = [*folder.glob("*.safetensors"), *folder.glob("pytorch_model*.bin")]
    if not weights:
        raise InputError(f"encoder {folder}: no weights; expected model.safetensors (or pytorch_model.bin)")
    for path in weights:
        if path.suffix == ".safetensors":
            try:
                with safe_open(path, framework="pt") as file:
                    file.keys()
            except Exception as error:
                raise InputError(f"encoder {folder}: {path.name} cannot be read ({error}); fetch the file again") from None
    tokenizer = load_tokenizer(folder)
    highest = max(tokenizer.get_vocab().values())
    if highest >= int(config.get("vocab_size", 0)):
        raise InputError(
            f"encoder {folder}: the tokenizer does not fit: it has ids up to {highest}, "
            f"the model's vocab_size is {config.get('vocab_size')}"
        )
    if tokenizer.pad_token_id is None or tokenizer.cls_token_id is None:
        raise InputError(f"encoder {folder}: the tokenizer has no padding or no <s>/[CLS] token")


def mlm_head_weights(folder: Path) -> dict[str, Tensor]:
    """The masked-language-modelling head of a pretrained folder (`lm_head.*` without the tied decoder), or {}."""
    found: dict[str, Tensor] = {}
    for path in folder.glob("*.safetensors"):
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 (not a dict)
                if name.startswith("lm_head.") and not name.startswith("lm_head.decoder"):
                    found[name.removeprefix("lm_head.")] = file.get_tensor(name).float()
    return found


def word_embeddings(encoder: Any) -> Tensor:
    """The trunk's token embedding matrix, shape (V, D)."""
    weight: Tensor = encoder.get_input_embeddings().weight
    return weight


def blocks(encoder: Any) -> nn.ModuleList:
    """The trunk's transformer blocks, lowest first. Raises InputError for an encoder whose blocks are not a list of modules
    (one that shares its blocks, for instance)."""
    depth = encoder.config.num_hidden_layers
    lists = (module for module in encoder.modules() if isinstance(module, nn.ModuleList))
    found = next((module for module in lists if len(module) == depth), None)
    if found is None:
        raise InputError(
            f"encoder: a {encoder.config.model_type} without a list of {depth} blocks; its layers cannot be told apart"
        )
    return found


def round_linears(encoder: nn.Module) -> None:
    """Turn the linear layers into bf16 once, in place: what autocast does anew at every call where no gradient is taken."""
    for module in encoder.modules():
        if isinstance(module, nn.Linear):
            module.to(torch.bfloat16)


def stored_embeddings(folder: Path, like: Any) -> Tensor:
    """The token embedding matrix (V, D) of a trunk's folder, read from its file alone where that is possible."""
    name = next(n for n, m in like.named_modules() if m is like.get_input_embeddings()) + ".weight"
    for path in folder.glob("*.safetensors"):
        with safe_open(path, framework="pt") as file:
            for stored in file.keys():  # noqa: SIM118 (not a dict)
                if stored == name or stored.endswith(f".{name}"):
                    found: Tensor = file.get_tensor(stored)
                    return found
    return word_embeddings(load_encoder(folder)).detach()


def first_position(config: Any) -> int:
    """The number of the first token's position."""
    return int(config.pad_token_id) + 1 if config.model_type in POSITIONS_BEHIND_PADDING else 0


def max_positions(encoder: Any) -> int:
    """How many tokens the trunk can number (XLM-R's positions start behind the padding id)."""
    config = encoder.config
    return int(config.max_position_embeddings) - first_position(config)
