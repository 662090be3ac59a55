"""The truth of a built-in study of synthetic data: run it with many other seeds, and write what came out beside it.

    python bench/truth.py demo --seeds 100 --studies 20 --store truth-store

runs as many studies as are asked for, each with the study's number of seeds, from seed 100 on (the store keeps what is done, so
it can be stopped and started), judges each by itself, and writes `src/xstilts/study/builtin/truth/demo.yaml`.
"""

import argparse
import re
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import yaml

from xstilts.analysis.gains import Gain, compute_transfer_gains
from xstilts.analysis.gather import gather
from xstilts.analysis.results import Results
from xstilts.analysis.scores import summarise
from xstilts.analysis.truth import identify
from xstilts.execution.execute import execute
from xstilts.plan.compile import compile_study
from xstilts.plan.design import identify_code
from xstilts.store.store import Store
from xstilts.study import Study, find_study

AT_ONCE = 3  # studies a run: with more there is less to wait for, and more to plan anew after a stop


def run_seeds(study: Study, store: Store, first: int, studies: int, workers: int | None) -> Results:
    """The scores of all seeds. Raises SystemExit if a stage failed."""
    size = len(study.seeds)
    for start in range(0, studies, AT_ONCE):
        seeds = range(first + start * size, first + min(start + AT_ONCE, studies) * size)
        state = execute(compile_study(study.model_copy(update={"seeds": tuple(seeds)})), store, workers)
        print(f"seeds {seeds.start} to {seeds.stop - 1}: {len(state.errors)} stages failed", flush=True)
        if state.errors:
            raise SystemExit(1)
    seeds = range(first, first + studies * size)
    return gather(compile_study(study.model_copy(update={"seeds": tuple(seeds)})), store)


def judge(results: Results, seeds: tuple[int, ...]) -> tuple[Gain, ...]:
    """The gains of the study that has only these seeds."""
    own = replace(
        results,
        seeds=seeds,
        cells=tuple(cell for cell in results.cells if cell.seed in seeds),
        treatments=tuple(one for one in results.treatments if one.seed in seeds),
    )
    return compute_transfer_gains(own, summarise(own))


def describe_processor() -> str:
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", info.read_text()) if info.is_file() else None
    return found[1] if found else "unknown processor"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study")
    parser.add_argument("--seeds", type=int, default=100, help="the first one")
    parser.add_argument("--studies", type=int, default=20)
    parser.add_argument("--store", type=Path, default=Path("truth-store"))
    parser.add_argument("--workers", type=int)
    asked = parser.parse_args()
    study = Study.load(asked.study)
    size, runs = len(study.seeds), asked.studies * len(study.seeds)
    results = run_seeds(study, Store(asked.store), asked.seeds, asked.studies, asked.workers)
    verdicts: dict[tuple[str, str, str], Counter[str]] = {}
    for start in range(asked.seeds, asked.seeds + runs, size):
        for gain in judge(results, tuple(range(start, start + size))):
            verdicts.setdefault((gain.chain, gain.target, gain.against), Counter())[gain.verdict] += 1
    gains = []
    for gain in compute_transfer_gains(results, summarise(results)):
        by_seed = 100 * np.array([seed.transfer for seed in gain.seeds])
        gains.append(
            {
                "chain": gain.chain,
                "target": gain.target,
                "over": gain.against,
                "kind": gain.over,
                "points": round(float(by_seed.mean()), 3),
                "error": round(float(by_seed.std(ddof=1) / len(by_seed) ** 0.5), 3),
                "verdicts": dict(verdicts[gain.chain, gain.target, gain.against].most_common()),
            }
        )
    record = {
        "design": identify(study),
        "seeds": [asked.seeds, asked.seeds + runs - 1],
        "repeats": asked.studies,
        "size": size,
        "date": time.strftime("%Y-%m-%d"),
        "code": str(identify_code()),
        "processor": describe_processor(),
        "gains": gains,
    }
    path = find_study(asked.study).parent / "truth" / f"{study.name}.yaml"
    path.write_text(f"# Written by bench/truth.py {asked.study}.\n{yaml.safe_dump(record, sort_keys=False, width=120)}")
    print(path)


if __name__ == "__main__":
    main()
