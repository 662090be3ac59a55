"""The intervals of a whole grid from stored tallies: 9 targets x 10 chains x 40 languages x 3 seeds, 10,000 resamples.

Four targets are parallel (all languages share 500 ids), five have 500 ids of their own in every language. Every chain gets
its overall interval and one for each language: 90 + 3,600 intervals. In a fresh process with one thread, since threads that
wait for each other make small matrix products slower on a busy machine; peak memory is that above the tallies.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from xstilts.metrics.classify import ACCURACY
from xstilts.metrics.paired import LanguageTallies
from xstilts.metrics.significance import gain_interval, gain_intervals
from xstilts.stages.attempt import forget_peak_memory, peak_memory_mib

TARGETS, PARALLEL, CHAINS, LANGUAGES, SEEDS, IDS = 9, 4, 10, 40, 3, 500
RESAMPLES = 10_000
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def tallies(target: int) -> tuple[dict[str, Sequence[LanguageTallies]], Sequence[LanguageTallies]]:
    """Chains and control of one target: answers of varying ease, each seed and chain a little different."""
    rng = np.random.default_rng(target)
    codes = [f"l{k:02}" for k in range(LANGUAGES)]
    ids = {c: np.array([f"{'' if target < PARALLEL else c}-{i:05}" for i in range(IDS)]) for c in codes}
    ease_LN = rng.normal(0.3, 1, (LANGUAGES, IDS))

    def run(gain: float) -> LanguageTallies:
        right_LN = ease_LN + gain + rng.normal(0, 0.05) + rng.normal(0, 0.7, (LANGUAGES, IDS)) > 0
        return {c: (ids[c], np.stack([right, np.ones(IDS)], axis=1)) for c, right in zip(codes, right_LN, strict=True)}

    return {f"chain{k}": [run(0.02 * k) for _ in range(SEEDS)] for k in range(CHAINS)}, [run(0.0) for _ in range(SEEDS)]


def measure() -> dict[str, float]:
    """The grid, and one chain of a parallel target by itself; seconds do not include the making of the tallies."""
    seconds, intervals, peak = 0.0, 0, 0.0
    for target in range(TARGETS):
        chains, control = tallies(target)
        gain_intervals([(chains["chain0"], control)], ACCURACY.headline, resamples=2)
        forget_peak_memory()
        before, begin = peak_memory_mib(), time.perf_counter()
        found = gain_intervals([(chain, control) for chain in chains.values()], ACCURACY.headline, resamples=RESAMPLES)
        seconds += time.perf_counter() - begin
        peak = max(peak, peak_memory_mib() - before)
        intervals += sum(1 + len(gains.languages) for gains in found)
        if target == 0:
            together, ten_seconds = found[0].overall, seconds
            begin = time.perf_counter()
            alone = gain_interval(chains["chain0"], control, ACCURACY.headline, resamples=RESAMPLES)
            one_seconds = time.perf_counter() - begin
            difference = max(abs(alone.low - together.low), abs(alone.high - together.high))
    return {
        "seconds": seconds,
        "intervals": intervals,
        "peak_mib": peak,
        "one_chain_seconds": one_seconds,
        "ten_chains_seconds": ten_seconds,
        "largest_difference": difference,
    }


def main() -> list[dict[str, Any]]:
    command = [sys.executable, __file__, "--measure"]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | ONE_THREAD).stdout)
    print(
        f"intervals, {TARGETS} targets x {CHAINS} chains x {LANGUAGES} languages x {SEEDS} seeds, {RESAMPLES:,} resamples,"
        f" one thread: {found['seconds']:.1f} s for {found['intervals']:,} intervals, peak {found['peak_mib']:,.0f} MiB"
    )
    print(
        f"  one chain alone {found['one_chain_seconds']:.2f} s, ten chains together {found['ten_chains_seconds']:.2f} s;"
        f" the ends of their intervals differ by {found['largest_difference']:.1e}"
    )
    return [{"name": "intervals, whole grid", **found}]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure()))
    else:
        main()
