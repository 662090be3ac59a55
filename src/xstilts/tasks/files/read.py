"""What every reader needs: files of any common kind, and errors that name the place.

A file may be plain or gzip (`.gz`), with or without a byte order mark, with LF or CRLF. Lines are split at LF only, since other
Unicode line separators may occur inside a sentence. Whatever is wrong with the bytes is an `InputError` with the file and the
line (or the field).
"""

import codecs
import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from xstilts.errors import InputError
from xstilts.formats.choice import ChoiceExample
from xstilts.formats.classify import ClassifyExample
from xstilts.reading import MAX_DOCUMENT, MAX_LINE, check_length, decode_utf8, open_uncompressed, parse_json
from xstilts.tasks.task import ReadRequest

T = TypeVar("T")
E = TypeVar("E", ClassifyExample, ChoiceExample)

# With two balanced labels, this many equal test answers have a chance of 1 in 2**19, so they are placeholders.
PLACEHOLDERS_FROM = 20

TextPair = tuple[str, str, str, str]  # where, text, text, label


def read_lines(path: Path, max_bytes: int = MAX_LINE, what: str = "one example") -> Iterator[tuple[str, str]]:
    """(`path:line number`, line without its end) for each line. A line of more than `max_bytes` is an error, found without
    reading the line to its end."""
    number = 0
    with open_uncompressed(path) as file:
        for number, raw in enumerate(iter(partial(file.readline, max_bytes + 1), b""), start=1):
            where = f"{path}:{number}"
            if len(raw) > max_bytes:
                raise InputError(f"{where}: a line of more than {max_bytes:,} bytes; expected {what} on each line")
            yield (
                where,
                decode_utf8(raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw, where).rstrip("\r\n"),
            )
    if not number:
        raise InputError(f"{path}: the file is empty")


def parse_object(text: str, where: str) -> dict[str, Any]:
    return _check_object(parse_json(text, where), where)


def _check_object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{where}: expected a JSON object, found {type(value).__name__}")
    return value


def read_json_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(`path:line number`, object) for each line that is not blank."""
    for where, line in read_lines(path):
        if line.strip():
            yield where, parse_object(line, where)


def read_json_object(path: Path) -> dict[str, Any]:
    """The one JSON object of a file."""
    return _check_object(read_json(path), str(path))


def read_json(path: Path) -> Any:
    """The one JSON value of a file."""
    with open_uncompressed(path) as file:
        raw = check_length(file.read(MAX_DOCUMENT + 1), str(path))
    if not raw.strip():
        raise InputError(f"{path}: the file is empty")
    return parse_json(decode_utf8(raw.removeprefix(codecs.BOM_UTF8), str(path)), str(path))


def read_tsv(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """(`path:line number`, row by the names of the header) of a tab-separated file without quoting. Blank lines are skipped.

    A row may lack its last columns, as in SNLI. `get_field` raises an error if one of them is needed."""
    header: list[str] = []
    for where, line in read_lines(path):
        row = line.split("\t")
        if not header:
            header = row
        elif len(row) > len(header):
            raise InputError(f"{where}: {len(row)} columns, but the header has {len(header)}; is there a tab inside a text?")
        elif line:
            yield where, dict(zip(header, row, strict=False))


def read_csv(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """(`path:line number` of its end, row by the names of the header) of a comma-separated file with quoting."""
    rows = csv.reader((f"{line}\n" for _, line in read_lines(path)), strict=True)
    header: list[str] = []
    try:
        for row in filter(None, rows):
            if header and len(row) != len(header):
                raise InputError(f"{path}:{rows.line_num}: {len(row)} fields, but the header has {len(header)}")
            if header:
                yield f"{path}:{rows.line_num}", dict(zip(header, row, strict=True))
            header = header or row
    except csv.Error as error:
        raise InputError(f"{path}:{rows.line_num}: not a row of csv ({error})") from None


def read_xtreme_pairs(path: Path, layout: str) -> Iterator[TextPair]:
    """The pairs of a file that XTREME's download_data.sh wrote: three columns, no header.

    Its test files lack the third column and are refused. `layout` names the columns and says where the labels are."""
    for where, line in read_lines(path):
        if line:
            first, second, label = (unquote(cell) for cell in split_columns(line, 3, where, layout)[:3])
            yield where, first, second, label


def read_tsv_pairs(path: Path, names: str) -> Iterator[TextPair]:
    """The pairs of a tab-separated file with a header; `names` are the columns of text, text and label."""
    for where, row in read_tsv(path):
        first, second, label = get_fields(row, names, str, where)
        yield where, first, second, label


def name_hub_rows(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(`Hub row number`, row) of each row."""
    return ((f"Hub row {number}", row) for number, row in enumerate(rows, start=1))


def refuse_placeholders(request: ReadRequest, found: Iterable[E]) -> Iterator[E]:
    """`found`, and an error at its end if all answers of a test set are the same: then they are placeholders of hidden
    labels."""
    answers: Counter[object] = Counter()
    for example in found:
        answers[example.answer] += 1
        yield example
    if request.split == "test" and len(answers) == 1 and answers.total() >= PLACEHOLDERS_FROM:
        raise InputError(
            f"{', '.join(map(str, request.files))}: the answer is {next(iter(answers))!r} in all {answers.total()} examples, so"
            f" these are placeholders, as in XTREME's download; the labels are in {request.task.splits['test'].url}"
        )


def get_field(record: Any, name: str, kind: type[T], where: str) -> T:
    """`record[name]`. It must be there and of that kind."""
    if not isinstance(record, dict) or name not in record:
        raise InputError(f"{where}: field '{name}' is missing")
    value = record[name]
    if not isinstance(value, kind):
        raise InputError(f"{where}: field '{name}' should be {kind.__name__}, found {type(value).__name__} ({value!r:.60})")
    return value


def get_id(record: Any, where: str) -> str:
    """`record["id"]`: text, or a whole number as its text."""
    id = get_field(record, "id", object, where)
    if isinstance(id, bool) or not isinstance(id, str | int):
        raise InputError(f"{where}: field 'id' should be text or a whole number, found {type(id).__name__} ({id!r:.60})")
    return str(id)


def get_fields(record: Any, names: str, kind: type[T], where: str) -> list[T]:
    """`get_field` of several names, which are written with blanks between them."""
    return [get_field(record, name, kind, where) for name in names.split()]


def split_columns(line: str, least: int, where: str, layout: str) -> list[str]:
    """The tab-separated columns of a line. It must have `least` of them; `layout` says what they should be."""
    row = line.split("\t")
    if len(row) < least:
        raise InputError(f"{where}: {len(row)} column(s), expected {layout}")
    return row


def check_label(label: str, labels: Sequence[str], where: str) -> str:
    if label not in labels:
        raise InputError(f"{where}: unknown label {label!r} (labels: {', '.join(labels)})")
    return label


def look_up_label(index: Any, labels: Sequence[str], where: str) -> str:
    """The label of a Hub class index."""
    if not isinstance(index, int) or not 0 <= index < len(labels):
        raise InputError(f"{where}: unknown class index {index!r} (0..{len(labels) - 1})")
    return labels[index]


def unquote(cell: str) -> str:
    """The cell that `csv.writer` quoted, if it quoted this cell, else the cell as it is.

    XTREME writes its XNLI files with csv quoting but reads them without, so its models see the added quotes. This undoes
    exactly what the writer does (it wraps a cell with a quote inside in quotes and doubles each quote). A cell that merely
    begins and ends with a quote, as in files without quoting, stays as it is."""
    inner = cell[1:-1].replace('""', '"')
    return inner if '"' in inner and cell == '"' + inner.replace('"', '""') + '"' else cell
