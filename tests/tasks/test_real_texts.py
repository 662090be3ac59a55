"""Real data of pair classification and multiple choice: all of every file is read, as many records as its folder's list says.

The list is MANIFEST.tsv of the data folder. `hf_dummy` holds a few real records a data set, in zips: each is unpacked as it is
and becomes a data folder, whose records are counted here line by line.
"""

from __future__ import annotations

import csv
import os
import re
import shutil
import zipfile
from pathlib import Path

import pytest

from xstilts.errors import InputError
from xstilts.formats.choice import ChoiceExample
from xstilts.formats.classify import ClassifyExample
from xstilts.tasks.files.locate import find_languages, hash_contents, locate, read_examples
from xstilts.tasks.registry import find_task

ROOT = Path(os.environ.get("XSTILTS_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
MANIFEST = ROOT / "MANIFEST.tsv"
pytestmark = pytest.mark.skipif(not MANIFEST.is_file(), reason=f"no data folder with a MANIFEST.tsv at {ROOT}; set XSTILTS_DATA")

# The path of a listed file -> task and split; the group `lang`, if there is one, is the language.
LISTED = {
    r"xnli/(?P<split>dev|test)-(?P<lang>..)\.tsv\.gz": "xnli",
    r"snli/derived/snli_1\.0_(?P<split>train|dev)\.jsonl\.gz": "snli",
    r"pawsx/x-final/(?P<lang>..)/(?P<split>dev|test)_2k\.tsv\.gz": "pawsx",
    r"commonsenseqa/(?P<split>train|dev)_rand_split\.jsonl\.gz": "commonsenseqa",
    r"cosmosqa/derived/(?P<split>train|valid)\.csv\.gz": "cosmosqa",
    r"hellaswag/derived/en/hellaswag_(?P<split>train|val)\.jsonl\.gz": "hellaswag",
    r"xcopa/data/(?P<lang>..)/(?P<split>val|test)\.(?P=lang)\.jsonl\.gz": "xcopa",
}
# In these folders, but not for a reader: gold is not public, or a slice of many languages (read below).
UNLISTED = {
    "commonsenseqa/test_rand_split_no_answers.jsonl.gz",
    "xnli/official_layout_first600/selected/xnli.test.tsv.gz",
}


def manifest() -> dict[str, dict[str, str]]:
    with MANIFEST.open(encoding="utf-8", newline="") as file:
        return {row["path"]: row for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)}


def listed() -> list[tuple[str, str, str, str, int]]:
    """(path, task, split, language, records) of each file that a reader of this test is for."""
    found = []
    for path, row in manifest().items() if MANIFEST.is_file() else ():
        for pattern, task in LISTED.items():
            if match := re.fullmatch(pattern, path):
                groups = match.groupdict()
                split = {"val": "dev", "valid": "dev"}.get(groups["split"], groups["split"])
                found.append((path, task, split, groups.get("lang") or "en", int(row["records"])))
    return found


@pytest.mark.parametrize(("path", "name", "split", "language", "records"), listed())
def test_every_record_is_read(path: str, name: str, split: str, language: str, records: int) -> None:
    if not (ROOT / path).is_file():
        pytest.skip(f"{path} is not in this folder")
    task = find_task(name)
    assert locate(task, split, language, ROOT) == (ROOT / path,)
    assert sum(1 for _ in read_examples(task, split, language, ROOT)) == records


def test_no_file_of_these_data_sets_is_passed_over() -> None:
    mine = {path for path in manifest() if re.match("(xnli|snli|pawsx|commonsenseqa|cosmosqa|hellaswag|xcopa)/", path)}
    assert mine - UNLISTED == {path for path, *_ in listed()}


@pytest.mark.parametrize(("name", "splits"), [("commonsenseqa", ("train", "dev")), ("xcopa", ("dev", "test"))])
def test_official_files_have_their_published_checksum_and_count(name: str, splits: tuple[str, ...]) -> None:
    task = find_task(name)
    for split in splits:
        source = task.splits[split]
        for language in find_languages(task, split, ROOT):
            assert hash_contents(locate(task, split, language, ROOT)) == source.sha256[language]
            assert sum(1 for _ in read_examples(task, split, language, ROOT)) == source.counts[language]


def test_the_official_file_of_xnli_is_read_for_the_languages_it_has() -> None:
    folder = ROOT / "xnli/official_layout_first600/selected"
    if not folder.is_dir():
        pytest.skip("no slice of the official file")
    task = find_task("xnli")
    languages = find_languages(task, "test", folder)
    assert languages == ("ar", "de", "en", "es", "sw", "vi", "zh")
    labels = {tuple(e.answer for e in read_examples(task, "test", language, folder)) for language in languages}
    assert [len(found) for found in labels] == [600]
    assert list(read_examples(task, "test", "de", folder)) == list(read_examples(task, "test", "de", ROOT))[:600]


def test_the_notes_on_pawsx_are_true() -> None:
    for split, placeholders in (("dev", 68), ("test", 32)):
        if not locate(find_task("pawsx"), split, "de", ROOT):
            pytest.skip("no German PAWS-X")
        found = [e for e in read_examples(find_task("pawsx"), split, "de", ROOT) if isinstance(e, ClassifyExample)]
        assert sum("NS" in e.texts for e in found) == placeholders


def test_the_notes_on_xcopa_are_true() -> None:
    task = find_task("xcopa")
    if not set(find_languages(task, "test", ROOT)) >= {"et", "sw", "tr", "vi"}:
        pytest.skip("not all of et, sw, tr, vi")

    def asked(split: str, language: str) -> list[str]:
        found = (e for e in read_examples(task, split, language, ROOT) if isinstance(e, ChoiceExample))
        return [e.prompt.rpartition(" ")[2] for e in found]

    assert set(asked("dev", "tr")) == {"effect?"}
    other = {
        code: sum(a != b for a, b in zip(asked("test", code), asked("test", "et"), strict=True)) for code in ("sw", "tr", "vi")
    }
    assert other == {"sw": 37, "tr": 51, "vi": 0}
    answers = {tuple(e.answer for e in read_examples(task, "test", code, ROOT)) for code in find_languages(task, "test", ROOT)}
    assert len(answers) == 1  # the ids are parallel


# -- The few real records of hf_dummy

DUMMIES = [
    ("commonsense_qa/dummy/0.1.0", "", "commonsenseqa", "train", "en", "train_rand_split.jsonl"),
    ("commonsense_qa/dummy/0.1.0", "", "commonsenseqa", "dev", "en", "dev_rand_split.jsonl"),
    ("hellaswag/dummy/0.1.0", "", "hellaswag", "train", "en", "hellaswag_train.jsonl"),
    ("hellaswag/dummy/0.1.0", "", "hellaswag", "dev", "en", "hellaswag_val.jsonl"),
    ("cosmos_qa/dummy/0.1.0", "cosmosqa", "cosmosqa", "train", "en", "train.csv"),
    ("cosmos_qa/dummy/0.1.0", "cosmosqa", "cosmosqa", "dev", "en", "valid.csv"),
    ("glue/dummy/mnli/1.0.0", "", "mnli", "train", "en", "MNLI/train.tsv"),
    ("glue/dummy/mnli/1.0.0", "", "mnli", "dev", "en", "MNLI/dev_matched.tsv"),
    ("glue/dummy/qqp/1.0.0", "", "qqp", "train", "en", "QQP/train.tsv"),
    ("glue/dummy/qqp/1.0.0", "", "qqp", "dev", "en", "QQP/dev.tsv"),
    *(("snli/dummy/plain_text/1.0.0", "", "snli", split, "en", f"snli_1.0/snli_1.0_{split}.txt")
      for split in ("train", "dev", "test")),
    *((folder, "", "xnli", split, "ar", f"XNLI-1.0/xnli.{split}.tsv")
      for folder in ("xnli/dummy/plain_text/1.0.0", "xtreme/dummy/XNLI/1.0.0") for split in ("dev", "test")),
    *((f"xcopa/dummy/{code}/1.0.0", "", "xcopa", split, code, f"xcopa-master/data/{code}/{file}.{code}.jsonl")
      for code in find_task("xcopa").languages for split, file in (("dev", "val"), ("test", "test"))),
]  # fmt: skip


def unpacked(folder: str, into: Path) -> None:
    archive = ROOT / "hf_dummy" / folder / "dummy_data.zip"
    if not archive.is_file():
        pytest.skip(f"no {archive}")
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(into.parent)
    shutil.move(into.parent / "dummy_data", into)


@pytest.mark.parametrize(("folder", "within", "name", "split", "language", "file"), DUMMIES)
def test_the_layouts_of_official_archives_are_read(
    folder: str, within: str, name: str, split: str, language: str, file: str, tmp_path: Path
) -> None:
    root = tmp_path / "data"
    unpacked(folder, root / within if within else root)
    task = find_task(name)
    path = root / within / file
    assert locate(task, split, language, root) == (path,)
    assert find_languages(task, split, root) == (language,)
    lines = [line for line in path.read_bytes().split(b"\n") if line.strip() and not line.startswith(b"-\t")]
    found = list(read_examples(task, split, language, root))
    assert len(found) == len(lines) - (0 if file.endswith(".jsonl") else 1)  # a header
    assert found


def test_what_that_folder_calls_anli_is_another_task(tmp_path: Path) -> None:
    """Abductive NLI (aNLI): two observations and two hypotheses. It is refused, not misread."""
    unpacked("anli/dummy/0.1.0", tmp_path / "data/anli/R1")
    with pytest.raises(InputError, match=r"R1/train\.jsonl:1: field 'context' is missing"):
        list(read_examples(find_task("anli"), "train", "en", tmp_path / "data"))


def test_what_that_folder_has_of_multi_nli_is_made_up(tmp_path: Path) -> None:
    """Rows without a header that names them, 8 columns in one file and 10 in another: not the layout of MultiNLI."""
    unpacked("multi_nli/dummy/plain_text/1.0.0", tmp_path / "data")
    for split, columns in (("train", 8), ("dev", 8)):
        with pytest.raises(InputError, match=rf"txt:2: {columns} columns, but the header has 1"):
            list(read_examples(find_task("mnli"), split, "en", tmp_path / "data"))
