"""The readers: what each does with the peculiarities of its files, and what it says about a bad one."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.errors import InputError
from xstilts.formats.classify import ClassifyExample
from xstilts.formats.format import Example
from xstilts.formats.span import SpanExample
from xstilts.formats.tag import TagExample
from xstilts.tasks.catalogue.tagging import NER, UPOS
from xstilts.tasks.files.locate import read_examples
from xstilts.tasks.files.read import read_lines, unquote
from xstilts.tasks.registry import find_task

FIXTURES = Path(__file__).parents[2] / "fixtures"


def put(root: Path, name: str, content: str | bytes) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def scratch() -> Path:
    """A new folder for one example of a property test, which cannot use `tmp_path`."""
    return Path(tempfile.mkdtemp(dir=SCRATCH.name))


SCRATCH = tempfile.TemporaryDirectory(prefix="xstilts-")


def read(root: Path, task: str, split: str, language: str = "en") -> list[Example]:
    return list(read_examples(find_task(task), split, language, root))


def conllu(*rows: str) -> str:
    """Sentences out of rows `id form tag head`; an empty row ends one."""
    filled = [row and "{}\t{}\t_\t{}\t_\t_\t{}\t_\t_\t_".format(*row.split(" ")) for row in rows]
    return "\n".join(filled) + "\n"


def squad(context: str, *answers: tuple[Any, Any], id: str = "q1") -> str:
    gold = [{"text": text, "answer_start": start} for text, start in answers]
    paragraph = {"context": context, "qas": [{"id": id, "question": "Which?", "answers": gold}]}
    return json.dumps({"data": [{"title": "Made", "paragraphs": [paragraph]}]})


CHOICE = {
    "id": "c1",
    "answerKey": "B",
    "question": {"stem": "Where?", "choices": [{"label": label, "text": f"in {label}"} for label in "ABCDE"]},
}

BAD: dict[str, tuple[str, str | bytes, str, str]] = {
    "empty": ("xnli/test-en.tsv", b"", "xnli", "test-en.tsv: the file is empty"),
    "empty gzip": ("xnli/test-en.tsv.gz", gzip.compress(b""), "xnli", "the file is empty"),
    "truncated gzip": (
        "xnli/test-en.tsv.gz",
        gzip.compress(b"a\tb\tneutral\n" * 99)[:-12],
        "xnli",
        "truncated or damaged",
    ),
    "not gzip": ("xnli/test-en.tsv.gz", b"a\tb\tneutral\n", "xnli", "truncated or damaged"),
    "latin-1": ("xnli/test-en.tsv", b"a\tb\tneutral\nf\xfcr\tb\tneutral\n", "xnli", r"tsv:2: not UTF-8 \(byte 0xfc"),
    "few columns": ("xnli/test-en.tsv", "a\tb\tneutral\na\tb\n", "xnli", r"tsv:2: 2 column\(s\), expected premise"),
    "label": ("xnli/test-en.tsv", "a\tb\tneutral\na\tb\tmaybe\n", "xnli", "tsv:2: unknown label 'maybe'"),
    "official header": ("xnli.test.tsv", "language\tsentence1\nen\ta\n", "xnli", "field 'sentence2' is missing"),
    "not json": ("xquad/xquad.en.json", "{", "xquad", "not JSON"),
    "json list": ("xquad/xquad.en.json", "[]", "xquad", "expected a JSON object, found list"),
    "no data": ("xquad/xquad.en.json", "{}", "xquad", "field 'data' is missing"),
    "no questions": ("xquad/xquad.en.json", '{"data": []}', "xquad", "no examples for test of task xquad"),
    "field type": ("xquad/xquad.en.json", '{"data": "x"}', "xquad", "'data' should be list, found str"),
    "answer without text": (
        "xquad/xquad.en.json",
        squad("A red hat.", (3, 3)),
        "xquad",
        "q1: field 'text' should be str",
    ),
    "answer without place": (
        "xquad/xquad.en.json",
        squad("A hat.", ("hat", "2")),
        "xquad",
        "q1: field 'answer_start' should",
    ),
    "answer blanked": ("xquad/xquad.en.json", squad("A red hat.", ("", 0)), "xquad", "the answer is empty"),
    "few upos columns": ("UD_X/en_x-ud-test.conllu", "1\ta\tb\n", "udpos", "conllu:1: 3 column"),
    "upos": ("UD_X/en_x-ud-test.conllu", conllu("1 a NAME 0"), "udpos", "conllu:1: unknown label 'NAME'"),
    "word number": (
        "UD_X/en_x-ud-test.conllu",
        conllu("1 a X 0", "3 b X 1"),
        "udpos",
        "conllu:2: word number '3', expected 2",
    ),
    "word id": ("UD_X/en_x-ud-test.conllu", conllu("one a X 0"), "udpos", "conllu:1: word number 'one'"),
    "range": (
        "UD_X/en_x-ud-test.conllu",
        conllu("1-2 ab _ _", "1 a X 0"),
        "udpos",
        "multi-word token 'ab' are missing",
    ),
    "all withheld": ("UD_X/en_x-ud-test.conllu", conllu("1 _ X 0"), "udpos", "no examples"),
    "panx columns": ("panx_dataset/en/test", "en:Ada\tB-PER\nen:sang\n", "panx", "test:2: 1 column"),
    "panx prefix": ("panx_dataset/en/test", "Ada\tB-PER\n", "panx", "test:1: found 'Ada', expected 'en:token<TAB>TAG'"),
    "panx tag": ("panx_dataset/en/test", "en:Ada\tB-MISC\n", "panx", "test:1: unknown label 'B-MISC'"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_named_with_its_place(case: str, tmp_path: Path) -> None:
    name, content, task, message = BAD[case]
    put(tmp_path, name, content)
    with pytest.raises(InputError, match=message):
        read(tmp_path, task, "test")


def test_a_repeated_id_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "dev_rand_split.jsonl", 2 * (json.dumps(CHOICE) + "\n"))
    with pytest.raises(InputError, match="the id 'c1' occurs twice"):
        read(tmp_path, "commonsenseqa", "dev")


@pytest.mark.parametrize(
    ("change", "message"),
    [({"answerKey": "F"}, ":1: unknown label 'F'"), ({"answerKey": 1}, "'answerKey' should be str, found int"),
     ({"question": {"stem": "Where?", "choices": []}}, ":1: 0 choices, expected 5")],
)  # fmt: skip
def test_a_bad_choice_is_named_with_its_line(change: dict[str, object], message: str, tmp_path: Path) -> None:
    put(tmp_path, "dev_rand_split.jsonl", json.dumps(CHOICE | change) + "\n")
    with pytest.raises(InputError, match=message):
        read(tmp_path, "commonsenseqa", "dev")


@pytest.mark.parametrize(
    ("german", "english", "message"),
    [("eins\nzwei\n", "one\n", r"has 2 lines and .*eng 1: they are not aligned"),
     ("eins\n\n", "one\ntwo\n", r"deu:2: a blank sentence"),
     ("eins\n", None, r"tatoeba\.deu-eng\.eng is missing")],
)  # fmt: skip
def test_bitext_has_to_be_aligned(german: str, english: str | None, message: str, tmp_path: Path) -> None:
    put(tmp_path, "tatoeba.deu-eng.deu", german)
    if english is not None:
        put(tmp_path, "tatoeba.deu-eng.eng", english)
    with pytest.raises(InputError, match=message):
        read(tmp_path, "tatoeba", "test", "de")


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"], ids=["plain", "bom"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("pack", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    ("task", "name"),
    [("xnli", "xnli/test-en.tsv"), ("panx", "panx/panx_dataset/en/test"), ("snli", "snli/snli_1.0_test.jsonl"),
     ("udpos", "udpos/UD_English-Made/en_made-ud-test.conllu"), ("xquad", "xquad/xquad.en.json")],
)  # fmt: skip
def test_any_packing_reads_the_same(task: str, name: str, pack: bool, end: str, bom: bytes, tmp_path: Path) -> None:
    text = (FIXTURES / name).read_text("utf-8")
    content = bom + text.replace("\n", end).encode()
    put(tmp_path, f"{name}.gz" if pack else name, gzip.compress(content) if pack else content)
    assert read(tmp_path, task, "test") == read(FIXTURES, task, "test")


def test_xnli_reads_alike_from_both_layouts(tmp_path: Path) -> None:
    official = FIXTURES / "xnli/XNLI-1.0/xnli.test.tsv"
    put(tmp_path, "XNLI-1.0/xnli.test.tsv", official.read_bytes())
    assert read(tmp_path, "xnli", "test", "de") == read(FIXTURES, "xnli", "test", "de")
    with pytest.raises(InputError, match="no file for test in sw"):
        read(tmp_path, "xnli", "test", "sw")


def test_pairs_without_agreement_are_dropped_but_counted() -> None:
    assert [e.id for e in read(FIXTURES, "snli", "train")] == ["snli-train-1", "snli-train-3", "snli-train-4"]


def test_multi_word_tokens_take_the_tag_of_their_head() -> None:
    (german,) = read(FIXTURES, "udpos", "test", "de")
    assert isinstance(german, TagExample)
    assert german.words == ("Sie", "geht", "zum", "Markt")
    assert german.answer == ("PRON", "VERB", "ADP", "NOUN")  # a tie in height: ADP ranks before DET
    english = read(FIXTURES, "udpos", "train")[2]
    assert isinstance(english, TagExample)
    assert english.words == ("We", "don't", "know", "!")  # and the empty node 4.1 is gone
    assert english.answer == ("PRON", "AUX", "VERB", "PUNCT")


@pytest.mark.parametrize(
    ("language", "rows", "tag"),
    [
        ("de", ("1-2 ab _ _", "1 a DET 2", "2 b NOUN 0"), "NOUN"),  # the higher one
        ("es", ("1-2 ab _ _", "1 a NOUN 3", "2 b PRON 3", "3 c VERB 0"), "PRON"),  # NOUN is not ranked in Spanish
        ("it", ("1-2 ab _ _", "1 a DET 3", "2 b INTJ 3", "3 c VERB 0"), "DET"),
        ("de", ("1-2 ab _ _", "1 a DET 2", "2 b NOUN 1"), "NOUN"),  # a cycle still ends
    ],
)
def test_heads_of_multi_word_tokens(language: str, rows: tuple[str, ...], tag: str, tmp_path: Path) -> None:
    put(tmp_path, f"UD_X/{language}_x-ud-test.conllu", conllu(*rows))
    (example,) = read(tmp_path, "udpos", "test", language)
    assert isinstance(example, TagExample)
    assert example.answer is not None
    assert (example.words[0], example.answer[0]) == ("ab", tag)


def test_treebanks_are_concatenated_in_order_and_withheld_sentences_dropped() -> None:
    ids = [example.id for example in read(FIXTURES, "udpos", "train")]
    assert ids == ["en_another-ud-train-1", "en_made-ud-train-1", "en_made-ud-train-2"]
    assert read(FIXTURES, "udpos", "test", "fa")[0].words == ("میرود",)  # type: ignore[union-attr]


@pytest.mark.parametrize(("words", "kept"), [(1, 0), (2, 0), (3, 1)])
def test_one_withheld_word_is_enough_to_drop_a_short_sentence(words: int, kept: int, tmp_path: Path) -> None:
    """XTREME's rule: what has text in at most one word goes, and so does a sentence of two with one withheld."""
    rows = ["1 _ X 0", *(f"{number} w X 1" for number in range(2, words + 1))]
    put(tmp_path, "UD_X/en_x-ud-test.conllu", conllu(*rows, "", "1 kept X 0"))
    assert len(read(tmp_path, "udpos", "test")) == kept + 1


def test_panx_tolerates_blank_lines_and_colons(tmp_path: Path) -> None:
    put(tmp_path, "panx_dataset/en/test", "\n\nen:Ada\tB-PER\nen:12:30\tO\n\n \n\nen::\tO")
    assert [(e.words, e.id) for e in read(tmp_path, "panx", "test") if isinstance(e, TagExample)] == [
        (("Ada", "12:30"), "panx-en-test-1"),
        ((":",), "panx-en-test-2"),
    ]


def test_tydiqa_takes_its_language_out_of_a_file_of_all(tmp_path: Path) -> None:
    parts = [json.loads(squad("A red hat.", ("red", 2), id=id)) for id in ("english--1-0", "finnish-2-0", "english-3-1")]
    everything = {"data": [article for part in parts for article in part["data"]]}
    put(tmp_path, "tydiqa-goldp-v1.1-dev.json", json.dumps(everything))
    assert [e.id for e in read(tmp_path, "tydiqa", "test")] == ["english--1-0", "english-3-1"]


def test_tydiqa_ids_that_were_cut_are_replaced_by_their_place(tmp_path: Path) -> None:
    article = json.loads(squad("A red hat.", ("red", 2), id="0"))["data"][0]
    put(tmp_path, "tydiqa/tydiqa-goldp-v1.1-train/tydiqa.goldp.en.train.json", json.dumps({"data": [article] * 60}))
    ids = [e.id for split in ("train", "dev") for e in read(tmp_path, "tydiqa", split)]
    assert sorted(ids) == sorted(f"english-train-{number}" for number in range(1, 61))


def test_blanks_of_a_context_are_kept_since_answers_are_offsets() -> None:
    first = read(FIXTURES, "squad_v1", "train")[0]
    assert isinstance(first, SpanExample)
    assert first.context.startswith(" ")


CELL = st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\u2028\u2029"), max_size=20)
WORD = st.text(st.characters(whitelist_categories=("L", "N", "P")), min_size=1, max_size=8).filter(lambda w: set(w) != {"_"})


@given(CELL)
def test_csv_quoting_is_undone_exactly(cell: str) -> None:
    buffer = io.StringIO()
    csv.writer(buffer, delimiter="\t", lineterminator="\n").writerow(["x", cell])
    written = buffer.getvalue().rstrip("\n").split("\t")[1]
    assert unquote(written) == cell


@pytest.mark.parametrize("cell", ['"', '""', '"closed"', '"a" and "b"', 'a ""b""', ""])
def test_a_cell_that_csv_would_not_write_is_left_alone(cell: str) -> None:
    assert unquote(cell) == cell


@given(st.lists(st.tuples(CELL, CELL, st.sampled_from(["entailment", "neutral", "contradiction"])), min_size=1, max_size=5))
def test_pairs_survive_writing_and_reading(pairs: list[tuple[str, str, str]]) -> None:
    root = scratch()
    with put(root, "xnli/test-en.tsv", "").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter="\t").writerows(pairs)
    found = [(e.texts, e.answer) for e in read(root, "xnli", "test") if isinstance(e, ClassifyExample)]
    assert found == [((a.strip(), b.strip()), label) for a, b, label in pairs]


@given(st.lists(st.lists(st.tuples(WORD, st.sampled_from(UPOS)), min_size=1, max_size=6), min_size=1, max_size=4))
def test_sentences_survive_writing_and_reading(sentences: list[list[tuple[str, str]]]) -> None:
    root = scratch()
    rows: list[str] = []
    for sentence in sentences:
        rows += [f"{number} {word} {tag} {number - 1}" for number, (word, tag) in enumerate(sentence, start=1)] + [""]
    put(root, "UD_X/en_x-ud-test.conllu", conllu(*rows))
    found = [list(zip(e.words, e.answer or (), strict=True)) for e in read(root, "udpos", "test") if isinstance(e, TagExample)]
    assert found == sentences


@given(st.lists(st.lists(st.tuples(WORD, st.sampled_from(NER)), min_size=1, max_size=6), min_size=1, max_size=4))
def test_names_survive_writing_and_reading(sentences: list[list[tuple[str, str]]]) -> None:
    root = scratch()
    text = "\n\n".join("\n".join(f"en:{word}\t{tag}" for word, tag in sentence) for sentence in sentences)
    put(root, "panx_dataset/en/test", text)
    found = [list(zip(e.words, e.answer or (), strict=True)) for e in read(root, "panx", "test") if isinstance(e, TagExample)]
    assert found == sentences


def test_only_a_line_feed_ends_a_line(tmp_path: Path) -> None:
    path = put(tmp_path, "x", "one\u2028still one\x85and\x0bmore\ntwo")
    assert [line for _, line in read_lines(path)] == ["one\u2028still one\x85and\x0bmore", "two"]
