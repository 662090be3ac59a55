"""The gold answers for scoring a submission: from the data folder, or from a folder of label files.

Label files are XTREME's (mock_test_data/labels). They have the layout of predictions, but SQuAD JSON for question answering and
{query id: [gold id]} for ranking. They have answers only, so they do not tell what may be predicted (a pool of ids). XTREME's
download script keeps test sets but blanks or overwrites their labels (XCOPA: all 0), and copies of such files circulate. With
them, a third of XNLI would count as right. So gold that has only one label, or is blank, is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

from xstilts.errors import InputError
from xstilts.formats.bitext_mining import PoolExample
from xstilts.formats.bitext_retrieval import BitextRetrievalExample
from xstilts.formats.choice import ChoiceExample
from xstilts.formats.classify import ClassifyExample
from xstilts.formats.registry import Example
from xstilts.formats.span import Answer, SpanExample
from xstilts.formats.tag import TagExample
from xstilts.submission.layout import file_name, order_examples
from xstilts.submission.read import Gold
from xstilts.tasks.catalogue.ranking import merge_gold
from xstilts.tasks.files.locate import explain_missing, find_languages, read_examples, subsample
from xstilts.tasks.files.read import PLACEHOLDERS_FROM, get_field, read_json_lines, read_json_object, read_lines, split_columns
from xstilts.tasks.task import Task


def make_gold_finder(data: Path, labels: Path | None, limit: int | None) -> Callable[[Task, str], Gold]:
    """A function that gives the gold of a task in a language, or raises InputError. It reads the label files if their folder is
    given, else the data folder. With `limit`, the gold has the examples that a study with that limit keeps.

    For ranking, the pool and the gold in it are those of all languages of the data folder, which are read once."""
    rankings: dict[str, dict[str, Gold]] = {}

    def find(task: Task, language: str) -> Gold:
        if labels is not None:
            return _read_label_gold(task, language, labels, limit)
        if task.format.name != "rank":
            return _read_data_gold(task, language, data, limit)
        if task.name not in rankings:
            rankings[task.name] = _read_ranking_gold(task, data, limit)
        if language not in rankings[task.name]:
            raise InputError(explain_missing(task, "test", language, data))
        return rankings[task.name][language]

    return lambda task, language: _refuse_placeholders(find(task, language))


def _read_label_gold(task: Task, language: str, labels: Path, limit: int | None) -> Gold:
    if limit is not None:
        raise InputError(f"the submission is limited to {limit} examples, but label files have all; run without --labels")
    path = labels / file_name(task, language)
    if not path.is_file():
        raise InputError(f"{path}: no such label file")
    return Gold(tuple(_read_labels(task.format.name, path)), None, str(path))


def _read_data_gold(task: Task, language: str, root: Path, limit: int | None) -> Gold:
    found = list(subsample(read_examples(task, "test", language, root), limit))
    asked = order_examples(found)
    pool: frozenset[str] | None = None
    if task.format.name == "mine":
        pool = _select_candidates(found)
    elif task.format.name == "embed":
        place = {example.id: str(number) for number, example in enumerate(found)}
        pool = frozenset(place.values())
        asked = [
            replace(example, id=str(number), answer=place.get(example.answer or ""))
            for number, example in enumerate(asked, start=1)
            if isinstance(example, BitextRetrievalExample)
        ]
    return Gold(tuple(asked), pool, _name_source(task, language))


def _read_ranking_gold(task: Task, root: Path, limit: int | None) -> dict[str, Gold]:
    queries: dict[str, list[PoolExample]] = {}
    pool: frozenset[str] = frozenset()
    for language in find_languages(task, "test", root):
        found = list(subsample(read_examples(task, "test", language, root), limit))
        queries[language] = [example for example in order_examples(found) if isinstance(example, PoolExample)]
        pool |= _select_candidates(found)
    gold = merge_gold(query for found in queries.values() for query in found)
    return {
        language: Gold(tuple(replace(query, answer=gold[query.id]) for query in found), pool, _name_source(task, language))
        for language, found in queries.items()
    }


def _select_candidates(found: Iterable[Example]) -> frozenset[str]:
    return frozenset(example.id for example in found if isinstance(example, PoolExample) and example.role == "candidate")


def _name_source(task: Task, language: str) -> str:
    return f"the test data of {task.name} in {language}"


def _read_labels(format: str, path: Path) -> Iterator[Example]:
    """The examples of a label file without their texts. Ids are line numbers if the file has none."""
    if format == "span":
        yield from _read_questions(path)
    elif format == "rank":
        record = read_json_object(path)
        for id in record:
            yield PoolExample(id, "", "", "query", tuple(get_field(record, id, list, str(path))))
    elif format == "mine":
        pairs = [split_columns(line, 2, where, "a foreign id, a tab and an English id")[:2] for where, line in read_lines(path)]
        for source, group in groupby(sorted(pairs), key=lambda pair: pair[0]):
            yield PoolExample(source, "", "", "query", tuple(target for _, target in group))
    elif format == "choice":
        for number, (where, record) in enumerate(read_json_lines(path), start=1):
            yield ChoiceExample(str(number), "", (), get_field(record, "label", int, where))
    elif format == "tag":
        parts = groupby((line.strip() for _, line in read_lines(path)), key=bool)
        for number, tags in enumerate((tuple(part) for filled, part in parts if filled), start=1):
            yield TagExample(str(number), (), tags)
    else:
        for number, (_, line) in enumerate(read_lines(path), start=1):
            label = line.strip()
            yield (
                BitextRetrievalExample(str(number), "", "", label)
                if format == "embed"
                else ClassifyExample(str(number), (), label)
            )


def _read_questions(path: Path) -> Iterator[SpanExample]:
    for article in get_field(read_json_object(path), "data", list, str(path)):
        for paragraph in get_field(article, "paragraphs", list, str(path)):
            for record in get_field(paragraph, "qas", list, str(path)):
                where = f"{path}: question {get_field(record, 'id', str, str(path))}"
                texts = [get_field(answer, "text", str, where) for answer in get_field(record, "answers", list, where)]
                yield SpanExample(record["id"], "", "", tuple(Answer(text, 0) for text in texts))


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
        return [part.text if isinstance(part, Answer) else part for part in answer]
    return [answer]
