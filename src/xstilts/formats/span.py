"""Span: a question and a context -> a stretch of the context (extractive question answering)."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from xstilts.formats.format import Align, Example, Format, Random
from xstilts.formats.prediction import Prediction
from xstilts.formats.submission_file import SubmissionFile

# What stands for an answer that is not there: no gold answer holds this private character, so it scores 0 everywhere.
UNANSWERED = "\ue000"
BLIND_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class SpanAnswer:
    """A gold answer of span QA: its text and the character at which it starts in the context."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class SpanExample(Example):
    """A question, a context, and gold answers inside the context (format Span). `None`: the answers are not public; an
    empty tuple: the context holds no answer (SQuAD v2.0)."""

    kind: ClassVar[str] = "span"
    question: str
    context: str
    answer: tuple[SpanAnswer, ...] | None

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        answers = fields["answer"]
        found = None if answers is None else tuple(SpanAnswer(**answer) for answer in answers)
        return cls(fields["id"], fields["question"], fields["context"], found)

    def strings(self) -> tuple[str, ...]:
        return (self.question, self.context, *(answer.text for answer in self.answer or ()))

    def with_strings(self, strings: Sequence[str], align: Align) -> Self | None:
        question, context, *texts = strings
        answers: list[SpanAnswer] = []
        for old, text in zip(self.answer or (), texts, strict=True):
            answer = align(context, text, old.start / len(self.context))
            if answer and answer not in answers:
                answers.append(answer)
        if texts and not answers:
            return None
        return replace(self, question=question, context=context, answer=tuple(answers) if self.answer is not None else None)


@dataclass(frozen=True, slots=True)
class Span(Format):
    """A question and a context in, a substring of the context out; with `no_answer`, possibly the empty one. A submission is
    one JSON object, {question id: answer text}; labels are a file of SQuAD's."""

    name, title, group = "span", "extractive question answering", "question answering"
    examples: ClassVar[tuple[type[Example], ...]] = (SpanExample,)
    decoded_by_head: ClassVar[bool] = False
    answers_in_text: ClassVar[bool] = True
    margin: ClassVar[float] = 2.0
    usual_length: ClassVar[tuple[float, float]] = (325, 1.25)
    stored_bytes, predicted_bytes = 1100, 95
    submission_suffix: ClassVar[str] = "json"
    no_answer: bool = False

    def describe(self) -> str:
        return f"{self.name}, or no answer" if self.no_answer else self.name

    @property
    def asked(self) -> str:
        return '{"question": "...", "context": "..."}'

    def find_fault(self, example: Any) -> str:
        return "" if example.context.strip() else "the context is blank"

    def write_text(self, example: Any) -> str:
        return f"{example.question} | {example.context}"

    def write_answer(self, answer: Any, texts: Mapping[str, str]) -> str:
        """Several gold answers are separated by " | "; no answer is empty."""
        return answer if isinstance(answer, str) else " | ".join(dict.fromkeys(one.text for one in answer))

    def blind_answers(self, examples: Sequence[Any]) -> Iterator[list[Any]]:
        """The whole context, its beginning, or that there is no answer."""
        rules: list[Callable[[str], str]] = [lambda context: context, lambda context: context[:BLIND_CHARACTERS]]
        rules += [lambda context: ""] if self.no_answer else []
        return ([rule(example.context) for example in examples] for rule in rules)

    def shuffle(self, examples: Sequence[Any], rng: Random) -> list[Example]:
        """Each answer becomes another stretch of whole words of the same context, with as many words as the gold answer
        where the context has them."""
        return [
            replace(example, answer=(_random_span(example.context, example.answer[0].text, rng),)) if example.answer else example
            for example in examples
        ]

    def write_submission(self, answers: Mapping[str, Any], ids: Sequence[str]) -> str:
        return json.dumps(dict(answers), ensure_ascii=False, indent=1) + "\n"

    def read_submission(self, file: SubmissionFile) -> list[Prediction]:
        return file.answers_by_id(lambda value: isinstance(value, str), "expected the answer as a string", UNANSWERED)

    def read_labels(self, file: SubmissionFile) -> Iterator[Example]:
        record = file.json(file.text) or {}
        try:
            for question in (q for article in record["data"] for paragraph in article["paragraphs"] for q in paragraph["qas"]):
                answers = tuple(SpanAnswer(answer["text"], 0) for answer in question["answers"])
                yield SpanExample(question["id"], "", "", answers)
        except (KeyError, TypeError) as error:
            expected = "expected SQuAD's data, paragraphs and qas, each with an id and answers, each with a text"
            file.problem("", f"{type(error).__name__}: {error}; {expected}", fatal=True)


def _random_span(context: str, gold: str, rng: Random) -> SpanAnswer:
    words: list[tuple[int, int]] = []
    position = 0
    for word in context.split():
        begin = context.index(word, position)
        position = begin + len(word)
        words.append((begin, position))
    length = min(max(1, len(gold.split())), len(words))
    first = int(rng.integers(len(words) - length + 1))
    start, end = words[first][0], words[first + length - 1][1]
    return SpanAnswer(context[start:end], start)
