"""`xstilts logs`: a line for each attempt that ended badly, and all that is known of those at one stage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conftest import tiny_record, tiny_study
from tests.execution.fake_store import TICK, begin, finish
from typer.testing import CliRunner

from xstilts.cli import app
from xstilts.cli.running import print_failures
from xstilts.errors import InputError
from xstilts.execution.execute import inspect
from xstilts.plan.compile import Plan, compile_study
from xstilts.stages.job import Outcome
from xstilts.store.store import Store

LONG = "a very long line " * 20


def said(*words: str) -> str:
    done = CliRunner().invoke(app, ["logs", *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Plan, Store]:
    """One training failed and then succeeded, another one was cut off."""
    monkeypatch.setenv("XSTILTS_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.chdir(tmp_path)
    Path("tiny.yaml").write_text(yaml.safe_dump(tiny_record()))
    plan, store = compile_study(tiny_study()), Store(tmp_path / "store")
    one, two = [stage for stage in plan.stages if stage.kind == "train"][:2]
    versions = {"xstilts": "9.9"}
    facts: dict[str, Any] = {"host": "node7", "seconds": 61.0, "peak_mib": 512.0, "versions": versions, "progress": TICK}
    folder = begin(store, one, outcome="failed", error=f"[bold]{LONG}\nadvice", traceback=f"Traceback\n  {LONG}", **facts)
    (folder / "run-000.log").write_text("a warning of a library\n")
    finish(store, one)
    begin(store, two, said=["taken over: x has ended"], host="node8", progress=TICK)
    return plan, store


def test_a_line_for_each_that_ended_badly(ran: tuple[Plan, Store]) -> None:
    one, two = [stage for stage in ran[0].stages if stage.kind == "train"][:2]
    first, second, _, more = said("tiny.yaml").splitlines()
    assert first.endswith(f"attempt 0 on node7: [bold]{LONG} [the stage is done by now]")
    assert f"  failed  train {one.slug} ({one.key[:12]})" in first
    assert second.endswith(f"  cut off  train {two.slug} ({two.key[:12]}), attempt 0 on node8")
    assert more == f"more of one: xstilts logs tiny.yaml {two.key[:12]}"
    assert [record["outcome"] for record in json.loads(said("tiny.yaml", "--json"))] == ["failed", "cut off"]


def test_all_that_is_known_of_a_stage(ran: tuple[Plan, Store]) -> None:
    one, two = [stage for stage in ran[0].stages if stage.kind == "train"][:2]
    shown = said("tiny.yaml", one.slug)
    for text in (
        "attempt 0: failed",
        "node7 · 61.0 s · 512 MiB",
        "xstilts 9.9",
        f"[bold]{LONG}",
        "  advice",
        "step 1,400/2,000",
    ):
        assert text in shown, text
    assert f"  Traceback\n    {LONG.rstrip()}" in shown, "as it is written, not folded"
    assert "  | a warning of a library\n" in shown
    assert "attempt 1: done" in shown
    assert "taken over: x has ended" in said("tiny.yaml", two.key[:12])
    record = json.loads(said("tiny.yaml", one.slug, "--json"))
    assert [attempt["printed"] for attempt in record["attempts"]] == [["a warning of a library"], []]
    never = next(stage for stage in ran[0].stages if stage.kind == "score")
    assert "No attempt was made at it." in said("tiny.yaml", never.key)
    with pytest.raises(InputError, match="no such stage"):
        said("tiny.yaml", "trainn")


def test_nothing_to_tell(ran: tuple[Plan, Store]) -> None:
    assert said("tiny.yaml", "--store", "elsewhere") == "No attempt failed or was cut off.\n"
    assert not Path("elsewhere").exists()


def test_a_failure_ends_with_the_command_that_tells_more(
    ran: tuple[Plan, Store], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, store = ran
    failed = next(stage for stage in plan.stages if stage.kind == "train")
    state = inspect(plan, store)
    state.errors[failed.key] = Outcome("failed", "it broke")
    print_failures(state, "my study.yaml")
    expected = f"Error: train {failed.slug}: it broke; see more: xstilts logs 'my study.yaml' {failed.key[:12]}"
    assert capsys.readouterr().err == f"{expected}\n"
    monkeypatch.delenv("XSTILTS_STORE")
    print_failures(state, "my study.yaml")
    assert capsys.readouterr().err == f"{expected} --store {store.root}\n"
    print_failures(state)
    assert capsys.readouterr().err == f"Error: train {failed.slug}: it broke\n"
