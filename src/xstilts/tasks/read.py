"""What every reader needs: files as people have them, and errors that say where.

A file may be plain or gzip (`.gz`), with or without a byte order mark, with LF or CRLF. Lines are split at LF only:
other line separators of Unicode may stand inside a sentence and must not cut it.
Whatever is wrong with the bytes becomes an `InputError` that names the file and the line (or the field).
"""

from __future__ import annotations

import codecs
import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

from xstilts.errors import InputError

T = TypeVar("T")


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The uncompressed bytes of a file; damage that shows while reading is an `InputError`."""
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            yield cast(BinaryIO, file)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path}: truncated or damaged gzip file ({error}); fetch it again") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None


def decoded(raw: bytes, where: str) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{where}: not UTF-8 (byte 0x{raw[error.start]:02x} at byte {error.start})") from None


def lines(path: Path) -> Iterator[tuple[str, str]]:
    """(`path:line number`, line without its end) for each line."""
    number = 0
    with opened(path) as file:
        for number, raw in enumerate(file, start=1):
            where = f"{path}:{number}"
            yield (
                where,
                decoded(raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw, where).rstrip("\r\n"),
            )
    if not number:
        raise InputError(f"{path}: the file is empty")


def parsed(text: str, where: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{where}: not JSON ({error})") from None
    if not isinstance(value, dict):
        raise InputError(f"{where}: expected a JSON object, found {type(value).__name__}")
    return value


def json_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(`path:line number`, object) for each line that is not blank."""
    for where, line in lines(path):
        if line.strip():
            yield where, parsed(line, where)


def json_file(path: Path) -> dict[str, Any]:
    """The one JSON object of a file."""
    with opened(path) as file:
        raw = file.read()
    if not raw.strip():
        raise InputError(f"{path}: the file is empty")
    return parsed(decoded(raw.removeprefix(codecs.BOM_UTF8), str(path)), str(path))


def take(record: Any, name: str, kind: type[T], where: str) -> T:
    """`record[name]`, which has to be there and of that kind."""
    if not isinstance(record, dict) or name not in record:
        raise InputError(f"{where}: field '{name}' is missing")
    value = record[name]
    if not isinstance(value, kind):
        raise InputError(f"{where}: field '{name}' should be {kind.__name__}, found {type(value).__name__} ({value!r:.60})")
    return value


def columns(line: str, least: int, where: str, layout: str) -> list[str]:
    """The tab-separated columns of a line, at least so many; `layout` says what they should be."""
    row = line.split("\t")
    if len(row) < least:
        raise InputError(f"{where}: {len(row)} column(s), expected {layout}")
    return row


def known(label: str, labels: Sequence[str], where: str) -> str:
    if label not in labels:
        raise InputError(f"{where}: unknown label {label!r} (labels: {', '.join(labels)})")
    return label


def numbered(index: Any, labels: Sequence[str], where: str) -> str:
    """The label of a Hub class index."""
    if not isinstance(index, int) or not 0 <= index < len(labels):
        raise InputError(f"{where}: unknown class index {index!r} (0..{len(labels) - 1})")
    return labels[index]


def unquoted(cell: str) -> str:
    """A cell as `csv.writer` would have found it, when `csv.writer` quoted it; any other cell as it is.

    XTREME writes its XNLI files with csv quoting but reads them without, so its models see the added quotes. We undo
    exactly what the writer does (a cell with a quote inside is wrapped in quotes and each quote is doubled) and leave a
    cell alone that merely begins and ends with a quote, as in files written without quoting.
    """
    inner = cell[1:-1].replace('""', '"')
    return inner if '"' in inner and cell == '"' + inner.replace('"', '""') + '"' else cell
