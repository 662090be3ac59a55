"""Papers of a file or of a folder: each file by the reader of its format, and what cannot be read named, with nothing else lost.

A link is followed only inside the folder. Pipes and devices are never opened. Folders and files whose name begins with a dot
are left out.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from xstilts.documents.libraries import MissingLibrary
from xstilts.documents.paper import Found
from xstilts.documents.reading.bibtex import read_bibtex
from xstilts.documents.reading.files import Reading
from xstilts.documents.reading.html import read_html
from xstilts.documents.reading.jsonl import read_jsonl
from xstilts.documents.reading.latex import is_part, read_latex
from xstilts.documents.reading.pdf import read_pdf
from xstilts.documents.reading.plain import read_plain
from xstilts.documents.reading.tei import read_tei
from xstilts.errors import InputError

READERS: dict[str, Callable[[Path], Reading]] = {
    ".tei.xml.gz": read_tei,
    ".tei.xml": read_tei,
    ".jsonl.gz": read_jsonl,
    ".jsonl": read_jsonl,
    ".pdf": read_pdf,
    ".html": read_html,
    ".htm": read_html,
    ".xhtml": read_html,
    ".tex": read_latex,
    ".txt": read_plain,
    ".md": read_plain,
    ".bib": read_bibtex,
}


def find_reader(path: Path) -> Callable[[Path], Reading] | None:
    """The reader of a file by its name, or None."""
    return next((reader for suffix, reader in READERS.items() if path.name.lower().endswith(suffix)), None)


def read_file(path: Path) -> Found:
    """The papers of one file. Raises InputError if it is of no known format or cannot be read."""
    reader = find_reader(path)
    if not os.path.lexists(path):
        raise InputError(f"{path}: there is no such file; give a document or a folder of documents")
    if reader is None:
        raise InputError(f"{path}: no known format; expected a name that ends in {', '.join(READERS)}")
    reading = reader(path)
    return Found("file", str(path), _now(), len(reading.papers) + len(reading.refused), reading.papers, reading.refused)


def read_folder(path: Path) -> Found:
    """The papers of all files in a folder and its folders, by name. What cannot be read is in `refused`, and what is no document
    in `notes`. Raises InputError if there is no such folder, or a library is missing."""
    if not path.is_dir():
        raise InputError(f"{path}: there is no such folder; give a folder of documents")
    papers, refused, others, parts = [], [], Counter[str](), 0
    root = path.resolve()
    for file in _list_files(path):
        reader, name = find_reader(file), file.relative_to(path).as_posix()
        if reader is None:
            others[file.suffix.lower() or "no suffix"] += 1
            continue
        try:
            if not _resolve(file).is_relative_to(root):
                raise InputError(f"{file}: a link out of the folder; copy the file into it")
            if reader is read_latex and is_part(file):
                parts += 1
                continue
            reading = reader(file)
        except MissingLibrary:
            raise
        except InputError as error:
            refused.append(str(error))
            continue
        papers += [
            replace(p, work=name + p.work.removeprefix(file.name)) if p.work.startswith(file.name) else p for p in reading.papers
        ]
        refused += reading.refused
    notes = [f"Left out, because they are no documents: {count} of {suffix}." for suffix, count in sorted(others.items())]
    if parts:
        notes.append(f"{parts} LaTeX files are parts of other files, and are read where these include them.")
    return Found("folder", str(path), _now(), len(papers) + len(refused), papers, refused, notes)


def _resolve(file: Path) -> Path:
    try:
        return file.resolve()
    except (OSError, RuntimeError):
        raise InputError(f"{file}: this link leads to no file, or back to itself; remove it") from None


def _list_files(path: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(folder, name) for name in sorted(files) if not name.startswith("."))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
