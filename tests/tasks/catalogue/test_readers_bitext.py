"""The readers of bitext: the two pools of BUCC and their gold, and the files of Tatoeba."""

from __future__ import annotations

import bz2
import gzip
import io
import tarfile
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.errors import InputError
from xstilts.formats.bitext_mining import PoolExample
from xstilts.tasks.catalogue.bitext import BUCC2018, TATOEBA
from xstilts.tasks.files.locate import find_languages, locate, read_examples

FIXTURES = Path(__file__).parents[2] / "fixtures"
SCRATCH = tempfile.TemporaryDirectory(prefix="xstilts-")


def put(root: Path, name: str, content: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path


def bucc(root: Path, foreign: str, english: str, gold: str | None, name: str = "de-en/de-en.sample") -> None:
    for end, content in (("de", foreign), ("en", english), ("gold", gold)):
        if content is not None:
            put(root, f"{name}.{end}", content)


def read(root: Path, split: str, language: str = "de") -> list[PoolExample]:
    return [e for e in read_examples(BUCC2018, split, language, root) if isinstance(e, PoolExample)]


def test_queries_are_foreign_candidates_english_and_doubles_stay() -> None:
    found = read(FIXTURES, "test")
    assert [e.role for e in found] == ["query"] * 3 + ["candidate"] * 4
    assert [e.answer for e in found[:3]] == [("en-000000002", "en-000000003"), ("en-000000001",), ()]
    assert {e.answer for e in found[3:]} == {None}
    assert found[1].text == found[2].text == "Der Brief kam nie an."
    assert {e.context for e in found} == {""}


def test_dev_is_the_sample_and_test_the_training_data() -> None:
    assert [path.name for path in locate(BUCC2018, "dev", "zh", FIXTURES)] == [
        f"zh-en.sample.{end}" for end in ("en", "gold", "zh")
    ]
    assert {path.name.split(".")[1] for path in locate(BUCC2018, "test", "zh", FIXTURES)} == {"training"}
    assert find_languages(BUCC2018, "test", FIXTURES) == ("de", "zh")
    assert len(read(FIXTURES, "dev", "zh")) == 4


GOOD = ("de-1\tEins\nde-2\tZwei\n", "en-1\tOne\nen-2\tTwo\n", "de-1\ten-1\n")


@pytest.mark.parametrize("name", ["bucc2018/de-en/de-en.sample", "de-en/de-en.sample", "bucc2018/de-en.dev"])
@pytest.mark.parametrize("pack", [False, True])
def test_the_folders_and_names_of_bucc_and_of_xtreme(name: str, pack: bool, tmp_path: Path) -> None:
    bucc(tmp_path, *GOOD, name=name)
    if pack:
        for path in locate(BUCC2018, "dev", "de", tmp_path)[:2]:
            (path.parent / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()
    assert len(locate(BUCC2018, "dev", "de", tmp_path)) == 3
    assert [(e.id, e.answer) for e in read(tmp_path, "dev")] == [
        ("de-1", ("en-1",)), ("de-2", ()), ("en-1", None), ("en-2", None)
    ]  # fmt: skip


def test_the_official_archives(tmp_path: Path) -> None:
    for split, part in (("dev", "sample"), ("test", "training")):
        (tmp_path / "bucc2018").mkdir(exist_ok=True)
        raw = io.BytesIO()
        with tarfile.open(fileobj=raw, mode="w") as archive:
            for path in locate(BUCC2018, split, "zh", FIXTURES):
                archive.add(path, f"bucc2018/zh-en/{path.name}")
        (tmp_path / f"bucc2018/bucc2018-zh-en.{part}-gold.tar.bz2").write_bytes(bz2.compress(raw.getvalue()))
    for split in ("dev", "test"):
        assert read(tmp_path, split, "zh") == read(FIXTURES, split, "zh")
    assert find_languages(BUCC2018, "dev", tmp_path) == ("zh",)


@pytest.mark.parametrize(
    ("place", "content", "message"),
    [
        (0, "de-1\tEins\nde-2 Zwei\n", r"sample\.de:2: 1 column\(s\), expected id<TAB>sentence"),
        (0, "de-1\tEins\nde-1\tZwei\n", r"sample\.de:2: the id 'de-1' occurs twice"),
        (1, "en-1\tOne\nen-1\tTwo\n", r"sample\.en:2: the id 'en-1' occurs twice"),
        (1, "en-1\tOne\n\nen-2\tTwo\n", r"sample\.en:2: 1 column\(s\)"),
        (1, "en-1\tOne\nen-2\t \n", r"sample\.en:2: found .*, expected id<TAB>sentence, both not blank"),
        (0, "de-1\tEins\tzwei\n", r"sample\.de:1: found .*, expected id<TAB>sentence"),
        (2, "de-1\ten-1\nde-9\ten-2\n", r"sample\.gold:2: there is no sentence 'de-9' in de-en\.sample\.de or de-en\.sample\.en"),
        (2, "de-1\ten-7\n", r"sample\.gold:1: there is no sentence 'en-7'"),
        (2, "de-1\ten-1\nde-1\ten-1\n", r"sample\.gold:2: the pair de-1 en-1 occurs twice"),
        (2, "de-1 en-1\n", r"sample\.gold:1: 1 column\(s\), expected foreign id<TAB>English id"),
        (2, None, r"de-en: de-en\.sample\.gold is missing beside .* \(XTREME's download script removes the gold"),
        (1, None, r"de-en: de-en\.sample\.en is missing"),
    ],
)
def test_bad_pools_are_named_with_file_and_line(place: int, content: str | None, message: str, tmp_path: Path) -> None:
    given = [*GOOD]
    given[place] = content  # type: ignore[call-overload]
    for end, text in zip(("de", "en", "gold"), given, strict=True):
        if text is not None:
            put(tmp_path, f"de-en/de-en.sample.{end}", text)
    with pytest.raises(InputError, match=message):
        read(tmp_path, "dev")


@given(
    st.lists(st.text("abc é中", min_size=1).filter(str.strip), min_size=1, max_size=6),
    st.lists(st.text("xyz 東", min_size=1).filter(str.strip), min_size=1, max_size=6),
    st.data(),
)
def test_pools_survive_writing_and_reading(foreign: list[str], english: list[str], data: st.DataObject) -> None:
    possible = [(f"de-{i}", f"en-{j}") for i in range(len(foreign)) for j in range(len(english))]
    gold = data.draw(st.lists(st.sampled_from(possible), min_size=1, unique=True))
    root = Path(tempfile.mkdtemp(dir=SCRATCH.name))
    bucc(
        root,
        "".join(f"de-{i}\t{text}\n" for i, text in enumerate(foreign)),
        "".join(f"en-{j}\t{text}\n" for j, text in enumerate(english)),
        "".join(f"{a}\t{b}\n" for a, b in gold),
    )
    found = read(root, "dev")
    assert [e.text for e in found] == [text.strip() for text in (*foreign, *english)]
    assert {(e.id, id) for e in found for id in e.answer or ()} == set(gold)


def test_every_language_of_tatoeba_has_two_files_and_all_but_ukrainian_and_romanian_their_checksums() -> None:
    downloads = TATOEBA.splits["test"].downloads
    assert len(TATOEBA.languages) == 41
    assert len({TATOEBA.fill(download.path, code) for download in downloads for code in TATOEBA.languages}) == 82
    for download in downloads:
        assert set(TATOEBA.languages) - set(download.sha256) == {"uk", "ro"}
    sums = [sha256 for download in downloads for sha256 in download.sha256.values()]
    assert len(set(sums)) == len(sums)
