"""The encoders that a plan starts from: a folder, a Hub model, the embedded world's, or one from scratch.

A given encoder has no seed; one that starts from random weights (`world/<name>`, `scratch/<name>`) has its seed as a part of it,
so that seeds vary pre-training too. The tokenizer of `scratch/<name>` has no seed: all seeds share it. A Hub model is
identified by its commit, which only a run looks up on the network.
"""

import hashlib
import os
import re
from dataclasses import replace
from pathlib import Path

from xstilts.errors import InputError
from xstilts.model.encoder_files import check_files
from xstilts.plan.data_stages import DataStages
from xstilts.reading import expand_home
from xstilts.recipe.encoder_identity import identify_encoder, resolve_hub_commit
from xstilts.stages import contracts
from xstilts.stages.stage import EncoderStage, Stage, TokenizerStage
from xstilts.study import SCRATCH, WORLD
from xstilts.tasks.files.archive import cache_folder
from xstilts.tasks.registry import find_task


class EncoderStages:
    """Builds encoder stages once each. `base`: a folder that the paths of encoders may be relative to."""

    def __init__(self, data: DataStages, base: Path | None):
        self.study = data.study
        self.data = data
        self.base = base
        self._made: dict[tuple[str, int | None], EncoderStage] = {}
        self._tokenizers: dict[str, TokenizerStage] = {}

    def stage(self, name: str, seed: int) -> EncoderStage:
        """The stage of an encoder. Raises InputError if it is not found."""
        place = (name, seed if is_random(name) else None)
        if place not in self._made:
            self._made[place] = self._stage(name, seed)
        return self._made[place]

    def random(self, name: str, seed: int) -> EncoderStage:
        """The random-init control: the encoder's architecture with fresh weights."""
        start = self.stage(name, seed)
        if is_random(name):
            return start  # it has random weights before its pre-training
        return self._new(contracts.RandomSource(seed), f"{short_name(name)}~random", seed, contracts.EncoderInputs(like=start))

    def _stage(self, name: str, seed: int) -> EncoderStage:
        title = short_name(name)
        if name.startswith(WORLD):
            return self._new(contracts.WorldSource(self.data.world, self.study.architecture_of(name), seed), title, seed)
        if name.startswith(SCRATCH):
            inputs: contracts.EncoderInputs[Stage] = contracts.EncoderInputs(tokenizer=self._tokenizer(name))
            return self._new(contracts.ScratchSource(self.study.architecture_of(name), seed), title, seed, inputs)
        folder = self._folder(name)
        if folder is not None:
            files: dict[str, str] | str = "nowhere"
            if os.path.isdir(folder):
                check_files(folder)
                files = identify_encoder(folder)
            return self._new(contracts.FolderSource(files), title, folder=str(folder))
        identifier, _, revision = name.partition("@")
        return self._new(contracts.HubSource(identifier, self._commit(identifier, revision)), title)

    def _new(
        self,
        source: contracts.EncoderSource,
        title: str,
        seed: int | None = None,
        inputs: contracts.EncoderInputs[Stage] | None = None,
        folder: str = "",
    ) -> EncoderStage:
        slug, context = title if seed is None else f"{title}-s{seed}", replace(self.data.context, folder=folder)
        return EncoderStage(contracts.EncoderConfig(source), inputs or contracts.EncoderInputs(), slug, title, context)

    def _tokenizer(self, name: str) -> TokenizerStage:
        """Its tokenizer: all seeds share it."""
        if name not in self._tokenizers:
            asked = self.study.scratch[name.removeprefix(SCRATCH)]
            texts = self.data.train(find_task(asked.corpus), asked.languages)
            config = contracts.TokenizerConfig(asked.corpus, asked.vocabulary, asked.smoothing, asked.coverage, asked.sample)
            inputs: contracts.TokenizerInputs[Stage] = contracts.TokenizerInputs({asked.corpus: texts})
            self._tokenizers[name] = TokenizerStage(config, inputs, short_name(name), context=self.data.context)
        return self._tokenizers[name]

    def _commit(self, identifier: str, revision: str) -> str:
        memory = cache_folder() / "commits" / hashlib.sha256(f"{identifier}@{revision}".encode()).hexdigest()
        if not self.data.draft:
            commit = resolve_hub_commit(identifier, revision)
            _remember(memory, commit)
            return commit
        if found := _commit_or_nothing(revision) or _read_hub_cache(identifier, revision) or _read_memory(memory):
            return found
        self.data.leave_unresolved(
            f"encoder {identifier}: the commit of '{revision or 'main'}' is resolved when run (with network); only then are the "
            "keys known of all that rests on it"
        )
        return revision or "main"

    def _folder(self, name: str) -> Path | None:
        places = [expand_home(name).absolute()]
        if self.base is not None:
            places.append((self.base / name).absolute())
        for place in places:
            if os.path.isdir(place):
                return place
        if name.startswith((".", "/", "~")) or name.count("/") > 1:
            missing = f"encoder {name}: no such folder (looked at {', '.join(map(str, dict.fromkeys(places)))})"
            if not self.data.draft:
                raise InputError(missing)
            self.data.leave_unresolved(missing)
            return places[0]
        return None


def _commit_or_nothing(text: str) -> str:
    """The text if it is a commit, else nothing."""
    return text if re.fullmatch(r"[0-9a-f]{40}", text) else ""


def _read_hub_cache(identifier: str, revision: str) -> str:
    """The commit that the Hub's local cache has for a revision, or nothing."""
    from huggingface_hub import try_to_load_from_cache

    try:
        found = try_to_load_from_cache(identifier, "config.json", revision=revision or "main")
    except ValueError as error:
        raise InputError(f"encoder {identifier}: no folder of that name, and no Hub id ({error})") from None
    return Path(found).parent.name if isinstance(found, str) else ""


def _read_memory(memory: Path) -> str:
    try:
        return _commit_or_nothing(memory.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return ""


def _remember(memory: Path, commit: str) -> None:
    """Keep the commit of a revision for later plans: the Hub's cache need not know the revision."""
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        memory.write_text(commit, encoding="ascii")
    except OSError:
        pass  # it is only a memory


def is_random(encoder: str) -> bool:
    """Whether an encoder starts from random weights, drawn from the study's seed."""
    return encoder.startswith((WORLD, SCRATCH))


def short_name(encoder: str) -> str:
    """The last part of an encoder's path or id, without its revision."""
    return Path(encoder.partition("@")[0]).name or encoder
