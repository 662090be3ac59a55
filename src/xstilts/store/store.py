"""The store: one folder for each stage, named by what decides its result.

    $STORE/<kind>/<slug>-<key12>/
        stage.json      the stage's full fingerprint and key, written first
        run-NNN.json    one for each attempt: host, seconds, memory, outcome
        lease           who works on it now, touched every few seconds
        checkpoint/     the state of an interrupted attempt
        out/            the outputs, renamed into place as a whole
        done.json       sha256 and size of every output, renamed into place last: the only mark of done

The slug is for people; the key decides. Nothing below `out/` is read before `done.json` was checked.
"""

import errno
import hashlib
import json
import os
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from xstilts.errors import InputError

KEY_DIGITS = 12


class DamagedArtefact(Exception):
    """An artefact's files differ from those that `done.json` lists."""


def sha256_file(path: Path) -> str:
    """sha256 of a file's bytes, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: Path, value: Any) -> None:
    """Write JSON through a temporary file and an atomic rename, so that a reader sees all of it or nothing."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(value, file, indent=1, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_json(path: Path) -> Any:
    """The JSON of a file; None if the file is absent or cut off."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError, UnicodeDecodeError):
        return None


def link_or_copy(source: Path, target: Path) -> None:
    """The same file under a second name, which costs no space; a copy where the file system has no links."""
    try:
        os.link(source, target)
    except OSError:
        part = target.with_name(f".{target.name}.part")  # under its name only when it is whole
        shutil.copyfile(source, part)
        part.replace(target)


_NO_LINKS = "this file system has no hard links, with which runs tell each other what they hold; choose another one with --store"


def explain_storage_error(error: OSError, root: Path) -> InputError | None:
    """The InputError for a disk that is full, read-only or not accessible; None for any other error."""
    reasons = {
        errno.ENOSPC: "the disk is full; free some space",
        errno.EDQUOT: "the disk quota is used up; free some space",
        errno.EFBIG: "a file grew beyond the limit on file sizes; raise it (ulimit -f)",
        errno.EROFS: "the disk is read-only; choose another folder with --store",
        errno.EACCES: "writing there is not permitted; choose another folder with --store",
        errno.EPERM: "writing there, or making a hard link, is not permitted; choose another folder with --store",
        errno.ENOTDIR: "a file stands where a folder is expected; choose another folder with --store",
        errno.EOPNOTSUPP: _NO_LINKS,
        errno.ENOSYS: _NO_LINKS,
        errno.EMLINK: _NO_LINKS,
        errno.EXDEV: _NO_LINKS,
        errno.EEXIST: "a file stands where a folder is expected; choose another folder with --store",
    }
    reason = reasons.get(error.errno or 0)
    return InputError(f"store {root}: {reason}, then run again; finished stages are kept") if reason else None


class Store:
    """The artefacts below one root folder. `Store(root)` creates nothing."""

    def __init__(self, root: Path | str):
        self.root = Path(root).expanduser().absolute()

    def __repr__(self) -> str:
        return f"Store({str(self.root)!r})"

    def prepare(self) -> None:
        """Create the root and check that it can be written. Raises InputError if not."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            probe = self.root / f".probe-{uuid.uuid4().hex}"
            probe.write_bytes(b"x" * 4096)
            probe.unlink()
        except OSError as error:
            raise explain_storage_error(error, self.root) or error from None

    def folder(self, kind: str, slug: str, key: str) -> Path:
        """The folder of a stage: the existing one of that key under any slug, else the one to create."""
        existing = self.find(kind, key)
        safe = re.sub(r"[^\w.+@=-]+", "_", slug).encode()[:120].decode(errors="ignore")  # a file name has 255 bytes at most
        return existing or self.root / kind / f"{safe}-{key[:KEY_DIGITS]}"

    def outputs(self, kind: str, slug: str, key: str) -> Path:
        """The `out/` folder of a finished stage, checked. Raises InputError if it is not there or not what it was."""
        folder = self.folder(kind, slug, key)
        if not self.is_done(folder):
            raise InputError(f"{slug}: not made yet in {self.root}; run the study first")
        try:
            self.verify(folder)
        except DamagedArtefact as error:
            raise InputError(f"{error}; run the study again to make it anew") from None
        return folder / "out"

    def find(self, kind: str, key: str) -> Path | None:
        """The folder that holds this key, or None."""
        for path in (self.root / kind).glob(f"*-{key[:KEY_DIGITS]}"):
            record = read_json(path / "stage.json")
            if record is None or record.get("key") == key:
                return path
        return None

    def records(self, kind: str) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Folder and `stage.json` of every stage of a kind, in the order of their names."""
        for path in sorted((self.root / kind).glob("*-*")):
            record = read_json(path / "stage.json")
            if record is not None:
                yield path, record

    @staticmethod
    def is_done(folder: Path) -> bool:
        """Whether `done.json` is there. `verify` checks the files that it lists."""
        return (folder / "done.json").is_file()

    @staticmethod
    def verify(folder: Path, thorough: bool = True) -> None:
        """Check every output against `done.json`: sizes always, sha256 if `thorough` or if a file is newer than `done.json`.
        Raises DamagedArtefact with the file."""
        mark = folder / "done.json"
        done = read_json(mark)
        if not isinstance(done, dict) or not isinstance(done.get("files"), dict):
            raise DamagedArtefact(f"{mark}: unreadable")
        marked = mark.stat().st_mtime_ns
        for name, expected in done["files"].items():
            path = folder / "out" / name
            try:
                found = path.stat()
            except OSError:
                raise DamagedArtefact(f"{path}: missing") from None
            if found.st_size != expected["size"]:
                raise DamagedArtefact(f"{path}: {found.st_size} bytes, expected {expected['size']}")
            if (thorough or found.st_mtime_ns > marked) and sha256_file(path) != expected["sha256"]:
                raise DamagedArtefact(f"{path}: its sha256 is not the one in done.json")

    @staticmethod
    def publish(folder: Path, attempt: Path, extra: Mapping[str, Any]) -> None:
        """Make the attempt's files the outputs of the stage: rename them to `out/`, then `done.json` into place."""
        files = {
            path.relative_to(attempt).as_posix(): {"size": path.stat().st_size, "sha256": sha256_file(path)}
            for path in sorted(attempt.rglob("*"))
            if path.is_file()
        }
        out = folder / "out"
        if out.exists():
            Store.discard(out)
        attempt.rename(out)
        write_json(folder / "done.json", {"files": files, **extra})
        Store.discard(folder / "checkpoint")

    @staticmethod
    def undo(folder: Path) -> None:
        """Remove `done.json`, then the outputs, so that the stage runs again."""
        (folder / "done.json").unlink(missing_ok=True)
        Store.discard(folder / "out")

    @staticmethod
    def discard(folder: Path) -> None:
        """Remove a folder: rename it out of sight first, then delete it."""
        if not folder.exists():
            return
        doomed = folder.with_name(f".trash-{uuid.uuid4().hex}")
        folder.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)

    @staticmethod
    def runs(folder: Path) -> list[dict[str, Any]]:
        """The attempts at a stage, oldest first."""
        found = (read_json(path) for path in sorted(folder.glob("run-*.json")))
        return [run for run in found if run is not None]

    @staticmethod
    def new_run(folder: Path) -> Path:
        """The path of the next `run-NNN.json`, reserved by creating it empty."""
        number = len(list(folder.glob("run-*.json")))
        while True:
            path = folder / f"run-{number:03d}.json"
            try:
                path.touch(exist_ok=False)
                return path
            except FileExistsError:
                number += 1
