"""Leases: who works on a stage now. Two runs of one study share its stages through leases, so that neither spoils the other's
work.

A lease is a small file (owner, host, pid). An atomic link makes it, and a heartbeat thread touches it. It is stale when its
process is gone (same host) or when it was not touched for `STALE_SECONDS` (any host). A stale lease may be taken.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from pathlib import Path
from types import TracebackType

from xstilts.store.store import read_json

STALE_SECONDS = 120.0
BEAT_SECONDS = 5.0


class LeaseHeld(Exception):
    """Another process works on the stage."""


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:  # a killed process that its parent has not reaped yet does no work
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[0] != "Z"


def find_holder(folder: Path) -> dict[str, object] | None:
    """The record of a live lease on a stage's folder, or None."""
    path = folder / "lease"
    record = read_json(path)
    try:
        age = time.time() - path.stat().st_mtime
    except OSError:
        return None
    if record is None or age > STALE_SECONDS:
        return None
    if record["host"] == socket.gethostname() and not _is_alive(int(record["pid"])):
        return None
    return dict(record)


class Lease:
    """`with Lease(folder):` holds the stage, or raises LeaseHeld. Ask `still_ours()` before anything is published."""

    def __init__(self, folder: Path):
        self.path = folder / "lease"
        self.folder = folder
        self.owner = uuid.uuid4().hex
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def still_ours(self) -> bool:
        record = read_json(self.path)
        return record is not None and record["owner"] == self.owner

    def _take(self) -> bool:
        mine = self.folder / f".lease-{self.owner}"
        mine.write_text(json.dumps({"owner": self.owner, "host": socket.gethostname(), "pid": os.getpid()}), encoding="utf-8")
        try:
            os.link(mine, self.path)
            return True
        except FileExistsError:
            return False
        finally:
            mine.unlink()

    def _remove(self, stale: object) -> None:
        aside = self.folder / f".stale-{self.owner}"
        try:
            self.path.rename(aside)
        except FileNotFoundError:
            return
        if read_json(aside) != stale:  # another process was faster, and this is its new lease: give it back
            try:
                os.link(aside, self.path)
            except FileExistsError:
                pass
        aside.unlink(missing_ok=True)

    def __enter__(self) -> Lease:
        if not self._take():
            seen = read_json(self.path)
            if find_holder(self.folder) is not None:
                raise LeaseHeld(str(self.folder))
            self._remove(seen)
            if not self._take():
                raise LeaseHeld(str(self.folder))
        self._thread.start()
        return self

    def _beat(self) -> None:
        while not self._stop.wait(BEAT_SECONDS):
            try:
                os.utime(self.path)
            except OSError:
                return

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        if self.still_ours():
            self.path.unlink(missing_ok=True)
