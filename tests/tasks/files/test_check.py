"""What `xstilts tasks --check` finds, in folders made here and in the folder of real data."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from tests.tasks.files.test_archive import TESTS, pack, toy

from xstilts.cli.views.data import check_tasks, print_check
from xstilts.tasks.files.check import TaskCheck, check_task, make_record
from xstilts.tasks.registry import CATALOGUE
from xstilts.tasks.task import Download, Task

TRAIN = b"en\tA boat sank.\tyes\nen\tA boat swam.\tno\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "data" / "toy").mkdir(parents=True)
    return tmp_path / "data"


def declared(**by_split: object) -> Task:
    """The toy with changes of its splits: `declared(train={"counts": ...})`."""
    task = toy()
    return replace(task, splits={s: replace(x, **by_split.get(s, {})) for s, x in task.splits.items()})  # type: ignore[arg-type]


def rows(found: TaskCheck) -> dict[tuple[str, str], tuple[str, int | None]]:
    return {(row.split, row.language): (row.status, row.examples) for row in found.rows}


def test_nothing_is_missing(root: Path) -> None:
    found = check_task(toy(), root)
    assert found.status == "missing"
    assert set(rows(found).values()) == {("missing", None)}
    assert found.files == ()


def test_languages_of_one_file_and_of_files_of_their_own(root: Path) -> None:
    (root / "toy" / "tests.tsv").write_bytes(TESTS)
    (root / "toy" / "test-de.tsv.gz").write_bytes(gzip.compress(b"de\tEs schneit.\tyes\n"))
    (root / "toy" / "train.tsv").write_bytes(TRAIN)
    task = declared(test={"counts": {"en": 2, "de": 2}}, train={"counts": {"en": 2}})
    found = check_task(task, root)
    assert rows(found) == {
        ("train", "en"): ("complete", 2),
        ("test", "en"): ("complete", 2),
        ("test", "de"): ("partial", 1),
        ("test", "fr"): ("complete", 1),
    }
    assert found.status == "partial"
    assert {(f.path, f.records, f.sha256) for f in found.files} == {
        ("toy/tests.tsv", 3, hashlib.sha256(TESTS).hexdigest()),
        ("toy/test-de.tsv.gz", 1, hashlib.sha256(b"de\tEs schneit.\tyes\n").hexdigest()),
        ("toy/train.tsv", 2, hashlib.sha256(TRAIN).hexdigest()),
    }
    assert json.loads(json.dumps(make_record(found)))["rows"][0]["files"] == ["toy/train.tsv"]


def test_several_files_of_one_split_are_counted_one_by_one(root: Path) -> None:
    task = declared(test={"paths": ("toy/part-*.tsv",), "languages": ("en",)})
    (root / "toy" / "part-1.tsv").write_bytes(TRAIN)
    (root / "toy" / "part-2.tsv").write_bytes(TESTS)
    found = check_task(task, root)
    assert rows(found)["test", "en"] == ("complete", 4)
    assert {f.path: f.records for f in found.files} == {"toy/part-1.tsv": 2, "toy/part-2.tsv": 2}


def test_files_that_belong_together_are_counted_in_lines(root: Path) -> None:
    task = CATALOGUE["tatoeba"]
    for side, text in (("deu", "Es schneit.\nEs brennt.\n"), ("eng", "It snows.\nIt burns.\n")):
        (root / f"tatoeba.deu-eng.{side}").write_text(text)
    found = check_task(task, root)
    assert rows(found)["test", "de"][1] == 2
    assert {f.path: f.records for f in found.files} == {"tatoeba.deu-eng.deu": 2, "tatoeba.deu-eng.eng": 2}


def test_a_held_out_dev_is_counted_where_it_lies(root: Path) -> None:
    lines = b"".join(b"en\tBoat %d.\tyes\n" % number for number in range(40))
    (root / "toy" / "train.tsv").write_bytes(lines)
    found = check_task(replace(declared(train={"counts": {"en": 40}}), heldout=4), root)
    assert rows(found)["train", "en"] == ("complete", 40)
    assert {split for split, _ in rows(found)} == {"train", "test"}


def test_damage_is_told_and_the_rest_is_read(root: Path) -> None:
    (root / "toy" / "train.tsv").write_bytes(TRAIN + b"en\tA boat floats.\tperhaps\n")
    (root / "toy" / "test-de.tsv.gz").write_bytes(gzip.compress(b"de\tEs schneit.\tyes\n" * 99)[:-12])
    (root / "toy" / "test-fr.tsv").write_bytes(b"fr\tIl neige.\tyes\n")
    found = check_task(toy(), root)
    assert found.status == "damaged"
    problems = {(row.split, row.language): row.problem for row in found.rows}
    assert "toy/train.tsv:3: unknown label 'perhaps'" in problems["train", "en"]
    assert "test-de.tsv.gz: truncated or damaged gzip file" in problems["test", "de"]
    assert rows(found)["test", "fr"] == ("complete", 1)
    assert {f.path: (f.records, bool(f.sha256)) for f in found.files} == {
        "toy/train.tsv": (0, True),
        "toy/test-de.tsv.gz": (0, False),
        "toy/test-fr.tsv": (1, True),
    }


def test_a_damaged_archive_is_told_for_each_language_and_the_rest_is_read(root: Path) -> None:
    (root / "toy-1.0.zip").write_bytes(b"PK")
    (root / "toy" / "test-de.tsv").write_bytes(b"de\tEs schneit.\tyes\n")
    found = check_task(toy(archives=("toy-1.0.zip",)), root)
    assert rows(found)["test", "de"] == ("complete", 1)
    assert "toy-1.0.zip: the archive is damaged" in next(row for row in found.rows if row.language == "fr").problem


def checksum(task: Task, root: Path) -> tuple[str, str]:
    row = check_task(task, root).rows[0]
    return row.checksum, row.status


def test_checksums_of_files(root: Path) -> None:
    (root / "toy" / "train.tsv.gz").write_bytes(gzip.compress(TRAIN))
    right, wrong = hashlib.sha256(TRAIN).hexdigest(), "0" * 64
    assert checksum(toy(), root) == ("unknown", "complete")
    assert checksum(declared(train={"sha256": {"en": right}}), root) == ("official", "complete")
    assert checksum(declared(train={"sha256": {"en": wrong}}), root) == ("not official", "partial")
    assert checksum(declared(train={"sha256": {"en": wrong}, "counts": {"en": 2}}), root) == ("not official", "complete")
    assert checksum(declared(train={"sha256": {"en": right}, "counts": {"en": 3}}), root) == ("official", "partial")


def test_a_file_is_vouched_for_by_its_archive(root: Path) -> None:
    archive = pack(root / "toy-1.0.zip", [("toy/train.tsv", TRAIN)])
    served = Download("https://example.org/x", "toy-1.0.zip", {"": hashlib.sha256(archive.read_bytes()).hexdigest()})
    task = toy(archives=("toy-1.0.zip",), downloads=(served,))
    assert checksum(task, root) == ("official", "complete")
    other = replace(served, sha256={"": "0" * 64})
    assert checksum(toy(archives=("toy-1.0.zip",), downloads=(other,)), root) == ("not official", "partial")
    assert checksum(toy(archives=("toy-1.0.zip",)), root) == ("unknown", "complete")
    (root / "toy" / "train.tsv").write_bytes(TRAIN)  # and this one did not come out of it
    assert checksum(task, root) == ("unknown", "complete")


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_is_vouched_for_by_the_checksum_of_its_download(packed: bool, root: Path) -> None:
    path = root / "toy" / ("train.tsv.gz" if packed else "train.tsv")
    path.write_bytes(gzip.compress(TRAIN) if packed else TRAIN)
    served = Download("https://example.org/x", "toy/train.tsv", {"": hashlib.sha256(TRAIN).hexdigest()})
    assert checksum(toy(downloads=(served,)), root) == ("official", "complete")
    assert checksum(toy(downloads=(replace(served, sha256={"": "0" * 64}),)), root) == ("not official", "partial")
    assert checksum(toy(downloads=(replace(served, sha256={}),)), root) == ("unknown", "complete")


def test_a_file_that_is_served_packed(root: Path) -> None:
    path = root / "toy" / "train.tsv.gz"
    path.write_bytes(gzip.compress(TRAIN))
    served = Download("https://example.org/x", "toy/train.tsv.gz", {"en": hashlib.sha256(path.read_bytes()).hexdigest()})
    assert checksum(toy(downloads=(served,)), root) == ("official", "complete")


def test_of_several_files_all_have_to_be_official(root: Path) -> None:
    one = Download("https://example.org/x", "toy/part-1.tsv", {"": hashlib.sha256(TRAIN).hexdigest()})
    two = replace(one, path="toy/part-2.tsv")
    paths = {"paths": ("toy/part-*.tsv",)}
    (root / "toy" / "part-1.tsv").write_bytes(TRAIN)
    (root / "toy" / "part-2.tsv").write_bytes(TRAIN.replace(b"boat", b"ship"))
    assert checksum(declared(train={"downloads": (one,), **paths}), root) == ("unknown", "complete")
    assert checksum(declared(train={"downloads": (one, two), **paths}), root) == ("not official", "partial")
    right = replace(two, sha256={"": hashlib.sha256(TRAIN.replace(b"boat", b"ship")).hexdigest()})
    assert checksum(declared(train={"downloads": (one, right), **paths}), root) == ("official", "complete")


def test_no_part_is_read_twice(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "toy" / "train.tsv").write_bytes(TRAIN)
    monkeypatch.setitem(CATALOGUE, "toy", toy())
    steps: list[str] = []
    known: dict[str, TaskCheck] = {}
    for task in (toy(), replace(toy("sum"), parts=("toy",))):
        check_task(task, root, steps.append, known)
    assert steps == ["toy train en"]
    assert known["sum"].rows == tuple(known["toy"].rows)


def printed(tasks: list[Task], root: Path, width: int = 80) -> str:
    console = Console(width=width, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    print_check(console, tasks, check_tasks(console, tasks, root), root)
    return console.export_text()


def test_what_people_see(root: Path) -> None:
    (root / "toy" / "tests.tsv").write_bytes(TESTS)
    (root / "toy" / "train.tsv").write_bytes(b"damaged")
    task = declared(test={"counts": {"en": 5, "fr": 1}})
    text = printed([task, toy("none")], root)
    for line in (
        "toy   damaged  train: damaged",
        "en: toy/train.tsv:1: 1 column(s), expected",
        "test: 2 of 3 languages: en fr, 3 examples, en 2 of 5",
        "none  missing  get it: https://example.org/toy.html (licence: CC0-1.0)",
    ):
        assert line in text
    assert "1 missing, 1 damaged" in text
    assert all(len(line) <= 80 for line in text.splitlines() if str(root) not in line)


def test_a_file_of_unknown_size_that_is_not_the_official_one(root: Path) -> None:
    (root / "toy" / "train.tsv").write_bytes(TRAIN)
    text = printed([declared(train={"sha256": {"en": "0" * 64}})], root)
    assert "partial  train: 2 examples, not the official file" in text


def xstilts(*words: str, data: Path) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "XSTILTS_DATA": str(data)}
    return subprocess.run(
        [sys.executable, "-m", "xstilts.cli", *words], capture_output=True, text=True, env=variables, check=False
    )


def test_the_command_and_its_exit_codes(root: Path) -> None:
    (root / "dev_rand_split.jsonl").write_bytes(b"{}")
    done = xstilts("tasks", "--check", "commonsenseqa", "tatoeba", "--json", data=root)
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    assert found["folder"] == str(root)
    assert {task["task"]: task["status"] for task in found["tasks"]} == {"commonsenseqa": "damaged", "tatoeba": "missing"}
    assert found["tasks"][1]["get"].startswith("get it: xstilts download tatoeba")
    assert "field 'question' is missing" in found["tasks"][0]["rows"][1]["problem"]
    done = xstilts("tasks", "--check", "tatoeba", data=root)
    assert done.returncode == 0, done.stderr
    assert "1 missing" in done.stdout


# -- the folder of real data -------------------------------------------------------------------------------------------

# Files of the folders that the catalogue reads, and why it does not read these.
NOT_READ = {
    "commonsenseqa/test_rand_split_no_answers.jsonl.gz": "has no answers",
    "xnli/official_layout_first600/selected/xnli.test.tsv.gz": "a part of the pairs; the files of single languages go first",
}


def test_the_check_agrees_with_the_manifest_of_the_real_data(
    real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Path, records and sha256 of every file of a data set that the catalogue covers; and that none of them is left out."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if not (real_data / "MANIFEST.tsv").is_file():
        pytest.skip(f"no MANIFEST.tsv in {real_data}")
    with (real_data / "MANIFEST.tsv").open(encoding="utf-8") as file:
        manifest = {line["path"]: line for line in csv.DictReader(file, delimiter="\t")}
    known: dict[str, TaskCheck] = {}
    for task in CATALOGUE.values():
        if not task.synthetic:
            check_task(task, real_data, known=known)
    for name, result in known.items():
        assert [row.problem for row in result.rows if row.problem] == [], name
        for found in result.files:
            listed = manifest[found.path]
            assert (found.records, found.sha256) == (int(listed["records"]), listed["sha256_raw"]), (name, found.path)
        if CATALOGUE[name].format.name != "rank":  # whose examples are candidates too
            for row in result.rows:
                listed_records = {int(manifest[path]["records"]) for path in row.files}
                together = CATALOGUE[name].format.name == "embed"
                total = listed_records.pop() if together and row.files else sum(int(manifest[p]["records"]) for p in row.files)
                assert (row.examples or 0) == total, (name, row)
    read = {found.path for result in known.values() for found in result.files}
    folders = {path.split("/")[0] for path in read}
    assert {path for path in manifest if path.split("/")[0] in folders} - read == set(NOT_READ)
    official = {path for result in known.values() for row in result.rows if row.checksum == "official" for path in row.files}
    assert official
    assert all("derived" not in path for path in official)
