"""Leases: who works on a stage now. Two runs of one study share its stages through leases, so that neither spoils the other's
work.

A lease is a small file that names its holder. An atomic link makes it, and a heartbeat thread touches it. It is stale when its
process is certainly gone, or when it was not touched for `STALE_SECONDS`; then it may be taken. A process number means something
only on the same host, since the same start and in the same PID namespace; anywhere else only the age counts. The age is that by
the clock that dates the files, which on a shared disk is not this machine's.

A holder may be suspended for so long that it loses its lease, and then come back. So each works in a folder of its own, which
nobody else touches while it can be at work, and asks `check()` before each step that others see. The owner's name in the lease
is the token that is compared there: each taking of the lease writes a new one.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from xstilts.store.store import Store, make_link, read_done, read_json, write_json

STALE_SECONDS = 120.0
BEAT_SECONDS = 5.0
# The folder of an attempt elsewhere that was not touched for so long is left by a process that ended.
ABANDONED_SECONDS = 3600.0
# For so long a shared disk may not show one machine what another one has written (NFS: acdirmax, 60 seconds).
HIDDEN_SECONDS = 75.0
LOOK_SECONDS = 0.5
_FIELDS = {"owner": str, "host": str, "pid": int, "boot": str, "namespace": str, "started": int}


@dataclass(frozen=True)
class Holder:
    """Who holds a lease. `boot` (one start of the machine), `namespace` (of process numbers) and `started` (of the process, in
    ticks since `boot`) are empty where the system does not tell."""

    owner: str
    host: str
    pid: int
    boot: str = ""
    namespace: str = ""
    started: int = 0

    def __str__(self) -> str:
        return f"{self.host} (process {self.pid})"

    @classmethod
    def of_this_process(cls) -> Holder:
        started = _read_start(os.getpid())
        return cls(uuid.uuid4().hex, socket.gethostname(), os.getpid(), _read_boot(), _read_namespace(), started or 0)

    @classmethod
    def read(cls, path: Path) -> Holder | None:
        """The holder that a file names; None if it names none."""
        record = read_json(path)
        if not isinstance(record, dict) or not {"owner", "host", "pid"} <= set(record):
            return None
        own = {name: value for name, value in record.items() if name in _FIELDS}
        return cls(**own) if all(type(value) is _FIELDS[name] for name, value in own.items()) else None

    def has_ended(self) -> bool:
        """Whether its process certainly ended, which can be known only where its number means that process."""
        if (self.host, self.boot, self.namespace) != (socket.gethostname(), _read_boot(), _read_namespace()):
            return False
        try:
            os.kill(self.pid, 0)
        except (ProcessLookupError, OverflowError):
            return True
        except PermissionError:
            pass
        return _read_start(self.pid) not in (None, self.started)


@cache
def _read_boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _read_namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _read_start(pid: int) -> int | None:
    """When a process started, in ticks since the machine did; -1 if it has ended and only its parent does not know yet; None if
    the system does not tell."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        state, *values = stat.rpartition(")")[2].split()
        return -1 if state in "ZX" else int(values[18])
    except (OSError, ValueError, IndexError):
        return None


def read_clock(folder: Path) -> float:
    """The time by the clock that dates the files in a folder; this machine's if nothing can be written there."""
    probe = folder / f".clock-{uuid.uuid4().hex}"
    try:
        probe.touch(exist_ok=False)
        return probe.stat().st_mtime
    except OSError:
        return time.time()
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()


def may_be_hidden(path: Path) -> bool:
    """Whether a file is so new that a shared disk may not show this machine what another one wrote with it."""
    try:
        return read_clock(path.parent) - path.lstat().st_mtime < HIDDEN_SECONDS
    except OSError:
        return False


def look(folder: Path) -> tuple[Holder | None, str]:
    """Who holds a stage's folder, and, if there is a lease and nobody holds it, why not."""
    path = folder / "lease"
    try:
        dated = path.lstat().st_mtime
        holder = Holder.read(path)
        if holder is None:
            return None, f"{path} does not say whose it is" if os.path.lexists(path) else ""
    except (FileNotFoundError, NotADirectoryError):
        return None, ""
    if holder.has_ended():
        return None, f"{holder} has ended"
    age = read_clock(folder) - dated
    if abs(age) > STALE_SECONDS:
        when = f"{age:,.0f} s ago" if age > 0 else f"{-age:,.0f} s in the future"
        return None, f"the last sign of {holder} is dated {when}"
    return holder, ""


def find_holder(folder: Path) -> Holder | None:
    """Who holds a stage's folder, or None."""
    return look(folder)[0]


class LeaseHeld(Exception):
    """Another process works on the stage."""


class LeaseLost(Exception):
    """The lease is no longer this process's: it gave no sign for so long that another one took it."""


class Lease:
    """`with Lease(folder):` holds the stage, or raises LeaseHeld. `on_lost` is called once if it is lost meanwhile. `took`: whose
    stale lease was taken, and why, if one was. Raises OSError where the file system has no hard links."""

    def __init__(self, folder: Path, on_lost: Callable[[], None] = lambda: None):
        self.path = folder / "lease"
        self.folder = folder
        self.holder = Holder.of_this_process()
        self.took = ""
        self._own: Path | None = None
        self._on_lost = on_lost
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def still_ours(self) -> bool:
        return Holder.read(self.path) == self.holder

    def check(self) -> None:
        """Raise LeaseLost if the lease is another's, or nobody's, by now."""
        if not self.still_ours():
            raise LeaseLost(f"its lease was taken over by {Holder.read(self.path) or 'another process'}")

    def make_folder(self) -> Path:
        """A folder that is this holder's alone, until the lease is given back. Folders that others left are removed if their
        processes ended."""
        for path in self.folder.glob(".attempt-*"):
            if _is_abandoned(path):
                Store.discard(path)
        self._own = self.folder / f".attempt-{self.holder.owner}"
        self._own.mkdir()
        write_json(self._own / "holder.json", asdict(self.holder))
        return self._own

    def claim(self) -> bool:
        """Whether this holder may publish the stage: nobody has yet. A disk that machines share may not show for a while the
        `done.json` that another one wrote, but it never makes one name twice; so the first who publishes leaves the name
        `published`, and another one waits until it sees the result. If none comes, the first was killed just then."""
        assert self._own is not None, "make_folder comes first"
        mark = self.folder / "published"
        while True:
            with contextlib.suppress(FileExistsError):
                make_link(self._own / "holder.json", mark)
                return True
            while read_done(self.folder) is None and may_be_hidden(mark):
                time.sleep(LOOK_SECONDS)
            if read_done(self.folder) is not None:
                return False
            self.check()
            mark.unlink(missing_ok=True)

    def _take(self) -> bool:
        mine = self.folder / f".lease-{self.holder.owner}"
        mine.write_text(json.dumps(asdict(self.holder)), encoding="utf-8")
        try:
            make_link(mine, self.path)
            return True
        except FileExistsError:
            return False
        finally:
            mine.unlink()

    def _remove(self, stale: _Seen | None) -> None:
        """Remove the lease that was seen, and no other."""
        aside = self.folder / f".stale-{self.holder.owner}"
        try:
            self.path.rename(aside)
        except FileNotFoundError:
            return
        if _look_at(aside) != stale:  # another process was faster, and this is its new lease: give it back
            with contextlib.suppress(FileExistsError):
                os.link(aside, self.path)
        Store.discard(aside)

    def __enter__(self) -> Lease:
        if not self._take():
            seen = _look_at(self.path)
            holder, self.took = look(self.folder)
            if holder is not None:
                raise LeaseHeld(f"{holder} works on it")
            self._remove(seen)
            if not self._take():
                raise LeaseHeld("another process was faster")
        self._thread.start()
        return self

    def _beat(self) -> None:
        while not self._stop.wait(BEAT_SECONDS):
            try:
                if not self.still_ours():
                    self._on_lost()
                    return
                os.utime(self.path)
                if self._own is not None:
                    os.utime(self._own / "holder.json")
            except OSError:  # a file server that is away for a moment; the lease lives longer than that
                continue

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join(BEAT_SECONDS)
        if self._own is not None:
            Store.discard(self._own)
        seen = _look_at(self.path)
        if seen is not None and seen.holder == self.holder:
            self._remove(seen)


class _Seen(NamedTuple):
    """What distinguishes a lease from the next one, and from itself after a sign of life."""

    number: int
    dated: int
    holder: Holder | None


def _look_at(path: Path) -> _Seen | None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return _Seen(found.st_ino, found.st_mtime_ns, Holder.read(path))


def _is_abandoned(attempt: Path) -> bool:
    """Whether nobody can be at work in the folder of an attempt: its process ended, or is elsewhere and silent for long, or never
    came so far as to begin. Only for who holds the lease."""
    mark = attempt / "holder.json"
    holder = Holder.read(mark)
    if holder is None or holder.has_ended():
        return True
    try:
        return read_clock(attempt.parent) - mark.stat().st_mtime > ABANDONED_SECONDS
    except OSError:
        return False
