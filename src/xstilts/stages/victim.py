"""The model of a finished cell as the victim of a search: the score of the right answer, for each example.

Where a format chooses among answers (classification, choice, tags) the score is the margin of the right answer, so that a search
sees how near it is. For spans it is how far the best answer that counts as right is above the best one that does not, among the
likeliest spans of each window and the gold ones. Elsewhere, and where one of the two is missing, it is the example's own score,
0-1, less `RIGHT`. In all cases a score below 0 is a wrong answer.
"""

from collections.abc import Sequence
from copy import copy
from typing import Self

import numpy as np

from xstilts.attacks.search import Propose
from xstilts.formats.format import Example
from xstilts.formats.prediction import Prediction
from xstilts.metrics.metric import Metric
from xstilts.metrics.worst import RIGHT, own_scores
from xstilts.model.codecs.codec import Codec
from xstilts.model.codecs.span import Ranked, SpanCodec
from xstilts.stages.masked_words import MaskedWords
from xstilts.stages.own_inputs import load_predictor
from xstilts.stages.stage import Checkpoint, PredictStage
from xstilts.stages.white_box import Flipper, measure_noise
from xstilts.store.store import Store

TIE = 1e-9  # the margin of a right answer that is no less likely than the wrong one before it


class CellVictim:
    """Raises InputError if the store does not have the model of the predict stage. The attacks of `attacks/model_based.py` ask it
    for more than scores."""

    def __init__(self, store: Store, stage: PredictStage, metric: Metric):
        self._predictor, self._metric = load_predictor(store, stage), metric
        self._store, self._stage = store, stage

    def __call__(self, examples: Sequence[Example]) -> list[float]:
        found = self._predictor
        if isinstance(found.codec, SpanCodec):
            return [self._measure(e, ranked) for e, ranked in zip(examples, found.rank(examples), strict=True)]
        if type(found.codec).margins is not Codec.margins:
            return found.margins(examples)
        return [self._judge(e, p) for e, p in zip(examples, found.answer(examples), strict=True)]

    def _judge(self, example: Example, prediction: Prediction) -> float:
        """The own score less `RIGHT`."""
        tally_1C = np.array([self._metric.tally(example, prediction)], dtype=np.float64)
        return float(own_scores(self._metric, tally_1C)[0]) - RIGHT

    def _measure(self, example: Example, ranked: Sequence[Ranked]) -> float:
        """The margin of the best right answer. Judges no more answers than it must: those down to the first of the other kind."""
        if not ranked:
            return -RIGHT
        best, answer = ranked[0]
        judged = self._judge(example, answer)
        seen = {answer.answer}
        for score, other in ranked[1:]:
            if other.answer not in seen and (self._judge(example, other) >= 0) != (judged >= 0):
                return best - score if judged >= 0 else min(score - best, -TIE)
            seen.add(other.answer)
        return judged

    def cut(self, alpha: float, seed: int) -> Self:
        """The same model with words cut at random by the ids of examples. Raises InputError if its tokenizer cannot."""
        other = copy(self)
        other._predictor = self._predictor.cut(alpha, seed)
        return other

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
