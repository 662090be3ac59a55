"""Reading from the Hub, against a cache built by hand in the Hub's own layout, without network."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as arrow
import pytest
from huggingface_hub import constants
from pyarrow import parquet

from xstilts.errors import InputError
from xstilts.formats.bitext_retrieval import BitextRetrievalExample
from xstilts.formats.choice import ChoiceExample
from xstilts.formats.classify import ClassifyExample
from xstilts.formats.image_pair import ImagePairExample
from xstilts.formats.span import SpanAnswer, SpanExample
from xstilts.formats.tag import TagExample
from xstilts.tasks.files.hub import fetch_hub_files, list_patterns, read_hub_examples
from xstilts.tasks.files.pictures import find_pictures
from xstilts.tasks.registry import find_task
from xstilts.tasks.task import Hub

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def no_network(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(socket.socket, "connect", no_network)
    return tmp_path


def put(cache: Path, id: str, revision: str, name: str, rows: list[dict[str, Any]], commit: str = COMMIT) -> Path:
    folder = cache / f"datasets--{id.replace('/', '--')}"
    path = folder / "snapshots" / commit / name
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(arrow.Table.from_pylist(rows), path)
    if revision != commit:
        ref = folder / "refs" / revision
        ref.parent.mkdir(parents=True, exist_ok=True)
        ref.write_text(commit)
    return path


def put_for(cache: Path, task: str, split: str, name: str, rows: list[dict[str, Any]]) -> Path:
    """Put a file where the task's declaration points to."""
    hub = find_task(task).splits[split].hub
    assert hub is not None
    return put(cache, hub.id, hub.revision, name, rows, hub.revision if len(hub.revision) == 40 else COMMIT)


PAIRS = [
    {"premise": "A boat sank.", "hypothesis": "A boat floats.", "label": 2},
    {"premise": "A boat sank.", "hypothesis": "It was old.", "label": -1},
    {"premise": "A boat sank.", "hypothesis": "A boat went down.", "label": 0},
]


def question(id: str, context: str, text: str, start: int) -> dict[str, Any]:
    return {"id": id, "question": "Which?", "context": context, "answers": {"text": [text], "answer_start": [start]}}


def test_pairs_of_a_language(cache: Path) -> None:
    put_for(cache, "xnli", "test", "sw/test-00000-of-00001.parquet", PAIRS)
    assert list(read_hub_examples(find_task("xnli"), "test", "sw")) == [
        ClassifyExample("xnli-test-1", ("A boat sank.", "A boat floats."), "contradiction"),
        ClassifyExample("xnli-test-3", ("A boat sank.", "A boat went down."), "entailment"),
    ]


def test_several_files_are_read_in_order(cache: Path) -> None:
    for number in (1, 0):
        rows = [{"premise": f"{number}", "hypothesis": "x", "label": 0}]
        put_for(cache, "mnli", "train", f"mnli/train-0000{number}-of-00002.parquet", rows)
    put_for(cache, "mnli", "dev", "mnli/validation_matched-00000-of-00001.parquet", PAIRS)
    assert [e.texts[0] for e in read_hub_examples(find_task("mnli"), "train", "en") if isinstance(e, ClassifyExample)] == [
        "0",
        "1",
    ]
    assert len(list(read_hub_examples(find_task("mnli"), "dev", "en"))) == 2


def test_questions_that_lost_blanks_but_not_offsets(cache: Path) -> None:
    xquad = find_task("xquad")
    rows = [
        question("q1", "A red red hat.", "red", 2),  # nothing was lost
        question("q2", "A red hat and a red coat.", "red", 3),  # a blank before the context was
        question("q3", "A red hat and a red coat.", "red", 15),  # a blank before the answer was
    ]
    put_for(cache, "xquad", "test", "xquad.de/validation-00000-of-00001.parquet", rows)
    read = list(read_hub_examples(xquad, "test", "de"))
    assert [e.answer for e in read if isinstance(e, SpanExample)] == [(SpanAnswer("red", at),) for at in (2, 2, 16)]


def test_questions_of_one_language_out_of_all_and_a_held_out_dev(cache: Path) -> None:
    rows = [question(f"{name}-{n}-0", "A red hat.", "red", 2) for n in range(60) for name in ("english", "korean")]
    put_for(cache, "tydiqa", "train", "secondary_task/train-00000-of-00001.parquet", rows)
    tydiqa = find_task("tydiqa")
    ids = [e.id for split in ("train", "dev") for e in read_hub_examples(tydiqa, split, "en")]
    assert sorted(ids) == sorted(f"english-{n}-0" for n in range(60))


def test_choices_words_and_translations(cache: Path) -> None:
    choices = {"label": list("ABCDE"), "text": ["oven", "hook", "river", "bread", "letter"]}
    rows: list[dict[str, Any]] = [{"id": "c1", "question": "Where?", "choices": choices, "answerKey": "B"}]
    put_for(cache, "commonsenseqa", "dev", "data/validation-00000-of-00001.parquet", rows)
    (choice,) = read_hub_examples(find_task("commonsenseqa"), "dev", "en")
    assert isinstance(choice, ChoiceExample)
    assert choice.choices[choice.answer or 0] == "hook"

    rows = [{"tokens": ["می\u200cرود", "!"], "pos_tags": [15, 12]}]
    put_for(cache, "udpos", "test", "udpos.Persian/test-00000-of-00001.parquet", rows)
    assert list(read_hub_examples(find_task("udpos"), "test", "fa")) == [
        TagExample("udpos-fa-test-1", ("میرود", "!"), ("VERB", "PUNCT"))
    ]

    rows = [{"source_sentence": "Es schneit.\n", "target_sentence": "It snows.\n"}]
    put_for(cache, "tatoeba", "test", "tatoeba.deu/validation-00000-of-00001.parquet", rows)
    assert list(read_hub_examples(find_task("tatoeba"), "test", "de")) == [
        BitextRetrievalExample("deu-1", "Es schneit.", "It snows.", "deu-1")
    ]

    rows = [{"tokens": ["Ada", "sang"], "ner_tags": [1, 0]}]
    put_for(cache, "panx", "train", "en/train-00000-of-00001.parquet", rows)
    assert list(read_hub_examples(find_task("panx"), "train", "en")) == [
        TagExample("panx-en-train-1", ("Ada", "sang"), ("B-PER", "O"))
    ]


def test_the_branch_of_converted_files(cache: Path) -> None:
    snli = find_task("snli")
    hub = Hub("stanfordnlp/snli", "plain_text", "test", "refs/convert/parquet")
    task = replace(snli, splits={"test": replace(snli.splits["test"], hub=hub)})
    path = put(cache, hub.id, hub.revision, "plain_text/test/0000.parquet", PAIRS)
    assert fetch_hub_files(task, "test", "en") == ((path,), COMMIT)
    assert len(list(read_hub_examples(task, "test", "en"))) == 2


def test_a_branch_is_resolved_to_the_commit_in_the_cache(cache: Path) -> None:
    xnli = find_task("xnli")
    hub = Hub("facebook/xnli", "{lang}", "test", "main")
    task = replace(xnli, splits={"test": replace(xnli.splits["test"], hub=hub)})
    path = put(cache, hub.id, "main", "sw/test-00000-of-00001.parquet", PAIRS)
    assert fetch_hub_files(task, "test", "sw") == ((path,), COMMIT)


def test_what_is_not_in_the_cache_is_said(cache: Path) -> None:
    with pytest.raises(InputError, match=r"facebook/xnli at \w+: not in the local cache .*https://huggingface.co/datasets/"):
        read_hub_examples(find_task("xnli"), "test", "sw")
    put_for(cache, "xnli", "test", "sw/test-00000-of-00001.parquet", PAIRS)
    with pytest.raises(InputError, match=r"no parquet for th/test \(looked for th/test-\*.parquet, th/test/\*.parquet\)"):
        read_hub_examples(find_task("xnli"), "test", "th")


@pytest.mark.parametrize(
    ("row", "message"),
    [({"premise": "a", "hypothesis": "b", "label": 7}, "Hub row 1: unknown class index 7"),
     ({"premise": "a", "label": 0}, "Hub row 1: field 'hypothesis' is missing")],
)  # fmt: skip
def test_a_bad_row_is_named(row: dict[str, Any], message: str, cache: Path) -> None:
    put_for(cache, "xnli", "test", "sw/test-00000-of-00001.parquet", [row])
    with pytest.raises(InputError, match=message):
        list(read_hub_examples(find_task("xnli"), "test", "sw"))


def test_a_damaged_file_is_named(cache: Path) -> None:
    path = put_for(cache, "xnli", "test", "sw/test-00000-of-00001.parquet", PAIRS)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match=r"test-00000-of-00001.parquet: not a readable parquet file"):
        list(read_hub_examples(find_task("xnli"), "test", "sw"))


def test_only_a_default_config_lies_in_the_data_folder() -> None:
    assert not any(pattern.startswith("data/") for pattern in list_patterns("mnli", "train"))
    assert "data/train-*.parquet" in list_patterns("default", "train")


def test_pictures_inside_the_rows_become_files_of_the_cache(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without network, and only those that the data folder lacks; the rows have the columns of the data set's card."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))
    task = find_task("xvnli")
    hub = task.splits["test"].hub
    assert hub is not None
    texts = {"caption": "Ein Mann.", "hypothesis": "Jemand.", "caption_id": "1.jpg#0"}
    rows = [
        {**texts, "label": label, "pair_id": f"{id}.jpg#0r1n", "flikr30k_id": id, "image": {"bytes": content, "path": None}}
        for id, content, label in (("1", b"one", "neutral"), ("2", b"two", "-"), ("3", b"three", "neutral"))
    ]
    put(cache, hub.id, COMMIT, "data/ru-00000-of-00001.parquet", rows, COMMIT)
    task = replace(task, splits={"test": replace(task.splits["test"], hub=replace(hub, revision=COMMIT))})
    assert list(read_hub_examples(task, "test", "ru")) == [
        ImagePairExample("1.jpg#0r1n", "1", "Jemand.", "neutral", "Ein Mann."),
        ImagePairExample("2.jpg#0r1n", "2", "Jemand.", None, "Ein Mann."),
        ImagePairExample("3.jpg#0r1n", "3", "Jemand.", "neutral", "Ein Mann."),
    ]
    own = tmp_path / "data" / "flickr30k-images" / "3.jpg"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"mine")
    for _ in range(2):
        found = find_pictures(task, ["3", "1"], tmp_path / "data")
        assert {name: path.read_bytes() for name, path in found.items()} == {"3": b"mine", "1": b"one"}
    assert found["3"] == own
    assert [path.name for path in found["1"].parent.iterdir()] == ["1"]
    with pytest.raises(InputError, match=r"no file for 1 of 2 pictures \('4'\)"):
        find_pictures(task, ["1", "4"], tmp_path / "data")
