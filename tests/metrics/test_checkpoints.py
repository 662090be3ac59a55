"""Two checkpoints: which test is taken, and that both are the same test where both are exact."""

from __future__ import annotations

import numpy as np
import pytest

from xstilts.metrics.checkpoints import compare_checkpoints
from xstilts.metrics.classify import ACCURACY
from xstilts.metrics.exact import approximate_randomisation
from xstilts.metrics.mining import BUCC_F1
from xstilts.metrics.mlqa import MLQA
from xstilts.metrics.paired import LanguageTallies
from xstilts.metrics.ranking import MAP_20
from xstilts.metrics.retrieval import RETRIEVAL
from xstilts.metrics.squad import SQUAD
from xstilts.metrics.tag import CHUNK_F1, POS_F1, TAG_ACCURACY
from xstilts.tasks.registry import CATALOGUE


def cells(
    rng: np.random.Generator, level: float, *, parallel: bool = False, sizes: tuple[int, ...] = (30, 30)
) -> LanguageTallies:
    return {
        f"l{k}": (
            np.array([f"{'' if parallel else k}-{i}" for i in range(n)]),
            np.stack([rng.random(n) < level, np.ones(n)], axis=1).astype(float),
        )
        for k, n in enumerate(sizes)
    }


@pytest.mark.parametrize(
    ("options", "exact"),
    [({}, True), ({"sizes": (40,)}, True), ({"parallel": True}, False), ({"sizes": (30, 50)}, False)],
)
def test_mcnemar_only_where_it_is_the_randomisation_of_the_mean_gain(options: dict, exact: bool) -> None:  # type: ignore[type-arg]
    rng = np.random.default_rng(0)
    one, other = cells(rng, 0.8, **options), cells(rng, 0.6, **options)
    (found,) = compare_checkpoints([(one, other)], ACCURACY)
    assert found.exact == exact
    assert found.better is not None and found.worse is not None
    rights = [np.concatenate([side[code][1][:, 0] for code in side]) for side in (one, other)]
    assert found.better - found.worse == rights[0].sum() - rights[1].sum()
    assert found.gain == pytest.approx(np.mean([one[c][1][:, 0].mean() - other[c][1][:, 0].mean() for c in one]))
    assert found.decide(0.05) == (1 if found.p <= 0.05 else 0)


def test_a_metric_says_whether_answers_are_right_or_wrong() -> None:
    assert ACCURACY.right_or_wrong and RETRIEVAL.right_or_wrong
    for metric in (SQUAD, MLQA, CHUNK_F1, POS_F1, TAG_ACCURACY, MAP_20, BUCC_F1):  # shares, or counts of more than one
        assert not metric.right_or_wrong
    marked = {task.metric.name for task in CATALOGUE.values() if task.metric and task.metric.right_or_wrong}
    assert marked == {"accuracy", "retrieval"}


def test_the_exact_p_is_that_of_very_many_random_swaps() -> None:
    rng = np.random.default_rng(1)
    pair = cells(rng, 0.75), cells(rng, 0.6)
    (found,) = compare_checkpoints([pair], ACCURACY)
    assert found.exact
    assert approximate_randomisation([pair], ACCURACY.headline, resamples=40_000) == pytest.approx([found.p], abs=0.01)


def test_the_same_sentence_in_many_languages_is_one_example() -> None:
    """Ten copies of one language say no more than the language: McNemar over all of them would."""
    rng = np.random.default_rng(2)
    one, other = (cells(rng, level, sizes=(200,))["l0"] for level in (0.64, 0.58))
    copies = [{f"l{k}": side for k in range(10)} for side in (one, other)]
    alone, together = compare_checkpoints([({"a": one}, {"a": other}), (copies[0], copies[1])], ACCURACY, resamples=20_000)
    assert alone.exact and not together.exact
    assert together.p == pytest.approx(alone.p, abs=0.015)
    assert together.better == 10 * (alone.better or 0)


def test_what_is_more_than_right_or_wrong_has_no_discordance() -> None:
    ids = np.arange(60).astype(str)
    rng = np.random.default_rng(3)
    better, worse = (np.stack([rng.random(60) * top, np.zeros(60), np.ones(60)], axis=1) for top in (1.0, 0.3))
    (found,) = compare_checkpoints([({"a": (ids, better)}, {"a": (ids, worse)})], SQUAD)
    assert (found.better, found.worse, found.exact, found.p) == (None, None, False, pytest.approx(1 / 1001))
    (mirrored,) = compare_checkpoints([({"a": (ids, worse)}, {"a": (ids, better)})], SQUAD)
    assert mirrored.decide(0.05) == -found.decide(0.05) == -1
    with pytest.raises(ValueError, match="right \\(1\\) or wrong"):
        compare_checkpoints([({"a": (ids, better[:, [0, 2]])}, {"a": (ids, worse[:, [0, 2]])})], ACCURACY)
