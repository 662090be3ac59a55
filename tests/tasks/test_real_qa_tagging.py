"""Real data of question answering, tagging and bitext: all of every file is read, as many records as its folder's list says.

The list is MANIFEST.tsv of the data folder. `hf_dummy` holds a few real records a data set, in zips: each is unpacked as it is
and becomes a data folder, whose questions are counted here by their JSON.
"""

from __future__ import annotations

import csv
import json
import os
import re
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from xstilts.data.language import LANGUAGES, languages
from xstilts.errors import InputError
from xstilts.formats.bitext_mining import PoolExample
from xstilts.formats.bitext_retrieval import BitextRetrievalExample
from xstilts.formats.tag import TagExample
from xstilts.tasks.catalogue import bitext, qa, tagging
from xstilts.tasks.files.locate import find_languages, hash_contents, locate, read_examples
from xstilts.tasks.files.read import open_uncompressed, read_lines
from xstilts.tasks.registry import find_task
from xstilts.tasks.task import ReadRequest

ROOT = Path(os.environ.get("XSTILTS_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
MANIFEST = ROOT / "MANIFEST.tsv"
pytestmark = pytest.mark.skipif(not MANIFEST.is_file(), reason=f"no data folder with a MANIFEST.tsv at {ROOT}; set XSTILTS_DATA")

# The path of a listed file -> task. The groups are its split and its language, in the task's own codes.
LISTED = {
    r"squad/derived/(?P<split>train)-v1\.1\.json\.gz": "squad_v1",
    r"squad/derived/(?P<split>train)-v2\.0\.json\.gz": "squad_v2",
    r"mlqa/(?P<split>dev|test)/(?P=split)-context-(?P<lang>..)-question-(?P=lang)\.json\.gz": "mlqa",
    r"xquad/xquad\.(?P<lang>..)\.json\.gz": "xquad",
    r"tydiqa/tydiqa-goldp-v1\.1-dev/tydiqa-goldp-dev-(?P<lang>[a-z]+)\.json\.gz": "tydiqa",
    r"tydiqa/tydiqa-goldp-v1\.1-train/tydiqa\.goldp\.(?P<lang>..)\.(?P<split>train)\.json\.gz": "tydiqa",
    r"panx/panx_dataset/(?P<lang>..)/(?P<split>train|dev|test)\.gz": "panx",
    r"udpos/UD_[^/]+/(?P<lang>..)_[a-z]+-ud-(?P<split>train|dev|test)\.conllu\.gz": "udpos",
    r"tatoeba/tatoeba\.(?P<lang>...)-eng\.(?P=lang)\.gz": "tatoeba",
}


def manifest() -> dict[str, dict[str, str]]:
    with MANIFEST.open(encoding="utf-8", newline="") as file:
        return {row["path"]: row for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)}


def listed() -> list[tuple[str, str, str, str, int]]:
    """(path, task, split, language, records) of each file that a reader of this test is for."""
    ours = {row.name.lower(): code for code, row in LANGUAGES.items()}
    ours |= {row.tatoeba: code for code, row in LANGUAGES.items() if row.tatoeba}
    found = []
    for path, row in manifest().items() if MANIFEST.is_file() else ():
        for pattern, task in LISTED.items():
            if match := re.fullmatch(pattern, path):
                groups = match.groupdict()
                language = groups.get("lang") or "en"
                found.append((path, task, groups.get("split") or "test", ours.get(language, language), int(row["records"])))
    return found


@pytest.mark.parametrize(("path", "name", "split", "language", "records"), listed())
def test_every_record_is_read(path: str, name: str, split: str, language: str, records: int) -> None:
    if not (ROOT / path).is_file():
        pytest.skip(f"{path} is not in this folder")
    task = find_task(name)
    files = locate(task, split, language, ROOT)
    assert ROOT / path in files
    read = task.read(ReadRequest(task, split, language, files if name == "tatoeba" else (ROOT / path,)))
    assert sum(1 for _ in read) == records


def test_no_file_of_these_data_sets_is_passed_over() -> None:
    folders = "squad/derived|mlqa|xquad|tydiqa|panx|udpos|tatoeba"
    mine = {path for path in manifest() if re.match(f"({folders})/", path)}
    english = {path for path in mine if re.fullmatch(r"tatoeba/tatoeba\....-eng\.eng\.gz", path)}
    assert mine - english == {path for path, *_ in listed()}
    assert len(english) == sum(name == "tatoeba" for _, name, *_ in listed())


@pytest.mark.parametrize("name", ["xquad", "mlqa", "panx", "tatoeba"])
def test_the_number_of_official_examples_is_the_published_one(name: str) -> None:
    task = find_task(name)
    found = 0
    for path, other, split, language, records in listed():
        if other == name and manifest()[path]["kind"] in ("official", "converted"):
            assert task.splits[split].counts[language] == records
            found += 1
    assert found


def test_the_numbers_of_tydiqa_add_up_to_those_of_the_hub() -> None:
    assert {split: sum(source.counts.values()) for split, source in qa.TYDIQA.splits.items()} == {"train": 49_881, "test": 5077}


def test_unanswerable_questions_are_read_as_such() -> None:
    files = locate(qa.SQUAD_V2, "train", "en", ROOT)
    if not files:
        pytest.skip("no SQuAD v2.0")
    with open_uncompressed(files[0]) as file:
        impossible = file.read().count(b'"is_impossible": true')
    found = [e.answer for e in read_examples(qa.SQUAD_V2, "train", "en", ROOT)]
    assert found.count(()) == impossible > 1000
    assert None not in found


def test_the_checksums_of_tatoeba_are_those_of_the_files() -> None:
    checked = 0
    for download in bitext.TATOEBA.splits["test"].downloads:
        for code, expected in download.sha256.items():
            path = ROOT / f"{bitext.TATOEBA.fill(download.path, code)}.gz"
            if path.is_file():
                assert hash_contents([path]) == expected, path
                checked += 1
    assert checked > 60


@pytest.mark.parametrize("language", bitext.BUCC_LANGUAGES)
def test_the_stand_in_for_bucc_is_read_as_bucc(language: str) -> None:
    root = ROOT / "bucc2018_standin"
    for split, part in (("dev", "sample"), ("test", "training")):
        if not (files := locate(bitext.BUCC2018, split, language, root)):
            pytest.skip("no stand-in")
        count = {path.name.split(".")[2]: sum(1 for _ in read_lines(path)) for path in files}
        read = [e for e in read_examples(bitext.BUCC2018, split, language, root) if isinstance(e, PoolExample)]
        assert all(part in path.name for path in files)
        assert Counter(e.role for e in read) == {"query": count[language], "candidate": count["en"]}
        assert sum(len(e.answer or ()) for e in read) == count["gold"]
        candidates = {e.id for e in read if e.role == "candidate"}
        assert all(id in candidates for e in read for id in e.answer or ())


def test_words_of_real_sentences_are_visible_and_tagged() -> None:
    for task, language in ((tagging.UDPOS, "vi"), (tagging.UDPOS, "fa"), (tagging.PANX, "ru"), (find_task("ud_relations"), "en")):
        if not locate(task, "test", language, ROOT):
            pytest.skip(f"no {task.name} in {language}")
        for example in read_examples(task, "test", language, ROOT):
            assert isinstance(example, TagExample) and example.answer is not None
            assert len(example.words) == len(example.answer)
            assert all(word and " " not in word and "\u200c" not in word for word in example.words)


def test_relations_of_a_real_treebank_have_one_root_a_sentence_and_heads_on_both_sides() -> None:
    task = find_task("ud_relations")
    if not locate(task, "dev", "en", ROOT):
        pytest.skip("no English Web Treebank")
    tags: Counter[str] = Counter()
    for example in read_examples(task, "dev", "en", ROOT):
        assert isinstance(example, TagExample) and example.answer is not None
        assert example.answer.count("root") == 1
        tags.update(example.answer)
    assert tags["nsubj>"] > 10 * tags["nsubj<"]  # English subjects stand before their verb
    assert tags["obj<"] > 10 * tags["obj>"]


def test_sentences_that_are_found_are_never_blank() -> None:
    if not locate(bitext.TATOEBA, "test", "ja", ROOT):
        pytest.skip("no Japanese sentences")
    for example in read_examples(bitext.TATOEBA, "test", "ja", ROOT):
        assert isinstance(example, BitextRetrievalExample)
        assert example.text and example.english


# -- The few real records of hf_dummy

XQUAD = languages("ar de el en es hi ru th tr vi zh")
MLQA = languages("ar de en es hi vi zh")
SQUAD_ZIPS = [
    *(f"xquad/dummy/xquad.{code}/1.0.0" for code in XQUAD),
    *(f"xtreme/dummy/XQuAD.{code}/1.0.0" for code in XQUAD if code != "es"),
    "xtreme/dummy/XQuADes/1.0.0",
    "squad_v2/dummy/1.0.0",  # holds XQuAD
    "squad_v2/dummy/squad_v2/2.0.0",
    *(f"mlqa/dummy/mlqa.en.{code}/1.0.0" for code in MLQA),
    *(f"mlqa/dummy/mlqa-translate-train.{code}/1.0.0" for code in MLQA if code != "en"),
    *(f"xtreme/dummy/MLQA.en.{code}/1.0.0" for code in MLQA),
    "tydiqa/dummy/secondary_task/1.0.0",
    "xtreme/dummy/tydiqa/1.0.0",
]


def unpacked(folder: str, into: Path) -> Path:
    archive = ROOT / "hf_dummy" / folder / "dummy_data.zip"
    if not archive.is_file():
        pytest.skip(f"no {archive}")
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(into)
    return into / "dummy_data"


def ids_in(path: Path) -> list[str]:
    record: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return [qa["id"] for article in record["data"] for paragraph in article["paragraphs"] for qa in paragraph["qas"]]


@pytest.mark.parametrize("folder", SQUAD_ZIPS)
def test_every_question_of_every_archive_is_read(folder: str, tmp_path: Path) -> None:
    root = unpacked(folder, tmp_path)
    files = [path for path in root.rglob("*") if path.is_file()]
    assert len(files) == int(manifest()[f"hf_dummy/{folder}/dummy_data.zip"]["records"])
    for path in files:
        task = qa.SQUAD_V2 if "v2.0" in path.name else qa.SQUAD_V1
        found = [e.id for e in task.read(ReadRequest(task, "train", "en", (path,)))]
        assert found == ids_in(path) != []


@pytest.mark.parametrize(
    ("folder", "name", "split", "language", "file"),
    [
        *((f"xquad/dummy/xquad.{code}/1.0.0", "xquad", "test", code, f"xquad.{code}.json") for code in ("el", "th")),
        ("squad_v2/dummy/squad_v2/2.0.0", "squad_v2", "train", "en", "train-v2.0.json"),
        ("squad_v2/dummy/squad_v2/2.0.0", "squad_v2", "dev", "en", "dev-v2.0.json"),
        *((f"{folder}/1.0.0", "mlqa", split, "en", f"MLQA_V1/{split}/{split}-context-en-question-en.json")
          for folder in ("mlqa/dummy/mlqa.en.en", "xtreme/dummy/MLQA.en.en") for split in ("dev", "test")),
        ("tydiqa/dummy/secondary_task/1.0.0", "tydiqa", "test", "ar", "tydiqa-goldp-v1.1-dev.json"),
    ],
)  # fmt: skip
def test_the_layouts_of_official_archives_are_found(
    folder: str, name: str, split: str, language: str, file: str, tmp_path: Path
) -> None:
    root = unpacked(folder, tmp_path)
    task = find_task(name)
    assert locate(task, split, language, root) == (root / file,)
    assert find_languages(task, split, root) == (language,)
    assert [example.id for example in read_examples(task, split, language, root)] == ids_in(root / file)


def test_what_that_folder_has_of_squad_1_1_is_refused(tmp_path: Path) -> None:
    """Its answers are not what the context has there: a text that the context does not hold at all."""
    root = unpacked("squad/dummy/plain_text/1.0.0", tmp_path)
    with pytest.raises(InputError, match=r"train-v1\.1\.json: question \d+: the context has .* not the answer"):
        list(read_examples(qa.SQUAD_V1, "train", "en", root))
