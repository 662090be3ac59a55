"""`xstilts plan --freeze`, and the lines of `plan` and `status` on a design that was frozen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from tests.conftest import tiny_record
from typer.testing import CliRunner

from xstilts.cli.app import app


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("XSTILTS_STORE", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(tiny_record()))
    return "tiny.yaml"


def said(*words: str) -> str:
    done = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_design_is_frozen_once_and_mentioned_afterwards(study: str, tmp_path: Path) -> None:
    assert "frozen" not in said("plan", study)
    assert "before the first score" in said("plan", study, "--freeze")
    (record,) = (tmp_path / "store" / "frozen").glob("*.json")
    assert "frozen already; nothing was written" in said("plan", study, "--freeze")
    assert "A second record: another design" in said("plan", study, "--freeze", "--set", "seeds=[0,1]")
    assert len(list(record.parent.glob("*.json"))) == 2
    for verb in ("plan", "status"):
        lines = [line for line in said(verb, study).splitlines() if "was frozen on" in line]
        assert [line.endswith("This is it.") for line in lines] == [True, False], verb
    frozen = json.loads(said("plan", study, "--json"))["frozen"]
    assert frozen[0]["path"] == str(record)
    assert frozen[0]["scores_then"] == {"own": 0, "of": 7, "others": 0}


def test_the_report_as_json_has_the_deviations(study: str) -> None:
    said("plan", study, "--freeze")
    found = json.loads(said("report", study, "--json", "--set", "margins={world/pos: 5}"))["registration"]
    assert [one["what"] for one in found["deviations"]] == ["margin", "scores"]
    assert found["frozen"]["design"]["study"] == "tiny"
