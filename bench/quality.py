"""Does the fast way cost quality? The same fine-tunings, each with several seeds, trained in two ways:

    plain   fp32, each batch as it was drawn, padded to its longest row, the whole vocabulary
    packed  fp32, sorted by length, packed, the vocabulary trimmed: what every recipe does
    fast    the same in bf16: `precision: bf16`

and an equivalence test on the difference to plain (two one-sided paired t-tests over seeds, margin 1 point).

    python bench/quality.py FOLDER [--seeds N] [--encoder DIR]     FOLDER for the stores; with real data in $XSTILTS_DATA

In the embedded world (pre-training included) or, where an encoder is given, on real data. Half an hour or so on two cores;
not part of `make bench`. The figures are in docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import threading
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

MARGIN = 1.0  # points
WORLD = {
    "name": "quality-world",
    "question": "Does the fast way cost quality in the embedded world?",
    "encoders": ["world/tiny"],
    "pretrain": [{"mix": ["world/text"], "recipe": {"lr": 5e-3, "batch": 64, "steps": 600, "mlm_rate": 0.25, "dropout": 0.0}}],
    "chains": {"none": []},
    "targets": ["world/tydiqa", "world/pos", "world/nli"],
    "languages": ["en", "l1", "l2"],
    "random_init": False,
    "recipes": {"default": {"lr": 1e-3, "batch": 32, "steps": 400, "max_length": 128, "stride": 32}},
}
REAL = {
    "name": "quality-real",
    "question": "Does the fast way cost quality on real data?",
    "chains": {"none": []},
    "targets": ["udpos", "panx", {"task": "xnli", "train": "snli"}],
    "languages": ["en", "de", "es"],
    "random_init": False,
    "limits": {"train": 1500, "test": 500, "dev": 50},
    "recipes": {"default": {"lr": 2e-4, "batch": 16, "steps": 200, "max_length": 128, "stride": 48}},
}


def arm(name: str, record: dict[str, Any], store: Path) -> None:
    """Run a study's stages one after the other in this process, the plain way or the fast way."""
    import torch

    from xstilts.model import unpadding
    from xstilts.plan.compile import compile_study
    from xstilts.stages import train as stage
    from xstilts.stages.attempt import attempt
    from xstilts.store.store import Store
    from xstilts.study import make_study
    from xstilts.train import step

    torch.set_num_threads(1)
    if name == "plain":
        unpadding.can_unpad = lambda _: False
        stage.can_unpad = lambda _: False
        stage.trim = lambda *_: False
        step.split_micro_batches = lambda features, _: [list(range(len(features)))]
    record["recipes"]["default"]["precision"] = "bf16" if name == "fast" else "fp32"
    plan = compile_study(make_study(record))
    place = Store(store / f"{record['name']}-{name}")
    place.prepare()
    scores: dict[str, list[float]] = {}
    for node in plan.stages:
        outcome = attempt(place, node.record(), lambda _: None, threading.Event())
        if outcome.outcome != "done":
            raise SystemExit(f"{name}: {node.slug}: {outcome}")
    for cell in plan.cells:
        found = json.loads((place.folder("score", cell.score.slug, cell.score.key) / "out" / "scores.json").read_text())
        values = {language: 100 * row["headline"] for language, row in found["languages"].items()}
        scores.setdefault(f"{cell.id.target} (English)", []).append(values.pop("en"))
        scores.setdefault(f"{cell.id.target} (mean of {len(values)} other languages)", []).append(
            float(np.mean(list(values.values())))
        )
    losses: dict[str, list[float]] = {}
    for node in plan.stages:
        if node.kind == "train":
            found = json.loads((place.folder("train", node.slug, node.key) / "out" / "train.json").read_text())
            losses.setdefault(node.label, []).append(found["losses"][-1][1])
    (store / f"{record['name']}-{name}.json").write_text(json.dumps({"scores": scores, "losses": losses}))


def compare(record: dict[str, Any], store: Path, arm: str) -> None:
    plain, fast = (json.loads((store / f"{record['name']}-{name}.json").read_text()) for name in ("plain", arm))
    for name, values in plain["losses"].items():
        ratios = np.log(np.array(fast["losses"][name]) / np.array(values))
        width = stats.t.ppf(0.95, len(ratios) - 1) * stats.sem(ratios)
        low, middle, high = (float(np.exp(ratios.mean() + x)) for x in (-width, 0, width))
        print(
            f"{record['name']:14} {name:42} training loss over the last tenth {np.mean(values):.3f}, {arm} / plain {middle:.3f}  "
            f"90% interval [{low:.3f}, {high:.3f}]"
        )
    for name, values in plain["scores"].items():
        differences = np.array(fast["scores"][name]) - np.array(values)
        low, high = (
            stats.ttest_1samp(differences, bound, alternative=side).pvalue
            for bound, side in ((-MARGIN, "greater"), (MARGIN, "less"))
        )
        mean, error = differences.mean(), stats.sem(differences)
        width = stats.t.ppf(0.95, len(differences) - 1) * error
        verdict = "equivalent" if max(low, high) < 0.05 else "not shown"
        print(
            f"{record['name']:14} {name:42} plain {np.mean(values):5.1f} (sd {np.std(values, ddof=1):4.1f})  {arm} minus plain "
            f"{mean:+5.2f}  90% interval [{mean - width:+5.2f}, {mean + width:+5.2f}]  within {MARGIN} point: {verdict} "
            f"(p {max(low, high):.3f}, {len(differences)} seeds)"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--encoder")
    parser.add_argument("--arms", nargs="+", choices=("packed", "fast"), default=["fast"])
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    records = [{**REAL, "encoders": [arguments.encoder]}] if arguments.encoder else [WORLD]
    for record in records:
        record["seeds"] = list(range(arguments.seeds))
        context = multiprocessing.get_context("spawn")
        arms = [context.Process(target=arm, args=(name, record, arguments.folder)) for name in ("plain", *arguments.arms)]
        for process in arms:
            process.start()
        for process in arms:
            process.join()
        for name in arguments.arms:
            compare(record, arguments.folder, name)


if __name__ == "__main__":
    main()
