"""Reviewers: independent judges of a claim against a paper, each with a calibrated score.

`WordsReviewer` counts: words, numbers and what is written in digits. It needs no model, and its calibration comes with the
package (`calibration.json`, fitted on the dev claims of WiCE, Kamoi et al. 2023). `NliReviewer` asks one NLI checkpoint about
each passage: does the claim follow, does it contradict? The best passage counts (as in SummaC's zero-shot form, Laban et al.
2022). Its scores are calibrated only if labelled claims are given; without them they count as they are, and the report says
so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from math import exp
from typing import Protocol

import numpy as np

from xstilts.documents.sentences import Passage
from xstilts.documents.verify import CONFIDENT, DOUBTFUL, READ, Case, Verdict, Vote

# Pairs (text, claim) -> the probabilities that the claim follows from the text, and that it contradicts it.
Entail = Callable[[Sequence[tuple[str, str]]], Sequence[tuple[float, float]]]


@dataclass(frozen=True)
class Calibration:
    """Scores to chances of support: the steps of an isotonic regression, joined by lines. `fitted_on` says on what."""

    scores: tuple[float, ...]
    chances: tuple[float, ...]
    fitted_on: str

    def __call__(self, score: float) -> float:
        return float(np.interp(score, self.scores, self.chances))


def fit_calibration(scores: Sequence[float], supported: Sequence[bool], fitted_on: str) -> Calibration:
    """Isotonic regression of labels on scores, for labelled claims that are used for nothing else."""
    from scipy.optimize import isotonic_regression  # type: ignore[import-untyped]

    order = np.argsort(scores, kind="stable")
    x_N = np.asarray(scores, dtype=np.float64)[order]
    y_N = isotonic_regression(np.asarray(supported, dtype=np.float64)[order]).x
    kept = [i for i in range(len(x_N)) if i in (0, len(x_N) - 1) or y_N[i] != y_N[i - 1] or y_N[i] != y_N[i + 1]]
    return Calibration(tuple(x_N[kept].tolist()), tuple(y_N[kept].tolist()), fitted_on)


class Reviewer(Protocol):
    """A judge of cases. `name` is printed."""

    @property
    def name(self) -> str: ...

    def review(self, cases: Sequence[Case]) -> list[Vote]: ...


def measure_features(case: Case) -> tuple[float, float, float, float]:
    """What the words reviewer knows of a case: the best passage's and the whole paper's share of the claim's words, the share of
    its numbers that agree, and of its digits that occur (1 where the claim has none)."""
    matched = [one.agreement == "match" for one in case.numbers]
    return case.best, case.covered, sum(matched) / len(matched) if matched else 1.0, case.numerals


@lru_cache(maxsize=1)
def _shipped() -> dict[str, object]:
    found: dict[str, object] = json.loads((resources.files("xstilts.documents") / "calibration.json").read_text(encoding="utf-8"))
    return found


class WordsReviewer:
    """A logistic score of `measure_features`, calibrated; see the module."""

    name = "words and numbers"

    def __init__(self) -> None:
        found = _shipped()
        self._weights: list[float] = found["weights"]  # type: ignore[assignment]
        self._bias: float = found["bias"]  # type: ignore[assignment]
        self.calibration = Calibration(tuple(found["scores"]), tuple(found["chances"]), str(found["fitted_on"]))  # type: ignore[arg-type]

    def score(self, case: Case) -> float:
        """The score before calibration."""
        features = measure_features(case)
        return 1 / (1 + exp(-self._bias - sum(w * x for w, x in zip(self._weights, features, strict=True))))

    def review(self, cases: Sequence[Case]) -> list[Vote]:
        return [self._vote(case) for case in cases]

    def _vote(self, case: Case) -> Vote:
        if not case.same_language:
            return Vote(self.name, "unchecked", None)
        chance = self.calibration(self.score(case))
        return Vote(self.name, name_verdict(chance), chance, passage=next(iter(case.passages), None))


@dataclass(frozen=True)
class NliReviewer:
    """One NLI checkpoint that reads a paper's best passages. `calibration`: of the greatest probability of entailment. `cut`: a
    case -> other passages than its own, best first (`verify.rank_passages` with another size)."""

    name: str
    entail: Entail
    calibration: Calibration | None = None
    cut: Callable[[Case], Sequence[Passage]] | None = None

    def review(self, cases: Sequence[Case]) -> list[Vote]:
        read = [(self.cut(case) if self.cut else case.passages)[:READ] for case in cases]
        asked = [(place, passage) for place, passages in enumerate(read) for passage in passages]
        answers = self.entail([(passage.text, cases[place].claim.text) for place, passage in asked])
        by_case: list[list[tuple[float, float, int]]] = [[] for _ in cases]
        for (place, _), (follows, contradicts) in zip(asked, answers, strict=True):
            by_case[place].append((follows, contradicts, len(by_case[place])))
        return [self._vote(passages, found) for passages, found in zip(read, by_case, strict=True)]

    def _vote(self, passages: Sequence[Passage], found: Sequence[tuple[float, float, int]]) -> Vote:
        if not found:
            return Vote(self.name, "unchecked", None, None, None, self.calibration is not None)
        follows, _, place = max(found, key=lambda one: (one[0], -one[2]))
        contradicts, _, other = max((c, f, -p) for f, c, p in found)
        chance = self.calibration(follows) if self.calibration else follows
        verdict: Verdict = name_verdict(chance)
        if contradicts >= CONFIDENT > chance and contradicts > follows:
            verdict, place = "contradicted", -other
        return Vote(self.name, verdict, chance, contradicts, passages[place], self.calibration is not None)


def name_verdict(chance: float) -> Verdict:
    """supported, unsupported, or unchecked where the chance of support is too near to even."""
    return "supported" if chance >= CONFIDENT else "unsupported" if chance < DOUBTFUL else "unchecked"
