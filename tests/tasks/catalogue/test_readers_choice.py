"""The readers of multiple choice: how a prompt is made, the layouts, and what a bad file is told."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.errors import InputError
from xstilts.formats.choice import ChoiceExample
from xstilts.formats.registry import Example
from xstilts.tasks.files.locate import read_examples
from xstilts.tasks.files.read import read_csv
from xstilts.tasks.registry import find_task

FIXTURES = Path(__file__).parents[2] / "fixtures"
SCRATCH = tempfile.TemporaryDirectory(prefix="xstilts-")


def put(root: Path, name: str, content: str | bytes) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(root: Path, task: str, split: str, language: str = "en") -> list[Example]:
    return list(read_examples(find_task(task), split, language, root))


def chosen(root: Path, task: str, split: str, language: str = "en") -> list[ChoiceExample]:
    return [e for e in read(root, task, split, language) if isinstance(e, ChoiceExample)]


def jsonl(*records: dict[str, Any]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def comma(*rows: tuple[object, ...]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue()


COSMOS = ("id", "context", "question", "answer0", "answer1", "answer2", "answer3", "label")
SWAG = {"ctx_a": "a", "ctx_b": "b", "endings": ["w", "x", "y", "z"], "label": 3}
SOCIAL = {"context": "a", "question": "b?", "answerA": "x", "answerB": "y", "answerC": "z"}
CAUSE = {"premise": "a", "choice1": "x", "choice2": "y", "question": "cause", "label": 0, "idx": 0}

BAD: dict[str, tuple[str, str, str | bytes, str]] = {
    "xcopa question": (
        "xcopa", "data/it/test.it.jsonl", jsonl(CAUSE | {"question": "result"}), "1: unknown label 'result' .*effect",
    ),
    "xcopa label": ("xcopa", "data/it/test.it.jsonl", jsonl(CAUSE, CAUSE | {"label": 2}), r"it\.jsonl:2: unknown label '2'"),
    "xcopa no label": (
        "xcopa", "data/it/test.it.jsonl", jsonl({k: CAUSE[k] for k in CAUSE if k != "label"}), "'label' is missing",
    ),
    "hellaswag choices": (
        "hellaswag", "hellaswag_train.jsonl", jsonl(SWAG | {"endings": ["x"]}), "jsonl:1: 1 choices, expected 4",
    ),
    "hellaswag label": ("hellaswag", "hellaswag_train.jsonl", jsonl(SWAG | {"label": 4}), "1: unknown label '4' .*0, 1, 2, 3"),
    "hellaswag test": (
        "hellaswag", "hellaswag_train.jsonl", jsonl({k: SWAG[k] for k in SWAG if k != "label"}), "1: field 'label'",
    ),
    "cosmos fields": (
        "cosmosqa", "cosmosqa/train.csv", comma(COSMOS, ("i", "c")), r"train\.csv:2: 2 fields, but the header has 8",
    ),
    "cosmos label": ("cosmosqa", "cosmosqa/train.csv", comma(COSMOS, (*"icqwxyz", "no")), r"csv:2: unknown label 'no'"),
    "cosmos quote": (
        "cosmosqa", "cosmosqa/train.csv", comma(COSMOS) + 'i,"never closed,q,w,x,y,z,1\n', r"csv:2: not a row of csv",
    ),
    "cosmos empty": ("cosmosqa", "cosmosqa/train.csv", b"", r"train\.csv: the file is empty"),
    "siqa labels": ("siqa", "socialiqa-train-dev/train.jsonl", jsonl(SOCIAL), r"train\.jsonl:1: field 'label' is missing"),
    "siqa letter": ("siqa", "socialIQa_v1.4_trn.jsonl", jsonl(SOCIAL | {"correct": "D"}), "1: unknown label 'D' .*A, B, C"),
    "copa": ("copa", "COPA/train.jsonl", jsonl(CAUSE | {"choice2": 7}), "'choice2' should be str, found int"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_named_with_its_place(case: str, tmp_path: Path) -> None:
    task, name, content, message = BAD[case]
    put(tmp_path, name, content)
    with pytest.raises(InputError, match=message):
        read(tmp_path, task, *(("test", "it") if task == "xcopa" else ("train", "en")))


def test_labels_beside_their_records_have_to_be_as_many(tmp_path: Path) -> None:
    put(tmp_path, "socialiqa-train-dev/train.jsonl", jsonl(SOCIAL, SOCIAL))
    put(tmp_path, "socialiqa-train-dev/train-labels.lst", "1\n")
    with pytest.raises(InputError, match=r"train\.jsonl has 2 records and .*train-labels\.lst 1 labels: they are not aligned"):
        read(tmp_path, "siqa", "train")


def test_hellaswag_continues_what_is_left_open() -> None:
    first, second = chosen(FIXTURES, "hellaswag", "train")
    assert (first.id, first.prompt) == ("hellaswag-train-1", "A woman ties a boat to the pier.")
    assert first.choices[0] == "she climbs out and carries a basket ashore."
    assert second.choices[1] == "Weave the wool over the hole."  # nothing is left open, and no blank is put before it
    assert (first.answer, second.answer) == (0, 1)


def test_cosmosqa_asks_after_its_text() -> None:
    first, second = chosen(FIXTURES, "cosmosqa", "train")
    assert first.prompt.endswith("My shoes are still wet . Why are the shoes wet ?")
    assert second.prompt.startswith('My aunt said "come over" and I took a cake , two forks')
    assert (first.choices[1], first.answer) == ("It rained while I walked .", 1)


def test_siqa_reads_alike_from_both_releases(tmp_path: Path) -> None:
    folder = FIXTURES / "siqa/socialiqa-train-dev"
    for split, short in (("train", "trn"), ("dev", "dev")):
        records = [json.loads(line) for line in (folder / f"{split}.jsonl").read_text("utf-8").splitlines()]
        labels = (folder / f"{split}-labels.lst").read_text("utf-8").split()
        gold = (record | {"correct": "ABC"[int(label) - 1]} for record, label in zip(records, labels, strict=True))
        put(tmp_path, f"siqa/socialIQa_v1.4/socialIQa_v1.4_{short}.jsonl", jsonl(*gold))
        assert read(tmp_path, "siqa", split) == read(FIXTURES, "siqa", split)
    first, second = chosen(FIXTURES, "siqa", "train")
    assert first.prompt == "Robin lent Alex a coat for the cold trip. How would Alex feel?"
    assert (first.answer, second.answer) == (0, 1)


def test_copa_and_xcopa_are_asked_in_the_words_of_xtreme() -> None:
    assert [e.prompt for e in chosen(FIXTURES, "copa", "train")] == [
        "The boat rocked. What was the cause?",
        "I dropped the egg. What was the effect?",
    ]
    first, second = chosen(FIXTURES, "xcopa", "test", "it")
    assert first == ChoiceExample(
        "xcopa-test-1",
        "Ho spento la lampada. What was the effect?",
        ("La stanza divenne buia.", "La stanza divenne calda."),
        0,
    )
    assert second.answer == 1


def test_the_files_of_xtreme_for_copa_and_xcopa_are_read(tmp_path: Path) -> None:
    put(tmp_path, "xcopa/train-en.jsonl", (FIXTURES / "copa/COPA/train.jsonl").read_bytes())
    put(tmp_path, "xcopa/val-en.jsonl", (FIXTURES / "copa/COPA/val.jsonl").read_bytes())
    put(tmp_path, "xcopa/val-it.jsonl", (FIXTURES / "xcopa/data/it/val.it.jsonl").read_bytes())
    assert read(tmp_path, "copa", "train") == read(FIXTURES, "copa", "train")
    assert read(tmp_path, "copa", "dev") == read(FIXTURES, "copa", "dev")
    assert read(tmp_path, "xcopa", "dev", "it") == read(FIXTURES, "xcopa", "dev", "it")


@given(
    st.lists(
        st.tuples(*[st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\r\x00"), max_size=9)] * 3),
        min_size=1,
        max_size=4,
    )
)
def test_csv_survives_writing_and_reading(rows: list[tuple[str, str, str]]) -> None:
    """Line breaks inside a quoted field included; a row of nothing but empty fields is still a row."""
    path = put(Path(tempfile.mkdtemp(dir=SCRATCH.name)), "x.csv", comma(("a", "b", "c"), *rows))
    assert [tuple(row.values()) for _, row in read_csv(path)] == rows


def test_a_row_of_csv_is_placed_by_its_last_line(tmp_path: Path) -> None:
    path = put(tmp_path, "x.csv", 'a,b\n"one\ntwo",3\n\n4,5\n')
    assert [(where.removeprefix(str(path)), row["a"]) for where, row in read_csv(path)] == [(":3", "one\ntwo"), (":5", "4")]
