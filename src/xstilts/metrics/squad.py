"""SQuAD v1.1 exact match and F1 (Rajpurkar et al. 2016, https://aclanthology.org/D16-1264; official script v1.1).

XTREME uses this English normalisation for every language of XQuAD and TyDiQA, so Chinese and Thai are compared as
whitespace tokens and only ASCII punctuation goes. The headline is XTREME's QA score, (EM + F1) / 2. MLQA has a
normalisation per language and is *not* this metric.
Surprising and official: when gold and prediction both normalise to nothing ("the", "?"), EM is 1 and F1 is 0.
"""

from __future__ import annotations

import re
import string
from collections import Counter

import numpy as np

from xstilts.data.example import Example, Prediction
from xstilts.metrics.metric import Counts, Metric, answers, ratio

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLE = re.compile(r"\b(?:a|an|the)\b")


def normalise(text: str) -> list[str]:
    """Tokens of the lower-cased text without ASCII punctuation and, after that, without English articles."""
    return _ARTICLE.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split()


def token_f1(gold: list[str], predicted: list[str]) -> float:
    """Harmonic mean of precision and recall over the two bags of tokens, 0 when they share none."""
    shared = (Counter(gold) & Counter(predicted)).total()
    return 2 * shared / (len(gold) + len(predicted)) if shared else 0.0


def _tally(example: Example, prediction: Prediction) -> tuple[float, float, float]:
    gold, text = answers(example, prediction, str)
    predicted = normalise(text)
    golds = [normalise(answer.text) for answer in gold]
    f1 = max((token_f1(tokens, predicted) for tokens in golds), default=0.0)
    return f1, float(predicted in golds), 1.0


def _finish(sums: Counts) -> Counts:
    sums = np.asarray(sums, dtype=np.float64)
    return ratio(sums[..., :2], np.broadcast_to(sums[..., 2:], sums[..., :2].shape))


SQUAD = Metric(
    name="squad",
    counts=("f1", "em", "total"),
    values=("f1", "em"),
    tally=_tally,
    finish=_finish,
    cite="rajpurkar2016squad",
    main=(0, 1),
)
