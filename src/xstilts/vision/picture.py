"""Opening pictures: any file that Pillow reads becomes a plain RGB picture, or is refused by name.

What is done is what the processors of vision towers do with a file (transformers' `load_image` and `convert_to_rgb`): turned as
its EXIF says, transparency on white, CMYK, palettes and grey converted by Pillow, the first frame of several. One thing differs:
16-bit grey is scaled to 8 bits, where Pillow's own conversion would make all but its darkest 255 levels white. Metadata that
cannot be read is no reason to refuse a picture.
"""

import io
import os
import warnings
from collections import Counter
from pathlib import Path

from xstilts.errors import InputError
from xstilts.reading import read_bytes
from xstilts.vision.tower import NO_PILLOW

try:
    from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
except ImportError:
    raise InputError(NO_PILLOW) from None

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM")  # Pillow hands others to programs (EPS to Ghostscript)
MOST_PIXELS = 80_000_000  # 240 MB in memory; a decompression bomb is a small file that claims more
MOST_SIDES = 100  # longer side / shorter side: a processor that scales the shorter side to 224 would fill the memory
_WIDE = ("I", "F")  # 32 bits a pixel, which say nothing of what is black and what is white


def open_picture(source: Path | bytes, name: str = "", done: Counter[str] | None = None) -> Image.Image:
    """The picture in a file or in the bytes of one, mode RGB. `name` is what messages call it (by default its path). `done`
    counts what was changed, in words: "turned as EXIF says", "alpha channel, put on white", "CMYK", ...

    Raises InputError for a file that is missing, empty, cut off, damaged or no picture, for more than `MOST_PIXELS`, for a side
    more than `MOST_SIDES` times the other, and for 32 bits a pixel."""
    name = name or (str(source) if isinstance(source, Path) else "picture")
    done = Counter() if done is None else done
    try:
        data = source if isinstance(source, bytes) else read_bytes(source)
    except InputError as error:
        if isinstance(source, Path) and not os.path.lexists(source):
            raise InputError(f"{name}: no such picture; check the name and the folder of pictures") from None
        raise InputError(f"{name}: this picture cannot be read ({error})") from None
    if not data:
        raise InputError(f"{name}: this picture is an empty file; fetch it again")
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
                _check_size(picture, name)
                made = _to_rgb(picture, name, done)
        if said:
            done["damaged metadata, not read"] += 1
        return made
    except InputError:
        raise
    except UnidentifiedImageError:
        kinds = ", ".join(FORMATS)
        raise InputError(f"{name}: not a picture (it begins with {data[:12]!r}); expected one of {kinds}") from None
    except Image.DecompressionBombError:
        raise InputError(_too_many_pixels(name, f"over {2 * (Image.MAX_IMAGE_PIXELS or 0):,}")) from None
    except Exception as error:  # Pillow's decoders raise nearly anything for damaged files
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise InputError(f"{name}: this picture is cut off or damaged ({reason}); fetch it again") from None


def _check_size(picture: Image.Image, name: str) -> None:
    wide, high = picture.size
    if wide * high > MOST_PIXELS:
        raise InputError(_too_many_pixels(name, f"{wide} x {high}"))
    if max(wide, high) > MOST_SIDES * min(wide, high):
        raise InputError(f"{name}: {wide} x {high} pixels, one side over {MOST_SIDES} times the other; crop it or leave it out")


def _too_many_pixels(name: str, size: str) -> str:
    return f"{name}: {size} pixels, more than the {MOST_PIXELS:,} that are read (a decompression bomb?); scale it down"


def _to_rgb(picture: Image.Image, name: str, done: Counter[str]) -> Image.Image:
    if picture.mode in _WIDE:
        raise InputError(f"{name}: 32 bits a pixel (mode {picture.mode}); save it with 8 or 16 bits a channel")
    if getattr(picture, "is_animated", False):
        done["several frames, the first is read"] += 1
    if picture.getexif().get(ExifTags.Base.Orientation, 1) != 1:
        done["turned as EXIF says"] += 1
    upright = ImageOps.exif_transpose(picture)
    if upright.has_transparency_data:
        done["alpha channel, put on white"] += 1
        upright = upright.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright).convert("RGB")
    if upright.mode.startswith("I;16"):
        done["16-bit grey, scaled to 8 bits"] += 1
        upright = upright.convert("I").point(lambda level: level / 257).convert("L")
    elif upright.mode in ("CMYK", "P", "L", "1", "LAB", "YCbCr", "HSV"):
        done[{"P": "palette", "L": "grey", "1": "black and white"}.get(upright.mode, upright.mode)] += 1
    return upright.convert("RGB")
