"""The L x L matrix of a cell: its model's score with the first text of each example in one language and the second in another.

Nothing is edited; both texts are the test set's own. All pairs of languages are scored on the same examples: those that every
language has. (A, B) and (B, A) are two inputs. (The generalised setting of Lewis et al. 2020, MLQA, and Huang et al. 2021.)
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from xstilts.attacks.first_wave.language_pairs import LANGUAGE_PAIR, mix_languages
from xstilts.errors import InputError
from xstilts.formats.format import Example
from xstilts.formats.jsonl import read_jsonl
from xstilts.formats.prediction import Prediction
from xstilts.plan.cell import PlannedCell
from xstilts.store.store import Store
from xstilts.tasks.registry import find_task

Answer = Callable[[Sequence[Example]], Iterable[Prediction]]


@dataclass(frozen=True)
class PairScore:
    """The headline score (0-1) of one pair of languages: the first text (premise, question) in `first`, the other in `second`."""

    first: str
    second: str
    score: float
    n: int


@dataclass(frozen=True)
class PairSummary:
    """`diagonal` and `mixed`: the mean score of pairs of one language and of two. `asymmetry`: the mean absolute difference of
    (A, B) and (B, A), `most_asymmetry` the largest one, between `apart` and its reverse (None if no pair has its reverse).
    `worst`: the pair with the least score."""

    diagonal: float
    mixed: float
    asymmetry: float
    worst: PairScore
    most_asymmetry: float
    apart: PairScore | None

    @property
    def gap(self) -> float:
        """How much more pairs of one language score than pairs of two."""
        return self.diagonal - self.mixed


def score_language_pairs(
    cell: PlannedCell,
    store: Store,
    answer: Answer,
    languages: Sequence[str] = (),
) -> list[PairScore]:
    """The score of each pair of `languages` (default: all of the cell), with `answer`, its model. Raises InputError for a format
    without two texts, an unknown language, test sets that share no examples, and data that the store lacks."""
    task = find_task(cell.id.target)
    if reason := LANGUAGE_PAIR.misfits(task.format, cell.id.target):
        raise InputError(f"pairs of languages: {reason}")
    gold = cell.score.inputs.gold
    if unknown := [code for code in languages if code not in gold]:
        raise InputError(f"{cell.id.target} has no test data in {', '.join(unknown)} here; expected {', '.join(gold)}")
    codes = list(languages or gold)
    if len(codes) < 2:
        raise InputError(f"{cell.id.target} has test data in {', '.join(codes)} only; pairs need two languages")
    parallel = {code: {example.id: example for example in read_gold(store, cell, code)} for code in codes}
    found = []
    for first in codes:
        for second in codes:
            mixed = [variant.example for variant in mix_languages(parallel, first, second)]
            if not mixed:
                raise InputError(f"{cell.id.target}: {', '.join(codes)} have no examples in common (the same ids and answers)")
            assert task.metric is not None
            metric = task.metric.for_language(second)
            tallies = [metric.tally(e, p) for e, p in zip(mixed, answer(mixed), strict=True)]
            found.append(PairScore(first, second, float(metric.headline(np.sum(tallies, axis=0))), len(mixed)))
    return found


def read_gold(store: Store, cell: PlannedCell, language: str) -> Iterator[Example]:
    """The test examples of a cell that have an answer. Raises InputError if the store lacks them."""
    stage = cell.score.inputs.gold[language]
    path = store.outputs(stage.kind, stage.slug, stage.key) / "examples.jsonl"
    yield from (example for example in read_jsonl(path) if example.scored and example.answer is not None)


def summarise_pairs(found: Sequence[PairScore]) -> PairSummary:
    """What is read off a matrix first, which has pairs of one language and of two."""
    scores = {(one.first, one.second): one.score for one in found}
    mixed = [one for one in found if one.first != one.second]
    turned = {one: abs(one.score - scores[one.second, one.first]) for one in mixed if (one.second, one.first) in scores}
    apart = max(turned, key=lambda one: turned[one], default=None)
    return PairSummary(
        diagonal=fmean(one.score for one in found if one.first == one.second),
        mixed=fmean(one.score for one in mixed),
        asymmetry=fmean(turned.values()) if turned else 0.0,
        worst=min(found, key=lambda one: one.score),
        most_asymmetry=turned[apart] if apart else 0.0,
        apart=apart,
    )
