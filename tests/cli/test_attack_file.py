"""The file of an attack: asked for before the work, and its cells are no formulas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from xstilts.cli.views import attack
from xstilts.errors import InputError


def test_a_file_is_asked_for_before_the_attack(tmp_path: Path) -> None:
    attack.check_file(tmp_path / "new.csv")
    for path in (tmp_path, tmp_path / "nowhere" / "new.csv"):
        with pytest.raises(InputError, match="cannot be written; expected the path of a file in a folder that is there"):
            attack.check_file(path)
    assert not list(tmp_path.iterdir())


def test_texts_of_an_attack_are_no_formulas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attack, "write_attacked", lambda row: row)
    rows: Any = [{"text": "=1+1", "margin": "-1.5"}, {"text": "plain", "margin": -2}]
    attack.write_rows(tmp_path / "x.csv", rows)
    assert (tmp_path / "x.csv").read_text() == "text,margin\n'=1+1,-1.5\nplain,-2\n"
