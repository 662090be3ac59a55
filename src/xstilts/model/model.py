"""A model: one trunk and one head per task, saved as a folder that the next phase starts from.

encoder/            a Hugging Face folder (config.json, model.safetensors, tokenizer): what is carried on
heads.safetensors   the heads' weights, `<task>.<parameter>`: dropped by the next phase, kept for prediction and export
heads.json          each head's task and format
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import nn

from xstilts.formats.format import Format
from xstilts.formats.registry import format_of
from xstilts.model.codecs.codec import Codec
from xstilts.model.encoder import load_encoder, save_encoder
from xstilts.store.store import read_json, write_json


class Model(nn.Module):
    """A trunk with the heads of the tasks at hand."""

    def __init__(self, encoder: nn.Module, heads: Mapping[str, nn.Module]):
        super().__init__()
        self.encoder = encoder
        self.heads = nn.ModuleDict({_module_name(task): head for task, head in heads.items()})

    def head(self, task: str) -> nn.Module:
        return self.heads[_module_name(task)]


def _module_name(task: str) -> str:
    return task.replace("/", "__").replace(".", "_")


def trunk_folder(folder: Path) -> Path:
    """The Hugging Face folder inside what an `encoder` or a `train` stage left."""
    return folder / "encoder"


def fresh_model(folder: Path, codecs: Mapping[str, Codec], dropout: float | None, share_heads: bool = False) -> Model:
    """The trunk of a stage's folder with fresh heads (an MLM head starts from the pretrained one where there is one).
    `share_heads`: tasks with the same format and labels have one head."""
    trunk: Any = load_encoder(trunk_folder(folder), dropout)
    heads: dict[str, nn.Module] = {}
    for task, codec in codecs.items():
        same = next((other for other in heads if share_heads and codecs[other].spec == codec.spec), None)
        heads[task] = heads[same] if same else codec.head(trunk)
        if weights := codec.pretrained_head(trunk_folder(folder)):
            heads[task].load_state_dict(weights)
    return Model(trunk, heads)


def save_model(model: Model, formats: Mapping[str, Format], tokenizer_folder: Path, folder: Path) -> None:
    """Write the three parts (see the module)."""
    save_encoder(model.encoder, tokenizer_folder, trunk_folder(folder))
    tensors = {f"{task}.{name}": tensor.clone() for task in formats for name, tensor in model.head(task).state_dict().items()}
    save_file(tensors, folder / "heads.safetensors")
    write_json(folder / "heads.json", {task: spec.record() for task, spec in formats.items()})


def load_model(folder: Path, task: str, codec: Codec) -> Model:
    """The trunk with the trained head of one task, in evaluation mode."""
    trunk: Any = load_encoder(trunk_folder(folder))
    tensors = load_file(folder / "heads.safetensors")
    prefix = f"{task}."
    head = codec.head_for(trunk, {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)})
    model = Model(trunk, {task: head})
    model.eval()
    return model


def head_formats(folder: Path) -> dict[str, Format]:
    """Which tasks a trained folder has heads for, and their formats."""
    record = read_json(folder / "heads.json") or {}
    return {task: format_of(spec) for task, spec in record.items()}
