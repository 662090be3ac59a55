"""Whether the chains learned their intermediate tasks: a treatment that did not take says nothing about the task.

A training records the scores on its dev data at the end. A task counts as learned if their mean over seeds is clearly above the
best trivial rule on the same data: by two points, and by more than the sampling error of so many examples. A chain took if it
learned one of its tasks or more. Placebos have shuffled labels and are not asked. Plain text has no score.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from xstilts.analysis.results import Results, Treatment
from xstilts.formats.jsonl import read_jsonl
from xstilts.metrics.baseline import measure_baseline
from xstilts.plan.compile import Plan, short_name
from xstilts.stages.stage import FetchStage, TrainStage
from xstilts.tasks.registry import find_task

LEAST = 0.02
ERRORS = 1.96


def gather_treatments(plan: Plan, facts: Mapping[str, Mapping[str, Any]], folders: Mapping[str, Path]) -> tuple[Treatment, ...]:
    """Of every chain that was trained. `facts` of the last run of a stage, and its folder, by key."""
    baselines: dict[str, tuple[float | None, int]] = {}
    found: dict[tuple[str, str, str, int], Treatment] = {}
    for cell in plan.cells:
        trained = find_task(cell.id.target).format.trained
        phases = cell.trainings[1:] if trained else cell.trainings
        for stage in phases[: len(phases) - len(plan.study.pretrain)]:
            for task, score, dev in _list_dev_scores(stage, facts.get(stage.key, {})):
                if dev.key not in baselines:
                    baselines[dev.key] = _measure(task, dev, folders[dev.key])
                baseline, examples = baselines[dev.key]
                place = (short_name(cell.id.encoder), cell.id.arm, task, cell.id.seed)
                if baseline is not None:
                    found[place] = Treatment(*place, score, baseline, examples)
    return tuple(found.values())


def _list_dev_scores(stage: TrainStage, facts: Mapping[str, Any]) -> Iterator[tuple[str, float, FetchStage]]:
    if stage.config.labels == "gold":
        for task, score in facts.get("dev_final", {}).items():
            if isinstance(dev := stage.inputs.dev.get(task), FetchStage):
                yield task, score, dev


def _measure(name: str, dev: FetchStage, folder: Path) -> tuple[float | None, int]:
    path, task = folder / "out" / "examples.jsonl", find_task(name)
    if task.metric is None or not path.exists():
        return None, 0
    examples = list(read_jsonl(path))
    return measure_baseline(task.format, task.metric.for_language(dev.config.language), examples), len(examples)


def is_learned(treatments: Sequence[Treatment]) -> bool:
    """Whether one task was learned; `treatments` are those of its seeds."""
    score, baseline = (float(np.mean([getattr(one, field) for one in treatments])) for field in ("score", "baseline"))
    examples = treatments[0].examples
    return score - baseline > max(LEAST, ERRORS * math.sqrt(baseline * (1 - baseline) / examples))


def group_by_task(results: Results, encoder: str, chain: str) -> dict[str, list[Treatment]]:
    """The seeds of each task of a chain."""
    found: dict[str, list[Treatment]] = {}
    for one in results.treatments:
        if (one.encoder, one.chain) == (encoder, chain):
            found.setdefault(one.task, []).append(one)
    return found


def has_taken(results: Results, encoder: str, chain: str) -> bool | None:
    """Whether a chain learned one of its tasks or more; None if the store does not say."""
    tasks = group_by_task(results, encoder, chain)
    return any(map(is_learned, tasks.values())) if tasks else None
