"""What a tower saw is kept once, goes on after a kill, and is read only when all of it is there."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.spoiling import spoil

from xstilts.errors import InputError
from xstilts.vision import features as module
from xstilts.vision.features import FILES, PictureFeatures, features_bytes, write_features
from xstilts.vision.load import load_tower
from xstilts.vision.tower import Tower

TOWER = load_tower("pixels/patch4-8")
NAMES = [f"p{i}" for i in range(200)]


def paint(name: str) -> Image.Image:
    """Every name has a colour of its own."""
    return Image.new("RGB", (8, 8), (int(name[1:]), 0, 255))


def level(name: str) -> np.float16:
    return np.float16(np.float32(int(name[1:])) / 127.5 - 1)


class Counted:
    """Paints, and knows what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, name: str) -> Image.Image:
        self.asked.append(name)
        return paint(name)


class Stopped(Exception):
    pass


def stop(_: int) -> None:
    raise Stopped


def check_all(folder: Path, names: Sequence[str] = NAMES) -> None:
    found = PictureFeatures(folder)
    assert len(found) == len(names)
    for name in names:
        assert found[name].shape == (found.k, found.width) == (4, 48)
        assert found[name].dtype == np.float16
        assert (found[name][:, 0] == level(name)).all()


def test_features_are_read_by_name_from_a_map(tmp_path: Path) -> None:
    write_features(tmp_path, NAMES, TOWER, paint)
    check_all(tmp_path)
    assert isinstance(PictureFeatures(tmp_path)["p7"].base, np.memmap)
    assert "p7" in PictureFeatures(tmp_path) and "p200" not in PictureFeatures(tmp_path)


def test_the_size_is_known_beforehand(tmp_path: Path) -> None:
    write_features(tmp_path, NAMES, TOWER, paint)
    assert features_bytes(31_783, 49, 768) == 2_392_115_712
    assert (tmp_path / "features.npy").stat().st_size == features_bytes(200, 4, 48) + 128


def test_a_picture_of_two_names_in_a_list_is_seen_once_and_none_is_left_out(tmp_path: Path) -> None:
    ask = Counted()
    write_features(tmp_path, ["p3", "", "p1", "p3"], TOWER, ask)
    assert ask.asked == ["p3", "p1"]
    check_all(tmp_path, ["p3", "p1"])


def test_no_pictures_are_no_features(tmp_path: Path) -> None:
    write_features(tmp_path, [""], TOWER, paint)
    found = PictureFeatures(tmp_path)
    assert (len(found), found.k, found.width) == (0, 4, 48)


def test_a_name_that_is_missing_is_an_error(tmp_path: Path) -> None:
    write_features(tmp_path, ["p3"], TOWER, paint)
    with pytest.raises(InputError, match="no features of picture 'p4'"):
        PictureFeatures(tmp_path)["p4"]


def test_a_stopped_writer_goes_on_where_it_was(tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        write_features(tmp_path, NAMES, TOWER, paint, stop)
    with pytest.raises(InputError, match="not finished"):
        PictureFeatures(tmp_path)
    ask, told = Counted(), list[int]()
    write_features(tmp_path, NAMES, TOWER, ask, told.append)
    assert ask.asked == NAMES[module.SAVED_AFTER :]
    assert told == [128, 192, 200]
    check_all(tmp_path)


def test_half_a_batch_on_the_disk_is_written_again(tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        write_features(tmp_path, NAMES, TOWER, paint, stop)
    with (tmp_path / "features.npy").open("ab") as file:
        file.write(b"\xff" * 1000)
    write_features(tmp_path, NAMES, TOWER, paint)
    check_all(tmp_path)


def test_rows_that_are_lost_are_seen_again(tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        write_features(tmp_path, NAMES, TOWER, paint, stop)
    os.truncate(tmp_path / "features.npy", 500)
    write_features(tmp_path, NAMES, TOWER, paint)
    check_all(tmp_path)


@pytest.mark.parametrize("name", ["features.npy", "progress.json"])
@pytest.mark.parametrize("harm", ["empty", "cut", "zeros", "gone"])
def test_what_was_spoiled_is_seen_again(tmp_path: Path, name: str, harm: str) -> None:
    with pytest.raises(Stopped):
        write_features(tmp_path, NAMES, TOWER, paint, stop)
    spoil(tmp_path / name, harm)
    ask = Counted()
    write_features(tmp_path, NAMES, TOWER, ask)
    assert ask.asked == NAMES
    check_all(tmp_path)


def test_other_names_or_another_tower_begin_anew(tmp_path: Path) -> None:
    write_features(tmp_path, NAMES, TOWER, paint)
    ask = Counted()
    with pytest.raises(Stopped):
        write_features(tmp_path, NAMES[::-1], TOWER, ask, stop)
    assert ask.asked == NAMES[::-1][: module.SAVED_AFTER]
    with pytest.raises(InputError, match="not finished"):
        PictureFeatures(tmp_path)  # the names of the task before are gone
    write_features(tmp_path, NAMES, load_tower("pixels/patch8-8"), paint)
    assert PictureFeatures(tmp_path)["p5"].shape == (1, 192)


def test_a_bad_picture_leaves_what_was_seen_before(tmp_path: Path) -> None:
    def fail(name: str) -> Image.Image:
        if name == "p150":
            raise InputError("p150: this picture is an empty file; fetch it again")
        return paint(name)

    with pytest.raises(InputError, match="p150"):
        write_features(tmp_path, NAMES, TOWER, fail)
    ask = Counted()
    write_features(tmp_path, NAMES, TOWER, ask)
    assert ask.asked == NAMES[128:]
    check_all(tmp_path)


PROGRAM = """
import sys, time
from pathlib import Path
from tests.vision.test_features import NAMES, TOWER, paint
from xstilts.vision.features import write_features

def slowly(name):
    time.sleep(0.01)
    return paint(name)

write_features(Path(sys.argv[1]), NAMES, TOWER, slowly)
"""


def test_a_killed_writer_goes_on_where_it_was(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), *sys.path])}
    with subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path)], env=environment) as writer:
        progress = tmp_path / "progress.json"
        limit = time.monotonic() + 60
        while not progress.exists() and writer.poll() is None and time.monotonic() < limit:
            time.sleep(0.005)
        writer.send_signal(signal.SIGKILL)
    assert not (tmp_path / "names.json").exists()
    done = json.loads(progress.read_text())["done"]
    assert 0 < done < 200
    ask = Counted()
    write_features(tmp_path, NAMES, TOWER, ask)
    assert ask.asked == NAMES[done:]
    check_all(tmp_path)


def test_features_that_do_not_fit_are_refused_before_any_is_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage: Any = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=features_bytes(200, 4, 48) - 1))
    ask = Counted()
    with pytest.raises(InputError, match=r"vision tower pixels/patch4-8: .* 200 pictures \(4 x 48 .* MB left"):
        write_features(tmp_path, NAMES, TOWER, ask)
    assert not ask.asked


def test_what_is_too_large_for_16_bits_is_refused_with_its_picture(tmp_path: Path) -> None:
    def look(pictures: Sequence[Image.Image]) -> np.ndarray:
        reds = [picture.getpixel((0, 0))[0] for picture in pictures]
        return np.array([np.full((4, 48), np.inf if red == 150 else 0) for red in reds], np.float16)

    with pytest.raises(InputError, match="vision tower odd: what it sees in picture p150 is not finite"):
        write_features(tmp_path, NAMES, Tower("odd", 4, 48, look), paint)


def test_a_reader_needs_two_files(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "taken").mkdir()
    write_features(tmp_path / "made", NAMES, TOWER, paint)
    for name in FILES:
        shutil.copyfile(tmp_path / "made" / name, tmp_path / "taken" / name)
    check_all(tmp_path / "taken")
