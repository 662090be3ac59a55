"""The trivial baseline of a test set: what can be scored without reading it.

It is the best of guessing (1 in the number of labels, or of candidates) and of the format's blind rules, such as one label for
all. A balanced guess is too low a bar where labels are not balanced: on PAWS-X one label for all is right in about 55 %.
"""

from collections.abc import Sequence
from itertools import islice

import numpy as np

from xstilts.formats.format import Example, Format
from xstilts.formats.prediction import Prediction
from xstilts.metrics.metric import Metric

ENOUGH = 2000  # examples; a share of them is known to about one point


def measure_baseline(format: Format, metric: Metric, examples: Sequence[Example]) -> float | None:
    """The headline score (0-1), of the first 2,000 examples that have an answer; None without any, or where the format has no
    such rule. `metric` is that of the examples' language."""
    asked = list(islice((example for example in examples if example.scored and example.answer is not None), ENOUGH))
    if not asked:
        return None
    guess = format.chance([len(examples)])
    found = [guess] if guess is not None else []
    for answers in format.blind_answers(asked):
        rows = [metric.tally(example, Prediction(example.id, answer)) for example, answer in zip(asked, answers, strict=True)]
        found.append(float(metric.headline(np.array(rows, dtype=np.float64).sum(axis=0))))
    return max(found, default=None)
