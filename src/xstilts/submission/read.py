"""Prediction files from anyone, read into predictions and into a list of everything that is wrong with them.

A problem is whatever google-research/xtreme's evaluate.py would stop at, or score differently than its author expects. All are
collected. A problem is fatal if that script stops (or would pair the wrong lines). After any other problem, the file is scored
as in that script: a label outside the set is wrong, an id without an answer scores 0, unknown ids are left out, the last of
repeated ids counts, and BUCC's pairs are a set. Lines end at LF, CR or both, and blanks around them do not count.
"""

from __future__ import annotations

import codecs
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xstilts.errors import InputError
from xstilts.formats.choice import Choice
from xstilts.formats.classify import Classify
from xstilts.formats.prediction import Prediction
from xstilts.formats.registry import Example
from xstilts.formats.tag import Tag
from xstilts.metrics.ranking import DEPTH
from xstilts.submission.layout import file_name
from xstilts.tasks.files.read import decode_utf8
from xstilts.tasks.task import Task

# The prediction for a missing answer. No gold answer has this private character, so it scores 0 everywhere.
UNANSWERED = "\ue000"


@dataclass(frozen=True)
class Problem:
    """`where`: the file below the submission's folder, with its line or id. `text`: what is wrong and what was expected."""

    where: str
    text: str
    fatal: bool = False


@dataclass(frozen=True)
class Gold:
    """The gold of a prediction file. `examples`: in the order of its lines, with the ids of the file (line numbers if it has
    none). `pool`: the ids that may be predicted; None if they are not known."""

    examples: tuple[Example, ...]
    pool: frozenset[str] | None
    source: str


@dataclass
class _File:
    """A prediction file while it is read."""

    task: Task
    name: str
    gold: Gold | None
    problems: list[Problem] = field(default_factory=list)

    def add_problem(self, at: int | str, text: str, fatal: bool = False) -> None:
        """`at` is a line number, an id, or "" for the whole file."""
        where = f"{self.name}:{at}" if isinstance(at, int) else f"{self.name}: {at}" if at else self.name
        self.problems.append(Problem(where, text, fatal))

    def check_count(self, found: int, what: str) -> None:
        if self.gold is not None and found != len(self.gold.examples):
            self.add_problem("", f"{found} {what}, expected {len(self.gold.examples)} (as in {self.gold.source})", fatal=True)

    def example(self, number: int) -> Example | None:
        return self.gold.examples[number] if self.gold is not None and number < len(self.gold.examples) else None


def read_file(task: Task, language: str, folder: Path, gold: Gold | None) -> tuple[tuple[Prediction, ...], tuple[Problem, ...]]:
    """The predictions of one file, one for each example of `gold` in its order, and all problems. For BUCC there is one more
    for each foreign id without a gold pair. Without gold, or after a fatal problem, there are no predictions."""
    file = _File(task, file_name(task, language), gold)
    predictions: list[Prediction] = []
    text = _decode(file, (folder / file.name).read_bytes())
    if text is not None:
        predictions = _READERS[task.format.name](file, text)
    if gold is None or any(problem.fatal for problem in file.problems):
        predictions = []
    return tuple(predictions), tuple(file.problems)


def _decode(file: _File, raw: bytes) -> str | None:
    if raw.startswith(codecs.BOM_UTF8):
        file.add_problem(1, "begins with a byte order mark, which the benchmark's scorer refuses; save as UTF-8 without it")
        raw = raw.removeprefix(codecs.BOM_UTF8)
    for number, line in enumerate(raw.split(b"\n"), start=1):
        try:
            decode_utf8(line, "")
        except InputError as error:
            file.add_problem(number, str(error).removeprefix(": "), fatal=True)
    if not raw.strip() and file.task.format.name != "mine":  # mining two pools may give nothing
        file.add_problem("", "the file is empty", fatal=True)
    return None if any(problem.fatal for problem in file.problems) else raw.decode("utf-8")


def _split_lines(text: str) -> list[str]:
    lines = [line.strip() for line in re.split(r"\r\n|\r|\n", text)]
    return lines if lines[-1] else lines[:-1]


def _read_labels(file: _File, text: str) -> list[Prediction]:
    assert isinstance(file.task.format, Classify)
    lines = _split_lines(text)
    file.check_count(len(lines), "lines")
    for number, label in enumerate(lines, start=1):
        _check_label(file, number, label, file.task.format.labels)
    return _pair(file, lines)


def _check_label(file: _File, number: int, label: str, labels: Sequence[str]) -> None:
    if label not in labels:
        found = f"label {label!r:.60}" if label else "a blank line"
        file.add_problem(number, f"{found}, expected one of {', '.join(labels)}")


def _pair(file: _File, answers: Iterable[Any]) -> list[Prediction]:
    examples = file.gold.examples if file.gold is not None else ()
    return [Prediction(example.id, answer) for example, answer in zip(examples, answers, strict=False)]


def _read_choices(file: _File, text: str) -> list[Prediction]:
    assert isinstance(file.task.format, Choice)
    lines, answers = _split_lines(text), []
    file.check_count(len(lines), "lines")
    expected = f'{{"label": n}} with n from 0 to {file.task.format.choices - 1}'
    for number, line in enumerate(lines, start=1):
        record = _parse_json(file, line, number)
        label = record.get("label") if record is not None else None
        if record is not None and "label" not in record:
            file.add_problem(number, f"no field 'label', expected {expected}", fatal=True)
        elif record is not None and (type(label) is not int or not 0 <= label < file.task.format.choices):
            file.add_problem(number, f"label {label!r:.60}, expected {expected}")
        answers.append(label if type(label) is int else -1)
    return _pair(file, answers)


def _read_tags(file: _File, text: str) -> list[Prediction]:
    assert isinstance(file.task.format, Tag)
    lines = _split_lines(text)
    sentences: list[list[str]] = []
    begins: list[int] = []
    open_sentence = False
    for number, tag in enumerate(lines, start=1):
        if not open_sentence:
            sentences.append([])
            begins.append(number)
        open_sentence = bool(tag)
        if tag:
            sentences[-1].append(tag)
            _check_label(file, number, tag, file.task.format.labels)
    file.check_count(len(sentences), "sentences (parts between blank lines)")
    for place, (begin, tags) in enumerate(zip(begins, sentences, strict=True)):
        example = file.example(place)
        expected = len(example.answer) if example is not None and isinstance(example.answer, tuple) else None
        if not tags:
            file.add_problem(begin, f"sentence {place + 1} has no tags: one blank line more than one", fatal=True)
        elif expected is not None and len(tags) != expected:
            file.add_problem(begin, f"sentence {place + 1} has {len(tags)} tags, expected {expected}", fatal=True)
    return _pair(file, map(tuple, sentences))


def _read_line_numbers(file: _File, text: str) -> list[Prediction]:
    lines = _split_lines(text)
    file.check_count(len(lines), "lines")
    pool = file.gold.pool if file.gold is not None else None
    expected = "expected the number of a foreign line" + (f", 0 to {len(pool) - 1}" if pool else ", counted from 0")
    for number, line in enumerate(lines, start=1):
        if not re.fullmatch("0|[1-9][0-9]*", line) or (pool is not None and line not in pool):
            file.add_problem(number, f"{line!r:.60}, {expected}")
    return _pair(file, lines)


def _read_pairs(file: _File, text: str) -> list[Prediction]:
    queries = {example.id for example in file.gold.examples} if file.gold is not None else set()
    pool = file.gold.pool if file.gold is not None else None
    mined: dict[str, dict[str, int]] = {}
    for number, line in enumerate(_split_lines(text), start=1):
        source, _, target = line.partition("\t")
        if not source or not target or "\t" in target:
            file.add_problem(number, f"{line!r:.60}, expected a foreign id, a tab and an English id")
        elif pool is not None and source not in queries:
            file.add_problem(number, f"unknown foreign id {source!r:.60}")
        elif pool is not None and target not in pool:
            file.add_problem(number, f"unknown English id {target!r:.60}")
        before = mined.setdefault(source, {}).setdefault(target, number)
        if before != number:
            file.add_problem(number, f"the pair is already on line {before}")
    asked = [*(example.id for example in file.gold.examples), *mined] if file.gold is not None else []
    return [Prediction(id, tuple(mined.get(id, ()))) for id in dict.fromkeys(asked)]


def _read_answers(file: _File, text: str) -> list[Prediction]:
    return _read_by_id(file, text, lambda value: isinstance(value, str), "expected the answer as a string", UNANSWERED)


def _read_rankings(file: _File, text: str) -> list[Prediction]:
    def is_ranking(value: Any) -> bool:
        return isinstance(value, list) and all(isinstance(id, str) for id in value)

    predictions = _read_by_id(file, text, is_ranking, "expected a list of candidate ids, best first", ())
    pool = file.gold.pool if file.gold is not None else None
    for prediction in predictions:
        assert isinstance(prediction.answer, tuple)
        ranked = prediction.answer[:DEPTH]
        if len(set(ranked)) < len(ranked):
            file.add_problem(prediction.id, f"a candidate occurs twice among the first {DEPTH}; only its first rank counts")
        for unknown in (id for id in ranked if pool is not None and id not in pool):
            file.add_problem(prediction.id, f"unknown candidate id {unknown!r:.60}")
    return predictions


def _read_by_id(file: _File, text: str, right: Callable[[Any], bool], expected: str, absent: Any) -> list[Prediction]:
    record = _parse_json(file, text)
    if record is None:
        return []
    for id, value in record.items():
        if not right(value):
            file.add_problem(id, f"found {value!r:.60}, {expected}", fatal=True)
    if file.gold is None:
        return []
    asked = dict.fromkeys(example.id for example in file.gold.examples)
    for id in record:
        if id not in asked:
            file.add_problem(id, "unknown id; no example has it")
    for id in asked:
        if id not in record:
            file.add_problem(id, "no answer to this id; it scores 0")
    answers = (value if right(value := record.get(example.id)) else absent for example in file.gold.examples)
    return _pair(file, (tuple(answer) if isinstance(answer, list) else answer for answer in answers))


def _parse_json(file: _File, text: str, line: int | None = None) -> dict[str, Any] | None:
    """The JSON object of a text, which is one line of the file or the whole file."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        record = dict(pairs)
        if len(record) < len(pairs):
            for key, times in Counter(key for key, _ in pairs).items():
                if times > 1:
                    file.add_problem(line or key, f"{key!r:.60} occurs {times} times; the last one counts")
        return record

    try:
        value = json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        file.add_problem(line or error.lineno, f"not JSON ({error.msg} at column {error.colno})", fatal=True)
        return None
    if not isinstance(value, dict):
        file.add_problem(line or "", f"expected a JSON object, found {type(value).__name__}", fatal=True)
        return None
    return value


_READERS: dict[str, Callable[[_File, str], list[Prediction]]] = {
    "classify": _read_labels,
    "choice": _read_choices,
    "tag": _read_tags,
    "embed": _read_line_numbers,
    "mine": _read_pairs,
    "span": _read_answers,
    "rank": _read_rankings,
}
