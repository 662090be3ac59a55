"""Readers of users' files, as their declaration says: tables, sentences in CoNLL's layout, questions, parallel texts.

A cell of a TSV is the text between two tabs, quotes included: quotes inside sentences make readers with csv rules lose rows.
Files that were written with csv rules (`quoted`, CSV) are read with them; a quote that is never closed is an error. A row with
another number of cells than the header is an error, and is never padded or cut. Words and questions are read as those of the
catalogue: a word may be blank (udpos, panx), and answers are placed by `make_examples` (xquad).
"""

import csv
import re
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from xstilts.errors import InputError, nearest
from xstilts.formats.bitext_retrieval import BitextRetrievalExample
from xstilts.formats.choice import ChoiceExample
from xstilts.formats.classify import ClassifyExample
from xstilts.formats.format import Example
from xstilts.formats.mlm import MlmExample
from xstilts.formats.span import SpanExample
from xstilts.formats.tag import TagExample
from xstilts.reading import NotJson, parse_json
from xstilts.tasks.catalogue.conllu import read_blocks
from xstilts.tasks.catalogue.qa import Question, make_examples, parse_question, read_questions
from xstilts.tasks.files.read import check_label, read_json, read_json_lines, read_lines
from xstilts.tasks.task import ReadRequest
from xstilts.tasks.user.declaration import Column, Declaration
from xstilts.tasks.user.plain_text import read_aligned, read_documents

TableRow = Mapping[Any, Any]

# The word of CoNLL's shared tasks that stands where a document begins.
DOCSTART = "-DOCSTART-"


def read_user_task(spec: Declaration, request: ReadRequest) -> Iterator[Example]:
    """The examples of a split in a language. Raises InputError with file and line."""
    match spec.format:
        case "classify":
            return _read_classify(spec, request)
        case "choice":
            return _read_choice(spec, request)
        case "tag":
            return _read_tag(spec, request)
        case "span":
            return _read_span(spec, request)
        case "embed":
            return _read_embed(spec, request)
        case "mlm":
            return _read_mlm(spec, request)


def _select_rows(spec: Declaration, request: ReadRequest) -> Iterator[tuple[str, str, TableRow]]:
    """(id, `path:line`, row) of each row in the language. Without an id column, the rows of each language are counted."""
    code = request.task.codes.get(request.language, request.language)
    number = 0
    for where, row in chain.from_iterable(_read_table(spec, request, path) for path in request.files):
        if spec.language == "" or _get_word(row, spec.language, where) == code:
            number += 1
            yield (
                (_number_example(spec, request, number) if spec.id == "" else _get_word(row, spec.id, where)),
                where,
                row,
            )


def _number_example(spec: Declaration, request: ReadRequest, number: int) -> str:
    language = "" if spec.parallel else f"{request.language}-"
    return f"{request.task.name}-{language}{request.split}-{number}"


def _read_table(spec: Declaration, request: ReadRequest, path: Path) -> Iterator[tuple[str, TableRow]]:
    """(`path:line`, row) of each row of a table, by the names of its header or of its JSON fields, else by number."""
    type = spec.type_of(request.split)
    if type == "jsonl":
        yield from read_json_lines(path)
        return
    columns = spec.columns()
    header: list[str] = []
    for where, cells in _read_quoted(path, "," if type == "csv" else "\t") if spec.quoted or type == "csv" else _read_plain(path):
        if isinstance(columns[0], int):
            yield where, dict(enumerate(cells))
        elif not header:
            header = [cell.strip() for cell in cells]
            for column in columns:
                _get_cell(dict.fromkeys(header), column, where)
                if header.count(str(column)) > 1:
                    raise InputError(f"{where}: the header has {column!r} twice")
        elif len(cells) != len(header):
            raise InputError(f"{where}: {len(cells)} cells, but the header has {len(header)}")
        else:
            yield where, dict(zip(header, cells, strict=True))


def _read_plain(path: Path) -> Iterator[tuple[str, list[str]]]:
    return ((where, line.split("\t")) for where, line in read_lines(path) if line)


def _read_quoted(path: Path, delimiter: str) -> Iterator[tuple[str, list[str]]]:
    """Rows by the rules of csv. A cell may hold line ends, so `path:line` is where the row begins."""
    begin = ""

    def fed() -> Iterator[str]:
        nonlocal begin
        for where, line in read_lines(path):
            begin = begin or where
            yield f"{line}\n"

    try:
        for cells in csv.reader(fed(), delimiter=delimiter, strict=True):
            if cells:
                yield begin, cells
            begin = ""
    except csv.Error as error:
        raise InputError(f"{begin}: not csv: {error} (is a quote not closed or not doubled?)") from None


def _get_cell(row: TableRow, column: Column, where: str) -> Any:
    if column not in row:
        if isinstance(column, int):
            raise InputError(f"{where}: no column {column} (counted from 0); the row has {len(row)} cells")
        raise InputError(f"{where}: no column {column!r}{nearest(column, map(str, row))}")
    return row[column]


def _get_text(row: TableRow, column: Column, where: str) -> str:
    value = _get_cell(row, column, where)
    if not isinstance(value, str):
        raise InputError(f"{where}: {column!r} should be text, found {value!r:.60}")
    return value.strip()


def _get_word(row: TableRow, column: Column, where: str) -> str:
    """A label, an id or a code: text, or a JSON integer or truth value as it is written."""
    value = _get_cell(row, column, where)
    return _spell(value) if isinstance(value, int) else _get_text(row, column, where)


def _spell(value: str | int) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value).strip()


def _get_strings(row: TableRow, column: Column, where: str) -> tuple[str, ...]:
    value = _get_cell(row, column, where)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InputError(f"{where}: {column!r} should be a list of texts, found {value!r:.60}")
    return tuple(item.strip() for item in value)


def _get_words(row: TableRow, column: Column, where: str) -> tuple[str, ...]:
    value = _get_cell(row, column, where)
    if not isinstance(value, list) or not all(isinstance(item, str | int) for item in value):
        raise InputError(f"{where}: {column!r} should be a list of labels, found {value!r:.60}")
    return tuple(map(_spell, value))


def _label_rows(spec: Declaration, request: ReadRequest) -> Iterator[tuple[str, str, TableRow, str]]:
    """(id, `path:line`, row, label). Rows with a dropped label are left out."""
    labels = _map_values(spec)
    for id, where, row in _select_rows(spec, request):
        value = _get_word(row, spec.label, where)
        if value not in spec.drop:
            yield id, where, row, labels[check_label(value, tuple(labels), where)]


def _map_values(spec: Declaration) -> dict[str, str]:
    return {value: label for label, values in spec.labels for value in values}


def _read_classify(spec: Declaration, request: ReadRequest) -> Iterator[ClassifyExample]:
    for id, where, row, label in _label_rows(spec, request):
        yield ClassifyExample(id, tuple(_get_text(row, column, where) for column in spec.texts), label)


def _read_choice(spec: Declaration, request: ReadRequest) -> Iterator[ChoiceExample]:
    for id, where, row, label in _label_rows(spec, request):
        listed = len(spec.choices) == 1
        choices = _get_strings(row, spec.choices[0], where) if listed else tuple(_get_text(row, c, where) for c in spec.choices)
        if len(choices) != len(spec.labels):
            raise InputError(f"{where}: {len(choices)} choices, expected {len(spec.labels)}")
        yield ChoiceExample(id, _get_text(row, spec.prompt, where), choices, spec.names.index(label))


def _read_tag(spec: Declaration, request: ReadRequest) -> Iterator[TagExample]:
    labels = _map_values(spec)
    sentences = _read_listed if spec.type_of(request.split) == "jsonl" else _read_sentences
    for number, found in enumerate(chain.from_iterable(sentences(spec, request, path) for path in request.files), start=1):
        words, tags = zip(*((word, labels[check_label(tag, tuple(labels), where)]) for where, word, tag in found), strict=True)
        yield TagExample(_number_example(spec, request, number), words, tags)


TaggedWords = list[tuple[str, str, str]]  # (`path:line`, word, tag) of each word


def _read_listed(spec: Declaration, request: ReadRequest, path: Path) -> Iterator[TaggedWords]:
    for where, row in read_json_lines(path):
        words, tags = _get_strings(row, spec.words, where), _get_words(row, spec.tags, where)
        if not words or len(words) != len(tags):
            raise InputError(f"{where}: {len(words)} words and {len(tags)} tags")
        if DOCSTART in words:
            request.counts["docstarts"] += words.count(DOCSTART)
        if sentence := [(where, word, tag) for word, tag in zip(words, tags, strict=True) if word != DOCSTART]:
            yield sentence


def _read_sentences(spec: Declaration, request: ReadRequest, path: Path) -> Iterator[TaggedWords]:
    """Lines between blank lines. Columns are separated by tabs if the line has one, else by blanks. Comments, multi-word tokens
    and empty nodes of CoNLL-U are left out, so the syntactic words are tagged. So are lines that begin as the declaration's
    comments do. A line of DOCSTART is no word; it ends a sentence. These two are counted."""
    universal = spec.type_of(request.split) == "conllu"
    for block in read_blocks(path):
        sentence: TaggedWords = []
        for where, line in block:
            if spec.comment and line.startswith(spec.comment):
                request.counts["comments"] += 1
                continue
            cells = line.split("\t") if "\t" in line else re.split(" +", line.strip(" "))  # no-break spaces are in words
            if universal and (line.startswith("#") or not cells[0].isdecimal()):
                continue
            row: TableRow = dict(enumerate(cells))
            if any(row.get(column, "").startswith(DOCSTART) for column in (0, spec.words)):
                request.counts["docstarts"] += 1
                if sentence:
                    yield sentence
                sentence = []
            else:
                sentence.append((where, _get_text(row, spec.words, where), _get_text(row, spec.tags, where)))
        if sentence:
            yield sentence


def _read_span(spec: Declaration, request: ReadRequest) -> Iterator[SpanExample]:
    def list_questions() -> Iterator[Question]:
        for one in chain.from_iterable(map(_read_questions, request.files)):
            if not one.answers and not spec.no_answer:
                raise InputError(f"{one.where}: no answer; write `no_answer: true` if that is intended")
            yield one

    return make_examples(request, list_questions())


def _read_questions(path: Path) -> Iterator[Question]:
    """The questions of SQuAD's JSON, or of lines with a question each, as `datasets` exports them. The first line tells."""
    first = _parse_first(path)
    if isinstance(first, dict) and "data" in first:
        return read_questions(path)
    if isinstance(first, dict) and {"question", "context", "answers"} <= set(first):
        return (parse_question(row, where, path) for where, row in read_json_lines(path))
    found = f"an object with {', '.join(map(repr, first)) or 'nothing'}" if isinstance(first, dict) else f"{first!r:.60}"
    raise InputError(
        f"{path}: expected SQuAD's JSON, {{data: [{{paragraphs: [{{context, qas}}]}}]}}, or on each line a question,"
        f" {{id, question, context, answers: {{text: [...], answer_start: [...]}}}}; found {found}"
    )


def _parse_first(path: Path) -> Any:
    """The JSON of the first line that is not blank, or of the whole file if it goes over several lines."""
    try:
        return parse_json(next((line for _, line in read_lines(path) if line.strip()), ""), str(path))
    except NotJson:
        return read_json(path)


def _read_embed(spec: Declaration, request: ReadRequest) -> Iterator[BitextRetrievalExample]:
    aligned = spec.type_of(request.split) == "text"
    for id, where, text, english in _pair_lines(spec, request) if aligned else _pair_columns(spec, request):
        if not text or not english:
            raise InputError(f"{where}: a blank sentence; expected a sentence and its translation")
        yield BitextRetrievalExample(id, text, english, id)


Translated = tuple[str, str, str, str]  # id, `path:line`, sentence, its English translation


def _pair_columns(spec: Declaration, request: ReadRequest) -> Iterator[Translated]:
    for id, where, row in _select_rows(spec, request):
        text, english = (_get_text(row, column, where) for column in spec.texts)
        yield id, where, text, english


def _pair_lines(spec: Declaration, request: ReadRequest) -> Iterator[Translated]:
    sides = {path.name.removesuffix(".gz").rpartition(".")[2]: path for path in request.files}
    other = [path for end, path in sides.items() if end not in ("en", "eng")]
    if len(other) != 1 or len(request.files) != 2:
        names = ", ".join(map(str, request.files))
        raise InputError(f"{names}: expected two files aligned by line, one of them ending in .en or .eng")
    (english,) = (path for path in request.files if path != other[0])
    left, right = list(read_lines(other[0])), list(read_lines(english))
    if len(left) != len(right):
        raise InputError(f"{other[0]} has {len(left)} lines and {english} {len(right)}: they are not aligned")
    for number, ((where, text), (_, translation)) in enumerate(zip(left, right, strict=True), start=1):
        yield _number_example(spec, request, number), where, text.strip(), translation.strip()


def _read_mlm(spec: Declaration, request: ReadRequest) -> Iterator[MlmExample]:
    """Documents, or sentences with a translation. In a table a row is a document or, with two columns, a sentence and its
    translation. A row with a blank cell is left out, as a blank line would be, and counted."""
    if spec.type_of(request.split) == "text":
        yield from read_aligned(request) if spec.english else read_documents(request)
        return
    for id, where, row in _select_rows(spec, request):
        texts = tuple(_get_text(row, column, where) for column in spec.texts)
        if all(texts):
            yield MlmExample(id, texts)
        else:
            request.counts["untranslated" if len(texts) == 2 else "blank"] += 1
