"""Verbs about prediction files of a benchmark."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xstilts.cli.app import (
    DEFAULT_STORE,
    FolderArgument,
    LabelsOption,
    SetOption,
    StoreOption,
    StudyArgument,
    SuiteOption,
    app,
    plan_of,
    terminal,
)

if TYPE_CHECKING:
    pass


@app.command()
def score(
    folder: FolderArgument,
    suite: SuiteOption,
    labels: LabelsOption = None,
    out: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the scores as JSON to this file.")] = None,
) -> None:
    """Score a folder of prediction files, complete or not, as the benchmark's own scorer does (0 to 100).

    The folder is laid out as XTREME asks for submissions: xnli/test-de.tsv, xquad/test-de.json ... What is missing is
    said to be missing; an average over a part is called PARTIAL.

    Example:  XSTILTS_DATA=~/data  xstilts score predictions --suite xtreme --json scores.json
    """
    from xstilts.cli.views.benchmark import print_score
    from xstilts.plan.compile import data_root
    from xstilts.submission.score import score_folder
    from xstilts.tasks.suites import find_suite

    scored = score_folder(folder, find_suite(suite), data_root(), labels)
    print_score(terminal(), scored)
    if out is not None:
        out.write_text(json.dumps(scored.record(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


@app.command()
def validate(folder: FolderArgument, suite: SuiteOption, labels: LabelsOption = None) -> None:
    """Check a submission folder that anyone made: files, languages, counts, labels, ids, encodings. Exit code 1 if invalid.

    All problems are named with file and line. A folder that lacks files, but has nothing wrong with it, is PARTIAL (and the
    exit code is 0); one that a benchmark would take as it is, is OK.
    """
    from xstilts.cli.views.benchmark import print_validation
    from xstilts.plan.compile import data_root
    from xstilts.submission.validate import validate_folder
    from xstilts.tasks.suites import find_suite

    validation = validate_folder(folder, find_suite(suite), data_root(), labels)
    print_validation(terminal(), validation)
    if validation.state == "invalid":
        raise SystemExit(1)


@app.command()
def submit(
    study: StudyArgument,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write; it must not exist or be empty.")],
    suite: SuiteOption = "xtreme",
    chain: Annotated[str | None, typer.Option(help="Only this chain (default: one folder for each).")] = None,
    seed: Annotated[int | None, typer.Option(help="Only this seed (default: one folder for each).")] = None,
    store: StoreOption = DEFAULT_STORE,
    changes: SetOption = [],
) -> None:
    """Write a study's predictions as benchmark submissions in the published formats, and validate what was written.

    Example:  xstilts submit mine.yaml --chain squad_v1 --seed 0 -o submission
    """
    from xstilts.cli.views.benchmark import print_validation
    from xstilts.execution.submit import submit as write
    from xstilts.plan.compile import data_root, short_name
    from xstilts.store.store import Store
    from xstilts.tasks.suites import find_suite

    console, invalid = terminal(), False
    for made in write(plan_of(study, changes), Store(store), find_suite(suite), out, data_root(), chain, seed):
        console.print(
            f"[bold]{made.folder}[/bold]  {short_name(made.encoder)}, chain {made.chain}, seed {made.seed}", soft_wrap=True
        )
        if made.lacking:
            console.print(f"not scored yet, so not in it: {', '.join(made.lacking)}")
        print_validation(console, made.validation)
        invalid |= made.validation.state == "invalid"
    if invalid:
        raise SystemExit(1)
