"""The table of languages: complete, unambiguous, and the two benchmark lists as published."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from xstilts.data.language import CODES, LANGUAGES, explain_code, languages, suggest_code, to_code

XTREME = "af ar bg bn de el en es et eu fa fi fr he hi hu id it ja jv ka kk ko ml mr ms my nl pt ru sw ta te th tl tr ur vi yo zh"
XTREME_R = "az gu ht lt pa pl qu ro uk wo"
WORLD = "l1 l2 l3 l4 l5"


def test_the_lists_of_the_benchmarks() -> None:
    assert set(LANGUAGES) == set(f"{XTREME} {XTREME_R} {WORLD}".split())
    assert (len(XTREME.split()), len(XTREME_R.split())) == (40, 10)


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_row_is_complete(code: str) -> None:
    row = LANGUAGES[code]
    assert row.code == code
    assert re.fullmatch("[a-z]{3}", row.iso3)
    assert re.fullmatch("[A-Z][a-z]{3}", row.script)
    assert row.family
    assert row.name[0].isupper()
    assert re.fullmatch("([a-z]{3})?", row.tatoeba)


def test_codes_are_unambiguous() -> None:
    for field in ("iso3", "name"):
        assert len({getattr(row, field) for row in LANGUAGES.values()}) == len(LANGUAGES)
    used = [row.tatoeba for row in LANGUAGES.values() if row.tatoeba]
    assert len(set(used)) == len(used)


def test_an_unknown_code_is_an_error() -> None:
    with pytest.raises(KeyError):
        languages("en xx")


@pytest.mark.parametrize(
    ("written", "code"),
    [
        *(("fil", "tl"), ("iw", "he"), ("in", "id"), ("jw", "jv"), ("cmn", "zh"), ("zho", "zh"), ("ger", "de"), ("tgl", "tl")),
        *(("zh-CN", "zh"), ("zh_Hans", "zh"), ("pt-BR", "pt"), ("por_BR", "pt"), ("DE", "de"), ("sw", "sw"), ("qaa", "l1")),
    ],
)
def test_other_codes_become_ours(written: str, code: str) -> None:
    assert to_code(written) == code


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_iso_code_becomes_ours_and_ours_stays(code: str) -> None:
    assert to_code(LANGUAGES[code].iso3) == to_code(code) == code
    assert to_code(LANGUAGES[code].tatoeba or code) == code


def test_no_code_stands_for_two_languages() -> None:
    lines = (files("xstilts.data") / "languages.tsv").read_text(encoding="utf-8").splitlines()[1:]
    rows = [line.split("\t") for line in lines]
    named = [code for row in rows for code in {row[0], row[1], *row[7].split()}]
    assert len(named) == len(set(named)) == len(CODES)


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("zh-TW", " ('zh' is Chinese in the script Hans; there is no other)"),
        ("hi-Latn", " ('hi' is Hindi in the script Deva; there is no other)"),
        ("german", " (did you mean 'de', German?)"),
        ("fil", " (write 'tl', Tagalog)"),
        *((code, "") for code in ("fiu", "xx", "")),
    ],
)
def test_a_code_that_is_not_known_is_never_taken_for_one_that_looks_alike(written: str, hint: str) -> None:
    assert suggest_code(written) == hint
    assert explain_code(written) == hint or explain_code(written).startswith(" (known: af, ar, az")
    assert to_code(written) in (written, "tl")
