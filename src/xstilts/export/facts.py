"""What the plan and the store know of a cell that is exported: its phases, data, licences and scores."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from huggingface_hub import metadata_load

from xstilts.analysis.costs import PHASES
from xstilts.analysis.gather import merge_parallel
from xstilts.analysis.scores import ENGLISH
from xstilts.metrics.significance import score_interval
from xstilts.plan.cell import PlannedCell
from xstilts.plan.compile import Plan
from xstilts.plan.controls import RANDOM_INIT
from xstilts.stages.contracts import FolderSource, HubSource
from xstilts.stages.stage import EncoderStage, FetchStage, TrainStage
from xstilts.store.store import Store, read_json
from xstilts.tasks.registry import find_task
from xstilts.tasks.task import Task

Uses = Mapping[tuple[str, str], list[str]]
TRAINING = "training"
UNKNOWN = "not known here"


@dataclass(frozen=True)
class LanguageRow:
    """One language of the scores, 0-1: each value of the metric, the headline with its interval, and that of the best rule that
    reads nothing."""

    code: str
    values: Mapping[str, float]
    headline: float
    low: float
    high: float
    examples: int
    baseline: float | None


def read_scores(store: Store, cell: PlannedCell, task: Task) -> list[LanguageRow]:
    """The scores that the store has of a cell, English first; empty if it has none."""
    stage, metric = cell.score, task.metric
    assert metric is not None
    if not store.is_done(store.folder(stage.kind, stage.slug, stage.key)):
        return []
    out = store.outputs(stage.kind, stage.slug, stage.key)
    found = read_json(out / "scores.json")["languages"]
    rows = []
    with np.load(out / "tallies.npz", allow_pickle=False) as tallies:
        for code in sorted(found, key=lambda code: (code != ENGLISH, code)):
            ids_N = merge_parallel(tallies[f"{code}.ids"], task.parallel_ids)
            interval = score_interval([{code: (ids_N, tallies[f"{code}.counts"])}], metric.headline, over_seeds=False)
            known = found[code]
            numbers = (known["values"], known["headline"], interval.low, interval.high, known["n"], known["baseline"])
            rows.append(LanguageRow(code, *numbers))
    return rows


def list_data(cell: PlannedCell, target: Task) -> Uses:
    """(task, what its data were for) -> languages: those of every training of the cell, and of the test."""
    uses: dict[tuple[str, str], list[str]] = {}

    def add(name: str, purpose: str, languages: Iterable[str]) -> None:
        known = uses.setdefault((name, purpose), [])
        known += [code for code in languages if code not in known]

    for stage in reversed(cell.trainings):
        for name, found in stage.inputs.train.items():
            for part in find_task(name).parts or (name,):
                add(part, TRAINING, found)
    scored = next(iter(cell.score.inputs.gold.values()))
    assert isinstance(scored, FetchStage)
    for part in target.parts or (target.name,):
        add(part, scored.config.split, cell.score.config.languages)
    return uses


def name_phases(plan: Plan, cell: PlannedCell) -> list[tuple[TrainStage, str]]:
    """The trainings of a cell, the first one first, and which phase each is."""
    trainings = list(reversed(cell.trainings))
    first = 0 if cell.id.arm == RANDOM_INIT.name else len(plan.study.pretrain)
    tuned = find_task(cell.id.target).format.trained
    before, middle, last = PHASES
    return [
        (stage, last if tuned and number == len(trainings) - 1 else before if number < first else middle)
        for number, stage in enumerate(trainings)
    ]


def encoder_license(start: EncoderStage) -> str:
    """The licence of the encoder that a cell starts from: "" if it has random weights, else what the card in its folder says,
    or UNKNOWN."""
    if not isinstance(start.config.source, HubSource | FolderSource):
        return ""
    card = Path(start.context.folder) / "README.md"
    if not start.context.folder or not card.is_file():
        return UNKNOWN
    try:
        return str((metadata_load(card) or {}).get("license") or UNKNOWN)
    except (ValueError, OSError, yaml.YAMLError):
        return UNKNOWN
