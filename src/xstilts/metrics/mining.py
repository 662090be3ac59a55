"""Bitext mining (BUCC 2018; Zweigenbaum et al. 2018): F1 over the mined pairs, and how the pairs are selected.

The protocol is XTREME's (google-research/xtreme, third_party/utils_retrieve.py, after Artetxe and Schwenk 2019): candidates of
both directions, matched one-to-one greedily by score, a threshold tuned on dev gold. Pairs at or above it are the answer. Two
repairs of its `bucc_optimize`. When the best cut keeps every candidate, no next score is left (IndexError there), so the
threshold is the lowest score. A cut between equal scores is not considered, since no threshold can make it (there, the order of
equal scores decides). Of cuts with equal F1 the highest is taken, as there. But F1 is one exactly rounded quotient here, so
that rounding does not choose between them.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xstilts.formats.format import Example
from xstilts.formats.prediction import Prediction
from xstilts.metrics.metric import match_answers
from xstilts.metrics.tag import CHUNK_F1


def _tally(example: Example, prediction: Prediction) -> tuple[float, float, float]:
    gold, predicted = map(set, match_answers(example, prediction, tuple))
    return float(len(gold & predicted)), float(len(predicted)), float(len(gold))


# A query is a foreign sentence; its answer are the English sentences mined for it. Micro: pairs are counted over the pool.
BUCC_F1 = replace(CHUNK_F1, name="bucc_f1", tally=_tally, cite="zweigenbaum2018bucc")


def match_one_to_one(scores: ArrayLike, sources: ArrayLike, targets: ArrayLike) -> NDArray[np.int64]:
    """Positions of the candidates that stay when each, best score first, takes its source and its target.

    Candidate n pairs `sources[n]` with `targets[n]` (row numbers, >= 0) at `scores[n]`; shapes (N,). For XTREME's retrieval
    "max", give it the best pair of every source and of every target. Of equal scores the earlier one comes first."""
    scores_N = np.asarray(scores, dtype=np.float64)
    sources_N, targets_N = np.asarray(sources, dtype=np.int64), np.asarray(targets, dtype=np.int64)
    order = np.argsort(-scores_N, kind="stable")
    free_source, free_target = (bytearray(b"\1") * (int(side.max(initial=-1)) + 1) for side in (sources_N, targets_N))
    kept = []
    rows = zip(order.tolist(), sources_N[order].tolist(), targets_N[order].tolist(), strict=True)
    for position, source, target in rows:
        if free_source[source] and free_target[target]:
            free_source[source] = free_target[target] = 0
            kept.append(position)
    return np.array(kept, dtype=np.int64)


def find_threshold(scores: ArrayLike, is_gold: ArrayLike, n_gold: int) -> float:
    """The threshold t with the highest F1 of the pairs {score >= t}. Of equal F1, the one that keeps the fewest pairs.

    `is_gold` marks the candidates that are gold pairs. `n_gold` is the number of gold pairs, found or not. The threshold is
    half-way between the last score kept and the next one. It is 0.0 (as in XTREME) when no candidate is gold."""
    scores_N = np.asarray(scores, dtype=np.float64)
    order = np.argsort(-scores_N, kind="stable")
    sorted_N = scores_N[order]
    correct_N = np.cumsum(np.asarray(is_gold, dtype=bool)[order])
    f1_N = 2 * correct_N / (np.arange(1, len(sorted_N) + 1) + n_gold)
    f1_N[:-1][sorted_N[:-1] == sorted_N[1:]] = 0.0
    if not f1_N.any():
        return 0.0
    best = int(np.argmax(f1_N))
    last = float(sorted_N[best])
    if best + 1 == len(sorted_N):
        return last
    following = float(sorted_N[best + 1])
    middle = (last + following) / 2
    return middle if middle > following else last
