"""A few examples with pictures: what each chain answered, and where it looked, as its predict stage measured (`occlusion.json`).

Pictures are shown only where they are drawn from records; photographs have terms of their own, and their names stand for them.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from xstilts.analysis.example_choice import allows_text
from xstilts.analysis.examples import read_examples
from xstilts.errors import InputError
from xstilts.formats.image_pair import ImagePairExample
from xstilts.formats.jsonl import read_jsonl
from xstilts.plan.cell import PlannedCell
from xstilts.plan.compile import Plan, short_name
from xstilts.stages.contracts import OCCLUSION
from xstilts.stages.stage import PredictStage
from xstilts.store.store import Store, read_json
from xstilts.tasks.registry import find_task
from xstilts.tasks.task import Task


@dataclass(frozen=True)
class PictureExample:
    """`png`: the picture, b"" if it may not be shown; `size` in pixels. By chain: `answers`, and `falls`: by how much the margin
    of the chain's own answer falls without each vector of the picture, row by row of a square grid."""

    encoder: str
    target: str
    seed: int
    language: str
    picture: str
    png: bytes
    size: tuple[int, int]
    text: str
    gold: str
    answers: Mapping[str, str]
    falls: Mapping[str, tuple[float, ...]]


def choose_pictures(plan: Plan, store: Store) -> tuple[PictureExample, ...]:
    """Those of every encoder and target that the store has, of the first seed; controls are left out."""
    groups: dict[tuple[str, str], dict[str, PlannedCell]] = {}
    for cell in plan.cells:
        one, task = cell.id, find_task(cell.id.target)
        if task.pictures and one.arm in plan.study.chains and one.seed == plan.study.seeds[0] and allows_text(task.license):
            groups.setdefault((one.encoder, one.target), {})[one.arm] = cell
    found: list[PictureExample] = []
    for (encoder, target), cells in groups.items():
        try:
            found += _read(short_name(encoder), find_task(target), cells, store, Path(plan.stages[0].context.data))
        except InputError:
            continue  # what was predicted is no longer in the store
    return tuple(found)


def _read(encoder: str, task: Task, cells: Mapping[str, PlannedCell], store: Store, root: Path) -> list[PictureExample]:
    falls: dict[str, dict[str, list[float]]] = {}  # chain -> id -> values
    language = ""
    for chain, cell in cells.items():
        made = cell.score.inputs.predictions
        assert isinstance(made, PredictStage)
        if store.is_done(store.folder(made.kind, made.slug, made.key)):
            record = read_json(store.outputs(made.kind, made.slug, made.key) / OCCLUSION)
            if record:
                language, falls[chain] = record["language"], record["falls"]
    if not falls:
        return []
    ids = list(next(iter(falls.values())))
    first = next(iter(cells.values()))
    gold = first.score.inputs.gold[language]
    path = store.outputs(gold.kind, gold.slug, gold.key) / "examples.jsonl"
    examples = {e.id: e for e in read_jsonl(path, set(ids)) if isinstance(e, ImagePairExample)}
    answers = {
        chain: {one.id: str(one.prediction) for one in read_examples(cells[chain], store, language, {language: set(ids)})}
        for chain in falls
    }
    drawn = _draw(task, root, [examples[id].picture for id in ids])
    return [
        PictureExample(
            encoder,
            task.name,
            first.id.seed,
            language,
            examples[id].picture,
            *drawn.get(examples[id].picture, (b"", (1, 1))),
            examples[id].text,
            str(examples[id].answer),
            {chain: own[id] for chain, own in answers.items()},
            {chain: tuple(own[id]) for chain, own in falls.items()},
        )
        for id in ids
    ]


def _draw(task: Task, root: Path, names: list[str]) -> dict[str, tuple[bytes, tuple[int, int]]]:
    """Name -> PNG and size, of pictures that are drawn."""
    assert task.pictures
    if task.pictures.draw is None:
        return {}
    found = {}
    for name, picture in task.pictures.draw(root, dict.fromkeys(names)):
        file = io.BytesIO()
        picture.save(file, "PNG")
        found[name] = (file.getvalue(), picture.size)
    return found
