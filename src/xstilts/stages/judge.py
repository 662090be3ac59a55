"""The model of an NLI cell as a judge: does one text follow from another?"""

from collections.abc import Sequence

from xstilts.errors import InputError
from xstilts.formats.classify import Classify, ClassifyExample
from xstilts.stages.own_inputs import load_predictor
from xstilts.stages.stage import PredictStage
from xstilts.store.store import Store
from xstilts.train.evaluate import measure_probabilities

LABEL = "entailment"


class CellJudge:
    """Pairs of texts -> the probability that the second follows from the first. Raises InputError for a cell of another kind of
    task, and if the store does not have the model."""

    def __init__(self, store: Store, stage: PredictStage):
        format = stage.config.format
        if not isinstance(format, Classify) or format.texts != 2 or LABEL not in format.labels:
            raise InputError(
                f"the judge answers {stage.config.head}; expected a cell of a task with the label {LABEL} of two texts"
            )
        self._predictor, self._place = load_predictor(store, stage), format.labels.index(LABEL)

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        found = self._predictor
        examples = [ClassifyExample(str(i), pair, None) for i, pair in enumerate(pairs)]
        return [p[self._place] for p in measure_probabilities(found.model, found.head, found.codec, examples)]
