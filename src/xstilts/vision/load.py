"""A vision tower by its name (`tower.py` lists the names)."""

import os

from xstilts.reading import expand_home
from xstilts.vision.tower import EFFICIENTNET_LITE0, PIXELS, Tower, resolve_tower_commit

MOST = 49  # vectors of a picture: a text encoder pays for each as for a token


def load_tower(name: str, most: int = MOST, device: str = "cpu") -> Tower:
    """The tower of a name. `most`: how many vectors of a picture a pretrained tower gives at most (`load_pretrained` says how it
    is pooled); the others have the number that their name says. Raises InputError."""
    if name.startswith(PIXELS):
        from xstilts.vision.pixels import load_pixels

        return load_pixels(name)
    if name == EFFICIENTNET_LITE0:
        from xstilts.vision.efficientnet_lite import load_efficientnet_lite

        return load_efficientnet_lite(device)
    from xstilts.vision.pretrained import fetch_pretrained, load_pretrained

    folder = expand_home(name)
    if not os.path.isdir(folder):
        identifier, _, revision = name.partition("@")
        folder = fetch_pretrained(identifier, resolve_tower_commit(identifier, revision))
    return load_pretrained(folder, name, most, device)
