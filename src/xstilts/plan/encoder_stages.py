"""The encoders that a plan starts from: a folder, a Hub model, the embedded world's, or one from scratch.

A given encoder has no seed; one that starts from random weights (`world/<name>`, `scratch/<name>`) has its seed as a part of it,
so that seeds vary pre-training too. The tokenizer of `scratch/<name>` has none: all seeds share it. A Hub model is named by its
commit, which only a run looks up in the network.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

from xstilts.errors import InputError
from xstilts.plan.data_stages import DataStages
from xstilts.recipe.encoder_identity import identify_encoder, resolve_hub_commit
from xstilts.stages.stage import Stage
from xstilts.study.study import SCRATCH, WORLD
from xstilts.tasks.files.archive import cache_folder
from xstilts.tasks.registry import find_task


class EncoderStages:
    """Builds encoder stages once each. `base`: a folder that the paths of encoders may be relative to."""

    def __init__(self, fetches: DataStages, base: Path | None):
        self.study = fetches.study
        self.fetches = fetches
        self.base = base
        self._made: dict[tuple[str, int | None], Stage] = {}

    def stage(self, name: str, seed: int) -> Stage:
        """The stage of an encoder. Raises InputError if it is nowhere."""
        place = (name, seed if untrained(name) else None)
        if place not in self._made:
            self._made[place] = self._stage(name, seed)
        return self._made[place]

    def random(self, name: str, seed: int) -> Stage:
        """The random-init control: the encoder's architecture with fresh weights."""
        start = self.stage(name, seed)
        if untrained(name):
            return start  # before its pre-training it *is* random
        config = {"source": {"kind": "random", "seed": seed}}
        return Stage("encoder", config, {"like": start}, f"{short_name(name)}~random-s{seed}", "encoder")

    def _stage(self, name: str, seed: int) -> Stage:
        if name.startswith(WORLD):
            return self._world(name, seed)
        if name.startswith(SCRATCH):
            return self._scratch(name, seed)
        return self._given(name)

    def _world(self, name: str, seed: int) -> Stage:
        shape = self.study.architecture_of(name).model_dump()
        source = {"kind": "world", "world": self.fetches.world, "architecture": shape, "seed": seed}
        return Stage("encoder", {"source": source}, {}, f"{short_name(name)}-s{seed}", "encoder")

    def _scratch(self, name: str, seed: int) -> Stage:
        shape = self.study.architecture_of(name).model_dump()
        source = {"kind": "scratch", "architecture": shape, "seed": seed}
        inputs = {"tokenizer": self._tokenizer(name)}
        return Stage("encoder", {"source": source}, inputs, f"{short_name(name)}-s{seed}", "encoder")

    def _tokenizer(self, name: str) -> Stage:
        place = (f"{name} tokenizer", None)
        if place not in self._made:
            asked = self.study.scratch[name.removeprefix(SCRATCH)]
            corpus = find_task(asked.corpus)
            languages = self.fetches.training(corpus, asked.languages)
            texts = {f"train:{corpus.name}:{x}": self.fetches.stage(corpus, "train", x) for x in languages}
            config = asked.model_dump(include={"corpus", "vocabulary", "smoothing", "coverage", "sample"})
            self._made[place] = Stage("tokenizer", config, texts, short_name(name), "tokenizer")
        return self._made[place]

    def _given(self, name: str) -> Stage:
        folder = self._folder(name)
        if folder is not None:
            source: dict[str, Any] = {"kind": "folder", "files": identify_encoder(folder) if folder.is_dir() else "nowhere"}
            return Stage("encoder", {"source": source}, {}, short_name(name), "encoder", {"folder": str(folder)})
        identifier, _, revision = name.partition("@")
        source = {"kind": "hub", "id": identifier, "revision": self._commit(identifier, revision)}
        return Stage("encoder", {"source": source}, {}, short_name(name), "encoder")

    def _commit(self, identifier: str, revision: str) -> str:
        memory = cache_folder() / "commits" / hashlib.sha256(f"{identifier}@{revision}".encode()).hexdigest()
        if not self.fetches.draft:
            commit = resolve_hub_commit(identifier, revision)
            _remember(memory, commit)
            return commit
        if found := _whole(revision) or _cached(identifier, revision) or _whole(_read(memory)):
            return found
        self.fetches.leave_unresolved(
            f"encoder {identifier}: the commit of '{revision or 'main'}' is resolved when run (with network); only then are the "
            "keys known of all that rests on it"
        )
        return revision or "main"

    def _folder(self, name: str) -> Path | None:
        places = [Path(name).expanduser().absolute()]
        if self.base is not None:
            places.append((self.base / name).absolute())
        for place in places:
            if place.is_dir():
                return place
        if name.startswith((".", "/", "~")) or name.count("/") > 1:
            missing = f"encoder {name}: no such folder (looked at {', '.join(map(str, dict.fromkeys(places)))})"
            if not self.fetches.draft:
                raise InputError(missing)
            self.fetches.leave_unresolved(missing)
            return places[0]
        return None


def _whole(text: str) -> str:
    """The text if it is a commit, else nothing."""
    return text if re.fullmatch(r"[0-9a-f]{40}", text) else ""


def _cached(identifier: str, revision: str) -> str:
    """The commit that the Hub's local cache has for a revision, or nothing."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(identifier, "config.json", revision=revision or "main")
    return Path(found).parent.name if isinstance(found, str) else ""


def _read(memory: Path) -> str:
    try:
        return memory.read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""


def _remember(memory: Path, commit: str) -> None:
    """What a run resolved, for the plans after it: the Hub's cache knows the commit, but not whose name it was."""
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        memory.write_text(commit, encoding="ascii")
    except OSError:
        pass  # it is only a memory


def untrained(encoder: str) -> bool:
    """Whether an encoder starts from random weights, drawn from the study's seed."""
    return encoder.startswith((WORLD, SCRATCH))


def short_name(encoder: str) -> str:
    """The last part of an encoder's path or id, without its revision."""
    return Path(encoder.partition("@")[0]).name or encoder
