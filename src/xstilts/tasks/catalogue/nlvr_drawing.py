"""The pictures of NLVR, drawn from the records of its files as the official ones were.

A picture is 400 pixels wide and 100 high: three light boxes of 100 x 100 with grey strips of 50 between them. An object lies
`x_loc` to the right and `y_loc` below its box's left upper corner, is `size` wide and high, and is a square, a circle, or a
triangle with its tip up. At an edge the colours mix by the share of the pixel that the object covers. Compared with 120 official
pictures of dev (the files `dev-<identifier>-0.png`, with the boxes in the order of the record): squares are the same, triangles
differ by at most 1 of 255 steps, and circles at their edges by at most 38.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xstilts.errors import InputError
from xstilts.tasks.files.read import check_label, get_field

if TYPE_CHECKING:
    from PIL.Image import Image

BOX, STRIP, BOXES = 100, 50, 3
LIGHT, GREY = (211, 211, 211), (128, 128, 128)
COLOURS = {"Yellow": (255, 255, 0), "Black": (0, 0, 0), "#0099ff": (0, 153, 255)}
SHAPES = ("square", "circle", "triangle")
_FINE = 16  # points of a pixel, each way, that are asked whether the object covers them


def draw_boxes(boxes: Sequence[Any], where: str) -> Image:
    """The picture of a `structured_rep`. Raises InputError with `where` if it is none."""
    from PIL import Image

    if len(boxes) != BOXES or not all(isinstance(box, list) for box in boxes):
        raise InputError(f"{where}: 'structured_rep' should have {BOXES} lists of objects")
    pixels = np.full((BOX, BOXES * BOX + (BOXES - 1) * STRIP, 3), GREY, dtype=np.float64)
    for number, box in enumerate(boxes):
        left = number * (BOX + STRIP)
        pixels[:, left : left + BOX] = LIGHT
        for shape in box:
            _draw(pixels[:, left : left + BOX], shape, where)
    return Image.fromarray(np.rint(pixels).astype(np.uint8))


def _draw(pixels: NDArray[np.float64], shape: Mapping[str, Any], where: str) -> None:
    """Draw an object into the pixels of its box."""
    x, y, size = (get_field(shape, name, int, where) for name in ("x_loc", "y_loc", "size"))
    colour = check_label(get_field(shape, "color", str, where), tuple(COLOURS), where)
    kind = check_label(get_field(shape, "type", str, where), SHAPES, where)
    if size < 1 or not 0 <= x <= BOX - size or not 0 <= y <= BOX - size:
        raise InputError(f"{where}: an object of size {size} at ({x}, {y}) does not lie within its box of {BOX} x {BOX}")
    share = _cover(kind, size)[:, :, None]
    part = pixels[y : y + size, x : x + size]
    part[:] = share * COLOURS[colour] + (1 - share) * part


@cache
def _cover(kind: str, size: int) -> NDArray[np.float64]:
    """The share of each of size x size pixels that the object covers."""
    points = (np.arange(size * _FINE) + 0.5) / _FINE
    down, right = points[:, None], np.abs(points[None, :] - size / 2)
    if kind == "circle":
        inside = right**2 + (down - size / 2) ** 2 <= (size / 2) ** 2
    elif kind == "triangle":
        inside = right <= down / 2
    else:
        inside = np.ones((size * _FINE, size * _FINE), dtype=bool)
    share: NDArray[np.float64] = inside.reshape(size, _FINE, size, _FINE).mean(axis=(1, 3))
    return share
