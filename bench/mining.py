"""Exact bitext mining against faiss-cpu: neighbours in both directions and their ratio margins, 20,000 x 20,000 x 768, k = 4.

The peer is `IndexFlatIP`, searched once each way on unit vectors (XTREME's way), with the same number of threads. Two kinds
of made-up vectors, half of them translations: noise, and vectors like an encoder's (few directions, cosines near 1). Where an
encoder is given, its own vectors of real sentences and their translations (`inputs.py`). Rounds are interleaved, the order
rotates, the peer runs twice a round; peak memory is that of a fresh process, without the vectors.
By itself, `python bench/mining.py`, it measures both kinds in more rounds.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import machine
from xstilts.model import neighbours
from xstilts.stages.attempt import forget_peak_memory, peak_memory_mib

N, SIZE, K = 20_000, 768, 4
ROUNDS = 5
SAME = 1e-6  # cosines closer than this are ties to faiss, whose sums are in fp32

Vectors = NDArray[np.float32]
Near = tuple[NDArray[np.float32], NDArray[np.int64]]


def vectors(kind: str) -> tuple[Vectors, Vectors]:
    """Two pools of unit vectors, of a made-up kind or in a file."""
    if kind.endswith(".npz"):
        with np.load(kind) as found:
            return found["x"], found["y"]
    rng = np.random.default_rng(0)
    directions = rng.standard_normal((64, SIZE), dtype=np.float32)
    common = 30 * rng.standard_normal(SIZE, dtype=np.float32)

    def pool() -> Vectors:
        noise = rng.standard_normal((N, SIZE), dtype=np.float32)
        return noise if kind == "noise" else common + rng.standard_normal((N, 64), dtype=np.float32) @ directions + noise

    x, y = pool(), pool()
    y[: N // 2] = x[: N // 2] + 0.7 * (y[: N // 2] - y[: N // 2].mean(0))
    return tuple(side / np.linalg.norm(side, axis=1, keepdims=True) for side in (x, y))  # type: ignore[return-value]


def with_xstilts(x: Vectors, y: Vectors) -> tuple[Near, Near]:
    found = neighbours.find_neighbours(torch.from_numpy(x), torch.from_numpy(y), K)
    near: Any = tuple((cosines.numpy(), indices.numpy()) for cosines, indices in found)
    neighbours.margins(*near)
    return near


def with_xstilts_fp32(x: Vectors, y: Vectors) -> tuple[Near, Near]:
    """As on a processor that does not multiply bf16."""
    native, neighbours.product_type = neighbours.product_type, lambda _: torch.float32
    try:
        return with_xstilts(x, y)
    finally:
        neighbours.product_type = native


def with_faiss(x: Vectors, y: Vectors) -> tuple[Near, Near]:
    import faiss

    near = []
    for queries, database in ((x, y), (y, x)):
        index = faiss.IndexFlatIP(database.shape[1])
        index.add(database)
        near.append(index.search(queries, K))
    neighbours.margins(*near)
    return near[0], near[1]


VARIANTS: dict[str, Callable[[Vectors, Vectors], tuple[Near, Near]]] = {
    "xstilts": with_xstilts,
    "xstilts, fp32 only": with_xstilts_fp32,
    "faiss": with_faiss,
    "faiss again": with_faiss,
}


def set_threads(threads: int) -> None:
    import faiss

    torch.set_num_threads(threads)
    faiss.omp_set_num_threads(threads)


def differences(ours: tuple[Near, Near], theirs: tuple[Near, Near], x: Vectors, y: Vectors) -> dict[str, Any]:
    """How many neighbours differ and how many of these are ties, and by how much the margins of the others differ."""
    places = ties = 0
    farthest = 0.0
    margins = zip(neighbours.margins(*ours), neighbours.margins(*theirs), strict=True)
    for (_, found), (_, found_), (margin, margin_), (queries, database) in zip(
        ours, theirs, margins, ((x, y), (y, x)), strict=True
    ):
        for row, place in zip(*np.nonzero(found != found_), strict=True):
            one, other = (database[f[row, place]].astype(np.float64) @ queries[row] for f in (found, found_))
            places += 1
            ties += int(abs(one - other) < SAME)
        farthest = max(farthest, float(np.abs(margin - margin_)[found == found_].max()))
    return {"neighbours": K * (len(x) + len(y)), "differ": places, "of_these_ties": ties, "margins": farthest}


def peak_mib(variant: str, kind: str, threads: int) -> float:
    """Peak memory above that of the vectors, MiB, in a fresh process."""
    command = [sys.executable, __file__, "--peak", variant, kind, str(threads)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def print_peak(variant: str, kind: str, threads: int) -> None:
    set_threads(threads)
    x, y = vectors(kind)
    VARIANTS[variant](x[:64], y[:64])  # libraries and threads
    forget_peak_memory()
    before = peak_memory_mib()
    VARIANTS[variant](x, y)
    print(peak_memory_mib() - before)


def measure(kind: str, threads: int, rounds: int) -> list[dict[str, Any]]:
    x, y = vectors(kind)
    label = "an encoder's vectors" if kind.endswith(".npz") else kind
    print(f"\nmining, {label}, {len(x):,} x {len(y):,} x {x.shape[1]}, both directions, k = {K}")
    set_threads(threads)
    seconds: dict[str, list[float]] = {name: [] for name in VARIANTS}
    found: dict[str, tuple[Near, Near]] = {}
    for run in VARIANTS.values():
        run(x[:64], y[:64])
    names = list(VARIANTS)
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            begin = time.perf_counter()
            found[name] = VARIANTS[name](x, y)
            seconds[name].append(time.perf_counter() - begin)
    peaks = {name: peak_mib(name, kind, threads) for name in names[:3]}
    results: list[dict[str, Any]] = []
    for name in (names[0], names[1], names[3]):
        ratios = sorted(f / s for f, s in zip(seconds["faiss"], seconds[name], strict=True))
        result: dict[str, Any] = {
            "name": f"mining, {label} ({name})",
            "peer": f"faiss-cpu IndexFlatIP, two searches, {threads} threads",
            "ratio": {"median": statistics.median(ratios), "min": ratios[0], "max": ratios[-1]},
            "seconds": statistics.median(seconds[name]),
            "peak_mib": peaks.get(name),
            "peer_peak_mib": peaks["faiss"],
            "equal": differences(found[name], found["faiss"], x, y),
        }
        results.append(result)
        memory = f", peak {peaks[name]:,.0f} MiB (faiss {peaks['faiss']:,.0f})" if name in peaks else ""
        print(
            f"  {name:20} {statistics.median(ratios):5.2f}x faiss  [{ratios[0]:.2f}, {ratios[-1]:.2f}]"
            f"  {result['seconds']:.2f} s{memory}"
        )
    equal = results[0]["equal"]
    print(
        f"  {equal['neighbours']:,} neighbours: {equal['differ']} differ from faiss's, {equal['of_these_ties']} of them ties"
        f" (cosines within {SAME:g}); margins within {equal['margins']:.1e}"
    )
    return results


def main(kinds: Sequence[str] = ("noise", "encoder-like"), rounds: int = ROUNDS) -> list[dict[str, Any]]:
    try:
        import faiss  # noqa: F401
    except ImportError:
        return [{"name": "mining", "peer": "faiss-cpu", "not_run": "not installed; pip install -e '.[bench]'"}]
    return [result for kind in kinds for result in measure(kind, machine.threads(), rounds)]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peak"]:
        print_peak(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        main()
