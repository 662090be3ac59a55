"""`bench/fuzz.py` with a fixed seed: no reader raises anything but InputError, and what was found once is not found again."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from xstilts.formats.classify import ClassifyExample

BENCH = Path(__file__).resolve().parents[2] / "bench"
# Of each target, inputs that are read within a second or two. `studies` and `archives` cost most for each.
COUNTS = {"studies": 12, "claims": 20, "declarations": 60, "archives": 60}


@pytest.fixture
def fuzz(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCH))
    return importlib.import_module("fuzz")


def test_readers_give_values_or_refuse(fuzz: Any) -> None:
    for target in fuzz.TARGETS:
        name = target.__name__
        (counts,) = fuzz.fuzz([name], 7, COUNTS.get(name, 150), 60.0).values()
        assert set(counts) <= {"read", "refused"}, (name, counts)
        assert counts.total() == COUNTS.get(name, 150) and counts["read"] > 0, (name, counts)


def test_what_a_reader_must_not_do_is_found(fuzz: Any, tmp_path: Path) -> None:
    def half_a_character(*_: object) -> None:
        fuzz.write_again([ClassifyExample("1", ("\ud83d",), "a")])

    def judge(read: Any) -> str:
        return str(fuzz.judge(fuzz.Seed(b"", read), tmp_path / "input", b"x"))

    def recurse(folder: Path, raw: bytes) -> None:
        recurse(folder, raw)

    assert judge(lambda *_: None) == "read"
    assert judge(lambda *_: fuzz.parse_json("[", "x")) == "refused"
    assert judge(half_a_character).startswith("UnicodeEncodeError")
    assert judge(recurse).startswith("RecursionError")
    assert judge(lambda *_: {}["a"]).startswith("KeyError")
