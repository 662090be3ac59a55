"""What `--help` teaches is true: examples are valid, and completion knows the studies."""

from __future__ import annotations

import re
from importlib.metadata import version

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from xstilts.cli import app
from xstilts.data.yaml_records import parse_yaml
from xstilts.study import built_in_studies, make_study

RUN = CliRunner()


def test_the_version() -> None:
    assert RUN.invoke(app, ["--version"]).output == f"xstilts {version('xstilts')}\n"


def test_the_study_in_the_help_of_plan_is_a_study() -> None:
    """As it is shown: a markup that swallows brackets would leave no valid YAML."""
    shown = RUN.invoke(app, ["plan", "--help"], env={"COLUMNS": "100"}).output
    block = shown[shown.index("name: mine") : shown.index("Example:")]
    study = make_study(parse_yaml("\n".join(line.strip() for line in block.splitlines()), "help"), "help")
    assert set(study.chains) == {"none", "snli", "both"}
    assert study.seeds == (0, 1, 2)


@pytest.mark.parametrize("verb", ["plan", "run"])
def test_examples_in_help_name_built_in_studies(verb: str) -> None:
    shown = RUN.invoke(app, [verb, "--help"], env={"COLUMNS": "200"}).output
    named = [words.split()[0] for words in re.findall(rf"xstilts {verb} (\S+)", shown)]
    assert named
    assert all(name in built_in_studies() or name.endswith(".yaml") or name.startswith(("[", "{")) for name in named), named


def test_completion_of_studies(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(str(tmp_path))
    open("mine.yaml", "w").close()
    open("notes.txt", "w").close()
    plan = get_command(app).commands["plan"]  # type: ignore[attr-defined]
    argument = next(p for p in plan.params if p.name == "study")

    def complete(begun: str) -> list[str]:
        return [item.value for item in argument.shell_complete(plan.make_context("plan", ["x"], resilient_parsing=True), begun)]

    assert set(complete("real")) == {"real-small-controls", "real-small"}
    assert "mine.yaml" in complete("")
    assert "notes.txt" not in complete("")
