"""Plain text and aligned text as they come: the shared folders, read whole where a machine has them."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import SHARED

from xstilts.formats.mlm import MlmExample
from xstilts.tasks.files.locate import read_examples
from xstilts.tasks.user import user_tasks
from xstilts.tasks.user.corpus import declare_corpus
from xstilts.tasks.user.plain_text import STRETCH_CHARACTERS

NOWHERE = Path("/nowhere")


@pytest.fixture(autouse=True)
def nothing_registered() -> Iterator[None]:
    before = dict(user_tasks._registered)
    yield
    user_tasks._registered.clear()
    user_tasks._registered.update(before)


@pytest.fixture
def text() -> Path:
    if not (SHARED / "text").is_dir():
        pytest.skip("no shared text here")
    return SHARED / "text"


@pytest.mark.parametrize("language", ["jv", "zh", "th", "tr"])
def test_every_line_of_a_language_is_read_once(text: Path, language: str) -> None:
    (task,) = declare_corpus(text)
    found = [e.texts for e in read_examples(task, "train", language, NOWHERE) if isinstance(e, MlmExample)]
    with gzip.open(text / f"{language}.txt.gz", "rt", encoding="utf-8", newline="\n") as file:
        lines = [line.strip() for line in file]
    assert " ".join(part for (part,) in found) == " ".join(filter(None, lines))
    longest = max(map(len, lines))
    assert max(len(part) for (part,) in found) <= max(STRETCH_CHARACTERS, longest)


def test_all_languages_of_the_text_are_known(text: Path) -> None:
    (task,) = declare_corpus(text)
    assert len(task.languages) == len(list(text.glob("*.txt.gz")))


def test_ntrex_is_aligned_with_its_english_side(real_data: Path) -> None:
    folder = real_data / "ntrex"
    if not folder.is_dir():
        pytest.skip("no NTREX here")
    text = folder.parent.parent / "text"
    if not text.is_dir():
        pytest.skip("no shared text here")
    _, news = declare_corpus(text, folder)
    assert len(news.languages) == 30
    counts: Counter[str] = Counter()
    sizes = {code: sum(1 for _ in read_examples(news, "train", code, NOWHERE, counts)) for code in ("ar", "es", "sw", "zh")}
    assert sizes == {"ar": 1997, "es": 2 * 1997, "sw": 1997, "zh": 1997}, "of Spanish there are two translations"
    assert not counts
    english = {e.texts[1] for e in read_examples(news, "train", "ar", NOWHERE) if isinstance(e, MlmExample)}
    assert english == {e.texts[1] for e in read_examples(news, "train", "zh", NOWHERE) if isinstance(e, MlmExample)}
