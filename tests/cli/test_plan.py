"""What `xstilts plan` says about time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conftest import tiny_record, tiny_study
from tests.execution.fake_store import finish
from typer.testing import CliRunner

from xstilts.cli import app
from xstilts.cli.views.plan import format_duration
from xstilts.plan.compile import compile_study
from xstilts.store.store import Store


def said(*words: str) -> str:
    done = CliRunner().invoke(app, ["plan", *words], catch_exceptions=False, env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    return done.output


def schedule(*words: str) -> Any:
    return json.loads(said(*words, "--json"))["schedule"]


def test_before_any_run_time_follows_from_flops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XSTILTS_DATA", str(tmp_path))
    words = ("phang2020", "--store", str(tmp_path), "--set", "seeds=[0]")
    shown = said(*words)
    assert shown.split("workers")[1].split("\n")[0].split() == ["1", "8", "64", "512"]
    assert "train anli_plus" in shown.split("longest path")[1].split("\n")[0]
    assert "from the FLOPs" in shown
    found = schedule(*words)
    assert not found["measured"]
    walls = list(found["wall_seconds"].values())
    assert walls == sorted(walls, reverse=True)
    assert walls[0] == pytest.approx(found["total_seconds"])
    assert walls[-1] == pytest.approx(found["longest_path"]["seconds"])
    assert schedule(*words, "--flops", "1e13")["total_seconds"] > 10 * found["total_seconds"], "a slower card"
    assert schedule(*words, "--workers", "3")["wall_seconds"].keys() == {"3"}


def test_after_a_run_time_follows_from_what_stages_took(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(tiny_record(seeds=[0, 1])))
    words = (str(tmp_path / "tiny.yaml"), "--store", str(tmp_path / "store"))
    assert "not known yet" in said(*words)
    assert schedule(*words) is None
    for stage in compile_study(tiny_study(seeds=[0])).stages:
        finish(Store(tmp_path / "store"), stage, seconds=600.0)
    shown = said(*words, "--workers", "2")
    assert "from what stages of earlier runs took" in shown
    assert "10 min -> " in shown
    assert schedule(*words)["measured"]


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.3, "0 s"), (24.2, "24 s"), (900, "15 min"), (59_000, "16.4 h"), (450_000, "5.2 days")]
)
def test_durations_are_short(seconds: float, words: str) -> None:
    assert format_duration(seconds) == words
