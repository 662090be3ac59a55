"""The same examples of pairs and choices, however they come: packed, with CRLF, inside the official archive, from the Hub."""

from __future__ import annotations

import gzip
import json
import re
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from xstilts.errors import InputError
from xstilts.formats.classify import ClassifyExample
from xstilts.formats.registry import Example
from xstilts.tasks.catalogue import choice, nli, paraphrase
from xstilts.tasks.files.locate import read_examples
from xstilts.tasks.files.read import read_csv
from xstilts.tasks.registry import find_task
from xstilts.tasks.task import ReadRequest, Task

FIXTURES = Path(__file__).parents[2] / "fixtures"


def put(root: Path, name: str, content: bytes) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def read(root: Path, task: str, split: str, language: str = "en") -> list[Example]:
    return list(read_examples(find_task(task), split, language, root))


def texts(root: Path, task: str, split: str, language: str = "en") -> list[tuple[str, ...]]:
    return [(*e.texts, str(e.answer)) for e in read(root, task, split, language) if isinstance(e, ClassifyExample)]


PACKED = [
    ("anli", "test", "en", ("anli/anli_v0.1/R1/test.jsonl", "anli/anli_v0.1/R2/test.jsonl", "anli/anli_v0.1/R3/test.jsonl")),
    ("pawsx", "test", "de", ("pawsx/x-final/de/test_2k.tsv",)),
    ("qqp", "dev", "en", ("qqp/QQP/dev.tsv",)),
    ("hellaswag", "dev", "en", ("hellaswag/hellaswag_val.jsonl",)),
    ("cosmosqa", "train", "en", ("cosmosqa/train.csv",)),
    ("siqa", "train", "en", ("siqa/socialiqa-train-dev/train.jsonl", "siqa/socialiqa-train-dev/train-labels.lst")),
    ("copa", "train", "en", ("copa/COPA/train.jsonl",)),
    ("xcopa", "test", "id", ("xcopa/data/id/test.id.jsonl",)),
    ("commonsenseqa", "dev", "en", ("commonsenseqa/dev_rand_split.jsonl",)),
]


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"], ids=["plain", "bom"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("pack", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize(("task", "split", "language", "names"), PACKED, ids=[case[0] for case in PACKED])
def test_any_packing_reads_the_same(
    task: str, split: str, language: str, names: tuple[str, ...], pack: bool, end: bytes, bom: bytes, tmp_path: Path
) -> None:
    for name in names:
        content = bom + (FIXTURES / name).read_bytes().replace(b"\r\n", b"\n").replace(b"\n", end)
        put(tmp_path, f"{name}.gz" if pack else name, gzip.compress(content) if pack else content)
    assert read(tmp_path, task, split, language) == read(FIXTURES, task, split, language)


ARCHIVED = [
    ("xnli", "test", "de", "xnli/XNLI-1.0.zip", {"XNLI-1.0/xnli.test.tsv": "xnli/XNLI-1.0/xnli.test.tsv"}),
    ("snli", "train", "en", "snli_1.0.zip", {"snli_1.0/snli_1.0_train.jsonl": "snli/snli_1.0_train.jsonl"}),
    ("mnli", "dev", "en", "mnli/multinli_1.0.zip",
     {"multinli_1.0/multinli_1.0_dev_matched.jsonl": "mnli/multinli_1.0_dev_matched.jsonl"}),
    ("anli", "dev", "en", "anli/anli_v0.1.zip",
     {f"anli_v0.1/R{n}/dev.jsonl": f"anli/anli_v0.1/R{n}/dev.jsonl" for n in (1, 2, 3)}),
    ("anli", "dev", "en", "anli_v1.0.zip", {f"anli_v1.0/R{n}/dev.jsonl": f"anli/anli_v0.1/R{n}/dev.jsonl" for n in (1, 2, 3)}),
    ("pawsx", "dev", "de", "pawsx/x-final.tar.gz", {"x-final/de/dev_2k.tsv": "pawsx/x-final/de/dev_2k.tsv"}),
    ("qqp", "train", "en", "qqp/QQP-clean.zip", {"QQP/train.tsv": "qqp/QQP/train.tsv"}),
    ("siqa", "dev", "en", "siqa/socialiqa-train-dev.zip",
     {f"socialiqa-train-dev/{name}": f"siqa/socialiqa-train-dev/{name}" for name in ("dev.jsonl", "dev-labels.lst")}),
    ("copa", "dev", "en", "copa/COPA.zip", {"COPA/val.jsonl": "copa/COPA/val.jsonl"}),
    ("xcopa", "dev", "it", "xcopa-master.zip", {"xcopa-master/data/it/val.it.jsonl": "xcopa/data/it/val.it.jsonl"}),
]  # fmt: skip


@pytest.mark.parametrize(("task", "split", "language", "archive", "members"), ARCHIVED, ids=[case[3] for case in ARCHIVED])
def test_the_official_archives_are_read_as_they_are(
    task: str, split: str, language: str, archive: str, members: dict[str, str], tmp_path: Path
) -> None:
    path = put(tmp_path, archive, b"")
    if archive.endswith(".zip"):
        with zipfile.ZipFile(path, "w") as packed:
            for name, source in members.items():
                packed.write(FIXTURES / source, name)
    else:
        with tarfile.open(path, "w:gz") as packed_tar:
            for name, source in members.items():
                packed_tar.add(FIXTURES / source, name)
    assert read(tmp_path, task, split, language) == read(FIXTURES, task, split, language)


SWAG = {"ctx_a": "a", "ctx_b": "b", "endings": ["w", "x", "y", "z"], "label": ""}
SOCIAL = {"context": "a", "question": "b?", "answerA": "x", "answerB": "y", "answerC": "z", "label": ""}
HUB_ROWS: dict[tuple[str, str, str], list[dict[str, Any]]] = {
    ("anli", "dev", "en"): [
        {"premise": premise, "hypothesis": hypothesis, "label": nli.LABELS.index(label), "uid": "u", "reason": ""}
        for premise, hypothesis, label in texts(FIXTURES, "anli", "dev")
    ],
    ("pawsx", "test", "de"): [
        {"id": 9, "sentence1": first, "sentence2": second, "label": int(label)}
        for first, second, label in texts(FIXTURES, "pawsx", "test", "de")
    ],
    ("qqp", "train", "en"): [
        {"question1": first, "question2": second, "label": int(label), "idx": index}
        for (first, second, label), index in zip(texts(FIXTURES, "qqp", "train"), (0, 1, 4), strict=True)
    ],
    ("hellaswag", "train", "en"): [
        json.loads(line) | {"label": label}  # a string on the Hub
        for line, label in zip((FIXTURES / "hellaswag/hellaswag_train.jsonl").read_text("utf-8").splitlines(), "01", strict=True)
    ],
    ("cosmosqa", "train", "en"): [
        dict(row) | {"label": int(row["label"])} for _, row in read_csv(FIXTURES / "cosmosqa/train.csv")
    ],
    ("siqa", "dev", "en"): [json.loads((FIXTURES / "siqa/socialiqa-train-dev/dev.jsonl").read_text("utf-8")) | {"label": "3\n"}],
    ("xcopa", "test", "id"): [
        json.loads(line) for line in (FIXTURES / "xcopa/data/id/test.id.jsonl").read_text("utf-8").splitlines()
    ],
    ("copa", "train", "en"): [json.loads(line) for line in (FIXTURES / "copa/COPA/train.jsonl").read_text("utf-8").splitlines()],
}


@pytest.mark.parametrize(("task", "split", "language"), HUB_ROWS)
def test_the_hub_reads_as_the_files_do(task: str, split: str, language: str) -> None:
    declared = find_task(task)
    assert declared.read_hub is not None
    rows = HUB_ROWS[task, split, language]
    assert list(declared.read_hub(ReadRequest(declared, split, language, ()), rows)) == read(FIXTURES, task, split, language)


@pytest.mark.parametrize(
    ("task", "row", "message"),
    [
        ("pawsx", {"sentence1": "a", "sentence2": "b", "label": -1}, "Hub row 1: unknown class index -1"),
        ("qqp", {"question1": "a", "label": 0}, "Hub row 1: field 'question2' is missing"),
        ("siqa", SOCIAL, "Hub row 1: unknown label ''"),
        ("hellaswag", SWAG, "Hub row 1: unknown label ''"),
        ("commonsenseqa", {"id": "c", "question": "q", "choices": {"label": ["A"], "text": ["x"]}, "answerKey": "A"},
         "Hub row 1: 1 choices, expected 5"),
    ],
)  # fmt: skip
def test_a_bad_row_of_the_hub_is_named(task: str, row: dict[str, Any], message: str) -> None:
    declared = find_task(task)
    assert declared.read_hub is not None
    with pytest.raises(InputError, match=message):
        list(declared.read_hub(ReadRequest(declared, "train", "en", ()), [row]))


@pytest.mark.parametrize("task", [*nli.TASKS, *paraphrase.TASKS, *choice.TASKS], ids=lambda task: task.name)
def test_hub_data_sets_are_pinned_to_a_commit_and_splits_counted(task: Task) -> None:
    for source in task.splits.values():
        assert source.hub is None or re.fullmatch("[0-9a-f]{40}", source.hub.revision)
        assert set(source.counts) == set(source.languages)
