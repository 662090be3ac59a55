"""The worst of several predictions of one example: what is left of a score when an attacker may choose among variants.

An example's own score is the metric's headline on its tally alone. Where the tally counts nothing (no name in the sentence, and
none predicted) nothing is wrong, and the score is 1. Of equal scores the first counts, so that the clean prediction stands unless
a variant is truly worse. More variants can only lower an example's own score. For a metric that is the mean of these (accuracy,
SQuAD) the attacked score can only fall too. F1 over a whole corpus may rise by a little: it weighs sentences by their names.

Legend: N examples, C counts.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from xstilts.metrics.metric import Counts, Metric, Values

RIGHT = 0.5  # the least own score of an example that counts as right


def own_scores(metric: Metric, counts_NC: Counts) -> Values:
    """The score of each example by itself, 0-1: shape (N, C) -> (N,)."""
    return np.where(counts_NC.any(axis=1), metric.headline(counts_NC), 1.0)


def choose_worst(metric: Metric, clean_NC: Counts, variants: Sequence[Counts]) -> NDArray[np.int64]:
    """For each example -1 if its clean tally is the worst, else the place of its worst variant. `variants` holds, for each
    example, the tallies of its variants, shape (K, C); K may be 0."""
    chosen_N = np.full(len(clean_NC), -1)
    worst_N = own_scores(metric, clean_NC)
    for n, counts_KC in enumerate(variants):
        scores_K = own_scores(metric, counts_KC)
        if len(scores_K) and scores_K.min() < worst_N[n]:
            chosen_N[n] = scores_K.argmin()
    return chosen_N


def success_rate(clean_N: Values, attacked_N: Values) -> float | None:
    """Of the examples that were right (own scores), the share that no longer are; None if none was right."""
    right_N = clean_N >= RIGHT
    return float((attacked_N[right_N] < RIGHT).mean()) if right_N.any() else None
