"""Ranking: mean average precision at 20, for LAReQA (Roy et al. 2020) and Mewsli-X (Ruder et al. 2021, XTREME-R).

The divisor is min(number of gold candidates, 20), as in LAReQA's own script (google-research/xtreme,
third_party/utils_lareqa.py), so a query with 25 answers can reach 1. trec_eval, and with it ir_measures' AP@20, divides by the
number of gold candidates. The two agree up to 20 of them. With one gold candidate, as in Mewsli-X, it is the reciprocal rank, 0
below rank 20, which XTREME-R prints under the name map@20. A candidate that is ranked twice counts at its first rank only. It
still uses both ranks.
"""

from xstilts.errors import InputError
from xstilts.formats.format import Example
from xstilts.formats.prediction import Prediction
from xstilts.formats.ranking import DEPTH
from xstilts.metrics.classify import finish_share
from xstilts.metrics.metric import Metric, match_answers


def _tally(example: Example, prediction: Prediction) -> tuple[float, float]:
    gold, ranked = match_answers(example, prediction, tuple)
    if not gold:
        raise InputError(f"example {example.id!r} has no gold candidate: its average precision is not defined; leave it out")
    left, score = set(gold), 0.0
    for rank, candidate in enumerate(ranked[:DEPTH], start=1):
        if candidate in left:
            left.remove(candidate)
            score += (len(set(gold)) - len(left)) / rank
    return score / min(len(set(gold)), DEPTH), 1.0


MAP_20 = Metric("map_20", ("average_precision", "total"), ("map@20",), _tally, finish_share, cite="roy2020lareqa")
