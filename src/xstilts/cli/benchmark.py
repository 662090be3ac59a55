"""Verbs about prediction files of a benchmark: `xstilts benchmark score|validate|submit`."""

from pathlib import Path
from typing import Annotated

import typer

from xstilts.cli.app import benchmark_app, load_plan, open_console, print_json
from xstilts.cli.options import DEFAULT_STORE, JsonOption, NewFolderOption, SetOption, StoreOption, StudyArgument

FolderArgument = Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder with one folder of files for each task.")]
SuiteOption = Annotated[str, typer.Option("--suite", metavar="SUITE", help="The benchmark: xtreme or xtreme-r.")]
LabelsOption = Annotated[
    Path | None, typer.Option("--labels", metavar="FOLDER", help="Label files in XTREME's layout, used instead of $XSTILTS_DATA.")
]


@benchmark_app.command()
def score(folder: FolderArgument, suite: SuiteOption, labels: LabelsOption = None, as_json: JsonOption = False) -> None:
    """Score a folder of prediction files, complete or not, on the scale 0 to 100.

    The scores are those of the benchmark's own scorer. The folder has the layout of an XTREME submission (xnli/test-de.tsv,
    xquad/test-de.json ...). Missing files are listed, and an average over only a part is marked PARTIAL.

    Example:

        XSTILTS_DATA=~/data xstilts benchmark score predictions --suite xtreme
    """
    from xstilts.cli.views.benchmark import print_score
    from xstilts.plan.compile import data_root
    from xstilts.submission.score import score_folder
    from xstilts.tasks.suites import find_suite

    scored = score_folder(folder, find_suite(suite), data_root(), labels)
    if as_json:
        print_json(scored.record())
    else:
        print_score(open_console(), scored)


@benchmark_app.command()
def validate(folder: FolderArgument, suite: SuiteOption, labels: LabelsOption = None) -> None:
    """Check a submission folder: files, languages, counts, labels, ids and encodings.

    Every problem is printed with its file and line. The result is OK, PARTIAL (files are missing, the others are valid) or
    INVALID. The exit code is 1 if it is INVALID.

    Example:

        XSTILTS_DATA=~/data xstilts benchmark validate submission --suite xtreme
    """
    from xstilts.cli.views.benchmark import print_validation
    from xstilts.plan.compile import data_root
    from xstilts.submission.validate import validate_folder
    from xstilts.tasks.suites import find_suite

    validation = validate_folder(folder, find_suite(suite), data_root(), labels)
    print_validation(open_console(), validation)
    if validation.state == "invalid":
        raise SystemExit(1)


@benchmark_app.command()
def submit(
    study: StudyArgument,
    out: NewFolderOption,
    suite: SuiteOption = "xtreme",
    chain: Annotated[str | None, typer.Option(help="Only this chain (default: one folder for each).")] = None,
    seed: Annotated[int | None, typer.Option(help="Only this seed (default: one folder for each).")] = None,
    store: StoreOption = DEFAULT_STORE,
    changes: SetOption = [],
) -> None:
    """Write a study's predictions as benchmark submissions, and validate them.

    The files have the benchmark's published formats. Each encoder, chain and seed makes one submission.

    Example:

        xstilts benchmark submit mine.yaml --chain squad_v1 --seed 0 -o submission
    """
    from rich.text import Text

    from xstilts.cli.views.benchmark import print_validation
    from xstilts.execution.submit import write_submissions
    from xstilts.plan.compile import data_root, short_name
    from xstilts.store.store import Store
    from xstilts.tasks.suites import find_suite

    console, invalid = open_console(), False
    plan = load_plan(study, changes)
    for made in write_submissions(plan, Store(store), find_suite(suite), out, data_root(), chain, seed):
        what = f"{short_name(made.encoder)}, chain {made.chain}, seed {made.seed}"
        console.print(Text.assemble((str(made.folder), "bold"), f"  {what}"), soft_wrap=True)
        if made.lacking:
            console.print(f"left out, because they have no score yet: {', '.join(made.lacking)}")
        print_validation(console, made.validation)
        invalid |= made.validation.state == "invalid"
    if invalid:
        raise SystemExit(1)
