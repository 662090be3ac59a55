"""A user's own task in YAML or Python: what is read, what moves its identity, and what each mistake is told.

The declarations and files of `tests/fixtures/user_tasks` are read whole; mistakes are made one at a time.
"""

from __future__ import annotations

import csv
import gzip
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from xstilts.data.language import LANGUAGES
from xstilts.errors import InputError
from xstilts.formats.bitext_retrieval import BitextRetrieval, BitextRetrievalExample
from xstilts.formats.choice import Choice, ChoiceExample
from xstilts.formats.classify import Classify, ClassifyExample
from xstilts.formats.format import Example
from xstilts.formats.prediction import Prediction
from xstilts.formats.span import Span, SpanAnswer, SpanExample
from xstilts.formats.tag import Tag, TagExample
from xstilts.metrics.classify import ACCURACY
from xstilts.metrics.retrieval import RETRIEVAL
from xstilts.metrics.squad import SQUAD_V2
from xstilts.metrics.tag import CHUNK_F1, POS_F1, TAG_ACCURACY
from xstilts.tasks.files.locate import hash_contents, locate, read_examples
from xstilts.tasks.registry import CATALOGUE, find_task
from xstilts.tasks.task import Task
from xstilts.tasks.user.declaration import FIELDS, METRICS, TYPES
from xstilts.tasks.user.user_tasks import preview, register

FIXTURES = Path(__file__).parents[2] / "fixtures" / "user_tasks"
NOWHERE = Path("/nowhere")  # a data folder that has nothing


REVIEWS: dict[str, Any] = {
    "name": "films",
    "format": "classify",
    "texts": "text",
    "label": "label",
    "labels": ["bad", "good"],
    "files": {"train": "train.tsv"},
    "languages": "en",
    "license": "CC0-1.0",
}
TAGS: dict[str, Any] = {
    "name": "films",
    "format": "tag",
    "labels": ["O", "X"],
    "files": {"train": "train.conll"},
    "languages": "en",
    "license": "CC0-1.0",
}
QUESTIONS: dict[str, Any] = {
    "name": "films",
    "format": "span",
    "files": {"train": "train.json"},
    "languages": "en",
    "license": "CC0-1.0",
}
PAIRS: dict[str, Any] = {
    "name": "films",
    "format": "embed",
    "files": {"test": "{lang}-en.*"},
    "languages": "de",
    "license": "CC0-1.0",
}
CHOICES: dict[str, Any] = {
    "name": "films",
    "format": "choice",
    "prompt": "prompt",
    "choices": "endings",
    "label": "label",
    "labels": [0, 1],
    "files": {"train": "train.jsonl"},
    "languages": "en",
    "license": "CC0-1.0",
}


def declare(folder: Path, record: dict[str, Any], **changes: Any) -> Task:
    """The task of a declaration written to `folder`; a change to None leaves the field out."""
    record = {name: value for name, value in {**record, **changes}.items() if value is not None}
    (folder / "mine.yaml").write_text(yaml.safe_dump(record, sort_keys=False), encoding="utf-8")
    (task,) = register(folder / "mine.yaml")
    return task


def content(
    folder: Path, record: dict[str, Any], file: str, data: str | bytes, split: str = "train", **changes: Any
) -> list[Example]:
    """What a declaration reads out of one file."""
    (folder / file).write_bytes(data.encode() if isinstance(data, str) else data)
    task = declare(folder, record, **changes)
    return list(read_examples(task, split, task.splits[split].languages[0], NOWHERE))


def fixture(name: str) -> Task:
    (task,) = register(FIXTURES / name)
    return task


def read(task: Task, split: str, language: str) -> list[Example]:
    return list(read_examples(task, split, language, NOWHERE))


# -- what is read ------------------------------------------------------------------------------------------------------


def test_texts_and_labels_out_of_tsv_and_json_lines() -> None:
    task = fixture("reviews.yaml")
    assert (task.format, task.metric, task.languages) == (Classify(("negative", "positive"), 2), ACCURACY, ("en", "sw"))
    assert (task.trains_on, task.license, task.folder) == ("own_reviews", "CC0-1.0", FIXTURES)
    assert read(task, "train", "en") == [  # quotes are text, the third stands for no label, and the ids count it
        ClassifyExample("own_reviews-train-1", ('A "good" one', 'I would see it "again.'), "positive"),
        ClassifyExample("own_reviews-train-3", ("No", "The sea was cold."), "negative"),
    ]
    english, swahili = read(task, "test", "en"), read(task, "test", "sw")
    assert [e.answer for e in english] == [e.answer for e in swahili] == ["positive", "negative"]
    assert [e.id for e in english] == [e.id for e in swahili], "they are parallel"


def test_choices_out_of_csv_and_json_lines() -> None:
    task = fixture("choices.yaml")
    assert (task.format, task.metric) == (Choice(2), ACCURACY)
    assert read(task, "train", "en") == [
        ChoiceExample("c1", "The kettle, on the stove,", ("sings.", 'says "no".'), 0),
        ChoiceExample("c2", "The dog", ("flies\naway.", "barks."), 1),
    ]
    assert [(e.id, e.answer) for e in read(task, "dev", "en")] == [("7", 1)]


def test_words_and_tags_in_conll_layouts_and_a_language_that_the_table_lacks() -> None:
    task = fixture("tags.yaml")
    assert (task.format, task.metric) == (Tag(("O", "B-PLACE", "I-PLACE")), CHUNK_F1)
    first, second = (e for e in read(task, "train", "de") if isinstance(e, TagExample))
    assert first.words == ("In", "dem", "Haus", "am", "Neuen", "See"), "syntactic words: no comment, no range, no empty node"
    assert first.answer == ("O", "O", "O", "O", "B-PLACE", "I-PLACE")
    assert (second.id, second.words) == ("own_tags-de-train-2", ("#", "See"))
    assert [e.words for e in read(task, "test", "gsw") if isinstance(e, TagExample)] == [("De", "#", "See"), ("Jo",)]
    assert LANGUAGES["gsw"].name == "Swiss German"


def test_questions_with_and_without_an_answer_and_a_held_out_dev() -> None:
    task = fixture("questions.yaml")
    assert task.format == Span(no_answer=True)
    found = {e.id: e for split in ("train", "dev") for e in read(task, split, "en") if isinstance(e, SpanExample)}
    assert found["f1"].answer == (SpanAnswer("at noon", 17),)
    assert found["f3"].answer == ()
    assert len(read(task, "train", "en")) + len(read(task, "dev", "en")) == len(found) == 3


def test_translations_in_two_files_and_in_two_columns() -> None:
    task = fixture("pairs.yaml")
    assert (task.format, task.metric, task.trains_on) == (BitextRetrieval(), RETRIEVAL, "")
    assert read(task, "test", "de") == [
        BitextRetrievalExample("own_pairs-de-test-1", "Der Kessel singt.", "The kettle sings.", "own_pairs-de-test-1"),
        BitextRetrievalExample("own_pairs-de-test-2", "Das Boot sinkt.", "The boat sinks.", "own_pairs-de-test-2"),
    ]
    columns = fixture("pairs_in_columns.yaml")
    assert [e.text for e in read(columns, "test", "de") if isinstance(e, BitextRetrievalExample)] == [
        "Der Kessel singt.",
        "Es regnet.",
    ]
    assert [e.id for e in read(columns, "test", "fr")] == ["own_columns-fr-test-1"]


def test_a_python_file_beside_its_data() -> None:
    task = fixture("more.py")
    assert read(task, "train", "en") == [
        ClassifyExample("fast-train-1", ("I laughed.",), "good"),
        ClassifyExample("fast-train-2", ("I left.",), "bad"),
    ]
    assert find_task("own_fast") is task
    assert len(task.declared) == 64
    assert not (FIXTURES / "__pycache__").exists()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("packed", [False, True])
def test_line_ends_byte_order_marks_and_gzip_change_nothing(end: str, mark: bytes, packed: bool, tmp_path: Path) -> None:
    data = mark + end.join(["text\tlabel", "It \u2028 sails.\tgood", "", "It sinks.\tbad"]).encode()
    (found := content(tmp_path, REVIEWS, *(("train.tsv.gz", gzip.compress(data)) if packed else ("train.tsv", data))))
    assert found == [
        ClassifyExample("films-en-train-1", ("It \u2028 sails.",), "good"),
        ClassifyExample("films-en-train-2", ("It sinks.",), "bad"),
    ]


def test_several_files_of_a_pattern_are_read_as_one_and_a_packed_double_once(tmp_path: Path) -> None:
    (tmp_path / "train-1.tsv").write_text("text\tlabel\na\tgood\n")
    (tmp_path / "train-1.tsv.gz").write_bytes(gzip.compress(b"text\tlabel\na\tgood\n"))
    (tmp_path / "train-2.tsv").write_text("text\tlabel\nb\tbad\n")
    task = declare(tmp_path, REVIEWS, files={"train": "train-*"}, type="tsv")
    assert [e.id for e in read(task, "train", "en")] == ["films-en-train-1", "films-en-train-2"]


def test_columns_by_number_and_labels_as_json_spells_them(tmp_path: Path) -> None:
    numbered = content(tmp_path, REVIEWS, "train.tsv", "good\tIt sails.\tx\n", texts=1, label=0)
    assert numbered == [ClassifyExample("films-en-train-1", ("It sails.",), "good")]
    truth = '{"text": "It sails.", "label": true}\n{"text": "It sinks.", "label": false}\n'
    files = {"train": "train.jsonl"}
    assert [e.answer for e in content(tmp_path, REVIEWS, "train.jsonl", truth, files=files, labels=["true", "false"])] == [
        "true",
        "false",
    ]
    listed = '{"prompt": "It", "endings": ["sails.", "sinks."], "label": 1}\n'
    assert [e.answer for e in content(tmp_path, CHOICES, "train.jsonl", listed)] == [1]
    words = '{"tokens": ["a", "b"], "tags": ["O", "X"]}\n'
    tags = content(tmp_path, TAGS, "train.jsonl", words, files=files, words="tokens", tags="tags")
    assert tags == [TagExample("films-en-train-1", ("a", "b"), ("O", "X"))]


def test_the_metric_goes_with_the_labels_unless_it_is_named(tmp_path: Path) -> None:
    assert declare(tmp_path, TAGS, labels=["NOUN", "VERB"]).metric == TAG_ACCURACY
    assert declare(tmp_path, TAGS, labels=["O", "S-X", "E-X"]).metric == CHUNK_F1
    assert declare(tmp_path, TAGS, labels=["NOUN", "VERB"], metric="pos_f1").metric == POS_F1


def test_the_tables_of_the_formats_agree() -> None:
    assert set(FIELDS) == set(TYPES) == set(METRICS)


def test_every_metric_of_the_catalogue_that_fits_a_format_can_be_named() -> None:
    formats = {task.format.name: METRICS[name] for name in METRICS for task in CATALOGUE.values() if task.format.name == name}
    assert {"classify", "choice", "tag", "span"} <= set(formats)
    for task in CATALOGUE.values():
        if task.format.name in formats and task.metric and task.metric.name != "xvnli":  # its denominator is of one test set
            assert task.metric in formats[task.format.name], task.name


# -- questions ---------------------------------------------------------------------------------------------------------


def test_questions_with_numbers_as_ids_and_answers_that_are_elsewhere(tmp_path: Path) -> None:
    """As in the catalogue's sets: see test_readers_qa."""
    qas = [
        {"id": 11, "question": "When?", "answers": [{"text": "at noon", "answer_start": 9}]},
        {"id": 12, "question": "Who?", "answers": [{"text": "nobody", "answer_start": 0}]},
    ]
    text = json.dumps({"data": [{"paragraphs": [{"context": "It leaves at\u00a0noon.", "qas": qas}]}]})
    for split in ("train", "test"):
        (tmp_path / f"{split}.json").write_text(text)
    task = declare(tmp_path, QUESTIONS, files={"train": "train.json", "test": "test.json"})
    train, test = preview(task, NOWHERE)
    assert train.first == (SpanExample("11", "When?", "It leaves at\u00a0noon.", (SpanAnswer("at\u00a0noon", 10),)),)
    assert (train.counts, train.trouble) == ({"relocated": 1, "unlocatable": 1}, "")
    assert [(e.id, e.answer) for e in test.first] == [("11", (SpanAnswer("at noon", 9),)), ("12", (SpanAnswer("nobody", 0),))]
    assert (test.counts, test.trouble) == ({"misplaced": 2}, "")


FLAT = {"id": "f1", "context": "It sank in May.", "question": "When?", "answers": {"text": ["May"], "answer_start": [11]}}


@pytest.mark.parametrize("name", ["train.jsonl", "train.json"])
def test_questions_on_lines_of_their_own(name: str, tmp_path: Path) -> None:
    lines = f"{json.dumps(FLAT)}\n\n{json.dumps({**FLAT, 'id': 8, 'answers': {'text': [], 'answer_start': []}})}\n"
    found = content(tmp_path, QUESTIONS, name, lines, files={"train": name}, no_answer=True)
    may = SpanExample("f1", "When?", "It sank in May.", (SpanAnswer("May", 11),))
    assert found == [may, SpanExample("8", "When?", "It sank in May.", ())]
    assert content(tmp_path, QUESTIONS, name, json.dumps(FLAT), files={"train": name}) == [may], "one question alone"
    nested = json.dumps({"data": [{"paragraphs": [{"context": FLAT["context"], "qas": [FLAT]}]}]}, indent=1)
    assert content(tmp_path, QUESTIONS, name, nested, files={"train": name}) == [may], "over several lines"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            '{"rows": []}',
            r"train\.json: expected SQuAD's JSON, .* on each line a question, .*; found an object with 'rows'",
        ),
        (json.dumps([FLAT], indent=1), r"expected SQuAD's JSON, .*; found \[\{'id': 'f1'"),
        ("{}\n", r"expected SQuAD's JSON, .*; found an object with nothing"),
        ('{"data": [', r"train\.json: not JSON"),
        (json.dumps(FLAT) + "\n{", r"train\.json:2: not JSON"),
        (json.dumps(FLAT) + '\n{"id": "x"}', r"train\.json:2: field 'context' is missing"),
        (json.dumps({**FLAT, "answers": {"text": "May", "answer_start": 11}}), r"f1: field 'text' should be list, found str"),
        ("\n\n", r"train\.json: the file is empty"),
    ],
)
def test_files_of_questions_in_no_known_layout(data: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        content(tmp_path, QUESTIONS, "train.json", data)


def test_the_metric_of_mlqa_goes_with_the_language_of_the_answer(tmp_path: Path) -> None:
    """G-XLT: German contexts with questions in another language."""
    changes: dict[str, Any] = {"metric": "mlqa", "trains_on": "squad_v1", "files": {"test": "{lang}.json"}}
    task = declare(tmp_path, QUESTIONS, languages="de ar", **changes)
    gold = SpanExample("q", "When?", "die Nacht", (SpanAnswer("die Nacht", 0),))
    assert task.metric is not None
    f1_de, f1_ar = (task.metric.for_language(code).tally(gold, Prediction("q", "Nacht"))[0] for code in task.languages)
    assert (f1_de, f1_ar < 1) == (1.0, True), "only German has the article"
    with pytest.raises(InputError, match=r"languages\.test: metric mlqa is not defined for 'fi'; it has a normalisation for en"):
        declare(tmp_path, QUESTIONS, languages="de fi", **changes)
    assert declare(tmp_path, QUESTIONS, no_answer=True).metric == SQUAD_V2


# -- words and tags ----------------------------------------------------------------------------------------------------


def tagged(folder: Path, text: str, **changes: Any) -> tuple[list[tuple[str, ...]], dict[str, int]]:
    """The sentences of a file of words and tags, and the reader's counts."""
    file = next(iter(changes.get("files", TAGS["files"]).values()))
    (folder / file).write_text(text, encoding="utf-8", newline="")
    counts: Counter[str] = Counter()
    found = read_examples(declare(folder, TAGS, **changes), "train", "en", NOWHERE, counts)
    return [example.words for example in found if isinstance(example, TagExample)], dict(counts)


@pytest.mark.parametrize(
    ("text", "sentences", "marks"),
    [
        ("-DOCSTART- -X- O\n\na _ O\nb _ X\n\n-DOCSTART- -X- O\n\nc _ O\n", [("a", "b"), ("c",)], 2),
        ("-DOCSTART- -DOCSTART- O\na _ O\nb _ X\n", [("a", "b")], 1),
        ("a _ O\n-DOCSTART- (2 ferry)\nb _ X\n", [("a",), ("b",)], 1),
        ("-DOCSTART-\n\na _ O\n", [("a",)], 1),
        ("a\t_\tO\n-DOCSTART-\t_\tO\n", [("a",)], 1),
    ],
)
def test_the_begin_of_a_document_is_no_word_and_no_sentence(
    text: str, sentences: list[tuple[str, ...]], marks: int, tmp_path: Path
) -> None:
    assert tagged(tmp_path, text, tags=2) == (sentences, {"docstarts": marks})
    numbered = "".join(f"{1 if line.strip() else ''} {line}\n" for line in text.replace("\t", " ").splitlines())
    assert tagged(tmp_path, numbered, words=1, tags=3)[0] == sentences, "also where words are in another column"


def test_the_begin_of_a_document_in_lists_of_words(tmp_path: Path) -> None:
    rows = [{"w": ["-DOCSTART-"], "t": ["O"]}, {"w": ["-DOCSTART-", "a"], "t": ["O", "X"]}, {"w": ["b"], "t": ["O"]}]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    found = tagged(tmp_path, lines, files={"train": "train.jsonl"}, words="w", tags="t")
    assert found == ([("a",), ("b",)], {"docstarts": 2})


def test_tags_that_are_class_indices(tmp_path: Path) -> None:
    files = {"train": "train.jsonl"}
    row = '{"w": ["a", "b"], "t": [0, 1]}\n'
    found = content(tmp_path, TAGS, "train.jsonl", row, files=files, words="w", tags="t", labels={"O": 0, "X": 1})
    assert [e.answer for e in found] == [("O", "X")]
    with pytest.raises(InputError, match=r"train\.jsonl:1: 't' should be a list of labels, found \[0\.5\]"):
        content(tmp_path, TAGS, "train.jsonl", '{"w": ["a"], "t": [0.5]}\n', files=files, words="w", tags="t")


@pytest.mark.parametrize("end", ["", "\n", "\n\n\n"])
@pytest.mark.parametrize("blank", ["", " ", "\u00a0", "\t"])
def test_blank_words_trailing_blanks_and_the_end_of_the_file_are_as_in_the_catalogue(
    blank: str, end: str, tmp_path: Path
) -> None:
    """The same rows, read as one's own task and as XTREME's file of PAN-X."""
    lines = f"a \tO\n\u00a0\tO\n{blank}\nb\tB-LOC {end}"
    (tmp_path / "panx").mkdir()
    (tmp_path / "panx" / "train-en.tsv").write_text(lines, encoding="utf-8")
    theirs = list(read_examples(find_task("panx"), "train", "en", tmp_path))
    own = content(tmp_path, TAGS, "train.conll", lines, labels=["O", "B-LOC"])
    assert [(e.words, e.answer) for e in own if isinstance(e, TagExample)] == [
        (e.words, e.answer) for e in theirs if isinstance(e, TagExample)
    ]
    assert [e.answer for e in own] == [("O", "O"), ("B-LOC",)]


def test_a_file_ends_its_sentence_and_only_plain_blanks_part_columns(tmp_path: Path) -> None:
    (tmp_path / "a-1.conll").write_text("10\u00a0000  O \n\u00a0 O\n", encoding="utf-8")
    (tmp_path / "a-2.conll").write_text(" b X", encoding="utf-8")
    task = declare(tmp_path, TAGS, files={"train": "a-*.conll"})
    assert [e.words for e in read(task, "train", "en") if isinstance(e, TagExample)] == [("10\u00a0000", ""), ("b",)]


def test_comments_in_a_conll_file(tmp_path: Path) -> None:
    text = "# id 1 of=2\na _ O\n# more words here\n#tag _ X\n\n\n# id 2 of=2\n\nb _ O\n"
    assert tagged(tmp_path, text, tags=2, comment="# ") == ([("a", "#tag"), ("b",)], {"comments": 3})
    with pytest.raises(InputError, match=r"train\.conll:1: unknown label '1'"):
        tagged(tmp_path, text, tags=2)
    (tmp_path / "mine.yaml").write_text((tmp_path / "mine.yaml").read_text() + "comment: # \n")
    with pytest.raises(InputError, match=r"comment: expected what a comment begins with, in quotes"):
        register(tmp_path / "mine.yaml")
    with pytest.raises(InputError, match=r"files\.train: comment: only for lines of type conll, found conllu"):
        declare(tmp_path, TAGS, type="conllu", comment="#")
    assert declare(tmp_path, TAGS).declared != declare(tmp_path, TAGS, comment="#").declared


# -- languages ---------------------------------------------------------------------------------------------------------


def test_other_codes_of_languages_become_ours_and_name_the_files(tmp_path: Path) -> None:
    for code in ("fil", "pt-BR"):
        (tmp_path / f"{code}.tsv").write_text("text\tlabel\na\tgood\n")
    files = {"train": "{lang}.tsv"}
    task = declare(tmp_path, REVIEWS, files=files, languages="fil pt-BR")
    assert (task.languages, task.codes) == (("tl", "pt"), {"tl": "fil", "pt": "pt-BR"})
    assert [e.id for e in read(task, "train", "tl")] == ["films-tl-train-1"]
    ours = declare(tmp_path, REVIEWS, files=files, languages="tl pt", codes={"tl": "fil", "por": "pt-BR"})
    assert (ours.languages, ours.codes, ours.declared) == (task.languages, task.codes, task.declared)
    assert declare(tmp_path, REVIEWS, files=files, languages="iw", codes={"iw": "hebrew"}).codes == {"he": "hebrew"}


def test_a_language_that_the_declaration_names_itself_stays_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xstilts.tasks.user.user_tasks.LANGUAGES", dict(LANGUAGES))
    task = declare(tmp_path, REVIEWS, languages="zh-TW", new_languages={"zh-TW": "Taiwanese Mandarin"})
    assert (task.languages, task.codes) == (("zh-TW",), {})


@pytest.mark.parametrize(
    ("languages", "message"),
    [
        ("zh-TW", r"unknown language 'zh-TW' \('zh' is Chinese in the script Hans; there is no other\); name it"),
        ("fil tl", r"languages: expected one code for each language, found fil tl"),
        ({"train": "fil", "test": "tl"}, r"languages: expected one code for each language, found fil tl"),
    ],
)
def test_codes_that_are_ambiguous(languages: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        declare(tmp_path, REVIEWS, files={"train": "{lang}.tsv", "test": "{lang}.tsv"}, languages=languages)


CELL = (
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\t\n\r\0\ufeff"), min_size=1)
    .map(str.strip)
    .filter(bool)
)


@settings(max_examples=40)
@given(texts=st.lists(CELL, min_size=1, max_size=5))
def test_any_text_survives_every_table(texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp() / "tables"
    folder.mkdir(exist_ok=True)
    (folder / "plain.tsv").write_text("".join(f"{text}\tgood\n" for text in texts), encoding="utf-8", newline="")
    (folder / "lines.jsonl").write_text("".join(json.dumps({"text": t, "label": "good"}) + "\n" for t in texts), newline="")
    for name, delimiter in (("quoted.tsv", "\t"), ("comma.csv", ",")):
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter=delimiter).writerows([["text", "label"], *([text, "good"] for text in texts)])
    for name, changes in (
        ("plain.tsv", {"texts": 0, "label": 1}),
        ("lines.jsonl", {}),
        ("quoted.tsv", {"quoted": True}),
        ("comma.csv", {}),
    ):
        task = declare(folder, REVIEWS, files={"train": name}, **changes)
        assert [e.texts[0] for e in read(task, "train", "en") if isinstance(e, ClassifyExample)] == texts, name


# -- what moves its identity -------------------------------------------------------------------------------------------


def test_the_identity_is_what_decides_examples_and_score(tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text("text\tlabel\nIt sails.\tgood\n")
    base = declare(tmp_path, REVIEWS).declared
    same: list[dict[str, Any]] = [
        {"license": "other", "cite": "me2026", "url": "https://example.org", "description": "Films."},
        {"name": "renamed"},
        {"files": {"train": "sub/../train.tsv"}},
        {"quoted": False, "type": "tsv", "metric": None, "labels": {"bad": "bad", "good": ["good"]}},
        {"languages": {"train": ["de"]}},
    ]
    for changes in same:
        assert declare(tmp_path, REVIEWS, **changes).declared == base, changes
    other: list[dict[str, Any]] = [
        {"texts": ["text", "label"]},
        {"labels": ["good", "bad"]},
        {"drop": ["-"]},
        {"quoted": True},
        {"heldout": 5},
        {"parallel": True},
        {"type": "csv"},
        {"codes": {"en": "eng"}},
    ]
    found = [declare(tmp_path, REVIEWS, **changes).declared for changes in other]
    assert len({base, *found}) == len(other) + 1
    assert declare(tmp_path, TAGS).declared != declare(tmp_path, TAGS, metric="pos_f1").declared


def test_the_identity_of_python_is_its_file_wherever_it_lies(tmp_path: Path) -> None:
    declared = fixture("more.py").declared
    register_again = tmp_path / "more.py"
    text = (FIXTURES / "more.py").read_text().replace("own_fast", "my_fast")
    register_again.write_text(text)
    (one,) = register(register_again)
    register_again.write_text(text + "# more\n")
    (two,) = register(register_again)
    assert len({declared, one.declared, two.declared}) == 3
    assert find_task("my_fast") is two


def test_a_file_that_changed_since_the_plan_is_refused_and_one_that_did_not_is_read_once(tmp_path: Path) -> None:
    task = declare(tmp_path, REVIEWS)
    assert register(tmp_path / "mine.yaml", task.declared)[0] is task
    (tmp_path / "mine.yaml").write_text((tmp_path / "mine.yaml").read_text() + "# a remark\n")
    assert register(tmp_path / "mine.yaml", task.declared)[0].declared == task.declared
    (tmp_path / "mine.yaml").write_text((tmp_path / "mine.yaml").read_text() + "drop: '-'\n")
    with pytest.raises(InputError, match=r"mine\.yaml changed after the plan was made; run again"):
        register(tmp_path / "mine.yaml", task.declared)


def test_a_name_is_given_up_when_its_file_no_longer_has_it(tmp_path: Path) -> None:
    declare(tmp_path, REVIEWS)
    declare(tmp_path, REVIEWS, name="renamed")
    assert "renamed" in CATALOGUE
    assert "films" not in CATALOGUE


def test_the_files_are_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(FIXTURES / "reviews", tmp_path / "reviews")
    shutil.copyfile(FIXTURES / "reviews.yaml", tmp_path / "reviews.yaml")
    monkeypatch.chdir(tmp_path)
    (task,) = register(Path("reviews.yaml"))
    monkeypatch.chdir("/")
    assert len(read(task, "train", "en")) == 2
    assert hash_contents(locate(task, "train", "en", NOWHERE)) == hash_contents([FIXTURES / "reviews" / "train.tsv"])


def test_what_does_not_lie_beside_the_declaration_is_looked_for_in_the_data_folder(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "train.tsv").write_text("text\tlabel\na\tgood\n")
    task = declare(tmp_path, REVIEWS)
    assert locate(task, "train", "en", data) == (data / "train.tsv",)
    shutil.copyfile(data / "train.tsv", tmp_path / "train.tsv")
    assert locate(task, "train", "en", data) == (tmp_path / "train.tsv",)


def test_a_preview_reads_to_the_end_and_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text("text\tlabel\na\tgood\nb\tbad\nc\tgood\n")
    (tmp_path / "test-en.tsv").write_text("text\tlabel\na\tgood\nb\tnot\n")
    files = {"train": "train.tsv", "test": "test-{lang}.tsv"}
    task = declare(tmp_path, REVIEWS, files=files, languages={"train": "en", "test": "en de"})
    train, english, german = preview(task, NOWHERE)
    assert (train.split, train.language, train.count, [e.id for e in train.first], train.trouble) == (
        *("train", "en", 3),
        ["films-en-train-1", "films-en-train-2"],
        "",
    )
    assert (english.count, english.trouble) == (1, f"{tmp_path}/test-en.tsv:3: unknown label 'not' (labels: bad, good)")
    assert german.count == 0
    assert german.trouble.startswith(
        f"task films: no file for test in de; looked below {tmp_path} and {NOWHERE} for test-de.tsv[.gz]"
    )
    assert "Get it from" not in german.trouble


REAL: dict[str, dict[str, Any]] = {
    "masakhaner": {
        "format": "tag",
        "labels": ["O", *(f"{begin}-{kind}" for kind in ("PER", "ORG", "LOC", "DATE") for begin in "BI")],
        "files": {split: f"masakhaner/1.0/{{lang}}/{split}.txt" for split in ("train", "dev", "test")},
        "languages": "sw yo",
        "codes": {"sw": "swa", "yo": "yor"},
        "license": "CC-BY-NC-4.0",
    },
    "xvnli_texts": {
        "format": "classify",
        "texts": ["sentence1", "sentence2"],
        "label": "gold_label",
        "labels": ["entailment", "neutral", "contradiction"],
        "drop": "-",
        "files": {"train": "xvnli/en/train_48.jsonl", "test": "xvnli/{lang}/test.jsonl"},
        "languages": {"train": "en", "test": "en ar es ru"},
        "parallel": True,
        "license": "see e-bug/iglue",
    },
    "swag_like": {
        "format": "choice",
        "prompt": "ctx",
        "choices": "endings",
        "label": "label",
        "labels": [0, 1, 2, 3],
        "id": "ind",
        "files": {"train": "hellaswag/derived/en/hellaswag_train.jsonl", "dev": "hellaswag/derived/en/hellaswag_val.jsonl"},
        "languages": "en",
        "license": "MIT",
    },
}


@pytest.mark.parametrize("name", REAL)
def test_real_data_that_the_catalogue_need_not_know(name: str, real_data: Path, tmp_path: Path) -> None:
    """Every split in every language has as many examples as the folder's manifest says, but for pairs without a gold label."""
    manifest = real_data / "MANIFEST.tsv"
    if not manifest.is_file():
        pytest.skip("no MANIFEST.tsv in the folder of real data")
    rows = (line.split("\t") for line in manifest.read_text(encoding="utf-8").splitlines())
    records = {row[0]: row[1] for row in rows}
    task = declare(tmp_path, {"name": name, **REAL[name]})
    samples = list(preview(task, real_data))
    assert {sample.split for sample in samples} == set(task.splits)
    for sample in samples:
        file = f"{task.fill(task.splits[sample.split].paths[0], sample.language)}.gz"
        unlabelled = gzip.decompress((real_data / file).read_bytes()).count(b'"gold_label": "-"')
        assert (sample.trouble, sample.count) == ("", int(records[file]) - unlabelled), file


# -- mistakes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lable": "x"}, r"unknown field 'lable' \(did you mean 'label'\?\)"),
        ({"name": None}, r"the field 'name' is missing"),
        ({"license": None}, r"the field 'license' is missing"),
        ({"label": None}, r"the field 'label' is missing; a classify task needs texts, label, labels"),
        ({"format": "clasify"}, r"format: expected 'classify', 'choice'"),
        ({"name": "a/b"}, r"name: String should match pattern"),
        ({"name": "span"}, r"the name 'span' has another meaning in a study"),
        ({"name": "xtreme"}, r"the name 'xtreme' has another meaning in a study"),
        ({"name": "snli"}, r"the name 'snli' belongs to a task of the catalogue"),
        ({"words": 3}, r"words: not a field of a classify task"),
        ({"labels": ["good"]}, r"labels: expected two or more, found 1"),
        ({"labels": ["good", "good"]}, r"labels: 'good' occurs twice"),
        ({"labels": {"good": [1, 2], "bad": [2]}}, r"labels: '2' occurs twice"),
        ({"labels": [True, False]}, r"labels.*write the word in quotes"),
        ({"languages": [False]}, r"languages.*write the word in quotes"),
        ({"languages": False}, r"languages.*write the word in quotes"),
        ({"languages": "en en"}, r"languages.train: expected languages, each once, found 'en en'"),
        ({"languages": "xx"}, r"languages.train: unknown language 'xx'; name it: new_languages: \{xx: its name\}"),
        ({"languages": {"test": "en"}}, r"languages: expected those of train, found test"),
        ({"languages": "en de"}, r"files.train: one file for en de; write \{lang\} in its name"),
        ({"new_languages": {"de": "Dutch"}}, r"'de' is German; give Dutch another code"),
        ({"files": {"tarin": "x.tsv"}}, r"files.tarin: expected 'train', 'dev' or 'test'"),
        ({"files": {"dev": "x.tsv"}}, r"files: expected train or test"),
        ({"files": {"train": "/x.tsv"}}, r"files: train: '/x.tsv': expected a path below the folder of this file"),
        ({"files": {"train": "{language}.tsv"}}, r"expected only \{lang\}, \{code\} and \{name\} in braces"),
        ({"files": {"train": "x.txt"}}, r"files.train: a classify task is read from csv, jsonl, tsv; write `type:`"),
        ({"files": {"train": "x.jsonl"}, "texts": 0, "label": 1}, r"columns of JSON lines are names of fields; found 0, 1"),
        ({"texts": 0}, r"columns are names \(there is a header\) or numbers \(there is none\), not both; found 0, label"),
        ({"texts": -1}, r"texts.*expected the name of a column or its number from 0, found -1"),
        ({"texts": ["a", "b", "c"]}, r"texts: expected one or two columns, found 3"),
        ({"type": "conll"}, r"files.train: a classify task is read from csv, jsonl, tsv"),
        ({"metric": "acuracy"}, r"metric: 'acuracy' does not score classify \(did you mean 'accuracy'\?\)"),
        ({"heldout": 3, "files": {"test": "x.tsv"}}, r"heldout: takes dev examples from the training file"),
        ({"heldout": 1}, r"heldout: expected a value greater than or equal to 2"),
        ({"files": {"train": "{lang.__class__}.tsv"}}, r"expected only \{lang\}, \{code\} and \{name\} in braces"),
        ({"files": {"train": "{lang!r:>99999}.tsv"}}, r"expected only \{lang\}"),
        ({"files": {"train": "a/**x.tsv"}}, r"expected \*\* to stand alone between two '/'"),
        ({"files": {"train": ""}}, r"expected a path below the folder of this file"),
        ({"name": "n" * 300}, r"name: expected a name of at most 200 bytes"),
        ({"languages": "qq", "new_languages": {"qq": "Q" * 300}}, r"expected a name of at most 200 bytes"),
    ],
)
def test_each_mistake_in_a_declaration_gets_one_clear_error(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message) as caught:
        declare(tmp_path, REVIEWS, **changes)
    assert str(caught.value).startswith(f"{tmp_path / 'mine.yaml'}: ")


@pytest.mark.parametrize(
    ("record", "changes", "message"),
    [
        (CHOICES, {"choices": ["a", "b", "c"]}, r"choices: 3 columns for 2 labels"),
        (TAGS, {"words": "form"}, r"words, tags: columns of a conll file are numbers from 0; found form, 1"),
        (TAGS, {"files": {"train": "x.jsonl"}}, r"columns of JSON lines are names of fields; found 0, 1"),
        (TAGS, {"id": 0}, r"id: not a field of a tag task"),
        (QUESTIONS, {"labels": ["a", "b"]}, r"labels: not a field of a span task"),
        (PAIRS, {"files": {"train": "{lang}-en.*"}}, r"retrieval of translations is not trained; expected only test"),
        (PAIRS, {"texts": [0, 1]}, r"texts: expected .* \(of two text files: none\)"),
        (PAIRS, {"files": {"test": "{lang}.tsv"}}, r"texts: expected the columns of the sentence and of its translation"),
    ],
)
def test_mistakes_of_the_other_formats(record: dict[str, Any], changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        declare(tmp_path, record, **changes)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("", r"train\.tsv: the file is empty"),
        ("text\tlabel\n", r"train\.tsv: no examples for train of task films"),
        ("text\tlabels\na\tgood\n", r"train\.tsv:1: no column 'label' \(did you mean 'labels'\?\)"),
        ("text\tlabel\ttext\na\tgood\tb\n", r"train\.tsv:1: the header has 'text' twice"),
        ("text\tlabel\na\tgood\nb\tfair\n", r"train\.tsv:3: unknown label 'fair' \(labels: bad, good\)"),
        ("text\tlabel\na\tgood\nb\n", r"train\.tsv:3: 1 cells, but the header has 2"),
        ("text\tlabel\na\tb\tgood\n", r"train\.tsv:2: 3 cells, but the header has 2"),
        (b"text\tlabel\n\xff\tgood\n", r"train\.tsv:2: not UTF-8 \(byte 0xff"),
    ],
)
def test_what_is_wrong_in_a_table_is_named_with_file_and_line(data: str | bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        content(tmp_path, REVIEWS, "train.tsv", data)


@pytest.mark.parametrize(
    ("record", "file", "data", "changes", "message"),
    [
        (REVIEWS, "train.tsv", "a\tgood\n", {"texts": 2, "label": 1}, r"train\.tsv:1: no column 2 .* the row has 2 cells"),
        (REVIEWS, "train.tsv", "text\tlabel\tid\na\tgood\t1\nb\tbad\t1\n", {"id": "id"}, r"train\.tsv: the id '1' occurs twice"),
        (REVIEWS, "train.csv", 'text,label\n"a,good\nb,bad\n', {"files": {"train": "train.csv"}}, r"csv:2: not csv: .*quote"),
        (REVIEWS, "train.csv", 'text,label\na"b,good\n"c"d,bad\n', {"files": {"train": "train.csv"}}, r"csv:3: not csv"),
        (
            REVIEWS,
            "train.jsonl",
            '{"text": 3, "label": "good"}\n',
            {"files": {"train": "train.jsonl"}},
            r":1: 'text' should be text",
        ),
        (
            REVIEWS,
            "train.jsonl",
            '{"text": "a", "label": 1.5}\n',
            {"files": {"train": "train.jsonl"}},
            r":1: 'label' should be text",
        ),
        (CHOICES, "train.jsonl", '{"prompt": "a", "endings": ["b"], "label": 0}\n', {}, r":1: 1 choices, expected 2"),
        (CHOICES, "train.jsonl", '{"prompt": "a", "endings": "b", "label": 0}\n', {}, r":1: 'endings' should be a list of texts"),
        (TAGS, "train.conll", "a O\nb\n", {}, r"train\.conll:2: no column 1"),
        (TAGS, "train.conll", "a\tO\nb\t\n", {}, r"train\.conll:2: unknown label ''"),
        (TAGS, "train.conll", "a O\n\nb Y\n", {}, r"train\.conll:3: unknown label 'Y' \(labels: O, X\)"),
        (TAGS, "train.conll", "\n\n", {}, r"train\.conll: no examples for train"),
        (
            TAGS,
            "train.jsonl",
            '{"w": ["a"], "t": []}\n',
            {"files": {"train": "train.jsonl"}, "words": "w", "tags": "t"},
            r":1: 1 words and 0 tags",
        ),
    ],
)
def test_what_is_wrong_in_other_files(
    record: dict[str, Any], file: str, data: str, changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        content(tmp_path, record, file, data, **changes)


def question(start: int, answers: bool = True) -> str:
    answer = [{"text": "noon", "answer_start": start}] if answers else []
    qas = [{"id": "q1", "question": "When?", "answers": answer}]
    return json.dumps({"data": [{"paragraphs": [{"context": "It leaves at noon.", "qas": qas}]}]})


def test_an_answer_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"train\.json: question q1: no answer; write `no_answer: true`"):
        content(tmp_path, QUESTIONS, "train.json", question(0, answers=False))


def test_files_that_are_not_aligned(tmp_path: Path) -> None:
    (tmp_path / "de-en.en").write_text("a\nb\n")
    with pytest.raises(InputError, match=r"expected two files aligned by line, one of them ending in \.en or \.eng"):
        content(tmp_path, PAIRS, "de-en.en", "a\nb\n", split="test")
    with pytest.raises(InputError, match=r"de-en\.de has 1 lines and .*de-en\.en 2"):
        content(tmp_path, PAIRS, "de-en.de", "x\n", split="test")
    with pytest.raises(InputError, match=r"de-en\.de:2: a blank sentence"):
        content(tmp_path, PAIRS, "de-en.de", "x\n \n", split="test")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("x = 1\ndef f(:\n", r"mine\.py:2: SyntaxError: invalid syntax"),
        ("x = 1\n\nx / 0\n", r"mine\.py:3: ZeroDivisionError"),
        ("import json\njson.loads('{')\n", r"mine\.py:2: JSONDecodeError"),
        ("from nowhere_at_all import x\n", r"mine\.py:1: ModuleNotFoundError"),
        ("x = 1\n", r"mine\.py: expected TASKS = \(MY_TASK, \.\.\.\), a tuple of `Task`s, found None"),
        ("TASKS = ('snli',)\n", r"mine\.py: expected TASKS"),
    ],
)
def test_python_that_does_not_work_is_named_with_file_and_line(code: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(code)
    with pytest.raises(InputError, match=message):
        register(tmp_path / "mine.py")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name="own_fast"', 'name="own fast"', "expected a name of letters"),
        ('name="own_fast"', 'name="xnli"', "the name 'xnli' belongs to a task of the catalogue"),
        ('("train", "test")', '("train", "tset")', r"no split 'tset' \(did you mean 'test'\?\)"),
        ('.fast",), ("en",)', '.fast",), ("xx",)', r"unknown language 'xx'; add a row: LANGUAGES\['xx'\]"),
        ('.fast",), ("en",)', '.fast",), ("de",)', r"train has 'de', but `languages` does not"),
        ('(f"reviews/{split}.fast",)', "()", r"no split has `paths`"),
        ('(f"reviews/{split}.fast",)', '("{lang.nope}",)', r"train: '\{lang\.nope\}': expected only \{lang\}, \{code\} and"),
    ],
)
def test_a_task_in_python_that_cannot_work(old: str, new: str, message: str, tmp_path: Path) -> None:
    text = (FIXTURES / "more.py").read_text()
    assert old in text
    (tmp_path / "mine.py").write_text(text.replace(old, new))
    with pytest.raises(InputError, match=message):
        register(tmp_path / "mine.py")


def test_two_files_cannot_declare_one_name(tmp_path: Path) -> None:
    declare(tmp_path, REVIEWS)
    (tmp_path / "other").mkdir()
    with pytest.raises(InputError, match=f"the name 'films' belongs to a task declared in {tmp_path}; choose another name"):
        declare(tmp_path / "other", REVIEWS)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("mine.yaml", "", "the task is empty"),
        ("mine.yaml", "- a\n", "expected fields"),
        ("mine.yaml", "name: a\nname: b\n", "line 2: not valid YAML: 'name' occurs twice"),
        ("mine.yaml", "3: a\n", "a field name must be text, found 3"),
        ("mine.yaml", 'license: "\\ud83d"\n', "line 1: .* is half a character"),
        ("mine.txt", "name: a\n", "ends in .yaml, .yml, .py"),
    ],
)
def test_a_file_that_declares_no_task(name: str, text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        register(tmp_path / name)
    with pytest.raises(
        InputError, match=r"nothing\.yaml: expected a file that declares a task, or a folder of text \(No such file"
    ):
        register(tmp_path / "nothing.yaml")
