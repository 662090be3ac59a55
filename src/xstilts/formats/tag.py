"""Tag: a sentence in words -> one tag a word."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, ClassVar

from xstilts.formats.format import Example, Format, Random, describe_labels
from xstilts.formats.prediction import Prediction
from xstilts.formats.submission_file import SubmissionFile

BLIND_TAGS = 3


@dataclass(frozen=True, slots=True)
class TagExample(Example):
    """A sentence in words and one tag a word (format Tag)."""

    kind: ClassVar[str] = "words"
    words: tuple[str, ...]
    answer: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Tag(Format):
    """Words in, one of `labels` a word out. A submission has one label a line and a blank line between sentences (tsv)."""

    name, title, group = "tag", "sequence tagging", "structured prediction"
    examples: ClassVar[tuple[type[Example], ...]] = (TagExample,)
    untranslatable: ClassVar[str] = "tags belong to words, which a translation puts elsewhere; they cannot be carried over"
    usual_length: ClassVar[tuple[float, float]] = (30, 1)
    stored_bytes, predicted_bytes = 350, 180
    submission_suffix: ClassVar[str] = "tsv"
    labels: tuple[str, ...]

    def describe(self) -> str:
        return describe_labels(self.name, self.labels)

    @property
    def answers(self) -> tuple[str, ...]:
        return self.labels

    @property
    def asked(self) -> str:
        return '{"words": ["...", "...", "..."]}'

    def find_fault(self, example: Any) -> str:
        if not example.words:
            return "no words"
        blank = next((place for place, word in enumerate(example.words, start=1) if not word.strip()), 0)
        return f"word {blank} is blank" if blank else ""

    def write_text(self, example: Any) -> str:
        return " ".join(example.words)

    def blind_answers(self, examples: Sequence[Any]) -> Iterator[list[Any]]:
        """One tag for all words, of the most frequent ones."""
        frequent = Counter(tag for example in examples for tag in example.answer).most_common(BLIND_TAGS)
        return ([(tag,) * len(example.answer) for example in examples] for tag, _ in frequent)

    def shuffle(self, examples: Sequence[Any], rng: Random) -> list[Example]:
        """The tags of each sentence are permuted."""
        return [
            example
            if example.answer is None
            else replace(example, answer=tuple(example.answer[i] for i in rng.permutation(len(example.answer))))
            for example in examples
        ]

    def write_submission(self, answers: Mapping[str, Any], ids: Sequence[str]) -> str:
        return "\n".join("".join(f"{tag}\n" for tag in tags) for tags in answers.values())

    def read_submission(self, file: SubmissionFile) -> list[Prediction]:
        sentences: list[list[str]] = []
        begins: list[int] = []
        inside = False
        for number, tag in enumerate(file.lines, start=1):
            if not inside:
                sentences.append([])
                begins.append(number)
            inside = bool(tag)
            if tag:
                sentences[-1].append(tag)
                file.check_label(number, tag, self.labels)
        file.check_count(len(sentences), "sentences (parts between blank lines)")
        examples = file.gold.examples if file.gold is not None else ()
        for place, (begin, tags) in enumerate(zip(begins, sentences, strict=True)):
            answer = examples[place].answer if place < len(examples) else None
            if not tags:
                file.problem(begin, f"sentence {place + 1} has no tags: one blank line more than one", fatal=True)
            elif isinstance(answer, tuple) and len(tags) != len(answer):
                file.problem(begin, f"sentence {place + 1} has {len(tags)} tags, expected {len(answer)}", fatal=True)
        return file.pair(map(tuple, sentences))

    def read_labels(self, file: SubmissionFile) -> Iterator[Example]:
        sentences = (tuple(tags) for filled, tags in groupby(file.lines, key=bool) if filled)
        for number, tags in enumerate(sentences, start=1):
            yield TagExample(str(number), (), tags)
