"""One test judges every task of the catalogue by its declaration and its fixture.

`tests/fixtures` is a data folder like any other: invented sentences under official file names.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from xstilts.data.example import ChoiceExample, Example, SpanExample, TextsExample, TranslationExample, WordsExample
from xstilts.data.format import Choice, Classify, Embed, Format, Span, Tag
from xstilts.data.language import LANGUAGES
from xstilts.errors import InputError
from xstilts.tasks import bitext, choice, nli, qa, tagging
from xstilts.tasks.catalogue import CATALOGUE, find_task
from xstilts.tasks.locate import available_languages, examples
from xstilts.tasks.task import SPLITS, Task

FIXTURES = Path(__file__).parents[1] / "fixtures"
TASKS = (*nli.TASKS, *qa.TASKS, *choice.TASKS, *tagging.TASKS, *bitext.TASKS)
every_task = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)

# Paper-facts of XTREME (evaluate.py of google-research/xtreme): how many languages each task has.
XTREME_COUNTS = {"xnli": 15, "udpos": 33, "panx": 40, "xquad": 11, "tydiqa": 9, "tatoeba": 36}


def splits_of(task: Task) -> list[str]:
    return [split for split in SPLITS if split in task.splits or (split == "dev" and task.heldout)]


def content(example: Example) -> object:
    """What must not be both in training and in test."""
    match example:
        case TextsExample():
            return example.texts
        case SpanExample():
            return example.question, example.context
        case WordsExample():
            return example.words
        case ChoiceExample():
            return example.prompt
        case TranslationExample():
            return example.text
    raise AssertionError(example)


def judge(example: Example, format: Format) -> None:
    """An answer lies in the closed set of its format, and nothing is blank."""
    match example, format:
        case TextsExample(), Classify():
            assert example.answer in format.labels
            assert len(example.texts) == format.texts
            assert all(example.texts)
        case ChoiceExample(), Choice():
            assert example.answer in range(format.choices)
            assert example.prompt
            assert len(example.choices) == format.choices
            assert all(example.choices)
        case WordsExample(), Tag():
            assert example.answer is not None
            assert set(example.answer) <= set(format.labels)
            assert len(example.words) == len(example.answer)
            assert all(example.words)
        case SpanExample(), Span():
            assert example.question
            assert example.answer
            for answer in example.answer:
                assert example.context[answer.start :].startswith(answer.text)
        case TranslationExample(), Embed():
            assert example.text
            assert example.english
            assert example.answer == example.id
        case _:
            raise AssertionError(f"{type(example).__name__} in a task of format {format.name}")


@every_task
def test_the_declaration_is_complete(task: Task) -> None:
    for field in ("name", "license", "cite", "description"):
        assert getattr(task, field), field
    assert task.version >= 1
    assert task.metric is not None
    assert task.read_hub is not None
    assert task.cite.isalnum()
    assert any(c.isdigit() for c in task.cite)
    assert task.url.startswith("http")
    assert set(task.languages) <= set(LANGUAGES)
    assert len(set(task.languages)) == len(task.languages)
    assert len(task.languages) == XTREME_COUNTS.get(task.name, 1)
    assert task.splits
    assert set(task.splits) <= set(SPLITS)
    for source in task.splits.values():
        assert source.paths
        assert source.url.startswith("http")
        assert source.hub is not None
        assert set(source.languages) <= set(task.languages)
        assert set(source.sha256) <= set(source.languages)
        assert all(len(sha) == 64 for sha in source.sha256.values())


@every_task
def test_it_trains_on_a_task_of_the_same_format_with_english_training_data(task: Task) -> None:
    if task.trains_on:
        trainer = find_task(task.trains_on)
        assert trainer.format == task.format
        assert "en" in trainer.splits["train"].languages
        assert "dev" in trainer.splits or trainer.heldout or "dev" in task.splits
    else:
        assert isinstance(task.format, Embed)


@every_task
def test_its_fixtures_can_be_read(task: Task) -> None:
    for split in splits_of(task):
        found = available_languages(task, split, FIXTURES)
        assert found, f"no fixture for {split}"
        for language in found:
            read = list(examples(task, split, language, FIXTURES))
            assert len({example.id for example in read}) == len(read) > 0
            for example in read:
                judge(example, task.format)


@every_task
def test_its_splits_do_not_overlap(task: Task) -> None:
    seen: dict[object, str] = {}
    for split in splits_of(task):
        for example in examples(task, split, available_languages(task, split, FIXTURES)[0], FIXTURES):
            assert seen.setdefault(content(example), split) == split


@pytest.mark.parametrize(("name", "languages"), [("xnli", "en de fr"), ("xquad", "en de")])
def test_parallel_tasks_have_parallel_ids(name: str, languages: str) -> None:
    task = find_task(name)
    ids = {tuple(e.id for e in examples(task, "test", language, FIXTURES)) for language in languages.split()}
    assert len(ids) == 1


def test_other_tasks_never_share_an_id_between_languages() -> None:
    for task, languages in (
        (tagging.UDPOS, "en de fa"),
        (tagging.PANX, "en de"),
        (qa.TYDIQA, "en fi"),
        (bitext.TATOEBA, "de fr"),
    ):
        ids = [e.id for language in languages.split() for e in examples(task, "test", language, FIXTURES)]
        assert len(set(ids)) == len(ids)


def test_the_catalogue_knows_its_tasks_by_name() -> None:
    assert {task.name for task in TASKS} <= set(CATALOGUE)
    assert all(name == task.name for name, task in CATALOGUE.items())
    with pytest.raises(InputError, match="did you mean 'tydiqa'"):
        find_task("tydyqa")
