"""The encoder: a Hugging Face trunk (no pooler), loaded from and saved to a folder that `AutoModel.from_pretrained` reads. The
tokenizer's files travel unchanged from phase to phase.

An encoder that is not wholly there is refused: transformers fills missing weights with random numbers and only logs it. Code
that comes with a model is never run.
"""

import shutil
from collections.abc import Mapping
from inspect import signature
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel

from xstilts.errors import InputError
from xstilts.model.architectures import EncoderType, encoder_type
from xstilts.model.encoder_files import check_files
from xstilts.model.tokenizer import check_tokenizer, settle_tokenizer
from xstilts.reading import explain_weights
from xstilts.recipe.encoder_identity import TOKENIZER_FILES

_OLD_NAMES = {"gamma": "weight", "beta": "bias"}


def row_of(encoder: Any) -> EncoderType:
    """The row of a trunk in the table of architectures. Raises InputError."""
    return encoder_type(encoder.config.model_type)


def load_encoder(folder: Path, dropout: float | None = None) -> nn.Module:
    """The trunk in fp32. `dropout` replaces the folder's. Raises InputError if a weight is missing or has another shape."""
    config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    row = encoder_type(config.model_type)
    if dropout is not None:
        for name in row.dropouts:
            setattr(config, name, dropout)
    model: nn.Module
    try:
        model, found = AutoModel.from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            attn_implementation=row.attention,
            trust_remote_code=False,
            output_loading_info=True,
            **_without_pooler(config),
        )
    except Exception as error:
        reason = explain_weights(error)
        raise InputError(f"encoder {folder}: its weights cannot be loaded ({reason}); fetch the folder again") from None
    if missing := sorted(found["missing_keys"]):
        raise InputError(
            f"encoder {folder}: {len(missing)} of the {len(model.state_dict())} weights of a {row.model_type} are not in its "
            f"files ({', '.join(missing[:3])}{', ...' if len(missing) > 3 else ''}), and would be random; "
            "are their names those of transformers?"
        )
    return model


def random_encoder(folder: Path, seed: int) -> nn.Module:
    """A trunk of the folder's architecture with fresh weights drawn from `seed`."""
    config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    torch.manual_seed(seed)
    attention = encoder_type(config.model_type).attention
    model: nn.Module = AutoModel.from_config(config, attn_implementation=attention, **_without_pooler(config))
    return model.float()


def _without_pooler(config: Any) -> dict[str, Any]:
    """The argument that leaves out the pooler, for classes that have one."""
    trunk: Any = transformers.MODEL_MAPPING[type(config)]
    return {"add_pooling_layer": False} if "add_pooling_layer" in signature(trunk.__init__).parameters else {}


def save_encoder(encoder: Any, tokenizer_folder: Path, folder: Path) -> None:
    """Write config, weights and the tokenizer's files (copied from `tokenizer_folder`). A phase's own dropout is not
    handed on: the config keeps the values it had."""
    before = AutoConfig.from_pretrained(tokenizer_folder, trust_remote_code=False)
    for name in row_of(encoder).dropouts:
        setattr(encoder.config, name, getattr(before, name))
    encoder.save_pretrained(folder)
    for name in TOKENIZER_FILES:
        if (tokenizer_folder / name).is_file():
            shutil.copyfile(tokenizer_folder / name, folder / name)


def complete_folder(folder: Path) -> None:
    """Bring a copied folder into one form: weights of .bin files become safetensors, and the tokenizer is that of
    tokenizer.json. Raises InputError for files that cannot be read."""
    for path in sorted(folder.glob("pytorch_model*.bin")):
        try:
            tensors = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:
            raise InputError(f"encoder {folder}: {path.name} cannot be read ({explain_weights(error)}); fetch it again") from None
        tensors = {name: t.clone().contiguous() for name, t in tensors.items() if isinstance(t, Tensor)}
        save_file(tensors, folder / path.name.replace("pytorch_model", "model").replace(".bin", ".safetensors"), {"format": "pt"})
        path.unlink()
    for index in folder.glob("pytorch_model*.index.json"):
        text = index.read_text(encoding="utf-8").replace("pytorch_model", "model").replace(".bin", ".safetensors")
        (folder / "model.safetensors.index.json").write_text(text, encoding="utf-8")
        index.unlink()
    settle_tokenizer(folder)


def check_encoder(folder: Path) -> EncoderType:
    """See that a folder holds a whole encoder of a known type: its files, every weight, its blocks, a tokenizer that fits, and a
    forward pass that gives finite states which differ from text to text. Raises InputError."""
    row = check_files(folder)
    tokenizer = check_tokenizer(folder)
    encoder: Any = load_encoder(folder).eval()
    depth = len(blocks(encoder))
    batch = tokenizer(["The tower is old.", "Две башни сгорели."], padding=True, return_tensors="pt")
    with torch.inference_mode():
        output = encoder(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])
    states_BD = output.last_hidden_state[:, 0]
    if not bool(torch.isfinite(states_BD).all()):
        raise InputError(
            f"encoder {folder}: its states are not finite (NaN or infinite) after {depth} blocks; its weights are broken"
        )
    if torch.equal(*states_BD):
        raise InputError(f"encoder {folder}: it gives the same state for different texts; its weights are broken")
    return row


def mlm_head_weights(folder: Path) -> dict[str, Tensor]:
    """The masked-language-modelling head of a pretrained folder under our names (`dense.weight`, ...; the decoder is tied), or
    {}: it has none, or its head computes something else. Raises InputError if a part of it is missing."""
    names = encoder_type(AutoConfig.from_pretrained(folder, trust_remote_code=False).model_type).mlm_head()
    found: dict[str, Tensor] = {}
    for path in folder.glob("*.safetensors"):
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 (not a dict)
                if ours := our_parameter(name, names):
                    found[ours] = file.get_tensor(name).float()
    wanted = {"bias", *(f"{part}.{kind}" for part in ("dense", "layer_norm") for kind in ("weight", "bias"))}
    if found and set(found) != wanted:
        missing = ", ".join(sorted(wanted - set(found)))
        raise InputError(f"encoder {folder}: its masked-language-modelling head lacks {missing}; fetch the folder again")
    return found


def our_parameter(name: str, names: Mapping[str, str]) -> str | None:
    """Our name of a head's parameter, given transformers' and the table of both; None if it is none of the head's. Files of
    the first BERT models call the weight and bias of layer norms gamma and beta."""
    part, _, kind = name.rpartition(".")
    for ours, theirs in names.items():
        if name == theirs:
            return ours
        if part == theirs:
            return f"{ours}.{_OLD_NAMES.get(kind, kind)}"
    return None


def word_embeddings(encoder: Any) -> Tensor:
    """The trunk's token embedding matrix, shape (V, D)."""
    weight: Tensor = encoder.get_input_embeddings().weight
    return weight


def blocks(encoder: Any) -> nn.ModuleList:
    """The trunk's transformer blocks, lowest first. Raises InputError if there are not as many as its config says."""
    found = encoder.get_submodule(row_of(encoder).blocks)
    assert isinstance(found, nn.ModuleList)
    if len(found) != encoder.config.num_hidden_layers:
        raise InputError(f"encoder: it has {len(found)} blocks, its config says {encoder.config.num_hidden_layers}")
    return found


def head_dropout(encoder: Any) -> float:
    """The dropout of a head on this trunk."""
    return float(getattr(encoder.config, row_of(encoder).dropouts[0]))


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


def has_token_types(encoder: Any) -> bool:
    """Whether the trunk tells the texts of a pair apart by embeddings of their type."""
    return int(getattr(encoder.config, "type_vocab_size", 0) or 0) > 1


def max_positions(encoder: Any) -> int:
    """How many tokens the trunk can number (XLM-R's positions start behind the padding id)."""
    return row_of(encoder).max_positions(encoder.config)
