"""A spreadsheet shows a cell and does not run it."""

from __future__ import annotations

import pytest

from xstilts.data.csv_cells import guard_cell


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "=HYPERLINK(1)"])
def test_a_formula_becomes_text(text: str) -> None:
    assert guard_cell(text) == f"'{text}"


@pytest.mark.parametrize("value", ["-1.5", "+3", "-1e-9", -1.5, 3, None, "", "-", "a=b", "squad -> tydiqa", "'=1"])
def test_all_else_stays(value: object) -> None:
    assert guard_cell(value) == value
