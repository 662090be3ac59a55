"""One datum of each format, and the answer a model gives it.

An example is frozen and plain: strings, numbers, tuples. It is what a reader yields, what a `fetch` stage writes
(one JSON object a line) and what a format encodes. `answer` is None where gold is not public.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class ClassifyExample:
    """One or two texts and a label out of a closed set (format Classify)."""

    id: str
    texts: tuple[str, ...]
    answer: str | None


@dataclass(frozen=True, slots=True)
class ChoiceExample:
    """A prompt and its candidate continuations; `answer` is the index of the right one (format Choice)."""

    id: str
    prompt: str
    choices: tuple[str, ...]
    answer: int | None


@dataclass(frozen=True, slots=True)
class TagExample:
    """A sentence in words and one tag a word (format Tag)."""

    id: str
    words: tuple[str, ...]
    answer: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Answer:
    """A gold answer of span QA: its text and the character at which it starts in the context."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class SpanExample:
    """A question, a context, and gold answers inside the context (format Span). `None`: the answers are not public; an
    empty tuple: the context holds no answer (SQuAD v2.0)."""

    id: str
    question: str
    context: str
    answer: tuple[Answer, ...] | None


@dataclass(frozen=True, slots=True)
class BitextRetrievalExample:
    """A sentence and its English translation (format BitextRetrieval); `answer` is the id of the right English sentence."""

    id: str
    text: str
    english: str
    answer: str | None


@dataclass(frozen=True, slots=True)
class PoolExample:
    """One text of a pool, with the text around it, if that is encoded too (formats BitextMining and Ranking).

    `role` is "query" or "candidate"; in bitext mining the foreign sentences are the queries, the English ones the
    candidates. `answer` holds the ids of a query's gold candidates, which may be none; it is `None` for a candidate.
    """

    id: str
    text: str
    context: str
    role: str
    answer: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class RankingExample:
    """A query and the text that answers it, with the text around that (training data of format Ranking)."""

    id: str
    query: str
    text: str
    context: str

    @property
    def answer(self) -> tuple[str, ...]:
        """Its own id: among the texts of pairs, its own is the one that answers its query."""
        return (self.id,)


@dataclass(frozen=True, slots=True)
class MlmExample:
    """A document of plain text, or a sentence and its translation for TLM (format Mlm)."""

    id: str
    texts: tuple[str, ...]
    answer: None = None


Example = (
    ClassifyExample
    | ChoiceExample
    | TagExample
    | SpanExample
    | BitextRetrievalExample
    | PoolExample
    | RankingExample
    | MlmExample
)

KINDS: dict[str, type[Any]] = {
    "texts": ClassifyExample,
    "choice": ChoiceExample,
    "words": TagExample,
    "span": SpanExample,
    "translation": BitextRetrievalExample,
    "pool": PoolExample,
    "pair": RankingExample,
    "plain": MlmExample,
}
_NAMES = {cls: name for name, cls in KINDS.items()}


@dataclass(frozen=True, slots=True)
class Prediction:
    """The predicted answer to the example of the same id, in the shape of that example's `answer` (span: its text)."""

    id: str
    answer: str | int | tuple[str, ...]


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
