"""Code-mixing with a user's word list: what is read, what is refused."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from xstilts.attacks.attack import Attack, Pool
from xstilts.attacks.code_mixing.word_list import code_mix_from, read_word_list
from xstilts.attacks.registry import find_attack
from xstilts.attacks.variants import make_variants
from xstilts.errors import InputError
from xstilts.formats.classify import ClassifyExample
from xstilts.formats.tag import TagExample

TABLE = """\
en\txx\tsw\tde
house\t?\tnyumba\tHaus
water\t?\tmaji\tWasser
house\t?\tnyumba\tHaus
to go\t?\tkwenda\t
\t\t\t
big\t?\t\tgroß
"""
PAIRS = "house nyumba\nwater\tmaji\n"


def write(folder: Path, text: str | bytes, name: str = "words.tsv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def make_pool(sw: str = "Nyumba ina maji.") -> Pool:
    tables = {
        "en": {"a": ClassifyExample("a", ("The house has water.", "House!"), "1")},
        "sw": {"a": ClassifyExample("a", (sw, "Nyumba!"), "1")},
        "de": {"a": ClassifyExample("a", ("Das Haus hat Bäder.", "Das Haus!"), "1")},
    }
    return Pool(list(tables["en"].values()), tables)


def texts_of(attack: Attack, pool: Pool, language: str = "en", **more: Any) -> set[tuple[str, ...]]:
    made = make_variants(attack, pool.same, language, seed=0, count=60, pool=pool, **more)
    return {variant.example.texts for variant in made.variants if isinstance(variant.example, ClassifyExample)}


def test_a_table_and_what_is_left_out(tmp_path: Path) -> None:
    words = read_word_list(write(tmp_path, TABLE))
    assert words.languages == ("en", "sw", "de")
    assert [dict(row) for row in words.meanings] == [
        {"en": "house", "sw": "nyumba", "de": "Haus"},
        {"en": "water", "sw": "maji", "de": "Wasser"},
        {"en": "big", "de": "groß"},
    ]
    assert words.counted == (
        "3 lines; left out: 2 with fewer than two words, 1 that were there before, 1 entries that are no single word"
    )


@pytest.mark.parametrize("name", ["words.txt", "words.txt.gz"])
def test_two_columns(tmp_path: Path, name: str) -> None:
    content = b"\xef\xbb\xbf" + PAIRS.replace("\n", "\r\n").encode()
    words = read_word_list(write(tmp_path, gzip.compress(content) if name.endswith("gz") else content, name), ("en", "sw"))
    assert [dict(row) for row in words.meanings] == [{"en": "house", "sw": "nyumba"}, {"en": "water", "sw": "maji"}]


def test_only_what_the_same_example_says_in_the_form_that_it_has_there(tmp_path: Path) -> None:
    """German has no water here, and the Swahili house begins a sentence."""
    attack = code_mix_from(write(tmp_path, TABLE), "mine")
    words = {word.strip(".!") for texts in texts_of(attack, make_pool(), budget=1) for text in texts for word in text.split()}
    assert words == {"The", "has", "maji", "Nyumba", "Haus"}
    assert texts_of(attack, make_pool("NS"), budget=0.1) == {
        ("The Haus has water.", "House!"),
        ("The house has water.", "Haus!"),
        ("The house has water.", "Nyumba!"),
    }


def test_without_parallel_texts_any_word_of_the_list(tmp_path: Path) -> None:
    attack = code_mix_from(write(tmp_path, TABLE), "mine", parallel=False)
    assert not attack.mixes_languages
    example = TagExample("t", ("big", "water"), ("ADJ", "NOUN"))
    made = make_variants(attack, [example], "en", seed=0, count=60, budget=1)
    assert {v.example.words for v in made.variants if isinstance(v.example, TagExample)} == {("groß", "maji"), ("groß", "Wasser")}
    assert {v.example.answer for v in made.variants} == {("ADJ", "NOUN")}


def test_only_words_of_the_languages_that_are_asked_for(tmp_path: Path) -> None:
    for parallel in (True, False):
        attack = code_mix_from(write(tmp_path, TABLE), "mine", parallel=parallel, others=["sw"])
        words = {word.strip(".!") for texts in texts_of(attack, make_pool(), budget=1) for text in texts for word in text.split()}
        assert words & {"Haus", "Wasser"} == set()
        assert {word.casefold() for word in words} >= {"nyumba", "maji"}
        assert attack.excludes("en") == ""
        assert attack.excludes("sw") == "words of no other language are asked for"
    with pytest.raises(InputError, match=r"words\.tsv: it has no words of 'fr'; it has en, sw, de"):
        code_mix_from(write(tmp_path, TABLE), "mine", others=["fr"])


def test_languages_that_the_list_does_not_have(tmp_path: Path) -> None:
    attack = code_mix_from(write(tmp_path, TABLE), "mine")
    assert attack.excludes("fr") == "words.tsv has no words of it"
    assert "no blanks" in attack.excludes("zh") and attack.excludes("sw") == ""


@pytest.mark.parametrize(
    ("text", "languages", "message"),
    [
        (b"house nyumba\nFlu\xdf mto\n", ("en", "sw"), r"words\.tsv:2: not UTF-8 \(byte 0xdf"),
        ("house nyumba\nwater maji safi\n", ("en", "sw"), r"words\.tsv, line 2: expected 2 columns, found 3"),
        ("en\tsw\nhouse\n", (), r"words\.tsv, line 2: expected 2 columns, found 1"),
        (
            PAIRS,
            (),
            r"words\.tsv, line 1: expected codes of .*, found 'house nyumba'; for a list .*=\(\"en\", \"sw\"\)",
        ),
        ("", (), r"words\.tsv, line 1: expected codes of languages between tabs, found ''"),
        (PAIRS, ("en", "iw"), r"words\.tsv: languages: unknown language 'iw' \(write 'he', Hebrew\)"),
        (PAIRS, ("en",), r"words\.tsv: languages: expected the two of its columns, found 1"),
        ("en\tsw\nto go\tkwenda\n", (), r"words\.tsv: no words in two languages \(0 lines; left out: 1 with fewer"),
        (b"\x1f\x8bno", (), r"words\.tsv:1: not UTF-8 \(byte 0x8b"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str | bytes, languages: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        code_mix_from(write(tmp_path, text), "mine", languages)


def test_a_file_that_is_not_there_or_damaged(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.tsv: expected a word list \(No such file"):
        code_mix_from(tmp_path / "none.tsv", "mine")
    with pytest.raises(InputError, match=r"words\.gz: truncated or damaged gzip file"):
        code_mix_from(write(tmp_path, gzip.compress(TABLE.encode())[:-9], "words.gz"), "mine")


SWEDISH = ["bil", "bok", "dag", "flicka", "fisk", "gata", "hund", "katt", "kniv", "lampa", "mat", "natt", "ost", "pojke", "regn"]
SWEDISH += ["sko", "tak", "ugn", "vatten", "älv", "ö", "hus"]


@pytest.mark.parametrize("side", ["en", "sw"])
def test_a_list_in_another_language(tmp_path: Path, side: str) -> None:
    """Its Swahili words are Swedish. It is refused whether Swahili is attacked or put in."""
    path = write(tmp_path, "".join(f"e{'x' * i} {word}\n" for i, word in enumerate(SWEDISH, start=1)))
    attack = code_mix_from(path, "mine", ("en", "sw"))
    english = " ".join("e" + "x" * i for i in range(1, 23))
    swahili = " ".join(f"neno{i}a" for i in range(30)).replace("0", "o")
    tables = {"en": {"a": ClassifyExample("a", (english, "NS"), "1")}, "sw": {"a": ClassifyExample("a", (swahili, "NS"), "1")}}
    pool = Pool(list(tables[side].values()), tables)
    message = r"words\.tsv: only 0 of its 22 words in sw \(Swahili\) occur in the data, which have 30 words; is the list in"
    with pytest.raises(InputError, match=message):
        make_variants(attack, pool.same, side, seed=0, pool=pool)


def test_the_words_are_a_part_of_the_identity(tmp_path: Path) -> None:
    own = "from pathlib import Path\nfrom xstilts.attacks.code_mixing import code_mix_from\n"
    own += "ATTACK = code_mix_from(Path(__file__).parent / 'words.tsv', 'my_mix')\n"
    (tmp_path / "mine.py").write_text(own)
    declared = []
    for text in (TABLE, TABLE + "sun\t?\tjua\tSonne\n", TABLE):
        write(tmp_path, text)
        declared.append(find_attack("mine.py", tmp_path).declared)
    assert declared[0] == declared[2] != declared[1] and len(declared[0]) == 64
