"""Scores of a submission folder, complete or not, as google-research/xtreme's evaluate.py gives them (0 to 100).

Each task is scored by its own metric, example by example, so the numbers are those of a study with the same predictions.
Missing files are missing from the averages, which say so. Files without gold are not scored, and the reason is given. A file at
which the benchmark's script would stop is an error here too; `validate.py` lists all of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xstilts.errors import InputError
from xstilts.formats.bitext_mining import PoolExample
from xstilts.formats.format import Example
from xstilts.formats.prediction import Prediction
from xstilts.formats.submission_file import Problem
from xstilts.submission.gold import make_gold_finder
from xstilts.submission.layout import check_folder, file_name, list_files, read_limit, require_format
from xstilts.submission.read import read_file
from xstilts.tasks.suites import Suite, SuiteAverage, SuiteAverages, average_suite
from xstilts.tasks.task import Task


@dataclass(frozen=True)
class Score:
    """`scores`: {task: {language: {value name: value}}}. `unscored`: existing files without gold, and why. `problems`: those
    that did not prevent scoring. `limit`: test examples of each language (None: all)."""

    suite: Suite
    scores: Mapping[str, Mapping[str, Mapping[str, float]]]
    averages: SuiteAverages
    unscored: Mapping[str, str]
    problems: tuple[Problem, ...]
    limit: int | None

    def record(self) -> dict[str, Any]:
        """The scores as JSON: {task: {language: {value name: value}}}, and beside the tasks everything else."""
        return {
            **self.scores,
            "averages": {
                "overall": _make_record(self.averages.overall),
                "groups": {name: _make_record(group) for name, group in self.averages.groups.items()},
                "tasks": {name: _make_record(task) for name, task in self.averages.tasks.items()},
            },
            "suite": self.suite.name,
            "limits": {"test": self.limit},
            "unscored": dict(self.unscored),
            "problems": [asdict(problem) for problem in self.problems],
        }


def _make_record(average: SuiteAverage) -> dict[str, Any]:
    record = {**asdict(average), "partial": average.partial}
    return {name: value for name, value in record.items() if name != "values" or value}


def score_folder(folder: Path, suite: Suite, data: Path, labels: Path | None = None) -> Score:
    """Score every file that is there. The gold is from the data folder, or from the label files in `labels`."""
    for given in (folder, *([labels] if labels else [])):
        check_folder(given)
    limit = read_limit(folder)
    gold_of = make_gold_finder(data, labels, limit)
    scores: dict[str, dict[str, dict[str, float]]] = {}
    unscored: dict[str, str] = {}
    problems: list[Problem] = []
    for task, language in list_files(require_format(suite)):
        name = file_name(task, language)
        if not (folder / name).is_file():
            continue
        try:
            gold = gold_of(task, language)
        except InputError as error:
            unscored[name] = str(error)
            continue
        predictions, found = read_file(task, language, folder, gold)
        fatal = [problem for problem in found if problem.fatal]
        if fatal:
            more = f" (and {len(fatal) - 1} more like it; `xstilts benchmark validate` lists all)" if fatal[1:] else ""
            raise InputError(f"{folder}/{fatal[0].where}: {fatal[0].text}{more}")
        problems += found
        scores.setdefault(task.name, {})[language] = _score(task, language, gold.examples, predictions)
    if not scores:
        reasons = [f"{name}: {reason}" for name, reason in unscored.items()]
        why = reasons[0] if reasons else "found none of its files (expected e.g. xnli/test-de.tsv)"
        raise InputError(f"{folder}: nothing of {suite.name} could be scored; {why}")
    return Score(suite, scores, average_suite(suite, scores), unscored, tuple(problems), limit)


def _score(task: Task, language: str, examples: Sequence[Example], predictions: Sequence[Prediction]) -> dict[str, float]:
    """The values of a task in a language on the 0-100 scale. Pairs mined for an id without gold count as mined."""
    assert task.metric is not None
    metric = task.metric.for_language(language)
    known = {example.id: example for example in examples}
    rows = [metric.tally(known.get(p.id, PoolExample(p.id, "", "", "query", ())), p) for p in predictions]
    values = metric.finish(np.array(rows, dtype=np.float64).sum(0))
    return {name: 100 * float(value) for name, value in zip(metric.values, values, strict=True)}
