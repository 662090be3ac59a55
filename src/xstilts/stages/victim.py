"""The model of a finished cell as the victim of a search: the score of the right answer, for each example.

Where a format chooses among answers (classification, choice, tags) the score is the margin of the right answer, so that a search
sees how near it is. Elsewhere it is the example's own score, 0-1, less `RIGHT`. In both cases a score below 0 is a wrong answer.
"""

from collections.abc import Sequence

import numpy as np

from xstilts.attacks.search import Propose
from xstilts.formats.format import Example
from xstilts.metrics.metric import Metric
from xstilts.metrics.worst import RIGHT, own_scores
from xstilts.model.codecs.codec import Codec
from xstilts.stages.masked_words import MaskedWords
from xstilts.stages.own_inputs import load_predictor
from xstilts.stages.stage import Checkpoint, PredictStage
from xstilts.stages.white_box import Flipper, measure_noise
from xstilts.store.store import Store
from xstilts.train.evaluate import measure_margins


class CellVictim:
    """Raises InputError if the store does not have the model of the predict stage. The attacks of `attacks/model_based.py` ask it
    for more than scores."""

    def __init__(self, store: Store, stage: PredictStage, metric: Metric):
        self._predictor, self._metric = load_predictor(store, stage), metric
        self._store, self._stage = store, stage

    def __call__(self, examples: Sequence[Example]) -> list[float]:
        found = self._predictor
        if type(found.codec).margins is not Codec.margins:
            return measure_margins(found.model, found.head, found.codec, examples)
        tallies = [self._metric.tally(e, p) for e, p in zip(examples, found.answer(examples), strict=True)]
        scores: list[float] = (own_scores(self._metric, np.asarray(tallies, dtype=np.float64)) - RIGHT).tolist()
        return scores

    def propose(self, language: str, blind: bool = False) -> Propose:
        """Replacements of words by the gradients of this model (HotFlip), or at random."""
        return Flipper(self._predictor, language, blind)

    def substitute(self, language: str) -> Propose:
        """Replacements of words by the encoder that this model began as."""
        model = self._stage.inputs.model
        assert isinstance(model, Checkpoint)
        return MaskedWords(self._store, model, language)

    def perturb(self, examples: Sequence[Example], size: float) -> list[list[float]]:
        """Of each example its score without noise on the word embeddings, and at each step of projected gradient ascent."""
        return measure_noise(self._predictor, examples, size)
