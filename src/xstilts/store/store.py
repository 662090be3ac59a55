"""The store: one folder for each stage, named by what decides its result.

    $STORE/<kind>/<slug>-<key12>/
        stage.json      the stage's full fingerprint and key, written first
        run-NNN.json    one for each attempt: host, seconds, memory, outcome
        run-NNN.log     what it printed, if it printed anything
        lease           who works on it now, touched every few seconds
        .attempt-*/     what one attempt works in, and nobody else
        checkpoint/     what outlives an interrupted attempt
        out/            the outputs, renamed into place as a whole
        done.json       sha256 and size of every output, renamed into place last: the only mark of done
        published       that an attempt began to publish, for machines that do not see its done.json yet

The slug is for people; the key decides. Nothing below `out/` is read before `done.json` was checked. Everything that `done.json`
vouches for is on the disk before it is. A record that is not what it should be counts as absent, and who makes the stage again
sets it aside.
"""

import errno
import hashlib
import json
import math
import os
import re
import shutil
import stat
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from xstilts.errors import InputError

KEY_DIGITS = 12
# More files than this are brought to the disk by one call for the whole system, which takes less than one for each.
MANY_FILES = 1000
# scheme://place, of which a path keeps one slash. A letter alone is a drive.
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+(.*)")
_FILE_FIELDS = {"size": int, "sha256": str}
_RUN = re.compile(r"run-\d+\.json")
_STAGE_FIELDS = {"kind": str, "version": int, "config": dict, "inputs": dict, "key": str, "slug": str}
_STAGE_FIELDS |= {"input_kinds": dict, "context": dict}
_RUN_FIELDS: dict[str, type | tuple[type, ...]] = {"seconds": (int, float), "started": (int, float), "peak_mib": (int, float)}
_RUN_FIELDS |= {"outcome": str, "error": str, "facts": dict, "progress": dict, "losses": list}


class Named(Protocol):
    """What names a stage in a store."""

    @property
    def kind(self) -> str: ...
    @property
    def slug(self) -> str: ...
    @property
    def key(self) -> str: ...


class DamagedArtefact(Exception):
    """An artefact's files differ from those that `done.json` lists. `unseen`: a file is not there, or not whole, which may be due
    to a shared disk that does not show it yet."""

    def __init__(self, text: str, unseen: bool = False):
        super().__init__(text)
        self.unseen = unseen


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


def read_json(path: Path | str) -> Any:
    """The JSON of a file. None for whatever is not a file with JSON: absent, cut off, a folder, a pipe, a link to itself, nested
    too deeply."""
    return _read_dated(path)[0]


def _read_dated(path: Path | str) -> tuple[Any, int]:
    """The JSON of a file, and when the file was written, in nanoseconds; (None, 0) for whatever is not a file with JSON."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe would wait for a writer
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO, errno.ENODEV, errno.ENAMETOOLONG):
            return None, 0
        raise
    try:
        facts = os.fstat(number)
        if not stat.S_ISREG(facts.st_mode):
            return None, 0
        found = b""
        while len(found) < facts.st_size and (more := os.read(number, facts.st_size - len(found))):
            found += more
        return json.loads(found), facts.st_mtime_ns
    except (ValueError, RecursionError):  # not JSON, not UTF-8, a number of thousands of digits
        return None, 0
    finally:
        os.close(number)


def _has_fields(record: Any, fields: Mapping[str, type | tuple[type, ...]]) -> bool:
    return isinstance(record, dict) and all(isinstance(record.get(name), kind) for name, kind in fields.items())


def read_stage(folder: Path) -> dict[str, Any] | None:
    """The `stage.json` of a folder; None if there is none that is whole."""
    record = read_json(folder / "stage.json")
    return record if _has_fields(record, _STAGE_FIELDS) else None


def read_done(folder: Path | str) -> dict[str, Any] | None:
    """The `done.json` of a folder, with `files`, `run` and `facts`; None if there is none that is whole."""
    return _read_done_dated(folder)[0]


def _read_done_dated(folder: Path | str) -> tuple[dict[str, Any] | None, int]:
    """`read_done`, and when the mark was set, in nanoseconds."""
    record, at = _read_dated(f"{folder}/done.json")
    if not isinstance(record, dict) or not _lists_files(record.get("files")):
        return None, at
    run, facts = record.get("run", ""), record.get("facts", {})
    if not isinstance(run, str) or (run and not _RUN.fullmatch(run)) or not isinstance(facts, dict):
        return None, at
    return {**record, "run": run, "facts": facts}, at


def _lists_files(files: Any) -> bool:
    """Whether this maps names of files, all of them below one folder, to sizes and hashes."""
    if not isinstance(files, dict):
        return False
    for name, fact in files.items():
        if not _has_fields(fact, _FILE_FIELDS) or name.startswith("/") or ".." in name.split("/"):
            return False
    return True


def read_run(path: Path | str) -> dict[str, Any]:
    """The record of an attempt, without fields that are not of their type; empty if there is none that is whole."""
    record = read_json(path)
    if not isinstance(record, dict):
        return {}
    return {name: value for name, value in record.items() if name not in _RUN_FIELDS or _is_sound(value, _RUN_FIELDS[name])}


def _is_sound(value: Any, kind: type | tuple[type, ...]) -> bool:
    return isinstance(value, kind) and type(value) is not bool and (not isinstance(value, float) or math.isfinite(value))


def set_aside(path: Path) -> Path:
    """Rename what stands where something else belongs; gives the new name."""
    aside = path.with_name(f".malformed-{path.name}-{uuid.uuid4().hex}")
    path.rename(aside)
    return aside


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk: after it, a loss of power does not lose them."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a file system that has no such thing for folders
            raise
    finally:
        os.close(number)


def sync_tree(folder: Path) -> None:
    """Bring a folder with all files and folders in it to the disk."""
    found = [*folder.rglob("*"), folder]
    if len(found) > MANY_FILES:
        os.sync()
        return
    for path in found:
        sync(path)


def link_or_copy(source: Path, target: Path) -> None:
    """The same file under a second name, which costs no space; a copy where the file system has no links."""
    try:
        os.link(source, target)
    except OSError:
        part = target.with_name(f".{target.name}.part")  # under its name only when it is whole
        shutil.copyfile(source, part)
        part.replace(target)


def make_link(source: Path, target: Path) -> None:
    """A second name for a file. Raises FileExistsError if the name is taken, and always OSError EOPNOTSUPP where the file system
    has no hard links."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK):
            raise
        if _can_link(source, target.parent):  # sshfs says EPERM for a name that is taken
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from error
        raise OSError(errno.EOPNOTSUPP, "the file system has no hard links, which leases need", str(target)) from error


def _can_link(source: Path, folder: Path) -> bool:
    probe = folder / f".lease-{uuid.uuid4().hex}"
    try:
        os.link(source, probe)
    except OSError:
        return False
    probe.unlink()
    return True


_NO_LINKS = "this file system has no hard links, with which runs tell each other what they hold; choose another one with --store"


def explain_storage_error(error: OSError, root: Path) -> InputError | None:
    """The InputError for a disk that is full, read-only or not accessible; None for any other error."""
    reasons = {
        errno.ENOSPC: "the disk is full; free some space",
        errno.EDQUOT: "the disk quota is used up; free some space",
        errno.EFBIG: "a file grew beyond the limit on file sizes; raise it (ulimit -f)",
        errno.EROFS: "the disk is read-only; choose another folder with --store",
        errno.EACCES: "writing there is not permitted; choose another folder with --store",
        errno.EPERM: "writing there is not permitted; choose another folder with --store",
        errno.ENOTDIR: "a file stands where a folder is expected; choose another folder with --store",
        errno.EOPNOTSUPP: _NO_LINKS,
        errno.EXDEV: _NO_LINKS,
        errno.EEXIST: "a file stands where a folder is expected; choose another folder with --store",
    }
    reason = reasons.get(error.errno or 0)
    return InputError(f"store {root}: {reason}, then run again; finished stages are kept") if reason else None


class Store:
    """The artefacts below one root folder. `Store(root)` creates nothing; an address (`s3://...`) raises InputError."""

    def __init__(self, root: Path | str):
        if found := _ADDRESS.match(str(root)):
            raise InputError(
                f"store {found[1]}://{found[2]}: an object store has no hard links and no atomic renames, which runs need; "
                "give a folder that all machines share, and copy to and from it with `xstilts store sync` and your provider's "
                "tool (aws s3 sync, gcloud storage rsync, rclone)"
            )
        self.root = Path(root).expanduser().absolute()

    def __repr__(self) -> str:
        return f"Store({str(self.root)!r})"

    def prepare(self) -> None:
        """Create the root and check that it can be written and has hard links. Raises InputError if not."""
        probe, second = (self.root / f".probe-{uuid.uuid4().hex}" for _ in range(2))
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            try:
                probe.write_bytes(b"x" * 4096)
                make_link(probe, second)
            finally:
                second.unlink(missing_ok=True)
                probe.unlink(missing_ok=True)
        except OSError as error:
            raise explain_storage_error(error, self.root) or error from None

    def folder(self, kind: str, slug: str, key: str) -> Path:
        """The folder of a stage: the existing one of that key under any slug, else the one to create."""
        usual = self._usual(kind, slug, key)
        if _key_of(usual) == key and (not self.is_done(usual) or self.is_whole(usual)):
            return usual
        return self.find(kind, key) or usual

    def folders(self, stages: Iterable[Named]) -> dict[str, Path]:
        """The folder of each stage, by its key: what `folder` gives for each, with one listing of each kind."""
        every = list(stages)
        found = self.locate(every)
        return {
            stage.key: Path(found[stage.key]) if stage.key in found else self._usual(stage.kind, stage.slug, stage.key)
            for stage in every
        }

    def locate(self, stages: Iterable[Named]) -> dict[str, str]:
        """The paths of the folders that are there, by the keys of the stages, with one listing of each kind."""
        found: dict[str, str] = {}
        listed: dict[str, dict[str, list[str]]] = {}
        for stage in stages:
            kind, key = stage.kind, stage.key
            if kind not in listed:
                listed[kind] = {}
                for name in self._list(kind):
                    listed[kind].setdefault(name[-KEY_DIGITS:], []).append(name)
            names = listed[kind].get(key[:KEY_DIGITS], ())
            if len(names) == 1:  # without reading it: 12 digits are one key in any store
                found[key] = f"{self.root}/{kind}/{names[0]}"
            elif names and (chosen := self._choose(self.root / kind, names, key)):
                found[key] = str(chosen)
        return found

    def _list(self, kind: str) -> list[str]:
        """The names of the folders of a kind. Raises InputError if they cannot be read."""
        try:
            return os.listdir(self.root / kind)
        except FileNotFoundError:
            return []
        except OSError as error:
            reason = f"{kind} cannot be read ({error.strerror})"
            raise InputError(f"store {self.root}: {reason}; choose another folder with --store") from None

    def _usual(self, kind: str, slug: str, key: str) -> Path:
        safe = re.sub(r"[^\w.+@=-]+", "_", slug).encode()[:120].decode(errors="ignore")  # a file name has 255 bytes at most
        return self.root / kind / f"{safe}-{key[:KEY_DIGITS]}"

    @staticmethod
    def _choose(parent: Path, names: Iterable[str], key: str) -> Path | None:
        """Of the folders whose names end with the digits of a key, the one that holds it: one whose files are there, if somebody
        has copied it. One that does not say which key it has is taken by its name."""
        own = [path for name in sorted(names) if _key_of(path := parent / name) in (key, None)]
        return next(filter(Store.is_whole, own), own[0]) if own else None

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
        parent, end = self.root / kind, f"-{key[:KEY_DIGITS]}"
        return self._choose(parent, (name for name in self._list(kind) if name.endswith(end)), key)

    def records(self, kind: str, wanted: Callable[[str], bool] = lambda _: True) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Folder and `stage.json` of every stage of a kind, in the order of their names; `wanted` chooses by the names of their
        folders. Those without a whole record are left out."""
        parent = self.root / kind
        for name in sorted(self._list(kind)):
            if wanted(name) and (record := read_stage(parent / name)) is not None and record["kind"] == kind:
                yield parent / name, record

    @staticmethod
    def is_done(folder: Path) -> bool:
        """Whether `done.json` is there. `verify` checks the files that it lists."""
        return (folder / "done.json").is_file()

    @staticmethod
    def verify(folder: Path | str, thorough: bool = True) -> dict[str, Any]:
        """Check every output against `done.json`: sizes always, sha256 if `thorough` or if a file is newer than `done.json`.
        Gives what `done.json` says. Raises DamagedArtefact with the file."""
        done, marked = _read_done_dated(folder)
        if done is None:
            raise DamagedArtefact(f"{folder}/done.json: not the record of a finished stage")
        for name, expected in done["files"].items():
            path = f"{folder}/out/{name}"
            try:
                found = os.stat(path)
            except OSError:
                raise DamagedArtefact(f"{path}: missing", unseen=True) from None
            if not stat.S_ISREG(found.st_mode):
                raise DamagedArtefact(f"{path}: not a file")
            if found.st_size != expected["size"]:
                raise DamagedArtefact(f"{path}: {found.st_size} bytes, expected {expected['size']}", unseen=True)
            try:
                same = not (thorough or found.st_mtime_ns > marked) or sha256_file(Path(path)) == expected["sha256"]
            except OSError as error:
                raise DamagedArtefact(f"{path}: it cannot be read ({error.strerror})", unseen=True) from None
            if not same:
                raise DamagedArtefact(f"{path}: its sha256 is not the one in done.json")
        return done

    @staticmethod
    def is_whole(folder: Path | str) -> bool:
        """Whether a stage is done and its outputs are there, by size and time."""
        try:
            Store.verify(folder, thorough=False)
            return True
        except DamagedArtefact:
            return False

    @staticmethod
    def publish(
        folder: Path,
        made: Path,
        extra: Mapping[str, Any],
        check: Callable[[], None] = lambda: None,
        expected: Mapping[str, Any] | None = None,
    ) -> None:
        """Make the files in `made` the outputs of the stage: bring them to the disk, rename their folder to `out/`, then
        `done.json` into place. `check` is called before each step that others see, and raises if the stage is another's.
        `expected`: their sizes and hashes, where these are known; raises DamagedArtefact if they differ."""
        files = {
            path.relative_to(made).as_posix(): {"size": path.stat().st_size, "sha256": sha256_file(path)}
            for path in sorted(made.rglob("*"))
            if path.is_file()
        }
        if expected is not None and files != expected:
            wrong = sorted(name for name in {*files, *expected} if files.get(name) != expected.get(name))
            raise DamagedArtefact(f"{made / wrong[0]}: not the file that done.json lists")
        sync_tree(made)
        check()
        if read_done(folder) is not None:  # a holder that lost the stage was faster after all
            return
        Store.discard(folder / "out")
        check()
        made.rename(folder / "out")
        sync(folder)
        check()
        write_json(folder / "done.json", {"files": files, **extra})
        sync(folder)
        Store.discard(folder / "checkpoint")

    @staticmethod
    def clear_way(folder: Path) -> list[str]:
        """Set aside what stands where a stage's own files belong and is not one of them. Gives a sentence for each. Only for who
        holds the stage."""
        found = []
        whole: dict[str, Callable[[Path], bool]] = {
            "stage.json": lambda _: read_stage(folder) is not None,
            "done.json": lambda _: read_done(folder) is not None,
            "checkpoint": Path.is_dir,
            "out": Path.is_dir,
        }
        for name, is_whole in whole.items():
            path = folder / name
            if os.path.lexists(path) and not is_whole(path):
                found.append(f"{path} was not what it should be; it is set aside as {set_aside(path).name} and made again")
        return found

    @staticmethod
    def undo(folder: Path) -> None:
        """Remove `done.json`, then the outputs, so that the stage runs again."""
        mark = folder / "done.json"
        if mark.is_dir() and not mark.is_symlink():
            set_aside(mark)
        mark.unlink(missing_ok=True)
        (folder / "published").unlink(missing_ok=True)
        Store.discard(folder / "out")

    @staticmethod
    def discard(folder: Path) -> None:
        """Remove a folder: rename it out of sight first, then delete it."""
        doomed = folder.with_name(f".trash-{uuid.uuid4().hex}")
        try:
            folder.rename(doomed)
        except FileNotFoundError:
            return
        if doomed.is_symlink() or not doomed.is_dir():
            doomed.unlink(missing_ok=True)
        shutil.rmtree(doomed, ignore_errors=True)

    @staticmethod
    def list_runs(folder: Path) -> list[Path]:
        """The records of the attempts at a stage, oldest first; none if there is no such folder."""
        return [folder / name for name in sort_runs(os.listdir(folder))] if folder.is_dir() else []

    @staticmethod
    def runs(folder: Path) -> list[dict[str, Any]]:
        """The attempts at a stage, oldest first; none if there is no such folder."""
        return [run for path in Store.list_runs(folder) if (run := read_run(path))]

    @staticmethod
    def new_run(folder: Path) -> Path:
        """The path of the next `run-NNN.json`, reserved by creating it empty."""
        number = max((int(name[4:-5]) + 1 for name in sort_runs(os.listdir(folder))), default=0)
        while True:
            path = folder / f"run-{number:03d}.json"
            try:
                path.touch(exist_ok=False)
                return path
            except FileExistsError:
                number += 1


def sort_runs(names: Iterable[str]) -> list[str]:
    """Of the names in a stage's folder, those of the records of attempts, oldest first."""
    return sorted(filter(_RUN.fullmatch, names), key=lambda name: (len(name), name))


def _key_of(folder: Path) -> str | None:
    """The key that a folder's `stage.json` says; None if it says none."""
    record = read_json(folder / "stage.json")
    key = record.get("key") if isinstance(record, dict) else None
    return key if isinstance(key, str) else None
