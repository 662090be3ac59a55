"""What a tower saw, in a folder, fp16, written once and mapped for reading:

    features.npy    shape (N, k, F)
    names.json      the names of the N pictures, in that order; written last, it is the mark that all of them are there

A writer that was stopped goes on where it was: `progress.json` says how many pictures are safely on the disk, and the sha256 of
the file up to there. Rows are appended
to a plain file and not written through a map, because a full disk ends a process with a map and is an error for a file.
"""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from xstilts.errors import InputError
from xstilts.store.fingerprint import compute_key
from xstilts.store.store import read_json, write_json
from xstilts.vision.tower import Tower, Vectors

if TYPE_CHECKING:
    from PIL.Image import Image

SAVED_AFTER = 64  # pictures: what a kill may cost
_FEATURES, _NAMES, _PROGRESS = "features.npy", "names.json", "progress.json"
FILES = (_FEATURES, _NAMES)  # what a reader needs


def features_bytes(pictures: int, k: int, width: int) -> int:
    """The size of the features of so many pictures (without the file's header, 128 bytes)."""
    return pictures * k * width * np.dtype(np.float16).itemsize


def write_features(
    folder: Path,
    names: Iterable[str],
    tower: Tower,
    open_named: Callable[[str], Image],
    tell: Callable[[int], None] = lambda _: None,
) -> None:
    """Write what the tower sees in the pictures of these names, each once, in the order of their first mention. `open_named`
    gives the picture of a name; "", the name of no picture, is left out. `tell` is called with the number of pictures that are
    safe; it may raise to stop. A folder that was left unfinished with the same names and tower is continued.

    Raises InputError if the features do not fit on the disk, or if one is not a finite number in fp16."""
    wanted = [name for name in dict.fromkeys(names) if name]
    header = _header(len(wanted), tower)
    task = compute_key([tower.name, tower.k, tower.width, wanted])
    path = folder / _FEATURES
    done = _count_done(folder, task, len(header), tower)
    if done == 0:
        (folder / _NAMES).unlink(missing_ok=True)
        path.write_bytes(header)
    _check_room(folder, tower, len(wanted) - done)
    with path.open("r+b") as file:
        written = sha256(file.read(len(header) + features_bytes(done, tower.k, tower.width)))
        file.truncate()
        for start in range(done, len(wanted), SAVED_AFTER):
            some = wanted[start : start + SAVED_AFTER]
            vectors = tower.see(open_named(name) for name in some)
            _check_finite(vectors, some, tower)
            written.update(vectors.tobytes())
            file.write(vectors.tobytes())
            file.flush()
            os.fsync(file.fileno())
            write_json(folder / _PROGRESS, {"task": task, "done": start + len(some), "sha256": written.hexdigest()})
            tell(start + len(some))
    write_json(folder / _NAMES, wanted)


def _header(pictures: int, tower: Tower) -> bytes:
    """The first bytes of a .npy file of this shape."""
    file = io.BytesIO()
    described = {"descr": "<f2", "fortran_order": False, "shape": (pictures, tower.k, tower.width)}
    np.lib.format.write_array_header_1_0(file, described)
    return file.getvalue()


def _count_done(folder: Path, task: str, header: int, tower: Tower) -> int:
    """How many pictures an earlier writer of the same task left safely."""
    progress, path = read_json(folder / _PROGRESS), folder / _FEATURES
    if not isinstance(progress, dict) or progress.get("task") != task or not path.is_file():
        return 0
    done = progress.get("done")
    if type(done) is not int:
        return 0
    with path.open("rb") as file:
        written = file.read(header + features_bytes(done, tower.k, tower.width))
    return done if sha256(written).hexdigest() == progress.get("sha256") else 0


def _check_room(folder: Path, tower: Tower, pictures: int) -> None:
    needed, free = features_bytes(pictures, tower.k, tower.width), shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"vision tower {tower.name}: what it sees in {pictures:,} pictures ({tower.k} x {tower.width} numbers each) takes "
            f"{needed / 1e6:,.0f} MB, and {folder} has {free / 1e6:,.0f} MB left; free some space, or take a smaller tower"
        )


def _check_finite(vectors: Vectors, names: list[str], tower: Tower) -> None:
    finite = np.isfinite(vectors).all((1, 2))
    if not finite.all():
        raise InputError(
            f"vision tower {tower.name}: what it sees in picture {names[int(finite.argmin())]} is not finite in 16 bits (beyond "
            "65,504, or its weights are broken); take another tower"
        )


class PictureFeatures:
    """The features in a folder that `write_features` finished: `features[name]` has shape (k, width). Mapped, not loaded. Raises
    InputError for a folder that is not finished, and for a name that is not in it."""

    def __init__(self, folder: Path):
        self._folder = folder
        names = read_json(folder / _NAMES)
        if names is None:
            raise InputError(f"{folder}: the features of its pictures are not finished; run the study again")
        self._place = {name: place for place, name in enumerate(names)}
        self._vectors: Vectors = np.load(folder / _FEATURES, mmap_mode="r" if names else None)
        _, self.k, self.width = self._vectors.shape

    def place(self, name: str) -> int:
        """Where the picture of a name is among the features."""
        if name not in self._place:
            raise InputError(f"{self._folder}: no features of picture '{name}'; it holds {len(self)} others")
        return self._place[name]

    def read(self, places: Sequence[int]) -> Vectors:
        """The vectors of the pictures in these places, shape (N, k, width)."""
        found: Vectors = self._vectors[list(places)]
        return found

    def __len__(self) -> int:
        return len(self._place)

    def __contains__(self, name: str) -> bool:
        return name in self._place

    def __getitem__(self, name: str) -> Vectors:
        found: Vectors = self._vectors[self.place(name)]
        return found
