"""Examples and predictions as files: one JSON object a line."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from xstilts.formats.prediction import Prediction
from xstilts.formats.registry import KINDS, Example
from xstilts.formats.span import Answer, SpanExample

_NAMES = {cls: name for name, cls in KINDS.items()}


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value


def to_record(example: Example) -> dict[str, Any]:
    """The example as a JSON object; its kind stands under `kind`."""
    return {"kind": _NAMES[type(example)], **dataclasses.asdict(example)}


def from_record(record: dict[str, Any]) -> Example:
    """The inverse of `to_record`."""
    fields = dict(record)
    cls = KINDS[fields.pop("kind")]
    if cls is SpanExample and fields["answer"] is not None:
        fields["answer"] = tuple(Answer(**a) for a in fields["answer"])
    example: Example = cls(**{k: _tuples(v) for k, v in fields.items()})
    return example


def write_jsonl(path: Path, examples: Iterable[Example]) -> int:
    """Write one JSON object a line; gives the number of lines."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for example in examples:
            file.write(json.dumps(to_record(example), ensure_ascii=False) + "\n")
            count += 1
    return count


def read_jsonl(path: Path) -> Iterator[Example]:
    """The examples of a file that `write_jsonl` wrote."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield from_record(json.loads(line))


def write_predictions(path: Path, predictions: Iterable[Prediction]) -> None:
    """Write one JSON object {id, answer} a line."""
    with path.open("w", encoding="utf-8") as file:
        for p in predictions:
            file.write(json.dumps({"id": p.id, "answer": p.answer}, ensure_ascii=False) + "\n")


def read_predictions(path: Path) -> Iterator[Prediction]:
    """The predictions of a file that `write_predictions` wrote."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            yield Prediction(record["id"], _tuples(record["answer"]))
