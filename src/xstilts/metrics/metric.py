"""A metric is a tally for each example and a finish over the summed tallies.

`tally(example, prediction)` gives one row of counts (floats) in the order of `counts`. `finish(sums)` takes summed rows of
shape (..., len(counts)) and gives values of shape (..., len(values)) on the 0-1 scale, 0 where the denominator is empty. Score
artefacts keep the rows, so bootstraps and paired tests need no new predictions. The idea of measure = value + per-item rows is
from ir_measures (https://ir-measur.es).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from xstilts.errors import InputError
from xstilts.formats.format import Example
from xstilts.formats.prediction import Prediction

Counts = NDArray[np.float64]
Values = NDArray[np.float64]
Tally = Callable[[Example, Prediction], tuple[float, ...]]
T = TypeVar("T")


@dataclass(frozen=True)
class Metric:
    """The headline value is `values[0]`, or the mean of the values at the indices `main`.

    `tally_in` gives the tally of a language if each language has its own definition (MLQA). `tally` then only raises an error,
    and a scorer calls `for_language` first; it changes no other metric. `right_or_wrong`: a tally begins with
    1 or 0 and the headline is the share of ones (of those that count), so that exact tests apply. `sizes` gives, out of summed
    counts, how many examples each of the values is over; without it each is over all."""

    name: str
    counts: tuple[str, ...]
    values: tuple[str, ...]
    tally: Tally
    finish: Callable[[Counts], Counts]
    cite: str
    main: tuple[int, ...] = (0,)
    tally_in: Callable[[str], Tally] | None = None
    right_or_wrong: bool = False
    sizes: Callable[[Counts], Counts] | None = None

    def for_language(self, code: str) -> Metric:
        """The metric for one language. InputError if the metric has definitions by language and none for this one."""
        return replace(self, tally=self.tally_in(code), tally_in=None) if self.tally_in else self

    def headline(self, sums: Counts) -> Counts:
        """The headline value(s) of summed counts: shape (..., n_counts) -> (...)."""
        values: Counts = self.finish(sums)[..., list(self.main)].mean(axis=-1)
        return values

    def count_examples(self, sums: Counts) -> dict[str, int]:
        """Value -> how many examples it is over, also that of the "headline"; empty if all are over all of them."""
        if self.sizes is None:
            return {}
        found = [int(size) for size in self.sizes(sums)]
        return {"headline": found[self.main[0]], **dict(zip(self.values, found, strict=True))}


def match_answers(example: Example, prediction: Prediction, shape: type[T]) -> tuple[Any, T]:
    """Gold and predicted answer. InputError unless the ids agree, gold is public and the prediction is of type `shape`."""
    if example.id != prediction.id:
        raise InputError(f"example {example.id!r} was paired with the prediction for {prediction.id!r}; pair them by id")
    if example.answer is None:
        raise InputError(f"example {example.id!r} has no public gold answer; score a split that has one")
    if type(prediction.answer) is not shape:
        raise InputError(
            f"prediction {prediction.id!r}: expected an answer of type {shape.__name__}, found {prediction.answer!r}"
        )
    return example.answer, prediction.answer


def divide(numerator: Counts, denominator: Counts) -> Counts:
    """The elementwise quotient, 0 where the denominator is 0."""
    return np.divide(numerator, denominator, out=np.zeros_like(numerator, dtype=np.float64), where=denominator != 0)
