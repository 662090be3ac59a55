"""A file of a submission while it is read: its lines or its JSON, the gold that it answers, and all that is wrong with it.

Whatever google-research/xtreme's evaluate.py would stumble over, or score otherwise than its author thinks, is a problem;
all are collected. A problem is fatal when that script stops (or would pair the wrong lines); after any other, the file is
scored as that script scores it: a label outside the set is wrong, an id without an answer scores 0, unknown ids are left out,
of a repeated id the last counts, and BUCC's pairs are a set. Lines end at LF, CR or both; blanks around them do not count.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from xstilts.formats.format import Example
from xstilts.formats.prediction import Prediction
from xstilts.reading import NotJson, parse_json


@dataclass(frozen=True)
class Problem:
    """`where`: the file below the submission's folder, with its line or id; `text`: what is wrong, what was expected."""

    where: str
    text: str
    fatal: bool = False


@dataclass(frozen=True)
class Gold:
    """What a prediction file answers. `examples`: in the order of its lines, ids as they are in the file (line numbers
    where it has none). `pool`: the ids that may be predicted, None where they are not known."""

    examples: tuple[Example, ...]
    pool: frozenset[str] | None
    source: str


@dataclass
class SubmissionFile:
    """`name` begins what is said of it; `gold` is None where it is not known, and in a file of labels."""

    name: str
    gold: Gold | None = None
    text: str = ""
    problems: list[Problem] = field(default_factory=list)

    @cached_property
    def lines(self) -> list[str]:
        """The lines without the blanks around them."""
        lines = [line.strip() for line in re.split(r"\r\n|\r|\n", self.text)]
        return lines if lines[-1] else lines[:-1]

    @property
    def pool(self) -> frozenset[str] | None:
        return self.gold.pool if self.gold is not None else None

    @property
    def asked(self) -> list[str]:
        """The ids of the gold examples."""
        return [example.id for example in self.gold.examples] if self.gold is not None else []

    @property
    def fatal(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.fatal]

    def problem(self, at: int | str, text: str, fatal: bool = False) -> None:
        """Note a problem. `at` is a line number, an id, or "" for the whole file."""
        where = f"{self.name}:{at}" if isinstance(at, int) else f"{self.name}: {at}" if at else self.name
        self.problems.append(Problem(where, text, fatal))

    def check_count(self, found: int, what: str) -> None:
        if self.gold is not None and found != len(self.gold.examples):
            self.problem("", f"{found} {what}, expected {len(self.gold.examples)} (as in {self.gold.source})", fatal=True)

    def check_label(self, number: int, label: str, labels: Sequence[str]) -> None:
        if label not in labels:
            found = f"label {label!r:.60}" if label else "a blank line"
            self.problem(number, f"{found}, expected one of {', '.join(labels)}")

    def pair(self, answers: Iterable[Any]) -> list[Prediction]:
        """The answers as predictions for the gold examples, in their order; none without gold."""
        return [Prediction(id, answer) for id, answer in zip(self.asked, answers, strict=False)]

    def json(self, text: str, line: int | None = None) -> dict[str, Any] | None:
        """The JSON object of a text, which is one line of the file or all of it; None if it is none, which is a problem."""

        def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            record = dict(pairs)
            if len(record) < len(pairs):
                for key, times in Counter(key for key, _ in pairs).items():
                    if times > 1:
                        self.problem(line or key, f"{key!r:.60} occurs {times} times; the last one counts")
            return record

        try:
            value = parse_json(text, "", once)
        except NotJson as error:
            self.problem(line or error.line, error.reason, fatal=True)
            return None
        if not isinstance(value, dict):
            self.problem(line or "", f"expected a JSON object, found {type(value).__name__}", fatal=True)
            return None
        return value

    def answers_by_id(self, is_right: Callable[[Any], bool], expected: str, absent: Any) -> list[Prediction]:
        """The predictions of a file that is one JSON object, answers by id; `absent` stands for those that are not there."""
        record = self.json(self.text)
        if record is None:
            return []
        for id, value in record.items():
            if not is_right(value):
                self.problem(id, f"found {value!r:.60}, {expected}", fatal=True)
        if self.gold is None:
            return []
        asked = dict.fromkeys(self.asked)
        for id in record:
            if id not in asked:
                self.problem(id, "unknown id; no example has it")
        for id in asked:
            if id not in record:
                self.problem(id, "no answer to this id; it scores 0")
        answers = (value if is_right(value := record.get(id)) else absent for id in self.asked)
        return self.pair(tuple(answer) if isinstance(answer, list) else answer for answer in answers)
