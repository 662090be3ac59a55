"""Plain text: folders of it, declarations of it, aligned files, and what every kind of bad file is told."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from xstilts.errors import InputError
from xstilts.formats.format import Example
from xstilts.formats.mlm import Mlm, MlmExample
from xstilts.tasks.files.check import check_task
from xstilts.tasks.files.locate import find_languages, hash_contents, locate, read_examples
from xstilts.tasks.registry import CATALOGUE, find_task
from xstilts.tasks.task import ReadRequest, Task
from xstilts.tasks.user import plain_text, user_tasks
from xstilts.tasks.user.corpus import declare_corpus
from xstilts.tasks.user.user_tasks import register, resolve_tasks

NOWHERE = Path("/nowhere")


def folder(root: Path, **files: str | bytes) -> Path:
    """A folder of `<code>.txt` files."""
    root.mkdir(exist_ok=True)
    for code, data in files.items():
        (root / f"{code}.txt").write_bytes(data.encode() if isinstance(data, str) else data)
    return root


def texts(task: Task, language: str, counts: Counter[str] | None = None) -> list[tuple[str, ...]]:
    found: list[Example] = list(read_examples(task, "train", language, NOWHERE, counts))
    return [e.texts for e in found if isinstance(e, MlmExample)]


def one(root: Path, data: str | bytes) -> list[tuple[str, ...]]:
    """What is read of a folder with one German file."""
    (task,) = declare_corpus(folder(root, de=data))
    return texts(task, "de")


# -- folders -----------------------------------------------------------------------------------------------------------


def test_a_folder_of_text_is_a_task(tmp_path: Path) -> None:
    (tmp_path / "my text").mkdir()
    root = folder(tmp_path / "my text", de="Ein Haus.\nEin See.\n\n\nEin Boot.\n", sw="Nyumba.\n", README="Ours.")
    (root / "jpn.txt.gz").write_bytes(gzip.compress("家。\n".encode()))
    (task,) = declare_corpus(root)
    assert (task.name, task.format, task.metric, task.trains_on) == ("text/my-text", Mlm(), None, "")
    assert task.languages == ("de", "ja", "sw")
    assert set(task.splits) == {"train"}
    assert find_task("text/my-text") is task
    assert texts(task, "de") == [("Ein Haus. Ein See.",), ("Ein Boot.",)]
    assert texts(task, "ja") == [("家。",)]
    assert [e.id for e in read_examples(task, "train", "de", NOWHERE)] == ["text/my-text-de-train-1", "text/my-text-de-train-2"]


def test_documents_are_cut_between_lines_and_never_joined(tmp_path: Path) -> None:
    lines = [f"{letter * 700}." for letter in "abcd"]
    found = one(tmp_path / "c", "\n".join([*lines, "", "e" * 3000, "f"]))
    assert found == [(f"{lines[0]} {lines[1]}",), (f"{lines[2]} {lines[3]}",), ("e" * 3000,), ("f",)]


@given(
    st.lists(st.lists(st.text("ab c", min_size=1, max_size=30).filter(str.strip), min_size=1, max_size=8), min_size=1, max_size=6)
)
def test_no_line_is_lost_or_moved(documents: list[list[str]]) -> None:
    stretches = [text for document in documents for text in plain_text._join_stretches([line.strip() for line in document])]
    assert " ".join(stretches).split() == [word for document in documents for line in document for word in line.split()]


def test_line_ends_byte_order_mark_and_gzip_change_nothing(tmp_path: Path) -> None:
    wanted = [("Ein \u2028 Haus. Ein See.",), ("Ein Boot.",)]
    data = "Ein \u2028 Haus.\nEin See.\n\nEin Boot.\n"
    assert one(tmp_path / "a", data) == wanted
    assert one(tmp_path / "b", b"\xef\xbb\xbf" + data.replace("\n", "\r\n").encode()) == wanted
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "de.txt.gz").write_bytes(gzip.compress(data.encode()))
    assert texts(declare_corpus(tmp_path / "c")[0], "de") == wanted


def test_a_language_more_moves_no_identity_but_is_found(tmp_path: Path) -> None:
    root = folder(tmp_path / "c", de="Ein Haus.\n")
    before = declare_corpus(root)[0]
    folder(root, swh="Nyumba.\n")
    after = declare_corpus(root)[0]
    assert after.declared == before.declared
    assert after.languages == ("de", "sw")
    assert hash_contents(locate(after, "train", "de", NOWHERE)) == hash_contents(locate(before, "train", "de", NOWHERE))


def test_a_worker_registers_the_folder_by_its_path(tmp_path: Path) -> None:
    task = declare_corpus(folder(tmp_path / "c", de="Ein Haus.\n"))[0]
    del CATALOGUE[task.name]
    user_tasks._registered.clear()
    assert register(tmp_path / "c", task.declared)[0].name == "text/c"
    assert resolve_tasks([str(tmp_path / "c"), "snli"]) == ["text/c", "snli"]


def test_aligned_files_with_one_english_side(tmp_path: Path) -> None:
    root = tmp_path / "news"
    root.mkdir()
    for name, lines in {
        "src.eng.txt": "A house.\nA lake.\nA boat.\n",
        "ref.deu.txt": "Ein Haus.\n\nEin Boot.\n",
        "ref-2.deu.txt": "Haus.\nSee.\nBoot.\n",
        "ref.zho-CN.txt": "房子。\n湖。\n船。\n",
    }.items():
        (root / name).write_text(lines)
    plain_text, news = declare_corpus(folder(tmp_path / "text", de="Ein Haus.\n"), root)
    assert (plain_text.name, news.name, news.languages) == ("text/text", "parallel/news", ("de", "zh"))
    counts: Counter[str] = Counter()
    assert texts(news, "de", counts) == [
        ("Haus.", "A house."),
        ("See.", "A lake."),
        ("Boot.", "A boat."),
        ("Ein Haus.", "A house."),
        ("Ein Boot.", "A boat."),
    ]
    assert counts == {"untranslated": 1}
    assert texts(news, "zh")[1] == ("湖。", "A lake.")
    files = locate(news, "train", "zh", NOWHERE)
    assert [path.name for path in files] == ["ref.zho-CN.txt", "src.eng.txt"], "both sides are in the fingerprint"
    assert [row.examples for row in check_task(news, NOWHERE, lambda _: None, {}).rows] == [5, 3]


def test_tables_of_translations(tmp_path: Path) -> None:
    root = folder(tmp_path / "c", de="Ein Haus.\n")
    (root / "sw.tsv").write_text('Nyumba "moja.\tOne "house.\nZiwa.\t\n')
    counts: Counter[str] = Counter()
    _, pairs = declare_corpus(root, root)
    assert texts(pairs, "sw", counts) == [('Nyumba "moja.', 'One "house.')]
    assert counts == {"untranslated": 1}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"de\.txt: the file is empty"),
        (b"\n\n", r"de\.txt: no examples for train of task text/c"),
        (b"Ein Haus.\nPK\x03\x04\x00\x00", r"de\.txt:2: a NUL byte, so this is a binary file or UTF-16"),
        ("Ein Haus.".encode("utf-16"), r"de\.txt:1: not UTF-8 \(byte 0xff at byte 0\)"),
        ("Ein Haus.\nEin Käse.".encode("latin-1"), r"de\.txt:2: not UTF-8 \(byte 0xe4"),
        (b"Ein Haus.\n" + b"x" * (plain_text.MAX_LINE_BYTES + 1), r"de\.txt:2: a line of more than 1,048,576 bytes"),
    ],
    ids=["empty", "blank", "binary", "utf-16", "latin-1", "one line"],
)
def test_a_file_that_is_no_text_is_named_with_its_line(data: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        one(tmp_path / "c", data)


def test_a_damaged_gzip_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "de.txt.gz").write_bytes(gzip.compress(b"Ein Haus.\n" * 1000)[:40])
    with pytest.raises(InputError, match=r"de\.txt\.gz: truncated or damaged gzip file"):
        texts(declare_corpus(tmp_path)[0], "de")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["xx.txt"], r"xx\.txt: unknown language 'xx'; expected one of af ar"),
        (["de.txt", "deu.txt"], r"deu\.txt: 'de' and 'deu' are both German; remove one of the two"),
        (["notes.txt"], r"no <code>\.txt\[\.gz\] with the text of a language"),
        (["a.de.txt"], r"are aligned by line with an English one; expected one English file .*, found none"),
        (["a.de.txt", "a.en.txt", "b.en.txt"], r"found a\.en\.txt, b\.en\.txt"),
        (["a.de.txt", "a.en.txt", "sw.tsv"], r"translations in <anything>\.<code>\.txt and in <code>\.tsv"),
        (["a.de.txt", "a.en.txt"], r"found no text files; expected <code>\.txt"),
    ],
)
def test_a_folder_that_cannot_be_understood(names: list[str], message: str, tmp_path: Path) -> None:
    for name in names:
        (tmp_path / name).write_text("Ein Haus.\n")
    with pytest.raises(InputError, match=message):
        declare_corpus(tmp_path)


def test_a_folder_that_is_not_there_or_has_no_translations(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing: no such folder"):
        declare_corpus(tmp_path / "nothing")
    root = folder(tmp_path / "c", de="Ein Haus.\n")
    with pytest.raises(InputError, match=r"found no parallel files; expected <anything>\.<code>\.txt and an English file"):
        declare_corpus(root, root)
    (tmp_path / "other").mkdir()
    declare_corpus(root)
    folder(tmp_path / "other" / "c", de="Ein See.\n")
    with pytest.raises(InputError, match=r"the name 'text/c' belongs to a task declared in .*; rename the folder"):
        declare_corpus(tmp_path / "other" / "c")


# -- declarations ------------------------------------------------------------------------------------------------------

TEXT: dict[str, Any] = {
    "name": "web",
    "format": "mlm",
    "files": {"train": "{lang}.txt"},
    "languages": "de",
    "license": "CC0-1.0",
}


def declare(root: Path, **changes: Any) -> Task:
    record = {name: value for name, value in {**TEXT, **changes}.items() if value is not None}
    (root / "web.yaml").write_text(yaml.safe_dump(record))
    (task,) = register(root / "web.yaml")
    return task


def test_a_declaration_of_text(tmp_path: Path) -> None:
    folder(tmp_path, de="Ein Haus.\n", gsw="Es Huus.\n")
    task = declare(tmp_path, languages="de gsw", new_languages={"gsw": "Swiss German"})
    assert (task.format, task.metric, task.trains_on) == (Mlm(), None, "")
    assert find_languages(task, "train", NOWHERE) == ("de", "gsw")
    assert texts(task, "gsw") == [("Es Huus.",)]


def test_a_declaration_of_aligned_text_whose_english_side_differs_by_language(tmp_path: Path) -> None:
    for name, line in {"a.de-en.de": "Haus.", "a.de-en.en": "House.", "a.sw-en.sw": "Nyumba.", "a.sw-en.en": "A house."}.items():
        (tmp_path / name).write_text(f"{line}\n")
    task = declare(tmp_path, files={"train": "a.{lang}-en.{lang}"}, english="a.{lang}-en.en", languages="de sw")
    assert [texts(task, language) for language in task.languages] == [[("Haus.", "House.")], [("Nyumba.", "A house.")]]
    assert task.declared != declare(tmp_path).declared, "pairs are not documents"


def test_rows_of_tables_are_documents_or_pairs(tmp_path: Path) -> None:
    (tmp_path / "de.jsonl").write_text('{"text": "Ein Haus.\\nEin See.", "n": 1}\n{"text": " ", "n": 2}\n')
    counts: Counter[str] = Counter()
    assert texts(declare(tmp_path, files={"train": "{lang}.jsonl"}, texts="text"), "de", counts) == [("Ein Haus.\nEin See.",)]
    assert counts == {"blank": 1}
    (tmp_path / "all.tsv").write_text("de\tHaus.\tHouse.\nsw\tNyumba.\tHouse.\n")
    pairs = declare(tmp_path, files={"train": "all.tsv"}, texts=[1, 2], language=0, languages="de sw")
    assert texts(pairs, "sw") == [("Nyumba.", "House.")]


def test_sides_of_other_lengths_and_sides_that_are_missing(tmp_path: Path) -> None:
    folder(tmp_path, de="Haus.\nSee.\n", english="House.\n")
    task = declare(tmp_path, english="english.txt")
    with pytest.raises(
        InputError, match=r"english\.txt ends after line 1, but .*de\.txt continues: they are not aligned by line"
    ):
        texts(task, "de")
    (tmp_path / "english.txt").unlink()
    with pytest.raises(InputError, match=r"task web, de: no file for english\.txt\[\.gz\]; looked below"):
        locate(task, "train", "de", NOWHERE)
    with pytest.raises(InputError, match=r"de\.txt: found no other file; expected a file of another language"):
        list(task.read(ReadRequest(task, "train", "de", (tmp_path / "de.txt",))))
    folder(tmp_path, e1="House.\n", e2="House.\n")
    with pytest.raises(InputError, match=r"2 files for e\?\.txt, expected one"):
        locate(declare(tmp_path, english="e?.txt"), "train", "de", NOWHERE)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"files": {"test": "{lang}.txt"}}, "files: plain text only trains; expected only train"),
        ({"heldout": 20}, "files: plain text only trains; expected only train, and no `heldout`"),
        ({"metric": "accuracy"}, "metric: 'accuracy' does not score mlm"),
        ({"texts": 0}, "texts: expected the columns of a table"),
        ({"files": {"train": "{lang}.tsv"}}, "texts: expected the columns of a table"),
        ({"files": {"train": "{lang}.tsv"}, "texts": [0, 1, 2]}, "texts: expected one or two columns, found 3"),
        ({"files": {"train": "{lang}.tsv"}, "texts": [0, 1], "english": "en.txt"}, "english: only for text files"),
        ({"english": "/en.txt"}, "english: '/en.txt': expected a path below the folder"),
        ({"english": "{language}.txt"}, "expected only {lang}, {code} and {name} in braces"),
        ({"languages": "de xx"}, "languages.train: unknown language 'xx'; name it: new_languages"),
    ],
)
def test_mistakes_in_a_declaration_of_text(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        declare(tmp_path, **changes)
    assert message in str(error.value)
