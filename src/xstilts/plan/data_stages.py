"""What data a plan reads: the fetch stage of each task, split and language, and which of these a phase or a test needs.

A plan needs no data: what a task's record declares is its identity. A file found in the data folder is fingerprinted and
carries that identity instead. Languages without data are left out and said to be missing, never silently.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xstilts.data.language import LANGUAGES
from xstilts.errors import InputError, nearest
from xstilts.recipe.mixture import Mixture
from xstilts.stages.stage import Stage
from xstilts.study.study import UNTRAINED, Study
from xstilts.tasks.files.locate import (
    explain_missing,
    find_languages,
    find_parts,
    find_source,
    hash_contents,
    locate,
    resolve_split,
    select_scored_split,
)
from xstilts.tasks.task import Task
from xstilts.world.config import WorldConfig


class DataStages:
    """Builds fetch stages once each. `root` is the data folder; `missing`, `notes` and `open` are for the reader of the plan.
    `draft`: what keeps the plan from being run (data that are nowhere) is no error but stands in `open`."""

    def __init__(self, study: Study, root: Path, draft: bool = False):
        self.study = study
        self.root = root
        self.missing: dict[str, set[str]] = {}
        self.notes: list[str] = []
        self.draft = draft
        self.unresolved: list[str] = []
        self._nowhere: dict[tuple[str, str], str] = {}
        self._found: dict[tuple[str, str], tuple[str, ...]] = {}
        self.world = self._world()
        self._made: dict[tuple[str, str, str], Stage] = {}

    def _world(self) -> dict[str, Any]:
        try:
            return WorldConfig(**self.study.world).fingerprint()
        except TypeError:
            known = [f.name for f in dataclasses.fields(WorldConfig)]
            wrong = next(name for name in self.study.world if name not in known)
            raise InputError(f"study: unknown field 'world.{wrong}'{nearest(wrong, known)}") from None

    def note(self, text: str) -> None:
        """Remember something that a reader of the plan must know, once."""
        if text not in self.notes:
            self.notes.append(text)

    def leave_unresolved(self, text: str) -> None:
        """Remember something without which a draft cannot be run, once."""
        if text not in self.unresolved:
            self.unresolved.append(text)

    def stage(self, task: Task, split: str, language: str) -> Stage:
        """The stage that reads one split in one language. Raises InputError if its data is nowhere."""
        name = (task.name, split, language)
        if name not in self._made:
            limit = getattr(self.study.limits, split)
            config = {"task": task.name, "version": task.version, "split": split, "language": language, "limit": limit}
            if task.declared:
                config["declared"] = task.declared
            context: dict[str, Any] = {}
            if task.synthetic:
                config["world"] = self.world
            else:
                sources = {one.name: self._source(one, split, language) for one in find_parts(task) or (task,)}
                config["source"] = sources if task.parts else sources[task.name]
                context["data"] = str(self.root)
            slug = f"{task.name.replace('/', '.')}-{split}-{language}"
            self._made[name] = Stage("fetch", config, {}, slug, "fetch", context)
        return self._made[name]

    def _source(self, task: Task, split: str, language: str) -> str:
        files = locate(task, split, language, self.root)
        source = find_source(task, split, language)
        if files:
            identity = hash_contents(files)
            official = source.sha256.get(language)
            if official not in (None, identity):
                self.note(f"{task.name} ({split}, {language}): not the official file; it is named by its own sha256")
            return f"sha256:{identity}"
        if source.hub is None:
            if not self.draft:
                raise InputError(explain_missing(task, split, language, self.root))
            if (task.name, split) not in self._nowhere:  # said once, for the first of its languages
                self._nowhere[task.name, split] = explain_missing(task, split, language, self.root)
                self.leave_unresolved(self._nowhere[task.name, split])
            return "nowhere"
        self.note(f"{task.name} ({split}): not in the data folder; it comes from the Hub data set {source.hub.id}")
        config = task.fill(source.hub.config, language)
        return f"hub:{source.hub.id}/{config}/{source.hub.split}@{source.hub.revision}"

    def scored(self, task: Task) -> str:
        """The split of a target that the study scores; what differs from what it asks for is noted."""
        split = select_scored_split(task, self.study.split)
        if split != self.study.split:
            self.note(f"{task.name}: no dev data but English; it is scored on its test data")
        lacking = [x for x in self.study.languages_of(task) if x not in task.splits[split].languages]
        if split == "dev" and lacking:
            self.note(f"{task.name}: no dev data in {names(lacking)}; not scored")
        return split

    def languages(self, task: Task, split: str) -> list[str]:
        """The study's languages of a task that have data: those in the data folder if it has any, else all (the Hub).
        Languages that the study names one by one are had from the Hub if the folder lacks them."""
        asked = self.study.languages_of(task)
        wanted = [x for x in task.splits[resolve_split(task, split)].languages if x in asked]
        if not isinstance(self.study.languages, str) or task.synthetic:
            return wanted
        here = [x for x in self._available(task, split) if x in wanted]
        if here:
            self.missing.setdefault(task.name, set()).update(x for x in wanted if x not in here)
        return here or wanted

    def training(self, task: Task, asked: Sequence[str] | None) -> list[str]:
        """The languages of a task's training data: those `asked` for that it has. If none is asked for, English; without
        English, those that it has; and of plain text every language of the study. Raises InputError if it has none."""
        offered = task.splits["train"].languages
        if asked is not None:
            chosen = [x for x in offered if x in asked]
            if not chosen:
                raise InputError(
                    f"{task.name}: its training data are in {' '.join(offered)}, the mixture asks for {' '.join(asked)}; "
                    "give `languages` that it has"
                )
            if task.format.name != "mlm" and chosen != ["en"]:
                self.note(f"{task.name}: trained on {names(chosen)}")
            return chosen
        if task.format.name == "mlm":
            found = self.languages(task, "train")
            if not found:
                raise InputError(f"{task.name}: its text is in {' '.join(offered)}, and the study has none of these languages")
            return found
        if "en" in offered:
            return ["en"]
        chosen = [x for x in self._available(task, "train") if x in offered] or list(offered)
        self.note(f"{task.name}: its training data are not English but {names(chosen)}")
        if absent := [x for x in offered if x not in chosen]:
            self.missing.setdefault(task.name, set()).update(absent)
        return chosen

    def train(self, task: Task, mixture: Mixture) -> dict[str, Stage]:
        """The training data of one member of a mixture, as inputs of a phase."""
        return {f"train:{task.name}:{x}": self.stage(task, "train", x) for x in self.training(task, mixture.languages)}

    def dev(self, tasks: Sequence[Task], trained: Sequence[str] = ()) -> Stage | None:
        """The English dev split of the first task that has one (or one in the first language that it is trained on): its own
        file or the held-out share of its training data. None if there are none."""
        absent = []
        for task in tasks:
            if task.metric is None or ("dev" not in task.splits and not task.heldout) or task.format.name in UNTRAINED:
                continue
            offered = task.splits[resolve_split(task, "dev")].languages
            language = next(x for x in ("en", *trained, *offered) if x in offered)
            if (found := self._at_hand(task, "dev", language)) is not None:
                return found
            absent.append(f"{task.name}: no {LANGUAGES[language].name} dev data at hand; nothing is selected on it")
        for text in absent:
            self.note(text)
        return None

    def target_dev(self, task: Task) -> dict[str, Stage]:
        """Language -> dev data of a target in the study's languages other than English: what a policy that leaks looks at.
        Raises InputError if there are none."""
        offered = task.splits["dev"].languages if "dev" in task.splits else ()
        asked = [x for x in offered if x in self.study.languages_of(task) and x != "en"]
        found = {x: stage for x in asked if (stage := self._at_hand(task, "dev", x)) is not None}
        if not found:
            raise InputError(
                f"{task.name}: policy target_dev needs dev data in a language other than English, and there are none at hand "
                f"(the task has dev data in {' '.join(offered) or 'no language'}); use policy en_dev or avg_last_k"
            )
        return found

    def _at_hand(self, task: Task, split: str, language: str) -> Stage | None:
        """The stage of a split that may be missing; what the data folder lacks of a task is not had from the Hub unasked."""
        try:
            made = (task.name, split, language) in self._made
            if made or task.synthetic or locate(task, split, language, self.root) or not self._here(task):
                return self.stage(task, split, language)
        except InputError:
            pass
        return None

    def _here(self, task: Task) -> bool:
        return any(self._available(task, split) for split in task.splits)

    def _available(self, task: Task, split: str) -> tuple[str, ...]:
        """The languages whose files are in the data folder, looked for once in a plan."""
        if (task.name, split) not in self._found:
            self._found[task.name, split] = find_languages(task, split, self.root)
        return self._found[task.name, split]


def names(languages: Sequence[str]) -> str:
    """Languages in words: German, French."""
    return ", ".join(LANGUAGES[x].name for x in languages)
