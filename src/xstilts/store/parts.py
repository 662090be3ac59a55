"""The parts of a stage that outlive an attempt at it: languages that are predicted, embedded, mined.

    checkpoint/<file>               the files of a part, under the names that they have in `out/`
    checkpoint/<part>.part.json     their sizes and hashes, how many rows they have, and facts; renamed into place last

A part is complete only by this record. So a file that a loss of power, a full disk or two attempts at once have spoiled is never
taken for a result: it is made again.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from xstilts.store.store import read_json, sha256_file, sync, write_json


def keep_part(checkpoint: Path, part: str, files: Sequence[Path], rows: int, facts: Mapping[str, Any] | None = None) -> None:
    """Keep finished files of an attempt, of `rows` rows, for later ones."""
    listed = {}
    for file in files:
        sync(file)
        listed[file.name] = {"size": file.stat().st_size, "sha256": sha256_file(file)}
        _put(file, checkpoint / file.name)
    sync(checkpoint)
    write_json(checkpoint / f"{part}.part.json", {"files": listed, "rows": rows, "facts": dict(facts or {})})


def take_part(checkpoint: Path, part: str, out: Path, rows: int | None = None) -> dict[str, Any] | None:
    """Put the files of a part into `out` and give its facts; None if an earlier attempt did not finish it. `rows`: how many it
    must have, if that is known."""
    record = read_json(checkpoint / f"{part}.part.json")
    if not isinstance(record, dict) or not isinstance(record.get("files"), dict) or not isinstance(record.get("facts"), dict):
        return None
    if rows not in (None, record.get("rows")):
        return None
    for name, expected in record["files"].items():
        source, target = checkpoint / name, out / name
        if "/" in name or source.is_symlink() or not source.is_file():
            return None
        _put(source, target)
        if {"size": target.stat().st_size, "sha256": sha256_file(target)} != expected:
            target.unlink()
            return None
    return dict(record["facts"])


def _put(source: Path, target: Path) -> None:
    """The same file under a second name, in the place of whatever had that name; a copy where there are no links."""
    part = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        try:
            os.link(source, part)
        except FileNotFoundError:
            raise
        except OSError:
            shutil.copyfile(source, part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)  # still there if both were names of one file
