"""An answer that is in its translated context is found, and found where it should be."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from xstilts.formats.span import SpanAnswer
from xstilts.tasks.answer_alignment import align_answer

TEXT = st.text(alphabet="aBbß e.İéе\u0301ﬁ３3、 家の", max_size=30)
LANGUAGE = st.sampled_from(["de", "zh", "th", "hi"])
NEAR = st.floats(0, 1)


@given(TEXT, TEXT.filter(str.strip), TEXT, NEAR, LANGUAGE)
def test_what_is_in_the_context_is_found_as_it_is(before: str, text: str, after: str, near: float, language: str) -> None:
    context = before + text + after
    found = align_answer(context, text, near, language)
    assert found is not None
    assert found.text == text.strip() == context[found.start : found.start + len(found.text)]


@given(TEXT, st.text(alphabet="abcé家", min_size=1, max_size=8), TEXT, NEAR, LANGUAGE)
def test_case_width_and_blanks_do_not_hide_it(before: str, text: str, after: str, near: float, language: str) -> None:
    wide = "".join(chr(ord(c) + 0xFEE0) if c < "\x7f" else c for c in text)
    context = f"{before}. {' '.join(wide.upper())} .{after}"
    found = align_answer(context, text, near, language)
    assert found is not None
    assert context[found.start :].startswith(found.text)


@given(TEXT, TEXT, NEAR, LANGUAGE)
def test_what_is_found_is_in_the_context(context: str, text: str, near: float, language: str) -> None:
    found = align_answer(context, text, near, language)
    assert (found is not None) >= bool(text.strip() and text.strip() in context)
    if found:
        assert found.text
        assert context[found.start : found.start + len(found.text)] == found.text


@given(st.lists(st.sampled_from(["so", "ja", "es"]), min_size=1, max_size=12), st.data())
def test_the_occurrence_nearest_to_the_original_place_is_taken(words: list[str], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(words) - 1))
    assume("so" in words)
    starts = [3 * n for n, word in enumerate(words) if word == "so"]
    near = 3 * place / len(" ".join(words))
    found = align_answer(" ".join(words), "so", near, "de")
    assert found is not None
    assert abs(found.start - 3 * place) == min(abs(start - 3 * place) for start in starts)


@pytest.mark.parametrize(
    ("context", "text", "near", "language", "found"),
    [
        ("Un mundo, un perro.", "un", 0.2, "es", SpanAnswer("un", 10)),  # not in "mundo", though that is nearer
        ("El mundo.", "un", 0, "es", SpanAnswer("un", 4)),  # there is no other
        ("El Mundo es grande.", "el mundo", 0.9, "es", SpanAnswer("El Mundo", 0)),
        ("１９７４年に 建てた", "1974年", 0, "ja", SpanAnswer("１９７４年", 0)),
        ("東京は東京だ", "東京", 1, "ja", SpanAnswer("東京", 3)),  # no blanks: nothing counts as cut
        ("In der Straße.", "STRASSE", 0, "de", SpanAnswer("Straße", 7)),
        ("In der Straße.", "STRAS", 0, "de", None),  # would end inside ß
        ("Er kam im Mai.", "Juni", 0.5, "de", None),
        ("Er kam im Mai.", "  ", 0.5, "de", None),
        ("", "Mai", 0.5, "de", None),
    ],
)
def test_cases(context: str, text: str, near: float, language: str, found: SpanAnswer | None) -> None:
    assert align_answer(context, text, near, language) == found
