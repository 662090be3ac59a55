"""SQuAD exact match and F1: v1.1 (Rajpurkar et al. 2016, https://aclanthology.org/D16-1264) and v2.0 (Rajpurkar et al. 2018,
https://aclanthology.org/P18-2124), as in the official scripts of the two versions.

XTREME uses v1.1's English normalisation for every language of XQuAD and TyDiQA. So Chinese and Thai are compared as whitespace
tokens, and only ASCII punctuation is removed. The headline is XTREME's QA score, (EM + F1) / 2. MLQA has a normalisation for
each language and is *not* this metric (see `mlqa.py`). Surprising and official: when gold and prediction both normalise to
nothing ("the", "?"), v1.1 gives EM 1 and F1 0, and v2.0 gives F1 1 as well. In v2.0, a gold answer that normalises to nothing
is "no answer".
"""

import re
import string
from collections import Counter

import numpy as np

from xstilts.formats.format import Example
from xstilts.formats.prediction import Prediction
from xstilts.metrics.metric import Counts, Metric, divide, match_answers

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLE = re.compile(r"\b(?:a|an|the)\b")


def normalise(text: str) -> list[str]:
    """Tokens of the lower-cased text without ASCII punctuation and then without English articles."""
    return _ARTICLE.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split()


def token_f1(gold: list[str], predicted: list[str]) -> float:
    """Harmonic mean of precision and recall over the two bags of tokens; 0 if they share none."""
    shared = (Counter(gold) & Counter(predicted)).total()
    return 2 * shared / (len(gold) + len(predicted)) if shared else 0.0


def score_best(golds: list[list[str]], predicted: list[str]) -> tuple[float, float]:
    """(F1, EM) of a prediction: the best over the gold answers, all as tokens. (0, 0) without gold answers."""
    return max((token_f1(tokens, predicted) for tokens in golds), default=0.0), float(predicted in golds)


def _tally(example: Example, prediction: Prediction) -> tuple[float, ...]:
    gold, text = match_answers(example, prediction, str)
    return *score_best([normalise(answer.text) for answer in gold], normalise(text)), 1.0


def finish_f1_em(sums: Counts) -> Counts:
    """(..., [f1, em, total]) -> (..., [f1, em])."""
    sums = np.asarray(sums, dtype=np.float64)
    return divide(sums[..., :2], np.broadcast_to(sums[..., 2:], sums[..., :2].shape))


def _tally_v2(example: Example, prediction: Prediction) -> tuple[float, ...]:
    gold, text = match_answers(example, prediction, str)
    predicted = normalise(text)
    golds = [tokens for answer in gold if (tokens := normalise(answer.text))]
    f1, em = score_best(golds, predicted) if golds else (float(not predicted),) * 2
    return (f1, em, 1.0, f1, em, 1.0) if gold else (f1, em, 1.0, 0.0, 0.0, 0.0)


def _finish_v2(sums: Counts) -> Counts:
    """(..., [f1, em, total, and the same for the questions with an answer]) -> (..., values). F1 and EM are equal on the
    questions without an answer."""
    sums = np.asarray(sums, dtype=np.float64)
    both, answered = sums[..., :3], sums[..., 3:]
    return np.concatenate([finish_f1_em(both), finish_f1_em(answered), finish_f1_em(both - answered)[..., 1:]], axis=-1)


def _count_v2(sums: Counts) -> Counts:
    """All questions twice, those with an answer twice, and those without."""
    total, answered = sums[[2, 5]]
    return np.array([total, total, answered, answered, total - answered])


SQUAD = Metric("squad", ("f1", "em", "total"), ("f1", "em"), _tally, finish_f1_em, cite="rajpurkar2016squad", main=(0, 1))

V2_COUNTS = ("f1", "em", "total", "answered_f1", "answered_em", "answered")
V2_VALUES = ("f1", "em", "has_answer_f1", "has_answer_em", "no_answer")
SQUAD_V2 = Metric("squad_v2", V2_COUNTS, V2_VALUES, _tally_v2, _finish_v2, cite="rajpurkar2018know", main=(0, 1), sizes=_count_v2)
