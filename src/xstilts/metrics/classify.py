"""Accuracy: the share of examples whose predicted answer is the gold answer (XNLI, PAWS-X, NLI, multiple choice).

Works for labels (ClassifyExample) and for indices (ChoiceExample) alike: it asks only whether the two answers are equal.
A predicted label outside the task's label set is wrong, not an error; a prediction of another type is an error.
"""

from __future__ import annotations

import numpy as np

from xstilts.formats.prediction import Prediction
from xstilts.formats.registry import Example
from xstilts.metrics.metric import Counts, Metric, divide, match_answers


def tally_equal(example: Example, prediction: Prediction) -> tuple[float, float]:
    """(correct, 1): whether the two answers are equal."""
    gold, predicted = match_answers(example, prediction, type(example.answer))
    return float(gold == predicted), 1.0


def finish_share(sums: Counts) -> Counts:
    """(..., [correct, total]) -> (..., [correct / total])."""
    sums = np.asarray(sums, dtype=np.float64)
    return divide(sums[..., :1], sums[..., 1:])


ACCURACY = Metric(
    name="accuracy",
    counts=("correct", "total"),
    values=("accuracy",),
    tally=tally_equal,
    finish=finish_share,
    cite="hu2020xtreme",
    right_or_wrong=True,
)
