"""What a stage need not make again: languages that another stage of the store has already predicted or embedded.

A study that gets one more language, or loses one, has another stage, since its key holds all languages. Each language is made by
itself, so those that both have are the same. They become parts of the checkpoint, as an interrupted attempt would have left them.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from xstilts.formats.jsonl import count_lines
from xstilts.stages.attack import SEEN
from xstilts.stages.vectors import names as vector_names
from xstilts.store.parts import keep_part
from xstilts.store.store import DamagedArtefact, Store, read_done, read_json, read_stage

BY_LANGUAGE = ("predict", "embed")


def reuse_languages(store: Store, folder: Path, record: Mapping[str, Any]) -> list[str]:
    """Fill the checkpoint of a stage, if it is empty, with languages of finished stages that differ from it in nothing else.
    Gives these languages."""
    checkpoint, wanted = folder / "checkpoint", list(record["config"].get("languages", ()))
    if record["kind"] not in BY_LANGUAGE or any(checkpoint.iterdir()):
        return []
    taken: list[str] = []
    for other, theirs in _relatives(store, folder, record):
        same = [x for x in wanted if x not in taken and _inputs_of(theirs, x) == _inputs_of(record, x) != {}]
        if not same:
            continue
        try:
            done = store.verify(other)
        except DamagedArtefact:
            continue
        for language in same:
            _keep(checkpoint, other / "out", list(done["files"]), language, done["facts"])
        taken += same
    return taken


def _keep(checkpoint: Path, out: Path, names: list[str], language: str, facts: Mapping[str, Any]) -> None:
    """Keep the parts of a language: its predictions, or the vectors of each side and split."""
    predictions = f"{language}.jsonl"
    if predictions in names:
        unreached = facts.get("unreached")
        found = {"unreached": unreached.get(language, 0) if isinstance(unreached, dict) else 0}
        seen = read_json(out / SEEN)
        if isinstance(seen, dict) and language in seen:
            found["seen"] = seen[language]
        keep_part(checkpoint, language, [out / predictions], count_lines(out / predictions), found)
    for name in names:
        part = name.removesuffix(".npy")
        if name != part and part.partition(".")[0] in (language, f"dev-{language}"):
            vectors, ids = (out / own for own in vector_names(*part.split(".")))
            keep_part(checkpoint, part, [vectors, ids], len(read_json(ids)))


def _relatives(store: Store, folder: Path, record: Mapping[str, Any]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Finished stages of the same kind, version and model whose config differs in its languages alone."""
    for path in sorted(folder.parent.glob(f"{folder.name.rpartition('-')[0]}-*")):
        theirs = read_stage(path)
        if path == folder or theirs is None or read_done(path) is None:
            continue
        if _without_languages(theirs) == _without_languages(record):
            yield path, theirs


def _without_languages(record: Mapping[str, Any]) -> tuple[Any, ...]:
    config = {name: value for name, value in record["config"].items() if name != "languages"}
    return record["kind"], record["version"], config, record["inputs"].get("model")


def _inputs_of(record: Mapping[str, Any], language: str) -> dict[str, str]:
    """The inputs of one language: its examples and, in mining, those of its dev split."""
    return {name: key for name, key in record["inputs"].items() if name.rpartition(":")[2] == language}
