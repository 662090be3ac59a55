"""The table of languages: complete, unambiguous, and the two benchmark lists as published."""

from __future__ import annotations

import re

import pytest

from xstilts.data.language import LANGUAGES, languages

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
