"""Bitext retrieval: a sentence -> its English translation among all English sentences. Nothing is trained."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import fsum
from typing import Any, ClassVar

from xstilts.formats.format import NO_STRINGS, Example, Format
from xstilts.formats.prediction import Prediction
from xstilts.formats.submission_file import SubmissionFile


@dataclass(frozen=True, slots=True)
class BitextRetrievalExample(Example):
    """A sentence and its English translation (format BitextRetrieval); `answer` is the id of the right English sentence."""

    kind: ClassVar[str] = "translation"
    text: str
    english: str
    answer: str | None


@dataclass(frozen=True, slots=True)
class BitextRetrieval(Format):
    """Sentences in, vectors out: retrieval of translations without training.

    A submission (tsv) has one line number a line, as Tatoeba has: its lines are the *English* sentences in alphabetical order
    (by code point; equal ones in file order), and each holds the 0-based line of the foreign sentence that was retrieved for it.
    """

    name, title, group = "embed", "bitext retrieval", "retrieval"
    examples: ClassVar[tuple[type[Example], ...]] = (BitextRetrievalExample,)
    trained, retrieval = False, True
    untranslatable: ClassVar[str] = NO_STRINGS
    sides: ClassVar[tuple[str, ...]] = ("text", "english")
    layer_sweep: ClassVar[bool] = True
    margin: ClassVar[float] = 2.0
    usual_length: ClassVar[tuple[float, float]] = (30, 2)
    stored_bytes: ClassVar[int] = 170
    submission_suffix: ClassVar[str] = "tsv"

    def write_text(self, example: Any) -> str:
        """The English sentence, which searches the others."""
        text: str = example.english
        return text

    def pool_text(self, example: Any) -> str:
        text: str = example.text
        return text

    def write_answer(self, answer: Any, texts: Mapping[str, str]) -> str:
        return texts.get(answer, answer)

    def chance(self, sizes: Sequence[int]) -> float | None:
        """Guessing among N sentences is right once in N: the mean over the test sets."""
        return fsum(1 / size for size in sizes) / len(sizes) if sizes else None

    def side_texts(self, examples: Iterable[Any], side: str) -> tuple[list[str | None], list[str]]:
        items = list(examples)
        return [item.id for item in items], [item.text if side == "text" else item.english for item in items]

    def submission_order(self, examples: Iterable[Any]) -> list[Example]:
        return sorted(examples, key=lambda example: example.english)

    def submission_gold(self, examples: Sequence[Example]) -> tuple[list[Example], frozenset[str]]:
        place = {example.id: str(number) for number, example in enumerate(examples)}
        asked: list[Any] = self.submission_order(examples)
        gold = [replace(e, id=str(n), answer=place.get(e.answer or "")) for n, e in enumerate(asked, start=1)]
        return gold, frozenset(place.values())

    def write_submission(self, answers: Mapping[str, Any], ids: Sequence[str]) -> str:
        place = {id: number for number, id in enumerate(ids)}
        return "".join(f"{place[answer]}\n" for answer in answers.values())

    def read_submission(self, file: SubmissionFile) -> list[Prediction]:
        file.check_count(len(file.lines), "lines")
        pool = file.pool
        expected = "expected the number of a foreign line" + (f", 0 to {len(pool) - 1}" if pool else ", counted from 0")
        for number, line in enumerate(file.lines, start=1):
            if not re.fullmatch("0|[1-9][0-9]*", line) or (pool is not None and line not in pool):
                file.problem(number, f"{line!r:.60}, {expected}")
        return file.pair(file.lines)

    def read_labels(self, file: SubmissionFile) -> Iterator[Example]:
        for number, label in enumerate(file.lines, start=1):
            yield BitextRetrievalExample(str(number), "", "", label)
