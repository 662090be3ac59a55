"""One test judges every task of the catalogue by its declaration and its fixture.

`tests/fixtures` is a data folder like any other: invented sentences under official file names. What an example has to be
is a function of the format: a new format is judged by its entry in JUDGES.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from xstilts.data.language import LANGUAGES
from xstilts.errors import InputError
from xstilts.formats.bitext_mining import BitextMining, PoolExample
from xstilts.formats.bitext_retrieval import BitextRetrieval, BitextRetrievalExample
from xstilts.formats.choice import Choice, ChoiceExample
from xstilts.formats.classify import Classify, ClassifyExample
from xstilts.formats.format import Example
from xstilts.formats.image_pair import ImagePair, ImagePairExample
from xstilts.formats.ranking import Ranking, RankingExample
from xstilts.formats.span import Span, SpanExample
from xstilts.formats.tag import Tag, TagExample
from xstilts.tasks.files.locate import find_languages, read_examples
from xstilts.tasks.registry import CATALOGUE, find_task
from xstilts.tasks.task import SPLITS, Source, Task

FIXTURES = Path(__file__).parents[1] / "fixtures"
TASKS = tuple(task for task in CATALOGUE.values() if not task.name.startswith("world/"))
SOURCES = tuple((task, split, source) for task in TASKS for split, source in task.splits.items())
every_task = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
every_source = pytest.mark.parametrize(
    ("task", "source"),
    [pytest.param(task, source, id=f"{task.name}-{split}") for task, split, source in SOURCES],
)

SHA256 = re.compile("[0-9a-f]{64}")
COMMIT = re.compile("[0-9a-f]{40}")
BRANCH = re.compile("/(main|master)/")
# Hub data sets that are read at a branch, whose content may change: no commit of theirs has been compared with the official
# files. A fetch resolves the branch and its run records the commit.
UNPINNED = {"rajpurkar/squad", "rajpurkar/squad_v2", "google/xtreme", "google-research-datasets/tydiqa", "unimelb-nlp/wikiann"}
UNPINNED |= {"facebook/mlqa"}  # the Hub's own conversion to parquet: a branch that is made anew when the data set changes
# Languages of a download out of a branch whose checksum is not known.
WITHOUT_CHECKSUM = {"tatoeba": {"ro", "uk"}}
ARCHIVE = re.compile(r"[^/]+\.(zip|tar|tgz|tar\.gz|tar\.bz2)")

# The lists of XTREME and XTREME-R together (evaluate.py of google-research/xtreme); one language where nothing is said.
LANGUAGE_COUNTS = {
    "xnli": 15, "pawsx": 7, "udpos": 38, "panx": 48, "xquad": 12, "mlqa": 7, "tydiqa": 9, "xcopa": 11, "bucc2018": 4,
    "tatoeba": 41, "lareqa": 11, "mewslix": 11, "mnli_mt": 15, "pawsx_mt": 7, "squad_v1_mt": 6,
    "xvnli": 5, "xvnli_hypothesis": 5, "xvnli_caption": 5,
}  # fmt: skip


def splits_of(task: Task) -> list[str]:
    return [split for split in SPLITS if split in task.splits or (split == "dev" and task.heldout)]


def content(example: Example) -> object:
    """What must not be both in training and in test; `None` for what may (the candidates of a pool)."""
    match example:
        case ClassifyExample():
            return example.texts
        case SpanExample():
            return example.question, example.context
        case TagExample():
            return example.words
        case ChoiceExample():
            return example.prompt
        case BitextRetrievalExample():
            return example.text
        case RankingExample():
            return example.query, example.text, example.context
        case ImagePairExample():
            return example.picture, example.text
        case PoolExample():
            return None if example.role == "candidate" else (example.text, example.context)
    raise AssertionError(example)


def judge_texts(example: ClassifyExample, format: Classify) -> None:
    assert example.answer in format.labels
    assert len(example.texts) == format.texts
    assert all(example.texts)


def judge_choice(example: ChoiceExample, format: Choice) -> None:
    assert example.answer in range(format.choices)
    assert example.prompt
    assert len(example.choices) == format.choices
    assert all(example.choices)


def judge_words(example: TagExample, format: Tag) -> None:
    assert example.answer is not None
    assert set(example.answer) <= set(format.labels) or not format.labels
    assert len(example.words) == len(example.answer)
    assert all(example.words)


def judge_span(example: SpanExample, format: Span) -> None:
    assert example.question
    assert example.answer or (format.no_answer and example.answer == ())
    for answer in example.answer:
        assert example.context[answer.start :].startswith(answer.text)


def judge_translation(example: BitextRetrievalExample, _: BitextRetrieval) -> None:
    assert example.text
    assert example.english
    assert example.answer == example.id


def judge_pool(example: PoolExample | RankingExample, _: BitextMining | Ranking) -> None:
    assert example.text
    if isinstance(example, RankingExample):
        assert example.query
    else:
        assert example.role in ("query", "candidate")
        assert (example.answer is None) == (example.role == "candidate")


def judge_picture(example: ImagePairExample, format: ImagePair) -> None:
    assert example.answer in format.labels
    assert example.picture
    assert example.text


JUDGES: dict[type, tuple[tuple[type, ...], Callable[[Any, Any], None]]] = {
    Classify: ((ClassifyExample,), judge_texts),
    Choice: ((ChoiceExample,), judge_choice),
    Tag: ((TagExample,), judge_words),
    Span: ((SpanExample,), judge_span),
    BitextRetrieval: ((BitextRetrievalExample,), judge_translation),
    BitextMining: ((PoolExample,), judge_pool),
    Ranking: ((PoolExample, RankingExample), judge_pool),
    ImagePair: ((ImagePairExample,), judge_picture),
}


@every_task
def test_the_declaration_is_complete(task: Task) -> None:
    for field in ("name", "license", "cite", "description"):
        assert getattr(task, field), field
    assert task.version >= 1
    assert task.metric is not None or isinstance(task.format, Ranking)
    assert task.cite.isalnum()
    assert any(c.isdigit() for c in task.cite)
    assert task.url.startswith("http")
    assert set(task.languages) <= set(LANGUAGES)
    assert len(set(task.languages)) == len(task.languages)
    assert len(task.languages) == LANGUAGE_COUNTS.get(task.name, 1)
    assert task.splits
    assert set(task.splits) <= set(SPLITS)
    assert {code for source in task.splits.values() for code in source.languages} == set(task.languages)
    assert (task.read_hub is not None) == any(source.hub for source in task.splits.values())
    assert set(task.contains) <= set(CATALOGUE)


@every_source
def test_a_source_says_where_it_is_found_and_what_should_be_there(task: Task, source: Source) -> None:
    assert bool(source.paths) != bool(task.parts)
    assert len(set(source.paths)) == len(source.paths)
    assert source.url.startswith("http")
    assert set(source.languages) <= set(task.languages)
    assert source.hub is None or COMMIT.fullmatch(source.hub.revision) or source.hub.id in UNPINNED
    assert all(ARCHIVE.fullmatch(name) for name in source.archives)
    assert set(source.counts) <= set(source.languages)
    assert all(isinstance(count, int) and count > 0 for count in source.counts.values())
    assert set(source.sha256) <= set(source.languages)
    assert all(SHA256.fullmatch(sha) for sha in source.sha256.values())


@every_source
def test_what_is_downloaded_is_put_where_it_is_looked_for(task: Task, source: Source) -> None:
    for download in source.downloads:
        assert download.url.startswith("http")
        assert set(download.sha256) <= {"", *source.languages}
        assert all(SHA256.fullmatch(sha) for sha in download.sha256.values())
        if BRANCH.search(download.url) and "" not in download.sha256:
            unknown = set(download.languages or source.languages) - set(download.sha256)
            assert unknown <= WITHOUT_CHECKSUM.get(task.name, set())
        for language in download.languages or source.languages:
            path = PurePosixPath(task.fill(download.path, language))
            assert not path.is_absolute()
            assert ".." not in path.parts
            beside = (pattern.replace("**/", "") for pattern in source.beside)
            patterns = [task.fill(pattern, language) for pattern in (*source.paths, *beside)]
            archives = [task.fill(archive, language) for archive in source.archives]
            within = len(path.parts) <= 2 and any(fnmatch(path.name, archive) for archive in archives)
            assert within or any(fnmatch(str(path).removesuffix(".gz"), pattern) for pattern in patterns), path


def test_no_exception_to_pinning_is_kept_longer_than_needed() -> None:
    branches = {source.hub.id for _, _, source in SOURCES if source.hub and not COMMIT.fullmatch(source.hub.revision)}
    assert branches == UNPINNED


@every_task
def test_parts_are_tasks_of_the_same_format_that_have_its_splits(task: Task) -> None:
    for name in task.parts:
        part = find_task(name)
        assert part.format == task.format
        assert set(task.splits) <= set(part.splits)
    if task.parts:
        assert set(task.parts) <= set(task.contains)
        for split, source in task.splits.items():
            assert source.counts["en"] == sum(find_task(name).splits[split].counts["en"] for name in task.parts)


@every_task
def test_it_trains_on_a_task_of_the_same_format_with_training_data_in_english_or_out_of_it(task: Task) -> None:
    if task.trains_on:
        trainer = find_task(task.trains_on)
        assert trainer.format == task.format
        originals = [trainer, *(find_task(name) for name in trainer.contains)]
        assert any("en" in original.splits["train"].languages for original in originals)
        assert "dev" in trainer.splits or trainer.heldout or "dev" in task.splits
    else:
        assert isinstance(task.format, BitextRetrieval | BitextMining)


@every_task
def test_its_fixtures_can_be_read(task: Task) -> None:
    kinds, judge = JUDGES[type(task.format)]
    for split in splits_of(task):
        found = find_languages(task, split, FIXTURES)
        assert found, f"no fixture for {split}"
        for language in found:
            read = list(read_examples(task, split, language, FIXTURES))
            assert len({example.id for example in read}) == len(read) > 0
            for example in read:
                assert isinstance(example, kinds)
                judge(example, task.format)


@every_task
def test_its_splits_do_not_overlap(task: Task) -> None:
    seen: dict[object, str] = {}
    for split in splits_of(task):
        for example in read_examples(task, split, find_languages(task, split, FIXTURES)[0], FIXTURES):
            said = content(example)
            assert said is None or seen.setdefault(said, split) == split


@pytest.mark.parametrize(
    ("name", "languages"), [("xnli", "en de fr"), ("pawsx", "en de"), ("xcopa", "id it"), ("xquad", "en de"), ("xvnli", "en es")]
)
def test_parallel_tasks_have_parallel_ids(name: str, languages: str) -> None:
    task = find_task(name)
    ids = {tuple(e.id for e in read_examples(task, "test", language, FIXTURES)) for language in languages.split()}
    assert len(ids) == 1


@pytest.mark.parametrize(
    ("name", "languages"), [("udpos", "en de fa"), ("panx", "en de"), ("tydiqa", "en fi"), ("tatoeba", "de fr")]
)
def test_other_tasks_never_share_an_id_between_languages(name: str, languages: str) -> None:
    task = find_task(name)
    ids = [e.id for language in languages.split() for e in read_examples(task, "test", language, FIXTURES)]
    assert len(set(ids)) == len(ids)


def test_the_catalogue_knows_its_tasks_by_name() -> None:
    assert all(name == task.name for name, task in CATALOGUE.items())
    with pytest.raises(InputError, match="did you mean 'tydiqa'"):
        find_task("tydyqa")
