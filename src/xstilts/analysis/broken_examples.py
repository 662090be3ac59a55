"""A few test examples that an attack breaks, for a report: the clean text, the attacked one, and what chains answer to both.

Those come first that break most chains. Of a condition and target at most PER_LANGUAGE of each language and MOST in all are
taken, of one seed, and only where the licence of the data lets anyone pass texts on. Characters that nobody sees (zero width,
control of direction) are written as [U+200B], so that a page shows what was done and no text disturbs its neighbours.
"""

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xstilts.analysis.example_choice import LETTERS, allows_text
from xstilts.attacks.edits import parts
from xstilts.errors import InputError
from xstilts.formats.format import Example
from xstilts.formats.jsonl import read_jsonl, read_predictions
from xstilts.metrics.worst import RIGHT, own_scores
from xstilts.plan.cell import PlannedCell
from xstilts.plan.compile import Plan, short_name
from xstilts.stages.attack import read_variants
from xstilts.stages.stage import PredictStage, Stage
from xstilts.store.store import Store
from xstilts.tasks.registry import find_task
from xstilts.tasks.task import Task

PER_LANGUAGE, MOST = 2, 8
BEFORE = 80  # letters of a long text that are shown before its first change
JOINERS = "\u200c\u200d"  # parts of the spelling of Persian and of Indic languages
SAME = "the same text, cut into other pieces"
Piece = tuple[str, bool]  # a stretch of text, and whether it was changed


@dataclass(frozen=True)
class BrokenExample:
    """`answers`: chain -> its answers to the clean and to the attacked text. `clean` and `attacked` are whole texts, or the
    letters around the first change."""

    encoder: str
    target: str
    condition: str
    language: str
    id: str
    clean: tuple[Piece, ...]
    attacked: tuple[Piece, ...]
    gold: str
    answers: Mapping[str, tuple[str, str]]


def choose_broken(plan: Plan, store: Store) -> tuple[BrokenExample, ...]:
    """Those of every condition, encoder and target that the store has scores of; controls are left out."""
    clean = {(one.id.encoder, one.id.arm, one.id.target, one.id.seed): one for one in plan.cells}
    groups: dict[tuple[str, str, str], dict[int, dict[str, PlannedCell]]] = {}
    for cell in plan.attacked:
        one = cell.id
        if not isinstance(cell.score.inputs.attacked, PredictStage):
            continue  # what retrieval finds is no answer that one could read
        if (
            one.arm in plan.study.chains
            and cell.score.config.counts == "worst"  # where the mean of the variants counts, none is the one that breaks
            and _is_done(store, cell.score)
            and allows_text(find_task(one.target).license)
        ):
            groups.setdefault((one.encoder, one.target, one.condition), {}).setdefault(one.seed, {})[one.arm] = cell
    found: list[BrokenExample] = []
    for (encoder, target, condition), seeds in groups.items():
        seed = max(seeds, key=lambda seed: (len(seeds[seed]), -seed))  # the most chains; of equal ones the first
        pairs = {arm: (clean[encoder, arm, target, seed], cell) for arm, cell in seeds[seed].items()}
        place = (short_name(encoder), target, condition)
        try:
            found += list(_choose(place, find_task(target), pairs, store))[:MOST]
        except InputError:
            continue  # what was predicted is no longer in the store
    return tuple(found)


def _is_done(store: Store, stage: Stage) -> bool:
    return store.is_done(store.folder(stage.kind, stage.slug, stage.key))


def _choose(
    place: tuple[str, str, str], task: Task, pairs: Mapping[str, tuple[PlannedCell, PlannedCell]], store: Store
) -> Iterator[BrokenExample]:
    """The first of every language, then the second of every language."""
    first = next(iter(pairs.values()))[1].score
    wanted = {
        language: [id for id, _ in broken.most_common(PER_LANGUAGE)]
        for language in first.config.languages
        if (broken := _count_broken(task, pairs, language, store))
    }
    read = {language: list(_read(place, task, pairs, language, ids, store)) for language, ids in wanted.items()}
    for number in range(PER_LANGUAGE):
        yield from (own[number] for own in read.values() if number < len(own))


def _count_broken(task: Task, pairs: Mapping[str, tuple[PlannedCell, PlannedCell]], language: str, store: Store) -> Counter[str]:
    """The variants that turn a right answer into a wrong one, and of how many chains; of equal ones in the order of a hash."""
    metric = task.metric
    assert metric is not None
    broken: list[str] = []
    for clean, attacked in pairs.values():
        right_N = own_scores(metric, _read_tallies(store, clean.score, f"{language}.counts")) >= RIGHT
        wrong_N = own_scores(metric, _read_tallies(store, attacked.score, f"{language}.counts")) < RIGHT
        broken += _read_tallies(store, attacked.score, f"{language}.chosen")[right_N & wrong_N].tolist()
    return Counter(sorted(broken, key=lambda id: hashlib.sha256(id.encode()).digest()))


def _read_tallies(store: Store, score: Stage, name: str) -> Any:
    with np.load(_outputs(store, score) / "tallies.npz", allow_pickle=False) as tallies:
        return tallies[name]


def _outputs(store: Store, stage: Stage) -> Path:
    return store.outputs(stage.kind, stage.slug, stage.key)


def _read(
    place: tuple[str, str, str],
    task: Task,
    pairs: Mapping[str, tuple[PlannedCell, PlannedCell]],
    language: str,
    ids: Sequence[str],
    store: Store,
) -> Iterator[BrokenExample]:
    inputs = next(iter(pairs.values()))[1].score.inputs
    folder = _outputs(store, inputs.variants[language])
    records = {record["id"]: record for record in read_variants(folder) if record["id"] in ids}
    sources = {id: record["clean"] for id, record in records.items()}
    variants = {one.id: one for one in read_jsonl(folder / "examples.jsonl", ids)}
    gold = {one.id: one for one in read_jsonl(_outputs(store, inputs.gold[language]) / "examples.jsonl", set(sources.values()))}
    answers: dict[str, dict[str, str]] = {}
    for chain, (_, attacked) in pairs.items():
        own: dict[str, str] = {}
        for stage, some in (
            (attacked.score.inputs.predictions, set(sources.values())),
            (attacked.score.inputs.attacked, set(ids)),
        ):
            assert stage is not None
            own |= _read_answers(task, _outputs(store, stage) / f"{language}.jsonl", some)
        answers[chain] = own
    for id in ids:
        clean, attacked_text = mark_changes(task, gold[sources[id]], variants[id], records[id]["edits"])
        if not any(changed for _, changed in attacked_text):
            attacked_text = ((SAME, False),)
        told = {chain: (own[sources[id]], own[id]) for chain, own in answers.items()}
        yield BrokenExample(*place, language, id, clean, attacked_text, _write(task, variants[id].answer), told)


def _read_answers(task: Task, path: Path, ids: Collection[str]) -> dict[str, str]:
    return {one.id: _write(task, one.answer) for one in read_predictions(path, ids)}


def _write(task: Task, answer: Any) -> str:
    value = task.format.write_answer(answer, {})
    text = " ".join(map(str, value)) if isinstance(value, tuple | list) else "" if value is None else str(value)
    return reveal(text, True)[:LETTERS]


# -- marks -------------------------------------------------------------------------------------------------------------


def mark_changes(
    task: Task, clean: Example, attacked: Example, edits: Sequence[Mapping[str, Any]]
) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """The texts of both in pieces. Without edits whole texts were exchanged."""
    joint = " " if task.format.name == "tag" else " | "
    before: list[Piece] = []
    after: list[Piece] = []
    for number, (old, new) in enumerate(zip(parts(clean), parts(attacked), strict=True)):
        own = [edit for edit in edits if edit["part"] == number]
        done = 0
        for pieces in (before, after):
            pieces += [(joint, False)] if number else []
        for edit in own:
            kept = (old[done : edit["start"]], False)
            before += [kept, (old[edit["start"] : edit["end"]], True)]
            after += [kept, (edit["replacement"], True)]
            done = edit["end"]
        before.append((old[done:], not edits and old != new))
        after.append((old[done:], False) if edits else (new, old != new))
    return _show(before), _show(after)


def _show(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """At most LETTERS letters of the pieces, from a little before the first change, without empty pieces."""
    lengths = np.cumsum([0, *(len(text) for text, _ in pieces)])
    first = next((int(lengths[n]) for n, (_, changed) in enumerate(pieces) if changed), 0)
    low = max(0, min(first - BEFORE, int(lengths[-1]) - LETTERS)) if lengths[-1] > LETTERS else 0
    high = low + LETTERS
    shown = [
        (text[max(0, low - start) : max(0, high - start)], changed)
        for start, (text, changed) in zip(lengths.tolist(), pieces, strict=False)
    ]
    ends = [("…", False)] if high < lengths[-1] else []
    begins = [("…", False)] if low else []
    return tuple((reveal(text, changed), changed) for text, changed in (*begins, *shown, *ends) if text)


def reveal(text: str, changed: bool) -> str:
    """The text with characters that nobody sees written as [U+200B]. In text that was not `changed`, joiners stay: they belong
    to the spelling of some languages."""
    return "".join(
        f"[U+{ord(x):04X}]" if unicodedata.category(x) in ("Cf", "Cc") and (changed or x not in JOINERS) else x for x in text
    )
