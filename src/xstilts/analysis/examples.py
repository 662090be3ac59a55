"""The examples of one cell: what the model read, the gold answer, its answer, and its score, example by example.

The score of an example is the metric's headline on its own tally, as the score artefact keeps it. It is not a number where the
tally is empty: in a sentence without names and without predicted ones, F1 of names has nothing to count.
"""

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, cast

import numpy as np

from xstilts.errors import InputError, nearest
from xstilts.formats.bitext_mining import PoolExample
from xstilts.formats.format import Example
from xstilts.formats.jsonl import read_jsonl, read_predictions
from xstilts.plan.cell import PlannedCell
from xstilts.stages.stage import PredictStage, Stage
from xstilts.store.store import Store
from xstilts.tasks.catalogue.ranking import merge_gold
from xstilts.tasks.registry import find_task


@dataclass(frozen=True)
class ScoredExample:
    """`gold` and `prediction` as people read them (`Format.write_answer`); `score` is 0-1, or not a number."""

    id: str
    language: str
    text: str
    gold: Any
    prediction: Any
    score: float


def read_examples(
    cell: PlannedCell, store: Store, language: str = "", only: Mapping[str, Container[str]] | None = None
) -> list[ScoredExample]:
    """The examples of a finished cell, in all languages or one; `only`: language -> the ids that are wanted. Raises InputError if
    the store does not have them."""
    task = find_task(cell.id.target)
    assert task.metric is not None
    scored = _outputs(store, cell.score)
    texts = _pool_texts(cell, store) if task.format.retrieval else {}
    merged = _merge_gold(cell, store) if task.format.shared_pool else {}
    rows = []
    with np.load(scored / "tallies.npz", allow_pickle=False) as tallies:
        for code in _languages(cell, language):
            counts_NC = tallies[f"{code}.counts"]
            headline_N = np.where(counts_NC.any(axis=1), task.metric.headline(counts_NC), np.nan)
            pairs = _read_pairs(cell, store, code, only[code] if only is not None else None)
            for id, score in zip(tallies[f"{code}.ids"].tolist(), headline_N.tolist(), strict=True):
                if only is not None and id not in only[code]:
                    continue
                example, answer = pairs[id]
                gold, predicted = (task.format.write_answer(x, texts) for x in (merged.get(id, example.answer), answer))
                rows.append(ScoredExample(id, code, task.format.write_text(example), gold, predicted, score))
    return rows


def count_confusions(cell: PlannedCell, store: Store, language: str = "") -> tuple[Sequence[Any], dict[tuple[Any, Any], int]]:
    """All answers, and how often each (gold, predicted) pair occurs: over examples, or words where each word has an answer.
    Raises InputError if answers are no closed set, or if the store does not have them."""
    answers = find_task(cell.id.target).format.answers
    if not answers:
        raise InputError(f"{cell.id.target}: its answers are no closed set, so there is nothing to count; look at the examples")
    counts: Counter[tuple[Any, Any]] = Counter()
    for code in _languages(cell, language):
        for example, answer in _read_pairs(cell, store, code).values():
            counts.update(zip(example.answer, answer, strict=True) if isinstance(answer, tuple) else [(example.answer, answer)])
    return answers, dict(counts)


def _languages(cell: PlannedCell, language: str) -> tuple[str, ...]:
    known = cell.score.config.languages
    if language and language not in known:
        raise InputError(f"{cell.id.target}: no language '{language}' in this study{nearest(language, known)}")
    return (language,) if language else known


def _read_pairs(
    cell: PlannedCell, store: Store, language: str, only: Container[str] | None = None
) -> dict[str, tuple[Example, Any]]:
    """id -> the example and its predicted answer."""
    made = cell.score.inputs.predictions
    folder = _outputs(store, made if isinstance(made, PredictStage) else cell.score)
    examples = {example.id: example for example in _read_gold(cell, store, language, only) if example.scored}
    return {one.id: (examples[one.id], one.answer) for one in read_predictions(folder / f"{language}.jsonl", only)}


def _read_gold(cell: PlannedCell, store: Store, language: str, only: Container[str] | None = None) -> Iterator[Example]:
    return read_jsonl(_outputs(store, cell.score.inputs.gold[language]) / "examples.jsonl", only)


def _merge_gold(cell: PlannedCell, store: Store) -> dict[str, tuple[str, ...]]:
    """id -> gold candidates in the pool that all languages share."""
    pools = (cast(Iterator[PoolExample], _read_gold(cell, store, code)) for code in cell.score.config.languages)
    return merge_gold(chain.from_iterable(pools))


def _pool_texts(cell: PlannedCell, store: Store) -> dict[str, str]:
    """id -> text of everything that can be retrieved, in all languages."""
    spec = find_task(cell.id.target).format
    found: dict[str, str] = {}
    for code in cell.score.config.languages:
        pool = list(_read_gold(cell, store, code))
        only = [example for example in pool if not example.scored] if any(example.in_pool for example in pool) else pool
        found |= {example.id: spec.pool_text(example) for example in only}
    return found


def _outputs(store: Store, stage: Stage) -> Path:
    return store.outputs(stage.kind, stage.slug, stage.key)
