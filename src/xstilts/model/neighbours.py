"""BitextMining: two pools of vectors -> the nearest neighbours of each in the other, and the pairs that are likely translations.

Neighbours are those of an exact search: cosines correctly rounded to fp32, of equal ones the lower index first. One pass
over blocks of the product finds them for both pools. Where the processor multiplies bf16, the product is only a sieve: of
each row a few more than k stay, their cosines are computed again in fp64, and a bound on the error of the product shows
that no other can be among the k nearest; the rows for which it does not are searched in fp64 alone.
Vectors of one pool are alike (cosines of XLM-R's sentences lie near 1), which would drown in bf16: the product is of the
vectors minus their pool's centre, and what that takes away comes back as six more columns.
Pairs: ratio margin and both directions, Artetxe and Schwenk 2019 (https://aclanthology.org/P19-1309), as XTREME has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xstilts.errors import InputError
from xstilts.metrics.mining import match_one_to_one

Neighbours = tuple[Tensor, Tensor]

COLUMNS, ELEMENTS = 20_480, 1 << 26  # of the product at a time, at most: they bound the memory, whatever the pools' sizes
SPARE = 12  # neighbours more than k that the sieve keeps; the last of them bounds all that it drops
FEW = 4  # of these, how many are looked at first: for most rows they will do
GROUP = 8  # elements of the product of which at first only the highest is looked at
CHUNK = 64  # rows whose vectors are computed with at a time, so that they stay in the processor's cache
EXTRA = 6  # columns that bring back what centring takes away: two numbers in three parts each
LOW = -1e30  # in rows and columns that only fill up a group
ROUNDING = 1e-6  # of all that is done in fp32 beside the product: unit vectors, differences, the parts of the extra columns


def find_neighbours(x_ND: Tensor, y_MD: Tensor, k: int, tick: Callable[[], None] = lambda: None) -> tuple[Neighbours, Neighbours]:
    """The min(k, M) rows of y with the highest cosines of each row of x, best first, and the min(k, N) rows of x of each
    row of y: ((cosines (N, k) fp32, indices (N, k)), (the same for y)). A vector of zeros has cosine 0 to all.

    `tick` is called once a block. Raises InputError if a vector is not finite."""
    x, y = _Pool.of(x_ND, y_MD, k), _Pool.of(y_MD, x_ND, k)
    if not len(x_ND) or not len(y_MD):
        return (x.value_NK[:, :k], x.index_NK[:, :k]), (y.value_NK[:, :k], y.index_NK[:, :k])
    _sieve(x, y, tick)
    return _settled(x, y, k, tick), _settled(y, x, k, tick)


@dataclass
class _Pool:
    """One side. The state of each row: its norm, and what it takes to bound the product's error (see `_error`): the length
    of its centred vector, by how much that is rounded, the number that centring took away; and what the sieve keeps."""

    rows_ND: Tensor
    centre_D: Tensor
    norm_N: Tensor
    spread_N: Tensor
    rounded_N: Tensor
    offset_N: Tensor
    value_NK: Tensor
    index_NK: Tensor

    @classmethod
    def of(cls, rows_ND: Tensor, others_MD: Tensor, k: int) -> _Pool:
        n, device = len(rows_ND), rows_ND.device
        norm, spread, rounded, offset = torch.zeros(4, n, dtype=torch.float64, device=device)
        keep = min(k + SPARE, len(others_MD))
        values = torch.full((n, keep), -torch.inf, device=device)
        sample = rows_ND[:: max(1, n // 1024)].double()
        unit = sample / _norms(sample)[:, None]
        centre = unit.nan_to_num(0, 0, 0).sum(0).float() / max(1, len(unit))
        indices = torch.zeros(n, keep, dtype=torch.int64, device=device)
        return cls(rows_ND, centre, norm, spread, rounded, offset, values, indices)

    def merge(self, rows: slice, found: Neighbours, begin: int) -> None:
        """Merge what a block of columns from `begin` on has, with what the sieve kept before."""
        n = rows.stop - rows.start
        values = torch.cat([self.value_NK[rows], found[0][:n]], dim=1)
        indices = torch.cat([self.index_NK[rows], found[1][:n] + begin], dim=1)
        best, place = values.topk(self.value_NK.shape[1], dim=1)
        self.value_NK[rows], self.index_NK[rows] = best, indices.gather(1, place)


def _norms(rows_ND: Tensor) -> Tensor:
    """Of fp64 rows, fp64; 1 for a row of zeros."""
    norms = torch.linalg.vector_norm(rows_ND, dim=1)
    return torch.where(norms == 0, 1.0, norms)


def _spans(count: int, limit: int) -> Iterator[slice]:
    """0 to `count` in slices of about the same size, none above `limit`."""
    parts = -(-count // limit)
    return (slice(a, b) for a, b in pairwise(count * i // parts for i in range(parts + 1)))


# -- the sieve --------------------------------------------------------------------------------------------------------


def product_type(device: torch.device) -> torch.dtype:
    """bf16 where the processor multiplies it (its sums are fp32), else fp32."""
    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    native = device.type == "cpu" and any(getattr(torch.cpu, name, bool)() for name in names)
    return torch.bfloat16 if native else torch.float32


def _sieve(x: _Pool, y: _Pool, tick: Callable[[], None]) -> None:
    """Fill `value_NK`, `index_NK` of both pools: the highest elements of each row and column of an approximate product,
    which is that of the cosines minus one number (`_shift`)."""
    kind, device = product_type(x.rows_ND.device), x.rows_ND.device
    widest = _padded(min(len(y.rows_ND), COLUMNS))
    tallest = _padded(min(len(x.rows_ND), ELEMENTS // widest))
    buffer = torch.empty(widest * tallest, dtype=kind, device=device)
    for columns in _spans(len(y.rows_ND), widest):
        right_CK = _operand(y, columns, x.centre_D, kind, first=False)
        for rows in _spans(len(x.rows_ND), tallest):
            left_RK = _operand(x, rows, y.centre_D, kind, first=True)
            product_RC = buffer[: len(left_RK) * len(right_CK)].view(len(left_RK), len(right_CK))
            torch.mm(left_RK, right_CK.T, out=product_RC)
            x.merge(rows, _highest(product_RC, 1, x.value_NK.shape[1]), columns.start)
            y.merge(columns, _highest(product_RC, 0, y.value_NK.shape[1]), rows.start)
            tick()


def _padded(count: int) -> int:
    """`count` rounded up to whole groups."""
    return max(1, -(-count // GROUP)) * GROUP


def _operand(pool: _Pool, rows: slice, other_D: Tensor, kind: torch.dtype, first: bool) -> Tensor:
    """The centred unit vectors of some rows with the columns that undo the centring, padded to whole groups: (R, K).

    u.v = (u - a).(v - b) + (u.b - a.b) + (a.v - a.b) + a.b: the two brackets are one number a row, each the sum of three
    of the type `kind`, times a column of ones on the other side; a.b is left out."""
    n, size = rows.stop - rows.start, pool.rows_ND.shape[1]
    operand = torch.zeros(_padded(n), -(-(size + EXTRA) // 32) * 32, dtype=kind, device=pool.rows_ND.device)
    own, ones = (size, size + 3) if first else (size + 3, size)
    operand[:, ones : ones + 3] = 1
    operand[n:, own] = LOW
    for begin in range(0, n, CHUNK):
        here = slice(rows.start + begin, min(rows.start + begin + CHUNK, rows.stop))
        raw = pool.rows_ND[here].double()
        norms = _norms(raw)
        unit = raw / norms[:, None]
        offset = (unit - pool.centre_D) @ other_D.double()
        centred = unit.float() - pool.centre_D
        there = operand[begin : begin + len(raw)]
        there[:, :size] = centred
        pool.norm_N[here], pool.offset_N[here] = norms, offset.abs()
        pool.spread_N[here] = torch.linalg.vector_norm(centred, dim=1).double()
        pool.rounded_N[here] = torch.linalg.vector_norm(centred - there[:, :size], dim=1).double()
        for part in range(3):
            there[:, own + part] = offset
            offset = offset - there[:, own + part]
    if not pool.norm_N[rows].isfinite().all():
        row = rows.start + int((~pool.norm_N[rows].isfinite()).nonzero()[0])
        raise InputError(f"vector {row} is not finite; expected numbers: the encoder that made it has diverged")
    return operand


def _highest(product_RC: Tensor, along: int, count: int) -> Neighbours:
    """The `count` highest elements of each row (`along` 1) or column (0), fewer if there are no more: values (fp32),
    positions. They lie in the groups with the highest maxima, of which there are no more than elements wanted."""
    maxima = product_RC.unflatten(along, (GROUP, -1)).amax(along)
    maxima, product = (maxima, product_RC) if along else (maxima.T, product_RC.T)
    maxima = maxima.float().contiguous()
    top = maxima.topk(min(count, maxima.shape[1]), dim=1, sorted=False).indices
    steps = torch.arange(GROUP, device=top.device) * maxima.shape[1]
    positions = (top[:, :, None] + steps).flatten(1)
    values = product.gather(1, positions).float()
    best, place = values.topk(min(count, values.shape[1]), dim=1, sorted=False)
    return best, positions.gather(1, place)


def _shift(pool: _Pool, other: _Pool) -> float:
    """What the product lacks of the cosine: a.b."""
    return float(pool.centre_D.double() @ other.centre_D.double())


def _error(pool: _Pool, other: _Pool) -> Tensor:
    """How far, for each row, an element of the product may be from cosine minus shift before it is rounded to the
    product's type: (N,). The rounding of both operands (Cauchy-Schwarz), and K additions in fp32 in any order."""
    spread, rounded = 1.001 * pool.spread_N, 1.001 * pool.rounded_N
    widest, roundest = 1.001 * other.spread_N.max(), 1.001 * other.rounded_N.max()
    length = (spread + rounded) * (widest + roundest) + 1.01 * (pool.offset_N + other.offset_N.max())
    additions = (pool.rows_ND.shape[1] + 64) * 2.0**-24
    return rounded * widest + (spread + rounded) * roundest + 1.01 * additions * length + ROUNDING


# -- what is exact ----------------------------------------------------------------------------------------------------


def _settled(pool: _Pool, other: _Pool, k: int, tick: Callable[[], None]) -> Neighbours:
    """The k nearest of each row: those of the sieve where they are certain (first of a few of its finds, then of all),
    else those of a search in fp64."""
    n, keep = pool.value_NK.shape
    k = min(k, keep)
    values = torch.zeros(n, k, device=pool.rows_ND.device)
    indices = torch.zeros(n, k, dtype=torch.int64, device=pool.rows_ND.device)
    rows = torch.arange(n, device=pool.rows_ND.device)
    for width in sorted({min(k + FEW, keep), keep}):
        for some in rows.split(CHUNK):
            candidates = pool.index_NK[some, :width]
            values[some], indices[some] = _best(_cosines(pool, other, some, candidates), candidates, k)
        rows = rows[values[rows, -1] <= _ceiling(pool, other, rows, width)]
    for some in rows.split(1024):
        values[some], indices[some] = _search(pool, other, some, k, tick)
    return values, indices


def _ceiling(pool: _Pool, other: _Pool, rows: Tensor, width: int) -> Tensor:
    """What no cosine is above but those of the first `width` that the sieve kept: shape of `rows`."""
    if width == len(other.rows_ND):
        return torch.full(rows.shape, -torch.inf, dtype=torch.float64, device=rows.device)
    next_N = pool.value_NK[rows, min(width, pool.value_NK.shape[1] - 1)].double()
    half_step = 0.505 * torch.finfo(product_type(rows.device)).eps
    return next_N + half_step * next_N.abs() + _error(pool, other)[rows] + _shift(pool, other)


def _cosines(pool: _Pool, other: _Pool, rows: Tensor, candidates: Tensor) -> Tensor:
    """Of n rows and their C candidates each: (n, C) fp32, rounded once."""
    rows_nD1 = pool.rows_ND[rows].double()[:, :, None]
    dots_nC = (other.rows_ND[candidates].double() @ rows_nD1)[:, :, 0]
    return (dots_nC / other.norm_N[candidates] / pool.norm_N[rows, None]).float()


def _search(pool: _Pool, other: _Pool, rows: Tensor, k: int, tick: Callable[[], None]) -> Neighbours:
    """The k nearest of some rows by the whole product in fp64."""
    values = torch.empty(len(rows), 0, device=rows.device)
    indices = torch.empty(len(rows), 0, dtype=torch.int64, device=rows.device)
    queries = pool.rows_ND[rows].double() / pool.norm_N[rows, None]
    for span in _spans(len(other.rows_ND), 4096):
        cosines = (queries @ other.rows_ND[span].double().T / other.norm_N[span]).float()
        columns = torch.arange(span.start, span.stop, device=rows.device).expand_as(cosines)
        cosines, columns = torch.cat([values, cosines], dim=1), torch.cat([indices, columns], dim=1)
        values, indices = _best(cosines, columns, min(k, cosines.shape[1]))
        tick()
    return values, indices


def _best(cosines: Tensor, indices: Tensor, k: int) -> Neighbours:
    """The k highest of each row, best first, of equal ones the lower index first."""
    bits = (cosines + 0.0).view(torch.int32).long()  # + 0.0 makes one zero of the two
    order = torch.where(bits < 0, bits ^ 0x7FFFFFFF, bits)
    place = ((order << 32) - indices).topk(k, dim=1).indices
    return cosines.gather(1, place), indices.gather(1, place)


# -- pairs ------------------------------------------------------------------------------------------------------------


def pairs(
    x_ND: Tensor, y_MD: Tensor, k: int, tick: Callable[[], None] = lambda: None
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Scores, rows of x and rows of y of the candidate pairs, best first; each row is in one pair at most.

    Scores are ratio margins; each row of either side proposes its neighbour with the highest. As in XTREME, only scores
    above 0 stay; where the mean of the means is not above 0, there are none."""
    found = find_neighbours(x_ND, y_MD, k, tick)
    x_near, y_near = ((cosines.cpu().numpy(), indices.cpu().numpy()) for cosines, indices in found)
    if not len(x_ND) or not len(y_MD):
        return np.zeros(0), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    forward, backward = margins(x_near, y_near)
    x_rows, y_rows = np.arange(len(x_ND)), np.arange(len(y_MD))
    x_best, y_best = forward.argmax(1), backward.argmax(1)
    scores = np.concatenate([forward[x_rows, x_best], backward[y_rows, y_best]])
    sources = np.concatenate([x_rows, y_near[1][y_rows, y_best]])
    targets = np.concatenate([x_near[1][x_rows, x_best], y_rows])
    kept = match_one_to_one(scores, sources, targets)
    kept = kept[scores[kept] > 0]
    return scores[kept], sources[kept], targets[kept]


def margins(
    x_near: tuple[NDArray[np.float32], NDArray[np.int64]], y_near: tuple[NDArray[np.float32], NDArray[np.int64]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The ratio margin of each row of x with its neighbours, and of each row of y: cosine / mean of both rows' means."""
    x_mean, y_mean = (cosines.mean(1, dtype=np.float64) for cosines, _ in (x_near, y_near))
    x_both, y_both = (x_mean[:, None] + y_mean[x_near[1]]) / 2, (y_mean[:, None] + x_mean[y_near[1]]) / 2
    return _ratio(x_near[0], x_both), _ratio(y_near[0], y_both)


def _ratio(cosines: NDArray[np.float32], mean: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(cosines, mean, out=np.zeros_like(mean), where=mean > 0)
