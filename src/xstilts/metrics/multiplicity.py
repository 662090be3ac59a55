"""Many tests at once: Holm (1979), and Benjamini and Hochberg (1995).

Holm keeps the chance of any false claim in a family at alpha. Benjamini and Hochberg keep the expected share of false claims
among the claims. The caller says which comparisons form a family. The number of Holm's p values of at most alpha is also the
replicability count of Dror et al. (2017, https://aclanthology.org/Q17-1033): "the effect is there in at least k of L languages",
with an error of alpha for a k that is too high. It is the partial conjunction of Benjamini and Heller (2008,
https://doi.org/10.1111/j.1541-0420.2007.00984.x) with Bonferroni's bound, and holds whatever the languages share.
"""

from collections.abc import Sequence

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


def _sort(p_values: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or not ((p > 0) & (p <= 1)).all():
        raise ValueError(f"expected p values above 0 and up to 1, found {list(p_values)}")
    return p, np.argsort(p, kind="stable")


def _restore(values: np.ndarray, order: np.ndarray) -> list[float]:
    return list(map(float, values[np.argsort(order)]))
