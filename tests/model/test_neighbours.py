"""Mining against plain searches in fp64, on what is hard for a product in bf16, and against XTREME's procedure re-told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from xstilts.errors import InputError
from xstilts.model import neighbours
from xstilts.model.neighbours import find_neighbours, mine_pairs

Array = NDArray[Any]


@pytest.fixture(params=[torch.bfloat16, torch.float32], ids=["bf16", "fp32"], autouse=True)
def product(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways of multiplying, whatever the processor has."""
    monkeypatch.setattr(neighbours, "product_type", lambda _: request.param)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "COLUMNS", 40)
    monkeypatch.setattr(neighbours, "ELEMENTS", 1200)
    monkeypatch.setattr(neighbours, "CHUNK", 7)


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows were searched in fp64, call by call."""
    counts: list[int] = []
    search = neighbours._search_exactly

    def counting(pool: Any, other: Any, rows: torch.Tensor, k: int, tick: Callable[[], None]) -> Any:
        counts.append(len(rows))
        return search(pool, other, rows, k, tick)

    monkeypatch.setattr(neighbours, "_search_exactly", counting)
    return counts


def cosines(x: Array, y: Array) -> Array:
    x, y = x.astype(np.float64), y.astype(np.float64)
    norms = [np.linalg.norm(side, axis=1) for side in (x, y)]
    for norm in norms:
        norm[norm == 0] = 1
    return (x @ y.T / norms[1] / norms[0][:, None]).astype(np.float32)


def nearest(cosines: Array, k: int) -> tuple[Array, Array]:
    columns = np.broadcast_to(np.arange(cosines.shape[1]), cosines.shape)
    order = np.lexsort((columns, -cosines), axis=1)[:, :k]
    return np.take_along_axis(cosines, order, 1), order


def check(x: Array, y: Array, k: int = 4) -> None:
    """Cosines may differ by one step of fp32: the two sum in different orders before they round."""
    x, y = (np.ascontiguousarray(side, dtype=np.float32) for side in (x, y))
    found = find_neighbours(torch.from_numpy(x), torch.from_numpy(y), k)
    product = cosines(x, y)
    for (values, indices), (values_, indices_) in zip(found, (nearest(product, k), nearest(product.T, k)), strict=True):
        assert values.shape == values_.shape and values.dtype == torch.float32 and indices.dtype == torch.int64
        np.testing.assert_allclose(values.numpy(), values_, rtol=2e-7, atol=1e-12)
        np.testing.assert_array_equal(indices.numpy(), indices_)


def noise(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def alike(n: int, seed: int, strength: float = 10.0) -> Array:
    """Vectors like an encoder's: few directions matter, and all have one in common, so that cosines are near 1."""
    common, directions = noise(96, seed=99), noise(12, 96, seed=98)
    return strength * common + noise(n, 12, seed=seed) @ directions


def test_neighbours_of_noise() -> None:
    check(noise(300, 64), noise(411, 64))


def test_neighbours_of_vectors_that_are_alike_need_no_second_search(searched: list[int]) -> None:
    check(alike(400, 1), alike(500, 2))
    assert sum(searched) < 0.01 * 900


def test_both_pools_may_have_a_centre_of_their_own() -> None:
    check(alike(200, 1), alike(200, 2) + 5 * noise(96))


def test_translations() -> None:
    x = alike(300, 1)
    check(x + 0.2 * noise(300, 96), x[::-1] + 0.2 * noise(300, 96, seed=1))


def test_of_equal_vectors_the_lower_index_comes_first(searched: list[int]) -> None:
    some = noise(5, 48)
    rng = np.random.default_rng(0)
    check(some[rng.integers(5, size=150)], some[rng.integers(5, size=140)])
    assert sum(searched) == 290, "30 equal neighbours a row: no sieve can tell which four come first"


@pytest.mark.parametrize("step", [1e-3, 1e-4, 1e-5, 1e-6, 1e-7])
def test_near_ties(step: float) -> None:
    check(noise(1, 64) + step * noise(90, 64), noise(1, 64) + step * noise(80, 64, seed=1))


def test_lengths_do_not_matter() -> None:
    exponents = np.random.default_rng(0).integers(-44, 37, (140, 1))
    check(noise(60, 32) * 10.0 ** exponents[:60], noise(80, 32) * 10.0 ** exponents[60:])


def test_vectors_of_zeros_have_cosine_zero() -> None:
    x = noise(60, 16)
    x[::3] = 0
    check(x, x[:50])
    check(0 * x, x)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 40), (2, 3), (3, 2), (40, 1), (17, 18)])
@pytest.mark.parametrize("k", [1, 4, 25])
def test_small_pools(n: int, m: int, k: int) -> None:
    check(noise(n, 16), noise(m, 16, seed=1), k)


@pytest.mark.parametrize(("n", "m"), [(0, 3), (3, 0), (0, 0)])
def test_empty_pools(n: int, m: int) -> None:
    (values, indices), (values_, indices_) = find_neighbours(torch.zeros(n, 8), torch.zeros(m, 8), 4)
    assert values.shape == indices.shape == (n, min(4, m)) and values_.shape == indices_.shape == (m, min(4, n))
    assert [len(side) for side in mine_pairs(torch.zeros(n, 8), torch.zeros(m, 8), 4)] == [0, 0, 0]


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(("n", "m"), [(131, 203), (203, 131), (39, 41), (8, 200)])
def test_blocks(n: int, m: int) -> None:
    check(alike(n, 1), alike(m, 2))
    check(noise(4, 16)[np.arange(n) % 4], noise(m, 16))


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 40), st.integers(1, 6))
def test_neighbours_of_small_whole_numbers(seed: int, n: int, m: int, k: int) -> None:
    """Exact in fp32 and full of ties."""
    rng = np.random.default_rng(seed)
    check(rng.integers(-2, 3, (n, 5)), rng.integers(-2, 3, (m, 5)), k)


@given(st.integers(0, 2**32 - 1), st.floats(0, 30), st.sampled_from([3, 31, 90, 200]))
def test_no_cosine_is_above_the_bound_on_what_was_dropped(seed: int, strength: float, size: int) -> None:
    rng = np.random.default_rng(seed)
    common = strength * rng.standard_normal(size)
    scales = rng.lognormal(0, 2, size)
    x, y = ((scales * rng.standard_normal((n, size)) + common).astype(np.float32) for n in (50, 60))
    pool, other = (neighbours._Pool.of(*map(torch.from_numpy, sides), 60) for sides in ((x, y), (y, x)))
    neighbours._approximate(pool, other, lambda: None)
    exact = cosines(x, y)
    for one, two, product in ((pool, other, exact), (other, pool, exact.T)):
        n, m = product.shape
        assert (np.sort(one.index_NK.numpy(), axis=1) == np.arange(m)).all(), "it kept all"
        sieved = np.take_along_axis(product, one.index_NK.numpy(), 1)
        for width in range(m):
            ceiling = neighbours._bound(one, two, torch.arange(n), width).numpy()
            assert (sieved[:, width:].max(1) <= ceiling).all()


def test_the_rounding_of_the_product_itself_is_in_the_bound() -> None:
    """Vectors of signs are exact in bf16, and so is their centre; cosines between 0.5 and 0.502 all round to 0.5."""
    x = np.random.default_rng(0).choice([-1.0, 1.0], (1, 4096))
    differing = np.full(200, 1022)
    differing[100] = 1020
    y = np.repeat(x, 200, 0)
    for row, count in zip(y, differing, strict=True):
        row[np.random.default_rng(row.size + count).permutation(4096)[:count]] *= -1
    (_, found), _ = find_neighbours(*(torch.from_numpy(np.concatenate([side, -side])).float() for side in (x, y)), k=1)
    assert found.tolist() == [[100], [300]]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_vector_that_is_not_finite_is_an_error(bad: float) -> None:
    x, y = torch.ones(30, 8), torch.ones(20, 8)
    y[13, 2] = bad
    with pytest.raises(InputError, match="vector 13 is not finite"):
        find_neighbours(x, y, 4)


@pytest.mark.usefixtures("small_blocks")
def test_every_block_can_stop_the_search() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find_neighbours(torch.from_numpy(noise(50, 8)), torch.from_numpy(noise(50, 8)), 4, stop)


def xtreme_pairs(x: Array, y: Array, k: int) -> list[tuple[float, int, int]]:
    """utils_retrieve.py's `mine_bitext` with mode neighbours, retrieval max, margin ratio, re-told."""
    x, y = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in (x, y))
    product = x @ y.T
    x_near, y_near = (np.argsort(-p, axis=1, kind="stable")[:, :k] for p in (product, product.T))
    x_mean = np.take_along_axis(product, x_near, 1).mean(1)
    y_mean = np.take_along_axis(product.T, y_near, 1).mean(1)

    def score(i: int, j: int) -> float:
        return float(product[i, j] / ((x_mean[i] + y_mean[j]) / 2))

    forward = [max((score(i, j), -rank, i, j) for rank, j in enumerate(near)) for i, near in enumerate(x_near)]
    backward = [max((score(i, j), -rank, i, j) for rank, i in enumerate(near)) for j, near in enumerate(y_near)]
    kept: list[tuple[float, int, int]] = []
    for value, _, i, j in sorted(forward + backward, key=lambda c: -c[0]):
        if value > 0 and all(i != i_ and j != j_ for _, i_, j_ in kept):
            kept.append((value, int(i), int(j)))
    return kept


@pytest.mark.parametrize("seed", range(4))
def test_pairs_are_those_of_xtreme(seed: int) -> None:
    x, y = alike(70, seed), alike(80, seed + 10)
    y[10:50] = x[:40] + 0.5 * noise(40, 96, seed=seed)
    scores, sources, targets = mine_pairs(torch.from_numpy(x).float(), torch.from_numpy(y).float(), 4)
    wanted = xtreme_pairs(x.astype(np.float32).astype(np.float64), y.astype(np.float32).astype(np.float64), 4)
    np.testing.assert_allclose(scores, [value for value, _, _ in wanted], rtol=1e-6)
    assert list(zip(sources.tolist(), targets.tolist(), strict=True)) == [(i, j) for _, i, j in wanted]
    assert {(i, i + 10) for i in range(40)} <= set(zip(sources.tolist(), targets.tolist(), strict=True))


def test_opposite_vectors_are_no_pairs() -> None:
    x = torch.eye(3)
    assert [len(found) for found in mine_pairs(x, -x - 0.1, 4)] == [0, 0, 0]
