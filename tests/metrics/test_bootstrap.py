"""The vectorised bootstrap against a plain loop over the same draws; chunks; groups of languages that share ids."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xstilts.metrics import bootstrap
from xstilts.metrics.bootstrap import TallyTable, draw_scores, draw_weights, group_by_ids, make_tally_table
from xstilts.metrics.metric import Metric
from xstilts.metrics.squad import SQUAD
from xstilts.metrics.tag import CHUNK_F1


def tables(metric: Metric, seed: int = 0) -> list[TallyTable]:
    rng = np.random.default_rng(seed)
    lists = {"a": [f"p{i}" for i in range(30)], "b": [f"p{i}" for i in range(10, 40)], "c": [f"c{i}" for i in range(25)]}
    return [
        make_tally_table(code, np.array(ids), rng.integers(0, 5, size=(len(ids), len(metric.counts))) + rng.random((len(ids), 1)))
        for _ in range(3)
        for code, ids in lists.items()
    ]


@pytest.mark.parametrize("metric", [CHUNK_F1, SQUAD])
def test_replicates_are_those_of_a_plain_loop(metric: Metric, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "_CHUNK", 40 * 37)  # several chunks, the last one short
    table, resamples = tables(metric), 100
    ours = np.full((resamples, len(table)), np.nan)
    for draw in draw_scores(table, metric.headline, resamples, seed=3):
        ours[draw.first : draw.first + len(draw.scores_RG), draw.tables] = draw.scores_RG
    for number, (members, ids_U, _) in enumerate(group_by_ids(table)):
        rng = np.random.default_rng([3, number])
        for replicate in range(resamples):
            picked = ids_U[rng.integers(len(ids_U), size=len(ids_U))]
            for g in members:
                rows = dict(zip(table[g].ids_N.tolist(), table[g].counts_NC, strict=True))
                total = sum((rows[name] for name in picked.tolist() if name in rows), np.zeros(len(metric.counts)))
                assert ours[replicate, g] == pytest.approx(float(metric.headline(total)), abs=1e-6)
    assert not np.isnan(ours).any()


@given(st.integers(1, 40), st.integers(1, 9), st.integers(0, 5))
@settings(max_examples=25)
def test_weights_are_draws_with_replacement_whatever_the_chunk(size: int, rows: int, seed: int) -> None:
    whole = draw_weights(np.random.default_rng(seed), rows, size)
    rng = np.random.default_rng(seed)
    assert np.array_equal(whole, np.concatenate([draw_weights(rng, 1, size) for _ in range(rows)]))
    assert (whole.sum(axis=1) == size).all()


def test_the_variance_of_a_mean_is_the_closed_form() -> None:
    values = np.random.default_rng(1).random(60)
    table = [make_tally_table("a", np.arange(60).astype(str), np.stack([values, np.ones(60)], axis=1))]
    scores = np.concatenate([draw.scores_RG for draw in draw_scores(table, lambda sums: sums[..., 0] / sums[..., 1], 20_000, 0)])
    assert scores.var() == pytest.approx(values.var() / 60, rel=0.04)
    assert scores.mean() == pytest.approx(values.mean(), abs=0.002)


def test_groups_are_joined_through_a_third_and_do_not_depend_on_the_order() -> None:
    def one(code: str, first: int, last: int) -> TallyTable:
        return make_tally_table(code, np.array([f"{i:03}" for i in range(first, last)]), np.ones((last - first, 2)))

    table = [one("a", 0, 20), one("b", 40, 60), one("c", 100, 120), one("d", 15, 45), one("a", 0, 20)]
    found = group_by_ids(table)
    assert [sorted(members) for members, _, _ in found] == [[0, 1, 3, 4], [2]]
    for members, ids_U, places in found:
        assert all((ids_U[place_N] == table[g].ids_N).all() for g, place_N in zip(members, places, strict=True))
    order = [4, 2, 3, 0, 1]
    turned = group_by_ids([table[g] for g in order])
    assert [sorted(order[g] for g in members) for members, _, _ in turned] == [[0, 1, 3, 4], [2]]


@given(st.lists(st.sets(st.integers(0, 25), min_size=1, max_size=4), min_size=1, max_size=12))
def test_groups_are_the_connected_parts(lists: list[set[int]]) -> None:
    parts: list[set[int]] = []
    for ids in lists:
        touched = [part for part in parts if part & ids]
        parts = [*(part for part in parts if part not in touched), set.union(ids, *touched)]
    table = [make_tally_table("a", np.array([f"{i:03}" for i in sorted(ids)]), np.ones((len(ids), 2))) for ids in lists]
    found = group_by_ids(table)
    assert [set(map(int, ids_U)) for _, ids_U, _ in found] == sorted(parts, key=min)
    assert [set(members) for members, _, _ in found] == [
        {g for g, ids in enumerate(lists) if ids <= part} for part in sorted(parts, key=min)
    ]
