"""Write the trained model of one cell as a folder that can be pushed to the Hugging Face Hub as it is."""

import shutil
from pathlib import Path

from xstilts.errors import InputError
from xstilts.export.card import write_card
from xstilts.plan.cell import find_cell
from xstilts.plan.compile import Plan
from xstilts.plan.pretrain import check_free
from xstilts.stages.export import write_folder
from xstilts.stages.stage import EmbedStage, MineStage, PredictStage
from xstilts.store.store import Store


def export_cell(plan: Plan, store: Store, name: str, folder: Path) -> str:
    """Write weights, tokenizer and model card of the cell called `name`; gives the name of the class that loads it.

    Raises InputError if there is no such cell, the store does not have its model, or the folder is not an empty one. A cell that
    has a model and no scores yet is written without scores, and its card says so. Nothing is left of a folder that fails."""
    cell = find_cell(plan.cells, name)
    check_free(folder)
    made, model = cell.score.inputs.predictions, cell.checkpoint
    if isinstance(made, MineStage):
        made = made.inputs.vectors
    assert isinstance(made, PredictStage | EmbedStage)
    if not store.is_done(store.folder(model.kind, model.slug, model.key)):
        unknown = f" ({'; '.join(plan.unresolved)})" if plan.unresolved else ""
        raise InputError(
            f"cell {name}: its model, {model.kind} {model.slug} ({model.key[:12]}), is not made yet in {store.root}; "
            f"run the study first{unknown}"
        )
    source = store.outputs(model.kind, model.slug, model.key)
    existed = folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if isinstance(made, PredictStage):
            loads = write_folder(source, folder, made.config.head, made.config.recipe.word_state)
        else:
            loads = write_folder(source, folder, None)
        (folder / "README.md").write_text(write_card(plan, store, cell, made.config, folder, loads), encoding="utf-8")
    except BaseException as error:
        _clear(folder, existed)
        if isinstance(error, OSError):
            raise InputError(f"{folder}: cannot be written ({error.strerror or error}); give another folder with --out") from None
        raise
    return loads


def _clear(folder: Path, keep: bool) -> None:
    """Remove a half-written folder; if it was there before, only what is in it."""
    if not folder.is_dir():
        return
    for path in [folder] if not keep else list(folder.iterdir()):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
