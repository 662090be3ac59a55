"""Facts of scripts: every language of the table has a class, and the facts agree with Unicode where it has them."""

from __future__ import annotations

import unicodedata

import pytest

from xstilts.data.language import LANGUAGES, Language
from xstilts.data.script import SCRIPTS, find_script, full_stop


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_language_has_a_script_with_a_class(code: str) -> None:
    script = find_script(code)
    assert script is not None
    stop = full_stop(code)
    assert stop == "" or unicodedata.category(stop) == "Po"
    assert (stop == "") == (code == "th"), "Thai has no mark at the end of a sentence"


def test_what_is_not_known() -> None:
    LANGUAGES["bo"] = Language("bo", "bod", "Tibt", "Sino-Tibetan", "Tibetan")
    assert find_script("bo") is None and full_stop("bo") == ""
    assert find_script("xx") is None and full_stop("xx") == ""


def test_full_stops_that_differ_within_a_script() -> None:
    assert [full_stop(code) for code in ("ar", "ur", "hi", "mr", "zh", "ja", "en")] == [".", "۔", "।", ".", "。", "。", "."]


def test_cased_scripts_have_capitals() -> None:
    for code, sample in {
        "Latn": "a",
        "Cyrl": "ж",
        "Grek": "λ",
        "Armn": "ա",
        "Arab": "ب",
        "Deva": "क",
        "Thai": "ก",
        "Hans": "小",
    }.items():
        assert SCRIPTS[code].cased == (sample.upper() != sample)
