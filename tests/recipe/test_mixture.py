from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from xstilts.recipe.mixture import CAP, batch_indices, proportions, schedule
from xstilts.recipe.recipe import PRESETS, Recipe


@given(st.lists(st.integers(1, 10**7), min_size=1, max_size=9))
def test_proportions_follow_the_capped_sizes(sizes: list[int]) -> None:
    shares = proportions(sizes, CAP)
    assert shares.sum() == pytest.approx(1)
    for i, n in enumerate(sizes):
        assert shares[i] == pytest.approx(min(n, CAP) / sum(min(m, CAP) for m in sizes))


def test_schedule_is_a_function_of_its_arguments_and_keeps_the_shares() -> None:
    first = schedule([1000, 3000], CAP, 20_000, seed=1)
    assert (first == schedule([1000, 3000], CAP, 20_000, seed=1)).all()
    assert (first != schedule([1000, 3000], CAP, 20_000, seed=2)).any()
    assert np.mean(first == 1) == pytest.approx(0.75, abs=0.02)


@given(st.integers(1, 50), st.integers(1, 20), st.integers(0, 5))
def test_every_epoch_sees_every_example_once(size: int, batch: int, seed: int) -> None:
    visits = -(-3 * size // batch)
    row = np.concatenate([batch_indices(size, batch, v, seed, 0) for v in range(visits)])[: 3 * size]
    for epoch in range(3):
        assert sorted(row[epoch * size : (epoch + 1) * size]) == list(range(size))


def test_the_order_depends_on_seed_and_task() -> None:
    orders = {tuple(batch_indices(100, 50, 0, seed, task)) for seed in range(3) for task in range(3)}
    assert len(orders) == 9


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_valid(name: str) -> None:
    for fields in PRESETS[name].values():
        Recipe(**fields)


@pytest.mark.parametrize("fields", [{"lr": 0}, {"average": 11}, {"policy": "best"}, {"learning_rate": 1}])
def test_a_wrong_recipe_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Recipe(**fields)
