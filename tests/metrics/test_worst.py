"""The worst of several predictions: what counts as worst, and that more variants never help."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from xstilts.metrics.classify import ACCURACY
from xstilts.metrics.metric import Metric
from xstilts.metrics.squad import SQUAD
from xstilts.metrics.tag import CHUNK_F1
from xstilts.metrics.worst import choose_worst, own_scores, success_rate

ROWS: dict[str, st.SearchStrategy[tuple[float, ...]]] = {
    "accuracy": st.sampled_from([(0.0, 1.0), (1.0, 1.0)]),
    "squad": st.tuples(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.sampled_from([0.0, 1.0]), st.just(1.0)),
    "chunk_f1": st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)).map(
        lambda x: (float(min(x)), float(x[1]), float(x[2]))
    ),
}
METRICS = {metric.name: metric for metric in (ACCURACY, SQUAD, CHUNK_F1)}


def apply(metric: Metric, clean_NC: NDArray[np.float64], variants: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    chosen_N = choose_worst(metric, clean_NC, variants)
    return np.array([clean_NC[n] if k < 0 else variants[n][k] for n, k in enumerate(chosen_N)])


@given(st.data(), st.sampled_from(sorted(ROWS)), st.integers(1, 6))
def test_more_variants_never_raise_an_own_score(data: st.DataObject, name: str, n: int) -> None:
    metric, row = METRICS[name], ROWS[name]
    clean_NC = np.array(data.draw(st.lists(row, min_size=n, max_size=n)))
    drawn = [data.draw(st.lists(row, max_size=4)) for _ in range(n)]
    width = clean_NC.shape[1]
    attacked = [apply(metric, clean_NC, [np.array(own[:count]).reshape(-1, width) for own in drawn]) for count in range(5)]
    assert (attacked[0] == clean_NC).all()
    for fewer, more in pairwise(attacked):
        assert (own_scores(metric, more) <= own_scores(metric, fewer)).all()
        if name != "chunk_f1":  # the mean of own scores
            assert metric.headline(more.sum(0)) <= metric.headline(fewer.sum(0)) + 1e-12


def test_the_clean_prediction_stands_unless_a_variant_is_truly_worse() -> None:
    clean_NC = np.array([[1.0, 1.0], [0.0, 1.0], [1.0, 1.0]])
    variants = [np.array([[1.0, 1.0]]), np.array([[0.0, 1.0]]), np.array([[1.0, 1.0], [0.0, 1.0], [0.0, 1.0]])]
    assert choose_worst(ACCURACY, clean_NC, variants).tolist() == [-1, -1, 1]


def test_where_nothing_is_counted_nothing_is_wrong() -> None:
    """A sentence without names: right as long as no name is found in it."""
    assert own_scores(CHUNK_F1, np.array([[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 1.0, 1.0]])).tolist() == [1, 0, 1]
    assert choose_worst(CHUNK_F1, np.zeros((1, 3)), [np.array([[0.0, 0.0, 0.0], [0.0, 1.0, 0.0]])]).tolist() == [1]


def test_the_success_rate_is_of_what_was_right() -> None:
    assert success_rate(np.array([1.0, 1.0, 0.0, 0.5]), np.array([0.0, 1.0, 0.0, 0.4])) == 2 / 3
    assert success_rate(np.zeros(2), np.zeros(2)) is None
