"""Any picture becomes a plain RGB picture, as the processors of towers make it, or is refused by name."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from transformers.image_transforms import convert_to_rgb
from transformers.image_utils import load_image

from xstilts.errors import InputError
from xstilts.vision.picture import MOST_PIXELS, open_picture

RED, BLUE = (255, 0, 0), (0, 0, 255)


def left_red(mode: str = "RGB", size: tuple[int, int] = (16, 8)) -> Image.Image:
    """A blue picture whose left half is red."""
    made = Image.new("RGB", size, BLUE)
    made.paste(RED, (0, 0, size[0] // 2, size[1]))
    return made.convert(mode)


def file_of(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(int)


def png(width: int, height: int, levels: bytes = b"", bits: int = 8) -> bytes:
    """A grey PNG that says it has this size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(levels)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def refuse(source: Path | bytes, *words: str) -> None:
    """The picture is refused in one line with these words."""
    with pytest.raises(InputError) as caught:
        open_picture(source, "boat.jpg")
    message = str(caught.value)
    assert message.startswith("boat.jpg: ") and "\n" not in message
    for word in words:
        assert word in message


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM"])
def test_a_plain_picture_is_itself(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "boat"
    path.write_bytes(file_of(left_red(), kind, **({"lossless": True} if kind == "WEBP" else {})))
    seen = open_picture(path)
    assert seen.mode == "RGB"
    assert (pixels(seen) == pixels(left_red())).all()


@pytest.mark.parametrize(("mode", "kind"), [("CMYK", "JPEG"), ("L", "PNG"), ("1", "PNG"), ("P", "PNG"), ("RGB", "JPEG")])
def test_other_colours_are_converted_as_the_processors_do(mode: str, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "boat"
    path.write_bytes(file_of(left_red(mode), kind))
    done: Counter[str] = Counter()
    seen = open_picture(path, done=done)
    assert seen.mode == "RGB"
    assert (pixels(seen) == pixels(load_image(str(path)))).all()
    assert sum(done.values()) == (mode != "RGB")


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_white_as_in_the_processors(mode: str) -> None:
    made = left_red("RGBA")
    made.putalpha(Image.linear_gradient("L").resize(made.size))
    if mode == "P":
        data = file_of(left_red("P"), "PNG", transparency=left_red("P").getpixel((0, 0)))
    else:
        data = file_of(made.convert(mode))
    done: Counter[str] = Counter()
    seen = open_picture(data, done=done)
    assert (pixels(seen) == convert_to_rgb(Image.open(io.BytesIO(data)), return_numpy=True)).all()
    assert pixels(seen)[0, 0].min() > 230
    assert done["alpha channel, put on white"] == 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_as_its_exif_says(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = file_of(left_red(size=(32, 16)), "JPEG", exif=exif, quality=95)
    done: Counter[str] = Counter()
    seen = open_picture(data, done=done)
    assert (pixels(seen) == pixels(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))).all()
    assert done["turned as EXIF says"] == (orientation != 1)
    if orientation == 6:
        assert seen.size == (16, 32)
        assert pixels(seen)[2, 8, 0] > 200  # what was left is now above


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_of_an_animation_the_first_frame_is_read(kind: str) -> None:
    frames = {"save_all": True, "append_images": [Image.new("RGB", (16, 8), "white")]}
    done: Counter[str] = Counter()
    seen = open_picture(file_of(left_red(), kind, **frames, **({"lossless": True} if kind == "WEBP" else {})), done=done)
    assert (pixels(seen) == pixels(left_red())).all()
    assert done["several frames, the first is read"] == 1


def test_of_a_phones_photo_with_a_second_picture_the_first_is_read() -> None:
    data = file_of(left_red(), "MPO", save_all=True, append_images=[Image.new("RGB", (16, 8), "white")])
    assert (pixels(open_picture(data)) == pixels(Image.open(io.BytesIO(data)))).all()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_and_not_cut(kind: str) -> None:
    levels = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    data = file_of(Image.fromarray(levels), kind)
    seen = pixels(open_picture(data))
    assert (seen == (levels // 257)[..., None]).all()
    assert (pixels(Image.open(io.BytesIO(data)).convert("RGB")) == 255).mean() > 0.9  # what Pillow alone makes of it


@pytest.mark.parametrize("mode", ["I", "F"])
def test_32_bits_a_pixel_are_refused(mode: str) -> None:
    refuse(file_of(left_red("L").convert(mode), "TIFF"), "32 bits", "save it")


def test_a_missing_picture_is_named(tmp_path: Path) -> None:
    refuse(tmp_path / "boat.jpg", "no such picture")
    with pytest.raises(InputError, match=r"boat\.jpg: no such picture"):
        open_picture(tmp_path / "boat.jpg")


def test_a_folder_is_no_picture(tmp_path: Path) -> None:
    refuse(tmp_path, "cannot be read", "this is a folder")


def test_an_empty_file_is_named() -> None:
    refuse(b"", "empty file")


@pytest.mark.parametrize("data", [b"<!DOCTYPE html>", b"version https://git-lfs", b"%!PS-Adobe-3.0 EPSF-3.0\n"])
def test_what_is_no_picture_is_named(data: bytes) -> None:
    refuse(data, "not a picture", repr(data[:12]))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"])
def test_a_truncated_picture_is_refused(kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    data = file_of(Image.fromarray(noise), kind)
    refuse(data[: len(data) // 2], "cut off or damaged", "fetch it again")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM"])
def test_whatever_is_damaged_it_is_a_picture_or_an_input_error(kind: str) -> None:
    rng, refused = np.random.default_rng(0), 0
    data = file_of(Image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8)), kind)
    for place in rng.integers(0, len(data), 100):
        broken = bytearray(data)
        broken[place] ^= 1 << rng.integers(8)
        for made in (bytes(broken), data[:place]):
            try:
                assert open_picture(made).mode == "RGB"
            except InputError:
                refused += 1
    assert refused > 50


def test_damaged_metadata_is_counted_and_the_picture_read() -> None:
    exif = Image.Exif()
    exif[0x010E] = "a boat on a lake"
    data = file_of(left_red(), "JPEG", exif=exif)
    place = data.index(b"Exif\0\0MM") + 14
    broken = data[:place] + b"\xff\xff" + data[place + 2 :]  # so many entries
    done: Counter[str] = Counter()
    assert (pixels(open_picture(broken, done=done)) == pixels(open_picture(data))).all()
    assert done == {"damaged metadata, not read": 1}


def test_a_decompression_bomb_is_refused_before_it_is_unpacked() -> None:
    over = MOST_PIXELS // 10_000 + 1
    refuse(png(over, 10_000), f"{over} x 10000", "scale it down")
    refuse(png(60_000, 60_000), "pixels, more than", "scale it down")  # beyond Pillow's own limit


def test_a_long_strip_is_refused() -> None:
    strip = png(1, 500, bytes(2) * 500)
    refuse(strip, "1 x 500", "crop it")
    assert open_picture(png(5, 500, bytes(6) * 500)).size == (5, 500)


def test_damaged_pixels_are_refused() -> None:
    broken = bytearray(png(16, 16, bytes(17) * 16))
    broken[45] ^= 0xFF
    refuse(bytes(broken), "cut off or damaged")


def test_without_pillow_the_package_to_install_is_named() -> None:
    code = "import sys; sys.modules['PIL'] = None; import xstilts.vision.picture"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode
    assert "InputError" in done.stderr and "xstilts[vision]" in done.stderr
