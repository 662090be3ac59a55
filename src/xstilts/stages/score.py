"""score: predictions against gold, torch-free, redone in seconds. Keeps every example's tally beside the values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from xstilts.data.example import Example, Prediction, read_jsonl, read_predictions
from xstilts.errors import InputError
from xstilts.metrics.metric import Metric
from xstilts.stages.job import Job
from xstilts.store.store import read_json, write_json
from xstilts.tasks.catalogue import find_task


def run(job: Job) -> None:
    """Leaves `scores.json` and `tallies.npz` (`<language>.ids`, `<language>.counts`); for retrieval the values of all
    layers too, the tallies being those of the study's layer."""
    config = job.config
    metric = find_task(config["task"]).metric
    assert metric is not None
    tallies: dict[str, Any] = {}
    languages: dict[str, Any] = {}
    layers: list[dict[str, Any]] = []
    layer: int | None = None
    for language in config["languages"]:
        examples = list(read_jsonl(job.inputs[f"gold:{language}"] / "examples.jsonl"))
        if config["retrieval"] is not None:
            found = read_json(job.inputs["predictions"] / f"{language}.json")
            layer = retrieval_layer(config["retrieval"]["layer"], len(found["layers"]) - 1)
            chosen = "centred" if config["retrieval"]["centred"] else "plain"
            for number, name, predictions in _layers(found):
                rows = tally(metric, examples, predictions, language)
                value = float(metric.headline(rows.sum(0)))
                layers.append({"layer": number, "centred": name == "centred", "language": language, "accuracy": value})
                if number == layer and name == chosen:
                    counts = rows
        else:
            counts = tally(metric, examples, list(read_predictions(job.inputs["predictions"] / f"{language}.jsonl")), language)
        sums = counts.sum(0)
        values = dict(zip(metric.values, metric.finish(sums).tolist(), strict=True))
        languages[language] = {"values": values, "headline": float(metric.headline(sums)), "n": len(examples)}
        tallies[f"{language}.ids"] = np.array([e.id for e in examples])
        tallies[f"{language}.counts"] = counts
    np.savez_compressed(job.out / "tallies.npz", **tallies)
    write_json(
        job.out / "scores.json",
        {"task": config["task"], "metric": metric.name, "languages": languages, "layers": layers, "layer": layer},
    )


def retrieval_layer(wanted: int | str, layers: int) -> int:
    """The block whose output is scored: a number, or "paper" = layer 14 of 24 (Phang et al. 2020, through jiant), scaled."""
    if wanted == "paper":
        return max(1, round(layers * 14 / 24))
    if not 0 <= int(wanted) <= layers:
        raise InputError(f"retrieval.layer: {wanted} is not a layer of this encoder; expected 0 to {layers}")
    return int(wanted)


def tally(metric: Metric, examples: list[Example], predictions: list[Prediction], where: str) -> np.ndarray:
    """The metric's rows, shape (N, C), in the order of the examples. Raises InputError if the ids do not pair up."""
    by_id: Mapping[str, Prediction] = {p.id: p for p in predictions}
    missing = [e.id for e in examples if e.id not in by_id]
    if missing or len(by_id) != len(examples):
        raise InputError(
            f"{where}: {len(predictions)} predictions for {len(examples)} examples; first id without one: {missing[:1]}"
        )
    return np.array([metric.tally(e, by_id[e.id]) for e in examples], dtype=np.float64)


def _layers(found: Mapping[str, Any]) -> Iterator[tuple[int, str, list[Prediction]]]:
    for number, kinds in found["layers"].items():
        for name, answers in kinds.items():
            yield int(number), name, [Prediction(i, a) for i, a in zip(found["ids"], answers, strict=True)]
