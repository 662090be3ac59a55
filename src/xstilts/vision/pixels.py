"""The tower without weights: a picture cut into a grid of patches, each the raw RGB values of its pixels. For drawn pictures,
whose few pixels hold all there is to see, and for tests.
"""

from collections.abc import Sequence

import numpy as np
from PIL.Image import Image, Resampling

from xstilts.vision.tower import Tower, Vectors, read_pixels_name


def load_pixels(name: str) -> Tower:
    """`pixels/patchP-S`: pictures of S x S pixels in (S / P)² patches, left to right and top to bottom, of 3 P² numbers from -1
    to 1: rows of pixels, each red, green, blue. Grey is 0, as processors of towers scale pixels: numbers from 0 to 1 have a mean
    that all patches share, and a projection first has to learn to see past it. A picture of another size is scaled to S x S
    (bilinear), its sides each by itself. Raises InputError for a name of another form."""
    patch, size = read_pixels_name(name)
    grid, width = size // patch, 3 * patch**2

    def look(pictures: Sequence[Image]) -> Vectors:
        scaled = [p if p.size == (size, size) else p.resize((size, size), Resampling.BILINEAR) for p in pictures]
        pixels = np.stack([np.asarray(p, np.float32) for p in scaled]).reshape(-1, grid, patch, grid, patch, 3) / 127.5 - 1
        return pixels.swapaxes(2, 3).reshape(-1, grid**2, width).astype(np.float16)

    return Tower(name, grid**2, width, look)
