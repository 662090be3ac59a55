"""The test sets below tests/fixtures that a benchmark has, and predictions on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from xstilts.formats.bitext_mining import PoolExample
from xstilts.formats.prediction import Prediction
from xstilts.formats.registry import Example
from xstilts.formats.span import SpanExample
from xstilts.submission.gold import make_gold_finder
from xstilts.submission.layout import write_predictions
from xstilts.tasks.files.locate import find_languages, read_examples
from xstilts.tasks.registry import find_task
from xstilts.tasks.suites import XTREME, XTREME_R

FIXTURES = Path(__file__).parents[1] / "fixtures"
CASES = sorted(
    {
        (task, code)
        for suite in (XTREME, XTREME_R)
        for task, languages in suite.tasks.items()
        for code in find_languages(find_task(task), "test", FIXTURES)
        if code in languages
    }
)


def read(task: str, language: str) -> list[Example]:
    return list(read_examples(find_task(task), "test", language, FIXTURES))


def queries(found: list[Example]) -> list[Example]:
    return [example for example in found if not (isinstance(example, PoolExample) and example.role == "candidate")]


def right(task: str, language: str) -> list[Prediction]:
    """Gold as predictions; of a ranking, gold is that of all languages."""
    found: Any = queries(read(task, language))
    if find_task(task).format.name == "rank":
        found = make_gold_finder(FIXTURES, None, None)(find_task(task), language).examples
    return [Prediction(e.id, e.answer[0].text if isinstance(e, SpanExample) else e.answer) for e in found]


def write_right(task: str, language: str, folder: Path) -> Path:
    return write_predictions(find_task(task), language, read(task, language), right(task, language), folder)


def write_all(folder: Path) -> Path:
    for task, language in CASES:
        write_right(task, language, folder)
    return folder
