"""What a whole study costs: `xstilts run` against scripts in the style of run_glue.py and run_ner.py, on the same data.

    python bench/whole_study.py --encoder FOLDER [--only naive xstilts ...] [--tiny]      data in $XSTILTS_DATA

    naive          a process for each cell (seed, chain, target), one after the other, in fp32 (`hf_cell.py`). The intermediate
                   task is trained again for every target, since such scripts do not share it. Classification pads to 128
                   tokens, tagging to the longest row of a batch: the scripts' defaults.
    dynamic        the same, with batches padded to their longest row
    shared         the same, and cells with the same intermediate training share it
    xstilts        `xstilts run` of the grid, as installed: from reading the data to the report
    xstilts-bf16   the same with `precision: bf16`, where the processor multiplies bf16

Same examples (chosen and written by xstilts, in no run's time), epochs, batch, learning rate, warm-up, weight decay and clipping,
a fresh head in every phase, the same metric. Wall and CPU time are those of all processes of a run. Dropout, order and heads are
drawn otherwise, so scores agree only within noise; the last column is two standard errors of a difference, from the number of
test examples alone. About 20 minutes on two cores. Leave the machine alone meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import machine
from rounds import HERE, OUT

STUDY: dict[str, Any] = {
    "name": "whole-study",
    "question": "What does a whole study cost?",
    "chains": {"none": [], "snli": ["snli"]},
    "targets": [{"task": "xnli", "train": "snli"}, {"task": "pawsx", "train": "pawsx"}, {"task": "udpos", "train": "udpos"}],
    "languages": ["en", "de", "zh"],
    "seeds": [0],
    "limits": {"train": 288, "dev": 16, "test": 100},
    "recipes": {
        "default": {"lr": 1e-4, "batch": 16, "epochs": 1, "warmup": 0.1, "max_length": 128, "policy": "last", "precision": "fp32"}
    },
}
TINY = {"limits": {"train": 16, "dev": 4, "test": 6}, "languages": ["en", "de"]}

Scores = dict[str, tuple[float, float]]  # "chain, target" -> points, mean over languages and seeds; its standard error


class Grid:
    """The study, and its examples as files, for the scripts."""

    def __init__(self, study: dict[str, Any], folder: Path):
        from xstilts.study import make_study

        self.record, self.study = study, make_study(study)
        self.recipe = study["recipes"]["default"]
        self.data = Path(os.environ.get("XSTILTS_DATA") or "data")
        self.folder = folder

    def examples(self, task: str, split: str, language: str) -> Path:
        """The file of a split, written when it is first asked for: what the study's fetch stage leaves."""
        from xstilts.formats.jsonl import write_jsonl
        from xstilts.tasks import find_task, read_examples
        from xstilts.tasks.files.locate import subsample

        path = self.folder / f"{task}-{split}-{language}.jsonl"
        if not path.is_file():
            found = read_examples(find_task(task), split, language, self.data)
            write_jsonl(path, subsample(found, getattr(self.study.limits, split)))
        return path

    def cells(self) -> Iterator[tuple[int, str, Any]]:
        """Seed, chain and target."""
        for seed in self.study.seeds:
            for chain in self.study.chains:
                for target in self.study.targets:
                    yield seed, chain, target

    def write(self) -> None:
        for _, chain, target in self.cells():
            for mixture in self.study.chains[chain]:
                self.examples(mixture.mix[0], "train", "en")
            self.examples(target.source, "train", "en")
            for language in self.study.languages:
                self.examples(target.task, "test", language)


class Scripts:
    """The peer: a process for each cell."""

    def __init__(self, padding: str, share: bool):
        self.padding, self.share = padding, share

    def run(self, grid: Grid, out: Path) -> None:
        for seed, chain, target in grid.cells():
            cell = self.cell(out, seed, chain, target)
            before = [mixture.mix[0] for mixture in grid.study.chains[chain]]
            where = out / f"{seed}-{chain}" if self.share else cell
            phases = [self.phase(grid, task, where / f"{n}-{task}") for n, task in enumerate(before)]
            spec = {
                "encoder": grid.study.encoders[0],
                "phases": [*phases, self.phase(grid, target.source, cell / "target")],
                "tests": {x: str(grid.examples(target.task, "test", x)) for x in grid.study.languages},
                "padding": self.padding,
                "seed": seed,
                **{name: grid.recipe[name] for name in ("batch", "epochs", "lr", "warmup")},
            }
            command([sys.executable, str(HERE / "hf_cell.py"), json.dumps(spec)], grid.folder)

    def phase(self, grid: Grid, task: str, folder: Path) -> dict[str, Any]:
        from xstilts.tasks import find_task

        labels = list(find_task(task).format.labels)  # type: ignore[attr-defined]
        return {"train": str(grid.examples(task, "train", "en")), "labels": labels, "out": str(folder)}

    def cell(self, out: Path, seed: int, chain: str, target: Any) -> Path:
        return out / f"{seed}-{chain}-{target.task}"

    def predictions(self, grid: Grid, out: Path, seed: int, chain: str, target: Any) -> Path:
        return self.cell(out, seed, chain, target) / "target"


class Xstilts:
    """Ours: one command."""

    def __init__(self, precision: str):
        self.precision = precision

    def record(self, grid: Grid) -> dict[str, Any]:
        return {**grid.record, "recipes": {"default": {**grid.recipe, "precision": self.precision}}}

    def run(self, grid: Grid, out: Path) -> None:
        out.mkdir()
        study = out / "study.yaml"
        study.write_text(json.dumps(self.record(grid)), encoding="utf-8")
        where = ["--store", str(out / "store"), "--out", str(out / "report")]
        command([sys.executable, "-m", "xstilts.cli", "run", str(study), *where], grid.folder)

    def predictions(self, grid: Grid, out: Path, seed: int, chain: str, target: Any) -> Path:
        from xstilts.plan.compile import compile_study
        from xstilts.store.store import Store
        from xstilts.study import make_study

        plan = compile_study(make_study(self.record(grid)), grid.data)
        (cell,) = (c for c in plan.cells if (c.id.seed, c.id.arm, c.id.target) == (seed, chain, target.task))
        made: Any = cell.score.inputs.predictions
        return Store(out / "store").folder("predict", made.slug, made.key) / "out"


def command(words: list[str], folder: Path) -> None:
    """Run it to its end, with a cache of its own. Raises RuntimeError with its last lines."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "XDG_CACHE_HOME": str(folder / "cache")}
    done = subprocess.run(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise RuntimeError("\n".join(done.stdout.splitlines()[-15:]))


RUNS: dict[str, Scripts | Xstilts] = {
    "naive": Scripts("max_length", share=False),
    "dynamic": Scripts("longest", share=False),
    "shared": Scripts("longest", share=True),
    "xstilts": Xstilts("fp32"),
    "xstilts-bf16": Xstilts("bf16"),
}


def scores(run: Scripts | Xstilts, grid: Grid, out: Path) -> Scores:
    """The predictions by the tasks' own metrics, read in one way for all runs."""
    import numpy as np

    from xstilts.formats.jsonl import read_jsonl, read_predictions
    from xstilts.stages.score import tally
    from xstilts.tasks import find_task

    values: dict[str, list[float]] = {}
    variances: dict[str, list[float]] = {}
    for seed, chain, target in grid.cells():
        folder = run.predictions(grid, out, seed, chain, target)
        metric = find_task(target.task).metric
        assert metric is not None
        for language in grid.study.languages:
            examples = list(read_jsonl(grid.examples(target.task, "test", language)))
            counts = tally(metric, examples, list(read_predictions(folder / f"{language}.jsonl")), language)
            each = 100 * metric.headline(counts)
            values.setdefault(f"{chain}, {target.task}", []).append(100 * float(metric.headline(counts.sum(0))))
            variances.setdefault(f"{chain}, {target.task}", []).append(float(each.var()) / len(each))
    return {cell: (float(np.mean(v)), float(np.sqrt(np.sum(variances[cell])) / len(v))) for cell, v in values.items()}


def measure(run: Scripts | Xstilts, grid: Grid, out: Path) -> dict[str, Any]:
    """Seconds of wall time and of CPU time of all the processes that it starts, and its scores."""

    def cpu() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    load = os.getloadavg()[0]
    before, began = cpu(), time.perf_counter()
    run.run(grid, out)
    wall, used = time.perf_counter() - began, cpu() - before
    return {"wall": wall, "cpu": used, "load_before": load, "scores": scores(run, grid, out)}


def tables(results: dict[str, dict[str, Any]]) -> str:
    """Costs and scores in Markdown. Ratios are to the first run."""
    first, names = next(iter(results.values())), list(results)
    lines = ["| run | wall, s | CPU, s | wall ratio | CPU ratio | load before |", "|---|---|---|---|---|---|"]
    for name, r in results.items():
        ratios = f"**{first['wall'] / r['wall']:.2f}** | {first['cpu'] / r['cpu']:.2f}"
        lines.append(f"| {name} | {r['wall']:.0f} | {r['cpu']:.0f} | {ratios} | {r['load_before']:.1f} |")
    lines += ["", f"| chain, target | {' | '.join(names)} | noise |", "|---" * (len(names) + 2) + "|"]
    for cell in first["scores"]:
        found = [r["scores"][cell] for r in results.values()]
        noise = 2 * 2**0.5 * max(error for _, error in found)
        lines.append(f"| {cell} | {' | '.join(f'{value:.1f}' for value, _ in found)} | {noise:.1f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", type=Path, required=True, help="a Hugging Face folder")
    parser.add_argument("--only", nargs="+", choices=RUNS, default=list(RUNS), metavar="RUN", help="ratios are to the first")
    parser.add_argument("--tiny", action="store_true", help="a few examples: does it run? (figures mean nothing)")
    parser.add_argument("--out", type=Path, default=OUT, help="where whole_study.json and .md are written (default: bench/out)")
    given = parser.parse_args()
    study = {**STUDY, **(TINY if given.tiny else {}), "encoders": [str(given.encoder.resolve())]}
    device = machine.device()
    facts = machine.facts(device)
    title = f"Whole study, {given.encoder.name}; {machine.line(facts)}"
    print(title)
    results: dict[str, dict[str, Any]] = {}
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        grid = Grid(study, Path(folder))
        grid.write()
        for name in given.only:
            if name == "xstilts-bf16" and not machine.multiplies_bf16(device):
                print(f"{name}: not run: this processor does not multiply bf16")
                continue
            results[name] = measure(RUNS[name], grid, Path(folder) / name)
            shutil.rmtree(Path(folder) / name)
            print(f"{name}: {results[name]['wall']:.0f} s", flush=True)
            record = {"machine": facts, "versions": machine.versions(), "study": study, "runs": results}
            (given.out / "whole_study.json").write_text(json.dumps(record, indent=1), encoding="utf-8")
            (given.out / "whole_study.md").write_text(f"{title}\n\n{tables(results)}\n", encoding="utf-8")
    print(f"\n{tables(results)}")


if __name__ == "__main__":
    main()
