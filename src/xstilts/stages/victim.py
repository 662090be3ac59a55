"""The model of a finished cell as the victim of a search: the score of the right answer, for each example.

Where a format chooses among answers (classification, choice, tags) the score is the margin of the right answer, so that a search
sees how near it is. Elsewhere it is the example's own score, 0-1, less `RIGHT`. In both cases a score below 0 is a wrong answer.
"""

from collections.abc import Sequence
from copy import copy
from typing import Self

import numpy as np

from xstilts.formats.format import Example
from xstilts.metrics.metric import Metric
from xstilts.metrics.worst import RIGHT, own_scores
from xstilts.model.codecs.codec import Codec
from xstilts.stages.own_inputs import load_predictor
from xstilts.stages.stage import PredictStage
from xstilts.store.store import Store


class CellVictim:
    """Raises InputError if the store does not have the model of the predict stage."""

    def __init__(self, store: Store, stage: PredictStage, metric: Metric):
        self._predictor, self._metric = load_predictor(store, stage), metric

    def __call__(self, examples: Sequence[Example]) -> list[float]:
        found = self._predictor
        if type(found.codec).margins is not Codec.margins:
            return found.margins(examples)
        tallies = [self._metric.tally(e, p) for e, p in zip(examples, found.answer(examples), strict=True)]
        scores: list[float] = (own_scores(self._metric, np.asarray(tallies, dtype=np.float64)) - RIGHT).tolist()
        return scores

    def cut(self, alpha: float, seed: int) -> Self:
        """The same model with words cut at random by the ids of examples. Raises InputError if its tokenizer cannot."""
        other = copy(self)
        other._predictor = self._predictor.cut(alpha, seed)
        return other
