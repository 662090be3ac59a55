"""How many weights an encoder's blocks have: its size without embeddings, pooler and heads.

The embedding table grows with the vocabulary (it is two thirds of XLM-R Base) and says little about what an encoder can compute,
so sizes are compared without it. They are read from the header of the weights' files, which is exact for every class of model
and needs no torch.
"""

import json
import math
import re
import struct
from pathlib import Path

from xstilts.model.encoder_files import shape_number
from xstilts.store.store import read_json

BLOCK = re.compile(r"(^|\.)(layers?|h|blocks?)\.\d+\.")
LONGEST_HEAD = 100_000_000  # bytes; the format's own limit


def body_weights(folder: Path) -> int | None:
    """The weights in the blocks of the model in a Hugging Face folder; None if its files do not say."""
    files = sorted(folder.glob("model*.safetensors"))
    try:
        return sum(map(_in_blocks, files)) or None
    except (OSError, ValueError, struct.error):  # the run reports a damaged file
        return None


def count_blocks(folder: Path) -> int | None:
    """The blocks of the model in a Hugging Face folder; None if its config.json does not say."""
    return shape_number(read_json(folder / "config.json") or {}, "num_hidden_layers")


def _in_blocks(path: Path) -> int:
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        head = json.loads(file.read(length)) if length <= LONGEST_HEAD else {}
    return sum(math.prod(entry["shape"]) for name, entry in head.items() if BLOCK.search(name))
