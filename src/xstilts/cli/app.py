"""The application, and what all verbs share: plans, results, the console."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from xstilts.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from xstilts.analysis.results import Results
    from xstilts.plan.compile import Plan
    from xstilts.store.store import Store

# The panels of `xstilts --help`.
RUN, READ, MODELS, TASKS = "Run a study", "Read its results", "Encoders and models", "Tasks and benchmarks"
# Verbs that have moved into a group.
MOVED = {"tasks": "data list (or data check)", "download": "data download"}
MOVED |= {verb: f"benchmark {verb}" for verb in ("score", "validate", "submit")}


class Verbs(TyperGroup):
    """The verbs of the program. For one that has moved, the error gives its new name."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args[0] in MOVED:
            raise InputError(f"xstilts {args[0]} is now: xstilts {MOVED[args[0]]}")
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=Verbs,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="\n\n".join(
        (
            "Does an English intermediate task improve zero-shot cross-lingual transfer?",
            "A study trains an encoder on English intermediate tasks (its chains), then on English target tasks. It tests the "
            "result in other languages, and reports the gain over no intermediate task with its uncertainty.",
            "Start with `xstilts demo`. It runs a complete study on synthetic languages in a few minutes, and it "
            "downloads nothing. Then write a study of your own, see what it would cost with `xstilts plan STUDY`, and run it "
            "with `xstilts run STUDY`.",
            "Data files are looked for in $XSTILTS_DATA, under their official names. Results are kept in $XSTILTS_STORE "
            "(default: ./xstilts-store). Nothing is computed twice. A run that was killed continues when you run it again.",
        )
    ),
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"xstilts {version('xstilts')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None: ...


data_app = typer.Typer(no_args_is_help=True, help="List the tasks; check and download their data.")
store_app = typer.Typer(no_args_is_help=True, help="See what a store has, clean it, and check its files.")
benchmark_app = typer.Typer(no_args_is_help=True, help="Score, validate and write prediction files of a benchmark.")
app.add_typer(store_app, name="store", rich_help_panel=RUN)
app.add_typer(data_app, name="data", rich_help_panel=TASKS)
app.add_typer(benchmark_app, name="benchmark", rich_help_panel=TASKS)


def print_error(text: str) -> None:
    """Print an error to standard error."""
    from rich.text import Text

    open_console(stderr=True).print(Text("Error: ", style="bold red") + Text(text), soft_wrap=True)


def load_plan(name: str, changes: list[str], draft: bool = False) -> Plan:
    """The plan of a built-in study or a YAML file, with `--set` changes. A `draft` is for reading only: it needs neither the
    network nor the data and encoders of the study."""
    from xstilts.plan.compile import compile_study
    from xstilts.study import find_study, load_study

    return compile_study(load_study(name, changes), base=find_study(name).parent, draft=draft)


def load_plan_of_store(name: str, changes: list[str], store: Store) -> Plan:
    """The plan that a store's results are of: a draft, without the languages that the last run could not read."""
    from xstilts.execution.partial import leave_out_unread

    return leave_out_unread(load_plan(name, changes, draft=True), store)


def load_results(name: str, changes: list[str], store: Path) -> Results:
    """The scores that a store has of a study."""
    from xstilts.analysis.gather import gather
    from xstilts.store.store import Store

    found = Store(store)
    return gather(load_plan_of_store(name, changes, found), found)


def open_console(stderr: bool = False) -> Console:
    """A console on standard output, or on standard error."""
    from xstilts.cli.views.console import PlainConsole

    return PlainConsole(stderr=stderr)


def print_json(value: Any) -> None:
    """Print a value as JSON to standard output."""
    text = json.dumps(value, indent=1, ensure_ascii=False, default=str)
    print(text.encode("utf-8", "backslashreplace").decode())  # a path may have bytes that are no text
