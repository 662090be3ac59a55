"""The edge to the terminal: words of a study and of files, whatever they say."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.table import Table
from rich.text import Text
from tests.conftest import tiny_record
from typer.testing import CliRunner

from xstilts.cli import app
from xstilts.cli.app import print_error, print_json
from xstilts.cli.views.console import SIGN, PlainConsole, open_progress

MARKUP = "[/b] [red]x[/red] :smile: [link=file:///x]y"
OBEYED = "a\x1b[2Jb\x9bc\x07d\u202ee\ud83df"


@pytest.fixture
def console() -> PlainConsole:
    return PlainConsole(file=io.StringIO(), force_terminal=True, width=200)


def written(console: Any) -> str:
    return str(console.file.getvalue())


def test_words_in_brackets_are_words(console: PlainConsole) -> None:
    table = Table(title=MARKUP)
    table.add_column(f"column {MARKUP}")
    table.add_row(f"cell {MARKUP}")
    console.print(f"line {MARKUP}", style="dim", soft_wrap=True)
    console.print(Text.assemble((f"text {MARKUP}", "bold")))
    console.print(table)
    with open_progress(console) as progress:
        progress.add_task(f"task {MARKUP}")
    for what in ("line", "text", "column", "cell", "task"):
        assert f"{what} {MARKUP}" in written(console)


def test_no_character_is_shown_that_a_terminal_obeys(console: PlainConsole) -> None:
    table = Table()
    table.add_column(OBEYED)
    table.add_row(Text(OBEYED, "red"))
    console.print(OBEYED)
    console.print(table)
    with open_progress(console) as progress:
        progress.add_task(OBEYED)
    for sign in ("\x1b[2J", "\x9b", "\x07", "\u202e", "\ud83d"):
        assert sign not in written(console)
    assert f"a{SIGN}[2Jb{SIGN}c" in written(console)
    written(console).encode()


def test_errors_and_json_can_be_printed(capsys: pytest.CaptureFixture[str]) -> None:
    print_error(f"{MARKUP} {OBEYED}")
    print_json({"path": OBEYED})
    said = capsys.readouterr()
    assert MARKUP in said.err and "\x1b[2J" not in said.err
    assert json.loads(said.out)["path"] == OBEYED and "\x1b" not in said.out


def test_a_study_and_a_task_that_say_such_words_are_planned_and_listed(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text('{"t": "a [/b]", "l": "x"}\n{"t": "b \\u001b[2J", "l": "y"}\n')
    task = {
        "name": "brackets",
        "format": "classify",
        "files": dict.fromkeys(("train", "dev", "test"), "train.jsonl"),
        "languages": "en",
    }
    task |= {"license": MARKUP, "description": f"{MARKUP} \x1b[2J", "texts": ["t"], "label": "l", "labels": ["x", "y"]}
    (tmp_path / "task.yaml").write_text(yaml.safe_dump(task))
    question = f"Does {MARKUP} help? \x1b[2J"
    study = tiny_record(
        question=question,
        chains={"none": [], MARKUP: ["world/squad"]},
        tasks=["task.yaml"],
        targets=["brackets"],
        languages="all",
    )
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
    for words in (
        ("plan", str(tmp_path / "study.yaml"), "--store", str(tmp_path / "store")),
        ("data", "list", str(tmp_path / "task.yaml")),
    ):
        done = CliRunner().invoke(app, list(words), catch_exceptions=False)
        assert done.exit_code == 0, done.output
        assert MARKUP in done.output and "\x1b[2J" not in done.output
