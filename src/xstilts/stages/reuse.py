"""What a stage need not make again: languages that another stage of the store has already predicted or embedded.

A study that gets one more language, or loses one, has another stage, since its key holds all languages. Each language is made by
itself, so those that both have are the same. They are put where an interrupted attempt would have left them.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from xstilts.store.store import DamagedArtefact, Store, link_or_copy, read_json, write_json

BY_LANGUAGE = ("predict", "embed")


def reuse_languages(store: Store, folder: Path, record: Mapping[str, Any]) -> list[str]:
    """Fill the checkpoint of a stage, if it is empty, with languages of finished stages that differ from it in nothing else.
    Gives these languages."""
    checkpoint, wanted = folder / "checkpoint", list(record["config"].get("languages", ()))
    if record["kind"] not in BY_LANGUAGE or any(checkpoint.iterdir()):
        return []
    taken: list[str] = []
    files: list[tuple[Path, Path]] = []
    unreached: dict[str, int] = {}
    for other, theirs in _relatives(store, folder, record):
        same = [x for x in wanted if x not in taken and _inputs_of(theirs, x) == _inputs_of(record, x) != {}]
        if not same:
            continue
        try:
            store.verify(other)
        except DamagedArtefact:
            continue
        done: Any = read_json(other / "done.json") or {}
        for language in same:
            for name in done.get("files", {}):
                if name.partition(".")[0] in (language, f"dev-{language}"):
                    files.append((other / "out" / name, checkpoint / name))
            unreached[language] = done.get("facts", {}).get("unreached", {}).get(language, 0)
        taken += same
    if taken and record["kind"] == "predict":  # before the languages that it counts: an attempt can end anywhere
        write_json(checkpoint / "unreached.json", unreached)
    for source, target in files:
        link_or_copy(source, target)
    return taken


def _relatives(store: Store, folder: Path, record: Mapping[str, Any]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Finished stages of the same kind, version and model whose config differs in its languages alone."""
    for path in sorted(folder.parent.glob(f"{folder.name.rpartition('-')[0]}-*")):
        theirs = read_json(path / "stage.json")
        if path == folder or not isinstance(theirs, dict) or not store.is_done(path):
            continue
        if _without_languages(theirs) == _without_languages(record):
            yield path, theirs


def _without_languages(record: Mapping[str, Any]) -> tuple[Any, ...]:
    config = {name: value for name, value in record["config"].items() if name != "languages"}
    return record["kind"], record["version"], config, record["inputs"].get("model")


def _inputs_of(record: Mapping[str, Any], language: str) -> dict[str, str]:
    """The inputs of one language: its examples and, in mining, those of its dev split."""
    return {name: key for name, key in record["inputs"].items() if name.rpartition(":")[2] == language}
