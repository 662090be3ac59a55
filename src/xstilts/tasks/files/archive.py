"""Official archives (zip, tar, tar.gz, tar.bz2). Each is unpacked once, as a whole.

The contents go below `.xstilts/` in the data folder or, if that cannot be written, below `$XDG_CACHE_HOME/xstilts`. Both can be
deleted at any time. `done.json` is written last, so that a partly unpacked archive is never used. An archive is not trusted. A
member that leaves the folder, a link, a repeated name, damage, or an absurd size is an `InputError` with archive and member,
and nothing of that archive is used. Absurd is more than MAX_BYTES or MAX_MEMBERS, or, beyond RATIO_FROM bytes, more than
MAX_RATIO times the size of the archive.
"""

import bz2
import gzip
import hashlib
import os
import shutil
import stat
import sys
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple, cast

from xstilts.errors import InputError
from xstilts.store.lease import Lease, LeaseHeld, LeaseLost
from xstilts.store.store import Store, sync, sync_tree, write_json

MAX_BYTES = 64 << 30
MAX_MEMBERS = 200_000
MAX_RATIO = 100
RATIO_FROM = 256 << 20

_CHUNK = 1 << 20
_WAIT_SECONDS = 0.2
_TAR_OPENERS: dict[str, Callable[..., IO[bytes]]] = {
    ".tar": open,
    ".tar.gz": cast(Callable[..., IO[bytes]], gzip.open),
    ".tgz": cast(Callable[..., IO[bytes]], gzip.open),
    ".tar.bz2": cast(Callable[..., IO[bytes]], bz2.open),
}


class _Member(NamedTuple):
    """One entry of an archive. `size` is its unpacked size in bytes."""

    name: str
    size: int
    is_folder: bool
    is_file: bool
    open: Callable[[], IO[bytes] | None]


def cache_folder() -> Path:
    """The folder of files that this program can make again: `$XDG_CACHE_HOME/xstilts`, else `~/.cache/xstilts`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "xstilts"


def unpack(archive: Path, root: Path) -> Path:
    """The folder with the contents of an archive below the data folder `root`. The archive is unpacked now if it never was. If
    another process unpacks it, this waits, and says for whom on standard error."""
    found = archive.stat()
    identity = f"{archive.relative_to(root)}\n{found.st_size}\n{found.st_mtime_ns}"
    name = f"{archive.name}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"
    places = (root / ".xstilts" / name, cache_folder() / "unpacked" / name)
    for place in places:
        if _is_done(place):
            return place / "files"
    for place in places:
        try:
            place.mkdir(parents=True, exist_ok=True)
            _unpack_under_lease(place, archive)
            return place / "files"
        except OSError as error:
            trouble = error
    raise InputError(
        f"{archive}: cannot be unpacked, neither in {places[0]} nor in {places[1]} ({trouble.strerror});"
        " make one of them writable, or unpack the archive yourself"
    )


def _is_done(place: Path) -> bool:
    return (place / "done.json").is_file()


def _unpack_under_lease(place: Path, archive: Path) -> None:
    said = False
    while True:
        try:
            with Lease(place) as lease:
                if not _is_done(place):
                    _unpack_whole(archive, place, lease)
            return
        except (LeaseHeld, LeaseLost) as error:
            if not said:
                print(f"{archive}: waiting until it is unpacked: {error}", file=sys.stderr, flush=True)
                said = True
            time.sleep(_WAIT_SECONDS)


def _unpack_whole(archive: Path, place: Path, lease: Lease) -> None:
    own = lease.make_folder() / "files"
    own.mkdir()
    facts = _write_members(archive, own)
    sync_tree(own)
    lease.check()
    if not _is_done(place):
        Store.discard(place / "files")
        own.rename(place / "files")
        sync(place)
        lease.check()
        write_json(place / "done.json", {"archive": str(archive), **facts})
        sync(place)


def _write_members(archive: Path, folder: Path) -> dict[str, int]:
    """Write all members below `folder`. Gives how many there are and how many bytes."""
    members, total = 0, 0
    where = str(archive)
    try:
        for member in _list_members(archive):
            where = f"{archive}: member {member.name!r}"
            members, total = members + 1, total + member.size
            _check_size(archive, members, total)
            target = _find_target(member.name, folder, where)
            if member.is_folder:
                target.mkdir(parents=True, exist_ok=True)
            elif member.is_file:
                target.parent.mkdir(parents=True, exist_ok=True)
                with member.open() or _refuse_no_content(where) as source, target.open("xb") as file:
                    shutil.copyfileobj(source, file, _CHUNK)
            else:
                raise InputError(f"{where} is a link or a device; expected files only, so nothing of the archive is used")
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error) as error:
        raise InputError(f"{where}: the archive is damaged or cut short ({error}); download it again") from None
    except RuntimeError as error:  # zipfile's error for a password, or for a compression that it lacks
        raise InputError(f"{where} cannot be read ({error}); unpack the archive yourself") from None
    except FileExistsError:
        raise InputError(f"{where}: another member has the same name; download the official archive") from None
    except OSError as error:
        if error.errno is None:  # gzip's and bz2's own errors
            raise InputError(f"{where}: the archive is damaged ({error}); download it again") from None
        raise InputError(f"{where} cannot be unpacked to {folder.parent} ({error.strerror})") from None
    return {"members": members, "bytes": total}


def _refuse_no_content(where: str) -> IO[bytes]:
    raise InputError(f"{where} has no content; download the archive again")


def _check_size(archive: Path, members: int, total: int) -> None:
    size = archive.stat().st_size
    if members > MAX_MEMBERS:
        raise InputError(f"{archive}: more than {MAX_MEMBERS:,} members; this is not an archive of data")
    if total > MAX_BYTES or total > max(RATIO_FROM, MAX_RATIO * size):
        limit = f"{MAX_BYTES >> 30} GiB, or {MAX_RATIO} times its {size:,} bytes"
        raise InputError(f"{archive}: it would unpack to more than {limit}; unpack it yourself if you trust it")


def _find_target(name: str, folder: Path, where: str) -> Path:
    """The path of a member, by the rules of tarfile's data filter. It must lie inside the folder."""
    if "\0" in name:
        raise InputError(f"{where} has a NUL character in its name; nothing of the archive is used")
    try:
        member = tarfile.data_filter(tarfile.TarInfo(name), str(folder))
    except tarfile.FilterError:
        member = None
    if member is None or member.name != name:  # the filter would make an absolute name relative
        raise InputError(f"{where} would be written outside its folder; nothing of the archive is used")
    return Path(os.path.normpath(folder / name))


def _list_members(archive: Path) -> Iterator[_Member]:
    """The members in their order. Read each one before asking for the next."""
    if archive.name.endswith(".zip"):
        yield from _list_zip_members(archive)
        return
    for suffix, opener in _TAR_OPENERS.items():
        if archive.name.endswith(suffix):
            yield from _list_tar_members(archive, opener)
            return
    raise InputError(f"{archive}: unknown kind of archive; expected zip, {', '.join(_TAR_OPENERS)}")


def _list_zip_members(archive: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(archive) as file:
        for info in file.infolist():
            if not info.filename:
                raise InputError(f"{archive}: a member has no name; download the official archive")
            kind = stat.S_IFMT(info.external_attr >> 16)  # 0 where the archive was not made on Unix
            plain = kind in (0, stat.S_IFREG) and not info.is_dir()
            yield _Member(info.filename, info.file_size, info.is_dir(), plain, partial(file.open, info))


def _list_tar_members(archive: Path, opener: Callable[..., IO[bytes]]) -> Iterator[_Member]:
    """Read once from front to back. tarfile takes an end within a header for the end of the archive. So the rest is read up to
    the compression's own end mark, and an archive without compression must end in zeros."""
    with opener(archive, "rb") as raw, tarfile.open(fileobj=raw, mode="r|") as file:
        for info in file:
            yield _Member(info.name, info.size, info.isdir(), info.isreg(), partial(file.extractfile, info))
        rest = 0
        while chunk := raw.read(_CHUNK):
            rest += len(chunk)
            _check_size(archive, 0, rest)
    if opener is open:
        with archive.open("rb") as file:
            file.seek(-tarfile.BLOCKSIZE, os.SEEK_END)
            if file.read().strip(b"\0"):
                raise EOFError("no mark of its end")
