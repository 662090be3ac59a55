from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from xstilts.recipe.mixture import CAP, DataOrder, Mixture, compute_shares, schedule
from xstilts.recipe.recipe import PRESETS, Recipe


def shares_of(sizes: list[int], **fields: object) -> list[float]:
    tasks = tuple(f"t{i}" for i in range(len(sizes)))
    return compute_shares(tasks, sizes, Mixture(mix=tasks, **fields).fingerprint()).tolist()


@given(st.lists(st.integers(1, 10**7), min_size=1, max_size=9))
def test_proportions_follow_the_capped_sizes(sizes: list[int]) -> None:
    assert shares_of(sizes) == pytest.approx([min(n, CAP) / sum(min(m, CAP) for m in sizes) for n in sizes])


@given(st.lists(st.integers(1, 10**7), min_size=2, max_size=9))
def test_temperature_lies_between_proportional_and_uniform(sizes: list[int]) -> None:
    assert shares_of(sizes, sampling="temperature") == pytest.approx(shares_of(sizes))
    assert shares_of(sizes, sampling="uniform") == pytest.approx([1 / len(sizes)] * len(sizes))
    hot = shares_of(sizes, sampling="temperature", temperature=1e6)
    assert hot == pytest.approx([1 / len(sizes)] * len(sizes), rel=1e-3)
    two = shares_of(sizes, sampling="temperature", temperature=2)
    assert two[0] / two[1] == pytest.approx((min(sizes[0], CAP) / min(sizes[1], CAP)) ** 0.5)


def test_fixed_weights_are_the_shares_whatever_the_sizes() -> None:
    assert shares_of([5, 10**6], sampling="fixed", weights={"t0": 3, "t1": 1}) == pytest.approx([0.75, 0.25])


@pytest.mark.parametrize(
    "fields",
    [
        {"mix": ("a", "a")},
        {"mix": ("a", "b"), "sampling": "fixed", "weights": {"a": 1}},
        {"mix": ("a",), "sampling": "fixed", "weights": {"a": 0}},
        {"mix": ("a",), "weights": {"a": 1}},
        {"mix": ("a", "b"), "temperature": 2},
    ],
)
def test_a_wrong_mixture_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Mixture(**fields)


def test_schedule_is_a_function_of_its_arguments_and_keeps_the_shares() -> None:
    shares = np.array([0.25, 0.75])
    first = schedule(shares, 20_000, seed=1)
    assert (first == schedule(shares, 20_000, seed=1)).all()
    assert (first != schedule(shares, 20_000, seed=2)).any()
    assert np.mean(first == 1) == pytest.approx(0.75, abs=0.02)


@given(st.integers(1, 50), st.integers(1, 20), st.integers(0, 5))
def test_every_epoch_sees_every_example_once(size: int, batch: int, seed: int) -> None:
    visits = -(-3 * size // batch)
    order = DataOrder([size], batch, seed, 0)
    row = np.concatenate([order.rows(v) for v in range(visits)])[: 3 * size]
    for epoch in range(3):
        assert sorted(row[epoch * size : (epoch + 1) * size]) == list(range(size))


def test_the_order_depends_on_seed_and_task() -> None:
    orders = {tuple(DataOrder([100], 50, seed, task).rows(0)) for seed in range(3) for task in range(3)}
    assert len(orders) == 9


@given(
    st.lists(st.integers(0, 30), min_size=2, max_size=5).filter(any),
    st.integers(1, 9),
    st.integers(0, 3),
    st.lists(st.integers(0, 12), max_size=4),
)
def test_smoothed_rows_are_a_function_of_the_visit(groups: list[int], batch: int, seed: int, visits: list[int]) -> None:
    """In whatever order visits are asked for; and each language's own epochs see each of its rows once."""
    order, anew = DataOrder(groups, batch, seed, 0, 0.3), DataOrder(groups, batch, seed, 0, 0.3)
    seen = np.concatenate([order.rows(v) for v in range(13)])
    for visit in visits:
        assert (anew.rows(visit) == seen[visit * batch : (visit + 1) * batch]).all()
    starts = np.cumsum([0, *groups])
    for begin, size in zip(starts, groups, strict=False):
        own = seen[(seen >= begin) & (seen < begin + size)]
        for epoch in range(len(own) // max(size, 1)):
            assert sorted(own[epoch * size : (epoch + 1) * size]) == list(range(begin, begin + size))


def test_smoothing_lifts_small_languages() -> None:
    order = DataOrder([10, 1000], 50, 0, 0, 0.3)
    small = np.mean([(order.rows(v) < 10).mean() for v in range(400)])
    assert small == pytest.approx(10**0.3 / (10**0.3 + 1000**0.3), abs=0.01)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_valid(name: str) -> None:
    for fields in PRESETS[name].values():
        Recipe(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"lr": 0},
        {"average": 11},
        {"policy": "best"},
        {"patience": 3},
        {"lora": 4, "freeze": 1},
        {"processes": 0},
        {"learning_rate": 1},
    ],
)
def test_a_wrong_recipe_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Recipe(**fields)
