"""Verbs that make model folders: an encoder from scratch, or a trained model of a study."""

from pathlib import Path
from typing import Annotated

import typer

from xstilts.cli.app import MODELS, app, load_plan, open_console, print_json
from xstilts.cli.options import DEFAULT_STORE, JsonOption, NewFolderOption, SetOption, StoreOption, StudyArgument, WorkersOption


@app.command(rich_help_panel=MODELS)
def encoders(
    folder: Annotated[Path | None, typer.Argument(metavar="FOLDER", help="A Hugging Face folder to check.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the types of encoders that can be used, or check one.

    A check loads every weight, compares the tokenizer with its tokenizer.json, and encodes a sentence. It says what a study would
    use, or why the encoder is refused. Nothing is written into the folder, and code that comes with a model is never run.

    Examples:

        xstilts encoders
        xstilts encoders ./xlm-roberta-base
    """
    from xstilts.cli.views.encoders import print_encoder, print_types, type_record
    from xstilts.model.architectures import ENCODER_TYPES

    if folder is None:
        if as_json:
            print_json([type_record(row) for row in ENCODER_TYPES.values()])
        else:
            print_types(open_console())
        return
    from transformers.utils.logging import disable_progress_bar, set_verbosity_error

    from xstilts.model.inspection import inspect_encoder

    disable_progress_bar()
    set_verbosity_error()
    record = inspect_encoder(folder)
    if as_json:
        print_json(record)
    else:
        print_encoder(open_console(), record)


@app.command(rich_help_panel=MODELS)
def pretrain(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Text: a file CODE.txt or CODE.txt.gz per language.")],
    out: NewFolderOption,
    parallel: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Also translations: NAME.CODE.txt aligned by line, or CODE.tsv.")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Steps of masked language modelling.")] = 20_000,
    vocabulary: Annotated[int, typer.Option(min=32, help="Size of the vocabulary, special tokens included.")] = 20_000,
    layers: Annotated[int, typer.Option(min=1, help="Transformer blocks.")] = 6,
    hidden: Annotated[int, typer.Option(min=4, help="Hidden size; there is one attention head for every 64.")] = 256,
    seed: Annotated[int, typer.Option(help="Seed of the weights, the data order and the masks.")] = 0,
    store: StoreOption = DEFAULT_STORE,
    workers: WorkersOption = None,
    changes: SetOption = [],
) -> None:
    """Pre-train an encoder from scratch on a folder of text.

    It trains a tokenizer, draws random weights and trains them by masked language modelling. A text file has one sentence per
    line and a blank line between documents. Languages are sampled in proportion to size^0.3. A run that was killed continues
    when you run it again. The result is a Hugging Face folder with its language modelling head, which a study can name under
    `encoders`.

    Example:

        xstilts pretrain text -o my-xlmr --steps 50000 --set recipes.default.lr=3e-4
    """
    from xstilts.cli.running import choose_exit_code, print_failures, run_plan
    from xstilts.plan.pretrain import check_free, compile_pretraining, make_pretraining, summarise
    from xstilts.stages.export import export_encoder
    from xstilts.store.store import Store

    check_free(out)
    study = make_pretraining(folder, parallel, steps, vocabulary, {"layers": layers, "hidden": hidden}, seed, changes)
    plan, trained = compile_pretraining(study)
    state = run_plan(open_console(), plan, Store(store), workers)
    print_failures(state)
    if code := choose_exit_code(state):
        raise SystemExit(code)
    written = export_encoder(Store(store), trained, out)
    open_console().print(f"{written} written to {out}: {summarise(Store(store), trained)}", soft_wrap=True)


@app.command(rich_help_panel=MODELS)
def export(
    study: StudyArgument,
    cell: Annotated[str, typer.Argument(metavar="CELL", help="CHAIN/TARGET/SEED, or ENCODER/CHAIN/TARGET/SEED.")],
    out: NewFolderOption,
    store: StoreOption = DEFAULT_STORE,
    changes: SetOption = [],
) -> None:
    """Write the trained model of one cell as a folder for the Hugging Face Hub.

    The folder has the weights, the tokenizer and a model card, README.md: the question, the data with their licences, the scores
    with intervals, and code that loads the model and predicts as the study did, without xstilts. The encoder must be named if the
    study has several.

    Example:

        xstilts export swahili.yaml squad_v1/tydiqa/0 -o model
    """
    from xstilts.export.export import export_cell
    from xstilts.store.store import Store

    written = export_cell(load_plan(study, changes, draft=True), Store(store), cell, out)
    open_console().print(f"{written} written to {out}, with a model card (README.md)", soft_wrap=True)


@app.command(rich_help_panel=MODELS)
def predict(
    study: StudyArgument,
    cell: Annotated[str, typer.Argument(metavar="CELL", help="CHAIN/TARGET/SEED, or ENCODER/CHAIN/TARGET/SEED.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON lines: an input on each line.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="The file to write (default: standard output).")
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    changes: SetOption = [],
) -> None:
    """Let the model of a finished cell answer inputs of your own.

    What a line holds depends on the target's format: `{"texts": ["...", "..."]}` for pairs of texts, `{"words": ["...", "..."]}`
    for tagging, `{"question": "...", "context": "..."}`, or `{"prompt": "...", "choices": ["...", "..."]}`. Each line is written
    with its answer as `prediction`: a label, a tag for each word, a part of the context, or the number of a choice, from 0. Other
    fields are kept. All lines are checked before the first is answered. A file may be of any length.

    Example:

        xstilts predict swahili.yaml squad_v1/tydiqa/0 questions.jsonl -o answers.jsonl
    """
    import os
    import sys

    from xstilts.cli.views.console import open_progress
    from xstilts.execution.environment import worker_environment
    from xstilts.plan.cell import find_cell
    from xstilts.store.store import Store

    os.environ.update(worker_environment(threads=os.cpu_count() or 1))
    from xstilts.stages.own_inputs import predict_file, predict_lines

    made = find_cell(load_plan(study, changes, draft=True).cells, cell).answered
    with open_progress(open_console(stderr=True)) as progress:
        bar = progress.add_task("loading the model", total=None)

        def show(done: int, total: int) -> None:
            progress.update(bar, description="lines", completed=done, total=total)

        if out is None:
            predict_lines(Store(store), made, file, sys.stdout, show)
            return
        total = predict_file(Store(store), made, file, out, show)
    open_console().print(f"{total} predictions written to {out}", soft_wrap=True)
