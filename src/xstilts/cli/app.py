"""What all verbs share: the application, its options, and how they talk to people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from xstilts.plan.compile import Plan

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="\n\n".join(
        (
            "Does an English intermediate task improve zero-shot cross-lingual transfer?",
            "A study trains an encoder on English intermediate tasks (chains), then on English target tasks, tests it in other "
            "languages, and reports the gain with its uncertainty.",
            "[bold]xstilts demo[/bold] shows all of it on the embedded world in a few minutes, with nothing to download.\n"
            "[bold]xstilts tasks[/bold] lists the tasks and where their data was found.\n"
            "[bold]xstilts plan STUDY[/bold], then [bold]xstilts run STUDY[/bold], with your own YAML or a built-in study.",
            "Data is looked for in $XSTILTS_DATA (official file names, .gz as they are). Results are kept in $XSTILTS_STORE "
            "(or ./xstilts-store): nothing is computed twice, and anything can be killed and run again.",
        )
    ),
)

StudyArgument = Annotated[str, typer.Argument(metavar="STUDY", help="A built-in study (demo, real-mini) or a YAML file.")]
StoreOption = Annotated[Path, typer.Option("--store", envvar="XSTILTS_STORE", help="The folder that keeps all results.")]
SetOption = Annotated[
    list[str],
    typer.Option("--set", metavar="FIELD=VALUE", help="Change a field of the study, e.g. limits.train=500 or 'seeds=[0,1]'."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")]
WorkersOption = Annotated[int | None, typer.Option("--workers", min=1, help="Worker processes (default: one per core).")]
OutOption = Annotated[Path | None, typer.Option("--out", "-o", help="The folder for the report (default: reports/STUDY).")]
FolderArgument = Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder with a folder of files for each task.")]
SuiteOption = Annotated[str, typer.Option("--suite", metavar="SUITE", help="The benchmark: xtreme or xtreme-r.")]
LabelsOption = Annotated[
    Path | None,
    typer.Option("--labels", metavar="FOLDER", help="Gold out of label files in XTREME's layout, not out of $XSTILTS_DATA."),
]
DEFAULT_STORE = Path("xstilts-store")


def complain(text: str) -> None:
    """Say on standard error what is wrong."""
    from rich.console import Console
    from rich.text import Text

    Console(stderr=True, soft_wrap=True).print(Text("Error: ", style="bold red") + Text(text))


def plan_of(name: str, changes: list[str], draft: bool = False) -> Plan:
    """The plan of a built-in study or a YAML file, with `--set` changes. A `draft` is for reading what there is: it asks no
    network and minds no data or encoder that is nowhere."""
    from xstilts.plan.compile import compile_study
    from xstilts.study import find_study, load_study

    return compile_study(load_study(name, changes), base=find_study(name).parent, draft=draft)


def terminal() -> Any:
    """A rich console on standard output."""
    from rich.console import Console

    return Console(highlight=False)


def print_json(value: Any) -> None:
    """For other programs."""
    print(json.dumps(value, indent=1, ensure_ascii=False, default=str))
