"""Pretrained towers of transformers, from a folder or the Hub: CLIP, SigLIP, SigLIP 2, DINOv2, ViT.

A picture goes through the model's own processor, always the one for Pillow, so that no torchvision is needed and vectors are the
same with and without it. What is kept are the last states of the patches, without the class token. Code that comes with a model
is never run, and a model that is not wholly there is refused: missing weights would be random. (Texts are read by another
encoder here; SigLIP 2's own text tower would want them in lower case.)
"""

from collections.abc import Sequence
from math import isqrt
from pathlib import Path
from typing import Any

import torch
import transformers
from PIL import Image
from torch import Tensor, nn

from xstilts.errors import InputError
from xstilts.reading import explain_weights
from xstilts.vision.tower import PROCESSOR_FILES, Tower, Vectors

# model_type -> transformers' class of the vision part, and how many states come before those of the patches.
TOWER_TYPES = {
    "clip": ("CLIPVisionModel", 1),
    "clip_vision_model": ("CLIPVisionModel", 1),
    "siglip": ("SiglipVisionModel", 0),
    "siglip_vision_model": ("SiglipVisionModel", 0),
    "siglip2": ("Siglip2VisionModel", 0),
    "siglip2_vision_model": ("Siglip2VisionModel", 0),
    "dinov2": ("Dinov2Model", 1),
    "vit": ("ViTModel", 1),
}


def fetch_pretrained(identifier: str, commit: str) -> Path:
    """The folder of a Hub model at a commit, downloaded if the Hub's local cache has it not. Raises InputError."""
    from huggingface_hub import snapshot_download

    patterns = ["config.json", "model*.safetensors*", *PROCESSOR_FILES]
    try:
        folder = Path(snapshot_download(identifier, revision=commit, allow_patterns=patterns))
        if not any(folder.glob("model*.safetensors")):
            folder = Path(snapshot_download(identifier, revision=commit, allow_patterns=["pytorch_model*.bin*"]))
        return folder
    except Exception as error:
        raise InputError(
            f"vision tower {identifier}@{commit}: neither in the local Hub cache nor on the Hub ({type(error).__name__}); "
            "check the name and the network, or give a local folder"
        ) from None


def load_pretrained(folder: Path, name: str, most: int, device: str = "cpu") -> Tower:
    """The tower in a Hugging Face folder, in fp32. Its vectors are the model's last hidden states of the patches, row by row. If
    there are more than `most`, or if their number varies from picture to picture (SigLIP 2 with pictures in their own shape), the
    grid is averaged down to the largest square of at most `most` (adaptive average pooling: 14 x 14 -> 7 x 7 means 2 x 2).

    Raises InputError for another type of model, missing weights or a missing processor."""
    model, processor, before = _load(folder, name)
    model.to(device).eval()

    @torch.inference_mode()
    def look(pictures: Sequence[Image.Image]) -> Vectors:
        given = processor(images=list(pictures), return_tensors="pt").to(device)
        states = model(**given).last_hidden_state[:, before:]
        vectors: Vectors = torch.stack(_to_grids(states, given, model.config.patch_size, most)).half().cpu().numpy()
        return vectors

    try:
        _, k, width = look([Image.new("RGB", (64, 48))]).shape
    except Exception as error:
        raise InputError(f"vision tower {name}: it cannot look at a blank picture ({explain_weights(error)})") from None
    return Tower(name, k, width, look)


def _load(folder: Path, name: str) -> tuple[Any, Any, int]:
    """Model, processor, and how many states come before those of the patches."""
    try:
        model_type = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False).model_type
    except Exception as error:
        raise InputError(
            f"vision tower {name}: no config of a transformers model in {folder} ({explain_weights(error)})"
        ) from None
    if model_type not in TOWER_TYPES:
        raise InputError(f"vision tower {name}: its type is '{model_type}'; expected one of {', '.join(TOWER_TYPES)}")
    class_name, before = TOWER_TYPES[model_type]
    options = {"add_pooling_layer": False} if model_type == "vit" else {}
    try:
        model, found = getattr(transformers, class_name).from_pretrained(
            folder, dtype=torch.float32, trust_remote_code=False, output_loading_info=True, **options
        )
        processor = transformers.AutoImageProcessor.from_pretrained(folder, backend="pil", trust_remote_code=False)
    except Exception as error:
        raise InputError(
            f"vision tower {name}: it cannot be loaded ({explain_weights(error)}); expected config.json, weights and "
            "preprocessor_config.json; fetch the folder again"
        ) from None
    if missing := sorted(found["missing_keys"]):
        raise InputError(
            f"vision tower {name}: {len(missing)} of the {len(model.state_dict())} weights of {class_name} are not in its files "
            f"({', '.join(missing[:3])}{', ...' if len(missing) > 3 else ''}), and would be random; fetch the folder again"
        )
    return model, processor, before


def _to_grids(states: Tensor, given: Any, patch: int, most: int) -> list[Tensor]:
    """The vectors of each picture, shape (k, F), from the states of its patches (N, at least rows * columns, F)."""
    if varies := "spatial_shapes" in given:
        shapes = given["spatial_shapes"].tolist()
    else:
        shapes = [[side // patch for side in given["pixel_values"].shape[-2:]]] * len(states)
    grids = []
    for picture, (rows, columns) in zip(states, shapes, strict=True):
        grid = picture[: rows * columns]
        if varies or rows * columns > most:
            grid = grid.T.reshape(1, -1, rows, columns)
            grid = nn.functional.adaptive_avg_pool2d(grid, isqrt(most))[0].flatten(1).T
        grids.append(grid)
    return grids
