"""Write the predictions of a study's cells as submission folders in a benchmark's published formats.

Test sets and predictions are read from the store. With `limits.test`, a submission has only that many examples per language,
and its `submission.json` says so.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xstilts.errors import InputError, nearest
from xstilts.formats.jsonl import read_jsonl, read_predictions
from xstilts.plan.compile import Plan, PlannedCell, short_name
from xstilts.plan.controls import arms
from xstilts.stages.stage import PredictStage, Stage
from xstilts.store.store import Store
from xstilts.submission.layout import require_format, write_note, write_predictions
from xstilts.submission.validate import Validation, validate_folder
from xstilts.tasks.registry import find_task
from xstilts.tasks.suites import Suite


@dataclass(frozen=True)
class Submission:
    """One folder that was written. `lacking`: targets of the study that are tasks of the suite and have no score yet."""

    folder: Path
    encoder: str
    chain: str
    seed: int
    lacking: tuple[str, ...]
    validation: Validation


def write_submissions(
    plan: Plan, store: Store, suite: Suite, folder: Path, data: Path, chain: str | None = None, seed: int | None = None
) -> Iterator[Submission]:
    """Write and validate a submission for each encoder, chain and seed that has a score, or for the given chain and seed.
    Controls are written only if they are named. A single submission goes to `folder` itself, several go to
    `folder/<encoder>/<chain>/seed-<n>`. Raises InputError if there is nothing to submit."""
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder}: the folder is not empty; give a new or empty one")
    study = plan.study
    if study.split != "test":
        raise InputError(f"study {study.name}: its targets are scored on {study.split} data; a submission needs split: test")
    known_arms = arms(plan.study)
    names = [arm.name for arm in known_arms]
    wanted = [arm.name for arm in known_arms if not arm.control] if chain is None else [chain]
    for value, known, name in ((chain, names, "chain"), (seed, plan.study.seeds, "seed")):
        if value is not None and value not in known:
            raise InputError(f"--{name} {value}: not in the study{nearest(str(value), [str(x) for x in known])}")
    tasks = require_format(suite).tasks
    groups: dict[tuple[str, str, int], list[PlannedCell]] = {}
    for cell in plan.cells:
        if cell.id.target in tasks and cell.id.arm in wanted and seed in (None, cell.id.seed):
            groups.setdefault((cell.id.encoder, cell.id.arm, cell.id.seed), []).append(cell)
    if not groups:
        raise InputError(f"study {plan.study.name}: none of its targets is a task of {suite.name} ({' '.join(suite.tasks)})")
    scored = {place: [cell for cell in cells if _done(store, cell.score)] for place, cells in groups.items()}
    if not any(scored.values()):
        raise InputError(f"study {plan.study.name}: no target has been scored yet; run the study first")
    several = sum(bool(cells) for cells in scored.values()) > 1
    for (encoder, chain_name, number), cells in scored.items():
        if not cells:
            continue
        place = folder / short_name(encoder) / chain_name / f"seed-{number}" if several else folder
        for cell in cells:
            _write_cell(cell, store, place, tasks[cell.id.target])
        write_note(place, _note(plan, encoder, chain_name, number, suite, cells))
        lacking = tuple(cell.id.target for cell in groups[encoder, chain_name, number] if cell not in cells)
        yield Submission(place, encoder, chain_name, number, lacking, validate_folder(place, suite, data))


def _done(store: Store, stage: Stage) -> bool:
    return store.is_done(store.folder(stage.kind, stage.slug, stage.key))


def _out(store: Store, stage: Stage) -> Path:
    folder = store.folder(stage.kind, stage.slug, stage.key)
    store.verify(folder)
    return folder / "out"


def _write_cell(cell: PlannedCell, store: Store, folder: Path, wanted: tuple[str, ...]) -> None:
    task = find_task(cell.id.target)
    made = cell.score.inputs.predictions
    # Retrieval leaves vectors or candidates; what was retrieved with them is decided when they are scored.
    answers = _out(store, made if isinstance(made, PredictStage) else cell.score)
    for language in cell.score.config.languages:
        if language not in wanted:
            continue
        gold = _out(store, cell.score.inputs.gold[language]) / "examples.jsonl"
        write_predictions(task, language, list(read_jsonl(gold)), read_predictions(answers / f"{language}.jsonl"), folder)


def _note(plan: Plan, encoder: str, chain: str, seed: int, suite: Suite, cells: list[PlannedCell]) -> dict[str, Any]:
    study = plan.study
    leaks = [cell.id.target for cell in cells if cell.leak]
    return {
        "suite": suite.name,
        "study": study.name,
        "encoder": short_name(encoder),
        "chain": chain,
        "seed": seed,
        "retrieval": study.retrieval.model_dump(mode="json"),
        "limits": {name: value for name, value in study.limits.model_dump().items() if value is not None},
        "trained_on": {target.task: target.train for target in study.targets if target.train and target.task in suite.tasks},
        **({"chosen_on_target_language_dev": leaks} if leaks else {}),
    }
