"""Plain text for masked language modelling, and sentences with their English translations (TLM).

Text is UTF-8 with one sentence on each line; a blank line ends a document. An example is a stretch of lines of one document,
joined by blanks, of about STRETCH_CHARACTERS characters (more only if one line is longer). It never crosses documents. That is
about 500 tokens of English. A codec cuts an example into rows, so longer examples would only make a limit on examples coarser.
Aligned text is one or more files in a language, each aligned by line with the one English file. A pair with a blank side has no
translation; it is left out and counted. Different numbers of lines are an error, since the lines after a gap are not aligned.
"""

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from xstilts.errors import InputError
from xstilts.formats.mlm import MlmExample
from xstilts.tasks.files.read import read_lines
from xstilts.tasks.task import ReadRequest

STRETCH_CHARACTERS = 2000
MAX_LINE_BYTES = 1 << 20  # a longer line means a file without line ends

NUL = "\0"


def read_documents(request: ReadRequest) -> Iterator[MlmExample]:
    """The stretches of all documents of the files."""
    number = 0
    for path in request.files:
        for document in _split_documents(path):
            for text in _join_stretches(document):
                number += 1
                yield MlmExample(f"{request.task.name}-{request.language}-{request.split}-{number}", (text,))


def _split_documents(path: Path) -> Iterator[list[str]]:
    document: list[str] = []
    for line in _read_texts(path):
        if line:
            document.append(line)
        elif document:
            yield document
            document = []
    if document:
        yield document


def _read_texts(path: Path) -> Iterator[str]:
    """The lines of a text file, without the blanks around them."""
    for where, line in read_lines(path, MAX_LINE_BYTES):
        if NUL in line:
            raise InputError(f"{where}: a NUL byte, so this is a binary file or UTF-16; expected plain text in UTF-8")
        yield line.strip()


def _join_stretches(document: list[str]) -> Iterator[str]:
    stretch: list[str] = []
    size = 0
    for line in document:
        if stretch and size + len(line) > STRETCH_CHARACTERS:
            yield " ".join(stretch)
            stretch, size = [], 0
        stretch.append(line)
        size += len(line) + 1
    yield " ".join(stretch)


def read_aligned(request: ReadRequest) -> Iterator[MlmExample]:
    """Pairs of a sentence and its translation. The last file is the English one, with which every other file is aligned."""
    *others, english = request.files
    if not others:
        raise InputError(f"{english}: found no other file; expected a file of another language that is aligned with it")
    number = 0
    for path in others:
        for text, translation in _read_pairs(path, english):
            number += 1
            if text and translation:
                yield MlmExample(f"{request.task.name}-{request.language}-{request.split}-{number}", (text, translation))
            elif text or translation:
                request.counts["untranslated"] += 1


def _read_pairs(path: Path, english: Path) -> Iterator[tuple[str, str]]:
    for number, (text, translation) in enumerate(zip_longest(_read_texts(path), _read_texts(english))):
        if text is None or translation is None:
            short, long = (path, english) if text is None else (english, path)
            raise InputError(f"{short} ends after line {number}, but {long} continues: they are not aligned by line")
        yield text, translation
