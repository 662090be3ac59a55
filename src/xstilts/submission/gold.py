"""The gold answers for scoring a submission: from the data folder, or from a folder of label files.

Label files are XTREME's (mock_test_data/labels). They have the layout of predictions, but SQuAD JSON for question answering and
{query id: [gold id]} for ranking. They have answers only, so they do not tell what may be predicted (a pool of ids). XTREME's
download script keeps test sets but blanks or overwrites their labels (XCOPA: all 0), and copies of such files circulate. With
them, a third of XNLI would count as right. So gold that has only one label, or is blank, is refused.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from xstilts.errors import InputError
from xstilts.formats.span import SpanAnswer
from xstilts.formats.submission_file import Gold, SubmissionFile
from xstilts.reading import read_bytes
from xstilts.submission.layout import file_name
from xstilts.submission.read import decode
from xstilts.tasks.catalogue.ranking import merge_gold
from xstilts.tasks.files.locate import explain_missing, find_languages, read_examples, subsample
from xstilts.tasks.files.read import PLACEHOLDERS_FROM
from xstilts.tasks.task import Task


def make_gold_finder(data: Path, labels: Path | None, limit: int | None) -> Callable[[Task, str], Gold]:
    """A function that gives the gold of a task in a language, or raises InputError. It reads the label files if their folder is
    given, else the data folder. With `limit`, the gold has the examples that a study with that limit keeps.

    For ranking, the pool and the gold in it are those of all languages of the data folder, which are read once."""
    pools: dict[str, dict[str, Gold]] = {}

    def find(task: Task, language: str) -> Gold:
        if labels is not None:
            return _read_label_gold(task, language, labels, limit)
        if not task.format.shared_pool:
            return _read_data_gold(task, language, data, limit)
        if task.name not in pools:
            pools[task.name] = _shared_pool_gold(task, data, limit)
        if language not in pools[task.name]:
            raise InputError(explain_missing(task, "test", language, data))
        return pools[task.name][language]

    return lambda task, language: _refuse_placeholders(find(task, language))


def _read_label_gold(task: Task, language: str, labels: Path, limit: int | None) -> Gold:
    if limit is not None:
        raise InputError(f"the submission is limited to {limit} examples, but label files have all; run without --labels")
    path = labels / file_name(task, language)
    if not path.is_file():
        raise InputError(f"{path}: no such label file")
    file = SubmissionFile(str(path))
    found = tuple(task.format.read_labels(file)) if decode(file, read_bytes(path), may_be_empty=True) else ()
    for problem in file.fatal:
        raise InputError(f"{problem.where}: {problem.text}")
    return Gold(found, None, str(path))


def _read_data_gold(task: Task, language: str, root: Path, limit: int | None) -> Gold:
    found = list(subsample(read_examples(task, "test", language, root), limit))
    asked, pool = task.format.submission_gold(found)
    return Gold(tuple(asked), pool, f"the test data of {task.name} in {language}")


def _shared_pool_gold(task: Task, root: Path, limit: int | None) -> dict[str, Gold]:
    """The gold of each language; the pool, and what is gold in it, is that of all of them."""
    alone = {language: _read_data_gold(task, language, root, limit) for language in find_languages(task, "test", root)}
    queries: dict[str, list[Any]] = {language: list(found.examples) for language, found in alone.items()}
    gold = merge_gold(query for found in queries.values() for query in found)
    pool = frozenset[str]().union(*(found.pool or () for found in alone.values()))
    return {
        language: Gold(tuple(replace(query, answer=gold[query.id]) for query in found), pool, alone[language].source)
        for language, found in queries.items()
    }


def _refuse_placeholders(gold: Gold) -> Gold:
    """The same gold. Raises InputError if it is not real gold."""
    if not gold.examples:
        raise InputError(f"{gold.source}: found no gold answers")
    answers = [example.answer for example in gold.examples]
    if None in answers:
        raise InputError(f"{gold.source}: the gold answers are not public")
    found = {label for answer in answers for label in _flatten(answer)}
    if found <= {""}:
        raise InputError(f"{gold.source}: the gold answers are blank, as after XTREME's download script; get the original file")
    if len(answers) >= PLACEHOLDERS_FROM and len(found) == 1:
        raise InputError(
            f"{gold.source}: all {len(answers)} gold answers are {found.pop()!r}, so they are placeholders (XTREME's download"
            " script removes the labels); get the original file"
        )
    return gold


def _flatten(answer: Any) -> Iterable[Any]:
    """The labels, ids or texts in one answer."""
    if isinstance(answer, tuple):
        return [part.text if isinstance(part, SpanAnswer) else part for part in answer]
    return [answer]
