"""Many tests at once: Holm, Benjamini and Hochberg, and in how many languages an effect replicates.

Holm (1979) keeps the chance of any false claim in a family at alpha. Benjamini and Hochberg (1995) keep the expected share of
false claims among the claims. The caller says which comparisons form a family. The replicability count is the partial
conjunction of Benjamini and Heller (2008, https://doi.org/10.1111/j.1541-0420.2007.00984.x), which Dror et al. (2017,
https://aclanthology.org/Q17-1033) apply to languages: "at least k of L", with an error of alpha for a k that is too high.
Surprising: counting the significant languages, even after Holm, is not the same. It can name fewer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p values, in the order given."""
    p, order = _sort(p_values)
    steps = np.maximum.accumulate(np.minimum(1.0, (len(p) - np.arange(len(p))) * p[order]))
    return _restore(steps, order)


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values in the order given. They are valid for independent tests and for positively dependent ones."""
    p, order = _sort(p_values)
    raised = np.minimum(1.0, len(p) / (1 + np.arange(len(p))) * p[order])
    return _restore(np.minimum.accumulate(raised[::-1])[::-1], order)


@dataclass(frozen=True)
class Replicability:
    """An effect is claimed in at least `count` languages, and by name in `named` (Holm; indices of the p values).

    `p_at_least[k - 1]` is the p value of "in at least k languages"."""

    count: int
    named: tuple[int, ...]
    p_at_least: tuple[float, ...]


def replicability(p_values: Sequence[float], *, alpha: float = 0.05) -> Replicability:
    """`p_values`: one-sided, one for each language. The count uses Bonferroni, so it holds whatever the languages share
    (sentences, seeds)."""
    p, order = _sort(p_values)
    p_at_least: list[float] = []
    for k in range(len(p)):
        p_at_least.append(max([min(1.0, (len(p) - k) * float(p[order][k])), *p_at_least[-1:]]))
    named = tuple(index for index, value in enumerate(holm(p_values)) if value <= alpha)
    return Replicability(sum(value <= alpha for value in p_at_least), named, tuple(p_at_least))


def _sort(p_values: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or not ((p > 0) & (p <= 1)).all():
        raise ValueError(f"expected p values above 0 and up to 1, found {list(p_values)}")
    return p, np.argsort(p, kind="stable")


def _restore(values: np.ndarray, order: np.ndarray) -> list[float]:
    out = np.empty(len(values))
    out[order] = values
    return [float(value) for value in out]
