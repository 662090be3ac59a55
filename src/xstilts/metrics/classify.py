"""Accuracy: the share of examples with the right answer (XNLI, PAWS-X, NLI, multiple choice, XVNLI).

It works for labels (ClassifyExample) and indices (ChoiceExample), since it only compares two answers. A predicted label outside
the task's label set is wrong, not an error. A prediction of another type is an error.
"""

import numpy as np

from xstilts.formats.format import Example
from xstilts.formats.prediction import Prediction
from xstilts.metrics.metric import Counts, Metric, divide, match_answers


def tally_equal(example: Example, prediction: Prediction) -> tuple[float, float]:
    """(1 if the two answers are equal, else 0; 1)."""
    gold, predicted = match_answers(example, prediction, type(example.answer))
    return float(gold == predicted), 1.0


def finish_share(sums: Counts) -> Counts:
    """(..., [correct, total]) -> (..., [correct / total])."""
    sums = np.asarray(sums, dtype=np.float64)
    return divide(sums[..., :1], sums[..., 1:])


def _tally_labelled(example: Example, prediction: Prediction) -> tuple[float, float, float]:
    """(1 if the two answers are equal, else 0; 1 if there is a gold answer, else 0; 1)."""
    return (0.0, 0.0, 1.0) if example.answer is None else (*tally_equal(example, prediction), 1.0)


def _finish_shares(sums: Counts) -> Counts:
    """(..., [correct, labelled, total]) -> (..., [correct / labelled, correct / total])."""
    sums = np.asarray(sums, dtype=np.float64)
    return divide(np.repeat(sums[..., :1], 2, axis=-1), sums[..., 1:])


ACCURACY = Metric(
    "accuracy", ("correct", "total"), ("accuracy",), tally_equal, finish_share, cite="hu2020xtreme", right_or_wrong=True
)
# XVNLI has 1,164 pairs, 14 of them without a gold label. The headline is over the 1,150 that have one, as in CCLM's evaluation.
# `accuracy_1164` counts the others as wrong, as VOLTA does, whose scores IGLUE reports.
XVNLI = Metric(
    "xvnli",
    ("correct", "labelled", "total"),
    ("accuracy", "accuracy_1164"),
    _tally_labelled,
    _finish_shares,
    cite="bugliarello2022iglue",
    right_or_wrong=True,
    sizes=lambda sums: sums[1:],
)
