"""No bytes make a reader fail but with an InputError: arbitrary ones, and files that are right but for a few bytes."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.documents.pdfs import column, make_pdf
from tests.documents.reading.test_formats import LATEXML, MAIN, TEI

from xstilts.documents.folder import READERS
from xstilts.errors import InputError

RIGHT = {
    ".pdf": make_pdf(
        [[(72, 740, 16, "Trees"), *column(72, 700, ["1 Introduction", "Trees bend.", "a 1 2 3", "b 4 5 6", "c 7 8 9"])]]
    ),
    ".html": LATEXML.encode(),
    ".tex": MAIN.encode(),
    ".tei.xml": TEI.encode(),
    ".bib": b'@article{a, title = "Trees", author = {Ada Fern and Bo Moss}, abstract = {Trees \\"bend} }\n@string{x = "y"}',
    ".jsonl": b'{"title": "Trees", "authors": ["Ada"], "year": 2020, "sections": [{"title": "1", "text": "Trees."}]}\n',
    ".md": b"# Trees\n\n## Abstract\n\nTrees bend.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",
}


def read_all(suffix: str, content: bytes, folder: Path) -> None:
    path = folder / f"x{suffix}"
    path.write_bytes(content)
    try:
        reading = READERS[suffix](path)
    except InputError:
        return
    assert reading.papers
    for paper in reading.papers:
        assert paper.title and paper.work
        for table in paper.tables:
            assert all(len(row) == len(table.columns) for row in table.rows)
        str(paper).encode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bytes")


calm = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("suffix", sorted(RIGHT))
@given(content=st.binary(max_size=300))
@example(content=b"%PDF-1.4")
@example(content=b"<html>" + b"<div>" * 5000)
@example(content=b"\x00" * 50)
@calm
def test_arbitrary_bytes(suffix: str, content: bytes, folder: Path) -> None:
    read_all(suffix, content, folder)


@pytest.mark.parametrize("suffix", sorted(RIGHT))
@given(seed=st.integers(0, 2**32))
@calm
def test_files_that_are_right_but_for_a_few_bytes(suffix: str, seed: int, folder: Path) -> None:
    chance = random.Random(seed)
    content: Any = bytearray(RIGHT[suffix])
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(len(content))
        match chance.randrange(3):
            case 0:
                content[place] = chance.randrange(256)
            case 1:
                del content[place : place + chance.randrange(40)]
            case _:
                content[place:place] = content[: chance.randrange(60)]
        if not content:
            break
    read_all(suffix, bytes(content), folder)
