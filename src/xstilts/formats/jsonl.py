"""Examples and predictions as files: one JSON object a line."""

import dataclasses
import json
import re
from collections.abc import Container, Iterable, Iterator
from pathlib import Path
from typing import Any

from xstilts.formats.format import Example, to_tuples
from xstilts.formats.prediction import Prediction
from xstilts.formats.registry import EXAMPLES

ID = re.compile(r'"id": ("(?:[^"\\]|\\.)*")')  # no field before the id has text in it


def to_record(example: Example) -> dict[str, Any]:
    """The example as a JSON object; its kind stands under `kind`."""
    return {"kind": example.kind, **dataclasses.asdict(example)}


def from_record(record: dict[str, Any]) -> Example:
    """The inverse of `to_record`."""
    return EXAMPLES[record["kind"]].from_fields({name: value for name, value in record.items() if name != "kind"})


def write_jsonl(path: Path, examples: Iterable[Example]) -> int:
    """Write one JSON object a line; gives the number of lines."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for example in examples:
            file.write(json.dumps(to_record(example), ensure_ascii=False) + "\n")
            count += 1
    return count


def read_jsonl(path: Path, only: Container[str] | None = None) -> Iterator[Example]:
    """The examples of a file that `write_jsonl` wrote, or only those with these ids."""
    for line in _read_lines(path, only):
        yield from_record(json.loads(line))


def _read_lines(path: Path, only: Container[str] | None) -> Iterator[str]:
    """The lines with these ids. The id is found without reading the whole line, which would take much longer."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            if only is None or ((found := ID.search(line)) and json.loads(found[1]) in only):
                yield line


def count_lines(path: Path) -> int:
    """How many examples, or predictions, a file has."""
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def write_predictions(path: Path, predictions: Iterable[Prediction]) -> None:
    """Write one JSON object {id, answer} a line."""
    with path.open("w", encoding="utf-8") as file:
        for p in predictions:
            file.write(json.dumps({"id": p.id, "answer": p.answer}, ensure_ascii=False) + "\n")


def read_predictions(path: Path, only: Container[str] | None = None) -> Iterator[Prediction]:
    """The predictions of a file that `write_predictions` wrote, or only those with these ids."""
    for line in _read_lines(path, only):
        record = json.loads(line)
        yield Prediction(record["id"], to_tuples(record["answer"]))
