"""A few test examples of every target with the answers of all chains, for a report. Up to half of them have chains disagree.

Only so many are taken that a page stays small: at most PER_TARGET of a target, the same number in each language, cut at LETTERS.
Their order is that of a hash of the id, so that translations of one sentence are taken together. Texts are shown where the
data's licence lets anyone pass them on. Pools of candidates (mining, shared pools) are too large to read for a page.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xstilts.analysis.examples import read_examples
from xstilts.errors import InputError
from xstilts.plan.cell import PlannedCell
from xstilts.plan.compile import Plan, short_name
from xstilts.store.store import Store
from xstilts.tasks.registry import find_task

PER_TARGET, PER_LANGUAGE, LEAST = 120, 12, 2
LETTERS = 280
FREE = ("CC0", "CC-BY", "Apache-2.0", "MIT", "ODC-BY", "public domain", "free use with attribution")


@dataclass(frozen=True)
class Answered:
    """What one chain answered, and its score (0-1; not a number where nothing was to be counted)."""

    prediction: str
    score: float


@dataclass(frozen=True)
class ChosenExample:
    """`text`, `gold` and predictions are "" where the licence allows no text. `answers` are in the order of the chains."""

    id: str
    language: str
    text: str
    gold: str
    answers: tuple[Answered, ...]


@dataclass(frozen=True)
class TargetExamples:
    """The examples of one target and encoder, of one seed, chosen out of `total`. `hidden` says why there are no texts."""

    encoder: str
    target: str
    seed: int
    chains: tuple[str, ...]
    total: int
    hidden: str
    examples: tuple[ChosenExample, ...]


def allows_text(licence: str) -> bool:
    """Whether a licence lets anyone pass the data on: a free licence, without a word against commercial use or changes."""
    return licence.startswith(FREE) and not any(word in licence for word in ("-NC", "-ND", "non-commercial"))


def choose_examples(plan: Plan, store: Store) -> tuple[TargetExamples, ...]:
    """Those of every encoder and target of which a chain's score is in the store; controls are left out."""
    groups: dict[tuple[str, str], dict[int, dict[str, PlannedCell]]] = {}
    for cell in plan.cells:
        if cell.id.arm in plan.study.chains and store.is_done(store.folder(cell.score.kind, cell.score.slug, cell.score.key)):
            place = (short_name(cell.id.encoder), cell.id.target)
            groups.setdefault(place, {}).setdefault(cell.id.seed, {})[cell.id.arm] = cell
    found = []
    for (encoder, target), seeds in groups.items():
        seed = max(seeds, key=lambda seed: (len(seeds[seed]), -seed))  # the most chains; of equal ones the first
        spec = find_task(target).format
        if not spec.mining and not spec.shared_pool and (one := _choose(encoder, target, seed, seeds[seed], store)):
            found.append(one)
    return tuple(found)


def _choose(encoder: str, target: str, seed: int, cells: Mapping[str, PlannedCell], store: Store) -> TargetExamples | None:
    scores = {chain: _read_scores(cell, store) for chain, cell in cells.items()}
    languages = list(dict.fromkeys(language for own in scores.values() for language in own))
    if not languages:
        return None
    most = max(LEAST, min(PER_LANGUAGE, PER_TARGET // len(languages)))
    wanted = {language: _choose_ids([own.get(language, {}) for own in scores.values()], most) for language in languages}
    licence = find_task(target).license
    read: dict[str, dict[tuple[str, str], tuple[str, str, Answered]]] = {}
    for chain, cell in cells.items():
        try:
            rows = read_examples(cell, store, only=wanted)
        except InputError:
            continue  # its predictions are no longer in the store
        read[chain] = {
            (row.language, row.id): (_cut(row.text), _cut(row.gold), Answered(_cut(row.prediction), row.score)) for row in rows
        }
    hidden = "" if allows_text(licence) else f"its licence ({licence or 'not stated'}) is no free one"
    examples = []
    for place in [(language, id) for language, ids in wanted.items() for id in ids]:
        if all(place in own for own in read.values()) and read:
            text, gold, _ = next(iter(read.values()))[place]
            answers = tuple(own[place][2] for own in read.values())
            if hidden:
                text, gold, answers = "", "", tuple(Answered("", one.score) for one in answers)
            examples.append(ChosenExample(place[1], place[0], text, gold, answers))
    total = sum(len(set().union(*(own.get(language, {}) for own in scores.values()))) for language in languages)
    return TargetExamples(encoder, target, seed, tuple(read), total, hidden, tuple(examples)) if examples else None


def _read_scores(cell: PlannedCell, store: Store) -> dict[str, dict[str, float]]:
    """language -> id -> score (0-1)."""
    metric = find_task(cell.id.target).metric
    assert metric is not None
    path = store.outputs(cell.score.kind, cell.score.slug, cell.score.key) / "tallies.npz"
    found = {}
    with np.load(path, allow_pickle=False) as tallies:
        for language in cell.score.config.languages:
            headline_N = metric.headline(tallies[f"{language}.counts"])
            found[language] = dict(zip(tallies[f"{language}.ids"].tolist(), np.asarray(headline_N).tolist(), strict=True))
    return found


def _choose_ids(scores: Sequence[Mapping[str, float]], most: int) -> list[str]:
    """So many of the ids that all chains have: half of them, if there are so many, with different scores of the chains."""
    ids = sorted(set(scores[0]).intersection(*scores), key=lambda id: hashlib.sha256(id.encode()).digest())
    apart = [id for id in ids if max(own[id] for own in scores) > min(own[id] for own in scores)][: (most + 1) // 2]
    return [*apart, *(id for id in ids if id not in set(apart))][:most]


def _cut(value: object) -> str:
    """As text, of at most LETTERS letters."""
    text = " ".join(map(str, value)) if isinstance(value, tuple | list) else "" if value is None else str(value)
    return text if len(text) <= LETTERS else f"{text[: LETTERS - 1]}…"
