"""Predictions for inputs of one's own, with the model of a finished cell: from Python values, or from JSON lines to JSON lines.

A file is read twice, first to check each line before anything is computed. Neither time is more of it held than WINDOW lines.
"""

import json
import uuid
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import tee
from pathlib import Path
from typing import Any, TextIO

from xstilts.errors import InputError
from xstilts.formats.format import Example, Format
from xstilts.formats.inputs import name_fields, read_input
from xstilts.reading import NotJson, parse_json
from xstilts.stages.predict import Predictor
from xstilts.stages.stage import PredictStage
from xstilts.store.store import Store
from xstilts.tasks.files.read import read_lines

FIELD = "prediction"
WINDOW = 256  # lines that are computed together: enough to sort by length, few enough for a progress bar that moves
_load = lru_cache(maxsize=1)(Predictor)  # for a notebook that asks again


def load_predictor(store: Store, stage: PredictStage) -> Predictor:
    """The model that made a predict stage. Raises InputError if the store does not have it."""
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    model, pictures = stage.inputs.model, stage.inputs.pictures
    folders = [one and store.outputs(one.kind, one.slug, one.key) for one in (model, pictures)]
    return _load(folders[0], stage.config, folders[1])


def predict_inputs(store: Store, stage: PredictStage, inputs: Iterable[Any]) -> list[Any]:
    """One answer for each input, in their order. Raises InputError that names the input with another shape than the format's."""
    if isinstance(inputs, str):
        raise InputError(f"found a text; expected a list, of inputs such as {stage.config.format.asked}")
    examples = [_read(stage.config.format, given, f"input {place}") for place, given in enumerate(inputs)]
    return [prediction.answer for prediction in load_predictor(store, stage).answer(examples)]


def predict_lines(
    store: Store, stage: PredictStage, path: Path, target: TextIO, on_line: Callable[[int, int], None] = lambda done, of: None
) -> int:
    """Write each line of a file, a JSON object, with the field `prediction` added. Gives the number of lines. `on_line` is told
    how many are done, of how many. Raises InputError that names the line before the first prediction."""
    total = sum(1 for _ in _read_lines(path, stage.config.format))
    predictor = load_predictor(store, stage)
    on_line(0, total)
    lines, again = tee(_read_lines(path, stage.config.format))
    answers = predictor.answer((example for _, example in lines), window=WINDOW)
    for done, (prediction, (fields, _)) in enumerate(zip(answers, again, strict=True), start=1):
        target.write(json.dumps({**fields, FIELD: prediction.answer}, ensure_ascii=False) + "\n")
        on_line(done, total)
    return total


def predict_file(
    store: Store, stage: PredictStage, path: Path, out: Path, on_line: Callable[[int, int], None] = lambda done, of: None
) -> int:
    """`predict_lines` into a file, which is renamed into place when it is complete. Raises InputError if it is the file read."""
    if out.exists() and path.exists() and out.samefile(path):
        raise InputError(f"{out}: the predictions would replace their own inputs; give another file with --out")
    temporary = out.with_name(f".{out.name}.{uuid.uuid4().hex}")
    try:
        target = temporary.open("w", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{out}: cannot be written ({error.strerror})") from None
    try:
        with target:
            total = predict_lines(store, stage, path, target, on_line)
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)
    return total


def _read_lines(path: Path, spec: Format) -> Iterator[tuple[dict[str, Any], Example]]:
    """The fields and the example of each line that is not blank."""
    for number, (where, line) in enumerate(read_lines(path), start=1):
        if line.strip():
            yield _read_line(spec, line, where, str(number))


def _read_line(spec: Format, line: str, where: str, id: str) -> tuple[dict[str, Any], Example]:
    try:
        given = parse_json(line, where)
    except NotJson as error:
        raise InputError(f"{error}; expected {spec.asked} on each line") from None
    example = _read(spec, given, where, id)
    fields = name_fields(spec, given)
    if FIELD in fields:
        raise InputError(f"{where}: it has a field '{FIELD}' already; rename it, since the prediction is written there")
    return fields, example


def _read(spec: Format, given: Any, where: str, id: str = "") -> Example:
    try:
        return read_input(spec, given, id or where)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
