"""Choice: a prompt and its candidate continuations -> the index of the right one."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from xstilts.formats.format import Align, Example, Format, Random
from xstilts.formats.prediction import Prediction
from xstilts.formats.submission_file import SubmissionFile


@dataclass(frozen=True, slots=True)
class ChoiceExample(Example):
    """A prompt and its candidate continuations; `answer` is the index of the right one (format Choice)."""

    kind: ClassVar[str] = "choice"
    prompt: str
    choices: tuple[str, ...]
    answer: int | None

    def strings(self) -> tuple[str, ...]:
        return (self.prompt, *self.choices)

    def with_strings(self, strings: Sequence[str], align: Align) -> Self:
        return replace(self, prompt=strings[0], choices=tuple(strings[1:]))


@dataclass(frozen=True, slots=True)
class Choice(Format):
    """A prompt and `choices` continuations in, the index of the right one out. A submission has one {"label": index} a line
    (jsonl), as XCOPA has."""

    name, title, group = "choice", "multiple choice", "classification"
    examples: ClassVar[tuple[type[Example], ...]] = (ChoiceExample,)
    usual_length: ClassVar[tuple[float, float]] = (347, 1)
    stored_bytes, predicted_bytes = 300, 50
    submission_suffix: ClassVar[str] = "jsonl"
    choices: int

    def describe(self) -> str:
        return f"{self.name} of {self.choices}"

    @property
    def answers(self) -> tuple[int, ...]:
        return tuple(range(self.choices))

    @property
    def asked(self) -> str:
        return json.dumps({"prompt": "...", "choices": ["..."] * self.choices})

    def find_fault(self, example: Any) -> str:
        return "" if len(example.choices) > 1 else f"{len(example.choices)} choices, expected two or more"

    def write_text(self, example: Any) -> str:
        return " | ".join((example.prompt, *(f"{place}: {choice}" for place, choice in enumerate(example.choices))))

    def chance(self, sizes: Sequence[int]) -> float:
        return 1 / self.choices

    def blind_answers(self, examples: Sequence[Any]) -> Iterator[list[Any]]:
        """One place for all."""
        return ([place] * len(examples) for place in range(self.choices))

    def shuffle(self, examples: Sequence[Any], rng: Random) -> list[Example]:
        """Each index is drawn anew."""
        return [replace(example, answer=int(rng.integers(len(example.choices)))) for example in examples]

    def row_tokens(self, tokens: float, rows: float, max_length: int) -> float:
        """Of all choices together, which are rows side by side."""
        return tokens / rows

    def write_submission(self, answers: Mapping[str, Any], ids: Sequence[str]) -> str:
        return "".join(json.dumps({"label": index}) + "\n" for index in answers.values())

    def read_submission(self, file: SubmissionFile) -> list[Prediction]:
        file.check_count(len(file.lines), "lines")
        expected = f'expected {{"label": n}} with n from 0 to {self.choices - 1}'
        answers = []
        for number, line in enumerate(file.lines, start=1):
            record = file.json(line, number)
            label = record.get("label") if record is not None else None
            if record is not None and "label" not in record:
                file.problem(number, f"no field 'label', {expected}", fatal=True)
            elif record is not None and (type(label) is not int or not 0 <= label < self.choices):
                file.problem(number, f"label {label!r:.60}, {expected}")
            answers.append(label if type(label) is int else -1)
        return file.pair(answers)

    def read_labels(self, file: SubmissionFile) -> Iterator[Example]:
        filled = [(number, line) for number, line in enumerate(file.lines, start=1) if line]
        for place, (number, line) in enumerate(filled, start=1):
            record = file.json(line, number)
            label = record.get("label") if record is not None else None
            if record is not None and type(label) is not int:
                file.problem(number, f"field 'label' is {label!r:.60}, expected an index", fatal=True)
            yield ChoiceExample(str(place), "", (), label)
