"""Classify: one or two texts -> a label out of a closed set."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from xstilts.formats.format import Align, Example, Format, Random, describe_labels
from xstilts.formats.prediction import Prediction
from xstilts.formats.submission_file import SubmissionFile


@dataclass(frozen=True, slots=True)
class ClassifyExample(Example):
    """One or two texts and a label out of a closed set (format Classify)."""

    kind: ClassVar[str] = "texts"
    texts: tuple[str, ...]
    answer: str | None

    def strings(self) -> tuple[str, ...]:
        return self.texts

    def with_strings(self, strings: Sequence[str], align: Align) -> Self:
        return replace(self, texts=tuple(strings))


@dataclass(frozen=True, slots=True)
class Classify(Format):
    """`texts` segments in, one of `labels` out. A submission has one label a line (tsv)."""

    name, title, group = "classify", "classification", "classification"
    examples: ClassVar[tuple[type[Example], ...]] = (ClassifyExample,)
    usual_length: ClassVar[tuple[float, float]] = (60, 1)
    stored_bytes, predicted_bytes = 250, 50
    submission_suffix: ClassVar[str] = "tsv"
    labels: tuple[str, ...]
    texts: int = 2

    def describe(self) -> str:
        return describe_labels(self.name, self.labels)

    @property
    def answers(self) -> tuple[str, ...]:
        return self.labels

    @property
    def asked(self) -> str:
        return json.dumps({"texts": ["..."] * self.texts})

    @property
    def takes_text(self) -> bool:
        return self.texts == 1

    def find_fault(self, example: Any) -> str:
        return "" if len(example.texts) == self.texts else f"{len(example.texts)} texts, expected {self.texts}"

    def chance(self, sizes: Sequence[int]) -> float:
        return 1 / len(self.labels)

    def blind_answers(self, examples: Sequence[Any]) -> Iterator[list[Any]]:
        """One label for all."""
        return ([label] * len(examples) for label in self.labels)

    def shuffle(self, examples: Sequence[Any], rng: Random) -> list[Example]:
        """The labels are permuted over the examples."""
        places = rng.permutation(len(examples))
        return [replace(example, answer=examples[i].answer) for example, i in zip(examples, places, strict=True)]

    def write_submission(self, answers: Mapping[str, Any], ids: Sequence[str]) -> str:
        return "".join(f"{label}\n" for label in answers.values())

    def read_submission(self, file: SubmissionFile) -> list[Prediction]:
        file.check_count(len(file.lines), "lines")
        for number, label in enumerate(file.lines, start=1):
            file.check_label(number, label, self.labels)
        return file.pair(file.lines)

    def read_labels(self, file: SubmissionFile) -> Iterator[Example]:
        for number, label in enumerate(file.lines, start=1):
            yield ClassifyExample(str(number), (), label)
