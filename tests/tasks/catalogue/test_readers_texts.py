"""The readers of pair classification: their layouts, their peculiarities, hidden labels, and what a bad file is told."""

from __future__ import annotations

import csv
import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.errors import InputError
from xstilts.formats.classify import ClassifyExample
from xstilts.formats.registry import Example
from xstilts.tasks.files.locate import locate, read_examples
from xstilts.tasks.files.read import PLACEHOLDERS_FROM, read_tsv
from xstilts.tasks.registry import find_task
from xstilts.tasks.task import ReadRequest

FIXTURES = Path(__file__).parents[2] / "fixtures"
SCRATCH = tempfile.TemporaryDirectory(prefix="xstilts-")


def put(root: Path, name: str, content: str | bytes) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(root: Path, task: str, split: str, language: str = "en") -> list[Example]:
    return list(read_examples(find_task(task), split, language, root))


def texts(root: Path, task: str, split: str, language: str = "en") -> list[tuple[str, ...]]:
    return [(*e.texts, str(e.answer)) for e in read(root, task, split, language) if isinstance(e, ClassifyExample)]


def tsv(*rows: tuple[object, ...]) -> str:
    return "".join("\t".join(map(str, row)) + "\n" for row in rows)


def jsonl(*records: dict[str, Any]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


PAWSX = ("id", "sentence1", "sentence2", "label")
QQP = ("id", "qid1", "qid2", "question1", "question2", "is_duplicate")
NLI = {"sentence1": "a", "sentence2": "b", "gold_label": "neutral"}
ROUND = {"uid": "u", "context": "a", "hypothesis": "b", "label": "n"}
CAUSE = {"premise": "a", "choice1": "x", "choice2": "y", "question": "cause", "label": 0, "idx": 0}
XTREME_PAWSX = "pawsx/test-en.tsv"
PAWSX_TEST = "x-final/en/test_2k.tsv"

BAD: dict[str, tuple[str, str, str | bytes, str]] = {
    "xnli stripped": (
        "xnli", "xnli/test-en.tsv", "a\tb\n", r"en\.tsv:1: 2 column\(s\), .*use https://\S+/XNLI-1\.0\.zip instead",
    ),
    "pawsx stripped": (
        "pawsx", XTREME_PAWSX, "a\tb\r\n", r"en\.tsv:1: 2 column\(s\), .*use https://\S+/x-final\.tar\.gz instead",
    ),
    "xnli emptied label": ("xnli", "xnli/test-en.tsv", "a\tb\t\n", r"en\.tsv:1: unknown label ''"),
    "xnli csv json": ("xnli", "xnli.test.jsonl", '{"language": "en"}\n', r"jsonl:1: field 'sentence1' is missing"),
    "snli label": ("snli", "snli_1.0_test.jsonl", jsonl(NLI, NLI | {"gold_label": "maybe"}), "jsonl:2: unknown label 'maybe'"),
    "snli text": ("snli", "snli_1.0_test.jsonl", jsonl(NLI | {"sentence2": None}), "'sentence2' should be str, found NoneType"),
    "snli all dropped": ("snli", "snli_1.0_test.jsonl", jsonl(NLI | {"gold_label": "-"}), "no examples for test"),
    "snli txt tab": (
        "snli", "snli_1.0_test.txt", tsv(("gold_label", "sentence1", "sentence2"), ("neutral", "a", "b", "c")),
        r"txt:2: 4 columns, but the header has 3; is there a tab",
    ),
    "snli txt header": (
        "snli", "snli_1.0_test.txt", tsv(("gold_label", "sentence1"), ("neutral", "a")), "txt:2: field 'sentence2'",
    ),
    "snli txt short": (
        "snli", "snli_1.0_test.txt", tsv(("gold_label", "sentence1", "sentence2"), ("neutral", "a")), "txt:2: field 'sentence2'",
    ),
    "snli header only": ("snli", "snli_1.0_test.txt", tsv(("gold_label", "sentence1", "sentence2")), "no examples for test"),
    "anli label": (
        "anli", "anli_v0.1/R1/test.jsonl", jsonl(ROUND | {"label": "x"}), r"R1/test\.jsonl:1: unknown label 'x' .*e, n, c",
    ),
    "anli is art": ("anli", "anli_v0.1/R1/test.jsonl", '{"obs1": "a"}', "field 'context' is missing"),
    "pawsx label": ("pawsx", PAWSX_TEST, tsv(PAWSX, (1, "a", "b", 1), (2, "a", "b", -1)), r"2k\.tsv:3: unknown label '-1'"),
    "pawsx short": ("pawsx", PAWSX_TEST, tsv(PAWSX, (1, "a", "b")), r"2k\.tsv:2: field 'label' is missing"),
    "pawsx long": ("pawsx", PAWSX_TEST, tsv(PAWSX, (1, "a", "b", "c", 1)), r"2k\.tsv:2: 5 columns, but the header has 4"),
    "pawsx no header": ("pawsx", PAWSX_TEST, tsv((1, "a", "b", 1), (2, "a", "b", 0)), "2: field 'sentence1' is missing"),
    "qqp label": ("qqp", "QQP/train.tsv", tsv(QQP, (1, 2, 3, "a", "b", 2)), r"train\.tsv:2: unknown label '2'"),
    "qqp long": ("qqp", "QQP/train.tsv", tsv(QQP, (1, 2, 3, "a", "b", "c", 1)), r"train\.tsv:2: 7 columns, but the header has 6"),
    "qqp without gold": ("qqp", "QQP/train.tsv", tsv(QQP[:-1], (1, 2, 3, "a", "b")), "no examples for train"),
    "mnli glue": (
        "mnli", "MNLI/train.tsv", tsv(("sentence1", "sentence2", "gold_label"), ("a", "b", "hidden")), "2: unknown label",
    ),
    "pawsx latin": ("pawsx", PAWSX_TEST, b"id\tsentence1\n1\tf\xfcr\n", r"2k\.tsv:2: not UTF-8"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_named_with_its_place(case: str, tmp_path: Path) -> None:
    task, name, content, message = BAD[case]
    put(tmp_path, name, content)
    with pytest.raises(InputError, match=message):
        read(tmp_path, task, "train" if "train" in name else "test")


# -- Placeholders of test labels


def many(task: str, count: int, last: object, split: str = "test") -> dict[str, str]:
    """A file of `count` examples that are all answered alike, but for the last one."""
    if task == "xnli":
        return {f"xnli/{split}-en.tsv": tsv(*[("a", "b", "neutral")] * (count - 1), ("a", "b", last))}
    if task == "pawsx":
        return {f"x-final/en/{split}_2k.tsv": tsv(PAWSX, *[(1, "a", "b", 0)] * (count - 1), (1, "a", "b", last))}
    name = "val" if split == "dev" else split
    return {f"xcopa/{name}-it.jsonl": jsonl(*[CAUSE] * (count - 1), CAUSE | {"label": last})}


@pytest.mark.parametrize(
    ("task", "placeholder", "other", "place"),
    [("xnli", "neutral", "entailment", "XNLI-1.0.zip"), ("pawsx", 0, 1, "x-final.tar.gz"), ("xcopa", 0, 1, "cambridgeltl/xcopa")],
)
def test_a_test_set_with_one_answer_throughout_is_refused(
    task: str, placeholder: object, other: object, place: str, tmp_path: Path
) -> None:
    language = "it" if task == "xcopa" else "en"

    def found(count: int, last: object, split: str = "test") -> int:
        shutil.rmtree(tmp_path)
        for name, content in many(task, count, last, split).items():
            put(tmp_path, name, content)
        return len(read(tmp_path, task, split, language))

    with pytest.raises(InputError, match=rf"in all {PLACEHOLDERS_FROM} examples, so these are placeholders.*{re.escape(place)}"):
        found(PLACEHOLDERS_FROM, placeholder)
    assert found(PLACEHOLDERS_FROM, other) == PLACEHOLDERS_FROM
    assert found(PLACEHOLDERS_FROM - 1, placeholder) == PLACEHOLDERS_FROM - 1  # a handful may be alike
    assert found(PLACEHOLDERS_FROM, placeholder, "dev") == PLACEHOLDERS_FROM  # whose labels are not hidden


# -- Layouts

WRITTEN = st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\u2028\u2029\x85"), max_size=20)
PAIRS = st.lists(st.tuples(WRITTEN, WRITTEN, st.sampled_from("01")), min_size=1, max_size=5)


def stripped(pairs: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    return [(a.strip(), b.strip(), label) for a, b, label in pairs]


@given(PAIRS)
def test_pawsx_has_no_quoting(pairs: list[tuple[str, str, str]]) -> None:
    root = Path(tempfile.mkdtemp(dir=SCRATCH.name))
    put(root, PAWSX_TEST, tsv(PAWSX, *((n, *pair) for n, pair in enumerate(pairs))))
    assert texts(root, "pawsx", "test") == stripped(pairs)


@given(PAIRS)
def test_pawsx_of_xtreme_has(pairs: list[tuple[str, str, str]]) -> None:
    root = Path(tempfile.mkdtemp(dir=SCRATCH.name))
    with put(root, XTREME_PAWSX, "").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter="\t").writerows(pairs)
    assert texts(root, "pawsx", "test") == stripped(pairs)


def test_an_open_quote_swallows_no_row() -> None:
    """Why public conversions lose rows: a reader with csv quoting finds two of the three here."""
    with (FIXTURES / "pawsx/x-final/en/test_2k.tsv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file, delimiter="\t"))) == 2
    assert texts(FIXTURES, "pawsx", "test")[1] == (
        'The book " Salt was printed in Lund .',
        '" Salt was printed as a book in Lund .',
        "1",
    )
    assert len(texts(FIXTURES, "pawsx", "test")) == 3


def test_sentences_that_were_not_translated_stay() -> None:
    assert ('Das Buch "Salz wurde in Lund gedruckt.', "NS", "0") in texts(FIXTURES, "pawsx", "test", "de")


def test_the_official_files_of_pawsx_go_before_those_that_xtreme_stripped(tmp_path: Path) -> None:
    put(tmp_path, f"pawsx/{PAWSX_TEST}", tsv(PAWSX, (1, "a", "b", 1)))
    put(tmp_path, XTREME_PAWSX, "a\tb\n")
    assert texts(tmp_path, "pawsx", "test") == [("a", "b", "1")]


def test_the_official_files_of_xnli_go_before_those_that_xtreme_stripped(tmp_path: Path) -> None:
    put(tmp_path, "xnli/test-de.tsv", "a\tb\n")
    put(tmp_path, "xnli/XNLI-1.0/xnli.test.tsv", (FIXTURES / "xnli/XNLI-1.0/xnli.test.tsv").read_bytes())
    assert read(tmp_path, "xnli", "test", "de") == read(FIXTURES, "xnli", "test", "de")


def test_xnli_reads_alike_from_all_layouts(tmp_path: Path) -> None:
    rows = [row for _, row in read_tsv(FIXTURES / "xnli/XNLI-1.0/xnli.test.tsv")]
    names = ("language", "gold_label", "sentence1", "sentence2")
    put(tmp_path, "xnli.test.jsonl", jsonl(*({name: row[name] for name in names} for row in rows)))
    for language in ("de", "fr"):
        assert read(tmp_path, "xnli", "test", language) == read(FIXTURES, "xnli", "test", language)
    put(tmp_path / "bare", "xnli/test-de.tsv", (FIXTURES / "xnli/test-de.tsv").read_bytes())
    assert read(tmp_path / "bare", "xnli", "test", "de") == read(FIXTURES, "xnli", "test", "de")


@pytest.mark.parametrize(
    ("task", "name", "text", "names"),
    [
        ("snli", "snli/snli_1.0_train.jsonl", "snli_1.0_train.txt", ("gold_label", "pairID", "sentence1", "sentence2", "label1")),
        ("mnli", "mnli/multinli_1.0_train.jsonl", "multinli_1.0_train.txt", ("gold_label", "sentence1", "sentence2")),
        ("mnli", "mnli/multinli_1.0_train.jsonl", "MNLI/train.tsv", ("pairID", "sentence1", "sentence2", "gold_label")),
        ("mnli", "mnli/multinli_1.0_train.jsonl", "glue_data/MNLI/train.tsv", ("sentence1", "sentence2", "gold_label")),
    ],
)
def test_the_tables_of_snli_mnli_and_glue_read_as_their_json(
    task: str, name: str, text: str, names: tuple[str, ...], tmp_path: Path
) -> None:
    records = [json.loads(line) for line in (FIXTURES / name).read_text("utf-8").splitlines()]
    cells = [tuple(record[field] for field in names if field in record) for record in records]  # the last column is not filled
    put(tmp_path, text, tsv(names, *cells))
    assert read(tmp_path, task, "train") == read(FIXTURES, task, "train")


def test_the_training_file_of_xtreme_is_read_where_there_is_no_other(tmp_path: Path) -> None:
    put(tmp_path, "xnli/train-en.tsv", 'a\t"he said ""no"""\tneutral\r\nc\td\tentailment\r\n')
    assert texts(tmp_path, "mnli", "train") == [("a", 'he said "no"', "neutral"), ("c", "d", "entailment")]
    put(tmp_path, "mnli/multinli_1.0_train.jsonl", jsonl(NLI))
    assert texts(tmp_path, "mnli", "train") == [("a", "b", "neutral")]


def test_the_rounds_of_anli_follow_each_other() -> None:
    assert [e.id for e in read(FIXTURES, "anli", "train")] == [f"anli-train-{n}" for n in (1, 2, 3, 4)]
    assert [label for *_, label in texts(FIXTURES, "anli", "train")] == ["entailment", "contradiction", "neutral", "entailment"]
    assert [path.parent.name for path in locate(find_task("anli"), "dev", "en", FIXTURES)] == ["R1", "R2", "R3"]


def test_anli_plus_is_its_parts() -> None:
    for split in ("train", "dev"):
        parts = [e for part in ("anli", "mnli", "snli") for e in read(FIXTURES, part, split)]
        assert read(FIXTURES, "anli_plus", split) == parts
    plus = find_task("anli_plus").splits
    assert plus["train"].counts == {"en": 1_104_934}  # Phang et al. 2020, table 1
    assert plus["dev"].counts == {"en": 22_857}
    with pytest.raises(InputError, match="read its parts: anli, mnli, snli"):
        find_task("anli_plus").read(ReadRequest(find_task("anli_plus"), "train", "en", ()))


def test_pairs_without_agreement_are_dropped_from_any_file_and_their_number_is_not_used_again(tmp_path: Path) -> None:
    rows = [("neutral", "a", "b"), ("-", "c", "d"), ("entailment", "e", "f")]
    put(tmp_path, "snli_1.0_dev.txt", tsv(("gold_label", "sentence1", "sentence2"), *rows))
    assert [e.id for e in read(tmp_path, "snli", "dev")] == ["snli-dev-1", "snli-dev-3"]


def test_rows_of_qqp_that_lack_columns_are_left_out_but_counted() -> None:
    """A question with a line break in it: its row is in two pieces, and GLUE's readers use neither."""
    assert [e.id for e in read(FIXTURES, "qqp", "train")] == ["qqp-train-1", "qqp-train-2", "qqp-train-5"]
    assert texts(FIXTURES, "qqp", "train")[1] == ("Why is the sea salty?", 'Why is the "dead" sea called dead?', "0")


@pytest.mark.parametrize(
    ("task", "name", "content"),
    [
        ("xnli", "xnli/test-en.tsv", "a\t\tneutral\n\nb\tc\tentailment\n\n"),
        ("snli", "snli_1.0_test.jsonl", jsonl(NLI | {"sentence2": ""}) + "\n \n" + jsonl(NLI | {"gold_label": "entailment"})),
        ("snli", "snli_1.0_test.txt", "gold_label\tsentence1\tsentence2\nneutral\ta\t\n\nentailment\tb\tc\n\n"),
        ("pawsx", PAWSX_TEST, tsv(PAWSX, (1, "a", " ", 0)) + "\n" + tsv((2, "b", "c", 1)) + "\n"),
        ("pawsx", XTREME_PAWSX, "a\t\t0\n\nb\tc\t1\n"),
    ],
)
def test_an_empty_sentence_stays_and_a_blank_line_is_nothing(task: str, name: str, content: str, tmp_path: Path) -> None:
    """Benchmarks count the lines of the labels, so leaving out a pair would shift all behind it."""
    put(tmp_path, name, content)
    found = read(tmp_path, task, "test")
    assert [e.texts[1] == "" for e in found if isinstance(e, ClassifyExample)] == [True, False]
    assert [e.id for e in found] == [f"{task}-test-1", f"{task}-test-2"]
