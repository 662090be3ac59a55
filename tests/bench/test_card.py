"""`bench/card.py` runs without one; a part that fails or takes too long costs only itself."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).resolve().parents[2] / "bench"


@pytest.fixture(autouse=True)
def bench(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCH))


def run_card(out: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> list[dict[str, Any]]:
    monkeypatch.setattr("sys.argv", ["card.py", "--tiny", "--out", str(out), *words])
    importlib.import_module("card").main()
    return [json.loads(line) for line in (out / "card.jsonl").read_text(encoding="utf-8").splitlines()]


def test_each_part_leaves_rows_and_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = run_card(tmp_path, monkeypatch, "--only", "facts", "attention")
    assert rows[0]["versions"]["torch"] in (tmp_path / "card.md").read_text(encoding="utf-8")
    attention = {row["name"]: row for row in rows if row["part"] == "attention"}
    assert attention["attention, nli lengths, base: in use"]["largest_difference"] == 0
    assert attention["attention, qa lengths, large: nested"].get("largest_difference", 0) < 0.01
    assert all("seconds" in row or "not_run" in row for row in attention.values())


def test_a_part_without_time_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (row,) = run_card(tmp_path, monkeypatch, "--only", "peak", "--minutes", "0.01")
    assert row == {"part": "peak", "name": "peak", "not_run": "the time was over"}
