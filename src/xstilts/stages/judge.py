"""The model of an NLI cell as a judge: does one text follow from another?"""

from collections.abc import Sequence
from copy import copy

from xstilts.errors import InputError
from xstilts.formats.classify import Classify, ClassifyExample
from xstilts.model.encoder import max_positions
from xstilts.stages.own_inputs import load_predictor
from xstilts.stages.stage import PredictStage
from xstilts.store.store import Store
from xstilts.train.evaluate import measure_probabilities

LONGEST = 512  # tokens of a pair
LABEL, OPPOSITE = "entailment", "contradiction"


class CellJudge:
    """Pairs of texts -> the probability that the second follows from the first. It reads `longest` tokens of a pair, more than
    the recipe of a short task may allow; `cut` counts the pairs that are longer. Raises InputError for a cell of another kind
    of task, and if the store does not have the model."""

    def __init__(self, store: Store, stage: PredictStage):
        format = stage.config.format
        if not isinstance(format, Classify) or format.texts != 2 or LABEL not in format.labels:
            raise InputError(
                f"the judge answers {stage.config.head}; expected a cell of a task with the label {LABEL} of two texts"
            )
        self._predictor, self._labels, self.cut = load_predictor(store, stage), format.labels, 0
        self._codec = copy(self._predictor.codec)
        self.longest = self._codec.max_length = min(LONGEST, max_positions(self._predictor.model.encoder))

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        place = self._labels.index(LABEL)
        return [p[place] for p in self._measure(pairs)]

    def weigh(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, float]]:
        """Of each pair the probabilities that the second text follows from the first, and that it contradicts it (0 for a task
        without that label)."""
        first, second = self._labels.index(LABEL), self._labels.index(OPPOSITE) if OPPOSITE in self._labels else None
        return [(p[first], 0.0 if second is None else p[second]) for p in self._measure(pairs)]

    def _measure(self, pairs: Sequence[tuple[str, str]]) -> list[Sequence[float]]:
        found = self._predictor
        examples = [ClassifyExample(str(i), pair, None) for i, pair in enumerate(pairs)]
        self.cut += (
            sum(len(one.rows[0]) == self.longest for one in self._codec.encode(examples, training=False)) if examples else 0
        )
        return list(measure_probabilities(found.model, found.head, self._codec, examples))
