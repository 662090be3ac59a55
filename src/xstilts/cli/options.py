"""The arguments and options that several verbs share."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def _complete_study(begun: str) -> list[str]:
    from xstilts.study.read import built_in_studies

    files = [str(path) for path in Path().glob(f"{begun}*") if path.suffix in (".yaml", ".yml") or path.is_dir()]
    return [name for name in built_in_studies() if name.startswith(begun)] + sorted(files)


StudyArgument = Annotated[
    str,
    typer.Argument(metavar="STUDY", help="A built-in study (demo, real-small) or a YAML file.", autocompletion=_complete_study),
]
StudiesArgument = Annotated[
    list[str],
    typer.Argument(metavar="STUDY", help="Built-in studies or YAML files.", autocompletion=_complete_study),
]
StoreOption = Annotated[Path, typer.Option("--store", envvar="XSTILTS_STORE", help="The folder that keeps all results.")]
SetOption = Annotated[
    list[str],
    typer.Option("--set", metavar="FIELD=VALUE", help="Change a field of the study, e.g. limits.train=500 or 'seeds=[0,1]'."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON to standard output.")]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        help="Worker processes (default: one per graphics card, else per core). A small encoder leaves a card idle: try 8.",
    ),
]
ExecutorOption = Annotated[
    Literal["local", "slurm", "ray"],
    typer.Option(help="Where stages run: on this machine, as jobs of a Slurm cluster, or on a Ray cluster."),
]
ClusterOption = Annotated[
    Path | None,
    typer.Option(
        "--cluster",
        metavar="FILE",
        help="What jobs ask for in YAML: stages: {default: {time: 2h}, train: {partition: gpu, gpus: 1}}. Default: cluster.yaml.",
    ),
]
NotifyOption = Annotated[
    str,
    typer.Option(
        "--notify",
        metavar="COMMAND",
        help="A shell command to run at the end, with $XSTILTS_STUDY, $XSTILTS_OUTCOME (done, failed or interrupted), "
        "$XSTILTS_SUMMARY and $XSTILTS_REPORT.",
    ),
]
ReportOption = Annotated[Path | None, typer.Option("--out", "-o", help="The folder for the report (default: reports/STUDY).")]
NewFolderOption = Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="The folder to write, new or empty.")]
DEFAULT_STORE = Path("xstilts-store")
