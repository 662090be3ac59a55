"""A task that is made of other tasks (ANLI+): their examples one after the other, and nothing of its own to read."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from tests.tasks.files.test_archive import pack, toy

from xstilts.errors import InputError
from xstilts.tasks.files.check import check_task
from xstilts.tasks.files.locate import find_languages, find_source, hash_contents, locate, read_examples
from xstilts.tasks.registry import CATALOGUE
from xstilts.tasks.task import Source, Task

FIRST = b"en\tA boat sank.\tyes\nen\tA boat swam.\tno\n"
SECOND = b"en\tIt is late.\tno\n"


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch) -> Task:
    """`both`, with the parts `one` and `two`; `two` lies in an archive."""
    monkeypatch.setitem(CATALOGUE, "one", toy("one"))
    monkeypatch.setitem(CATALOGUE, "two", toy("two", archives=("two.zip",)))
    made = replace(toy("both"), parts=("one", "two"), splits={"train": Source((), ("en",))})
    monkeypatch.setitem(CATALOGUE, "both", made)
    return made


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    data = tmp_path / "data"
    (data / "one").mkdir(parents=True)
    (data / "one" / "train.tsv.gz").write_bytes(gzip.compress(FIRST))
    pack(data / "two.zip", [("two/train.tsv", SECOND)])
    return data


def test_the_examples_of_the_parts_one_after_the_other(both: Task, root: Path) -> None:
    ids = [example.id for example in read_examples(both, "train", "en", root)]
    assert ids == ["one-train-1", "one-train-2", "two-train-1"]
    assert [path.name for path in locate(both, "train", "en", root)] == ["train.tsv.gz", "train.tsv"]
    assert hash_contents(locate(both, "train", "en", root)) == hashlib.sha256(FIRST + SECOND).hexdigest()
    assert find_languages(both, "train", root) == ("en",)
    assert find_source(both, "train", "en").paths == ()


def test_a_part_that_is_missing_is_named(both: Task, root: Path) -> None:
    (root / "two.zip").unlink()
    with pytest.raises(InputError, match=r"task both, train: its part two is missing below .*; its other parts are there"):
        locate(both, "train", "en", root)
    with pytest.raises(InputError, match=r"task two: no file for train in en; looked below .*two/train\.tsv"):
        list(read_examples(both, "train", "en", root))


def test_nothing_is_found_where_no_part_is(both: Task, tmp_path: Path) -> None:
    assert locate(both, "train", "en", tmp_path) == ()
    assert find_languages(both, "train", tmp_path) == ()
    with pytest.raises(InputError, match="task one: no file for train in en"):
        list(read_examples(both, "train", "en", tmp_path))


def test_a_language_that_is_not_declared(both: Task, root: Path) -> None:
    assert locate(both, "train", "de", root) == ()
    with pytest.raises(InputError, match=r"task both has no train data in 'de' \(it has: en\)"):
        read_examples(both, "train", "de", root)


def test_ids_that_two_parts_share_are_an_error(both: Task, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CATALOGUE, "two", replace(CATALOGUE["two"], read=CATALOGUE["one"].read, name="one"))
    with pytest.raises(InputError, match="both: the id 'one-train-1' occurs twice"):
        list(read_examples(both, "train", "en", root))


def test_the_check_of_a_composite_task_is_that_of_its_parts(both: Task, root: Path) -> None:
    found = check_task(both, root)
    assert found.status == "complete"
    assert [(row.task, row.split, row.examples) for row in found.rows] == [("one", "train", 2), ("two", "train", 1)]
    assert [file.records for file in found.files] == [2, 1]
    (root / "two.zip").unlink()
    assert check_task(both, root).status == "partial"
    (root / "one" / "train.tsv.gz").unlink()
    assert check_task(both, root).status == "missing"
