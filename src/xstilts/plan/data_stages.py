"""What data a plan reads: the fetch stage of each task, split and language, and which of these a phase or a test needs.

A plan needs no data. A file in the data folder is identified by its sha256, and so are the pictures that examples name; a data
set of the Hub is identified by its revision. Languages without data are left out, and the plan says so.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from xstilts.data.language import LANGUAGES
from xstilts.errors import InputError
from xstilts.formats.image_pair import ImagePairExample
from xstilts.stages.contracts import FetchConfig, Inputs, SeeConfig, SeeInputs
from xstilts.stages.stage import Context, FetchStage, SeeStage, Stage
from xstilts.study import Study
from xstilts.tasks.files.archive import cache_folder
from xstilts.tasks.files.locate import (
    cache_text,
    explain_missing,
    find_languages,
    find_parts,
    find_source,
    hash_contents,
    locate,
    read_examples,
    resolve_split,
    select_scored_split,
    subsample,
)
from xstilts.tasks.files.pictures import hash_pictures
from xstilts.tasks.task import Task
from xstilts.tasks.user.user_tasks import register
from xstilts.vision.tower import identify_tower


class DataStages:
    """Builds fetch stages once each. `root` is the data folder; `missing`, `notes` and `unresolved` are for the reader of
    the plan. `draft`: missing data are not an error; they are listed in `unresolved`. `without`: target -> languages that are
    not tested, because their data could not be read. `context` is that of every stage."""

    def __init__(self, study: Study, root: Path, draft: bool = False, without: Mapping[str, Collection[str]] | None = None):
        self.study = study
        self.without = without or {}
        self.root = root
        self.missing: dict[str, set[str]] = {}
        self.notes: list[str] = []
        self.draft = draft
        self.unresolved: list[str] = []
        self._missing_messages: dict[tuple[str, str], str] = {}  # (task, split) -> the one message
        self._found: dict[tuple[str, str], tuple[str, ...]] = {}
        self.world = study.world
        declared = {str(Path(path).absolute()): register(Path(path))[0].declared for path in study.tasks}
        self.context = Context(str(root), tasks=declared)
        self._made: dict[tuple[str, str, str], FetchStage] = {}
        self._seen: dict[tuple[str, ...], SeeStage] = {}

    def note(self, text: str) -> None:
        """Remember something that a reader of the plan must know, once."""
        if text not in self.notes:
            self.notes.append(text)

    def leave_unresolved(self, text: str) -> None:
        """Remember something without which a draft cannot be run, once."""
        if text not in self.unresolved:
            self.unresolved.append(text)

    def stage(self, task: Task, split: str, language: str) -> FetchStage:
        """The stage that reads one split in one language. Raises InputError if its data are missing."""
        name = (task.name, split, language)
        if name not in self._made:
            limit = getattr(self.study.limits, split)
            source: str | dict[str, str] | None = None
            if not task.synthetic:
                sources = {one.name: self._source(one, split, language) for one in find_parts(task) or (task,)}
                source = sources if task.parts else sources[task.name]
            world = self.world if task.synthetic else None
            config = FetchConfig(task.name, task.version, split, language, limit, task.declared, world, source)
            slug = f"{task.name.replace('/', '.')}-{split}-{language}"
            self._made[name] = FetchStage(config, Inputs(), slug, context=self.context)
        return self._made[name]

    def see(self, task: Task, texts: Mapping[str, FetchStage]) -> SeeStage:
        """The stage that makes vectors of the pictures that these examples name. Raises InputError for an unknown tower."""
        split = "+".join(dict.fromkeys(stage.config.split for stage in texts.values()))
        name = (task.name, split, *sorted(stage.key for stage in texts.values()))
        if name not in self._seen:
            hashes = {text: self._hash_pictures(task, stage) for text, stage in texts.items()}
            files = {text: sha256 for text, sha256 in hashes.items() if sha256}
            config = SeeConfig(task.name, task.version, self._identify_tower(), task.declared, files or None)
            context = replace(self.context, tower=self.study.tower)
            slug = f"{task.name.replace('/', '.')}-{split}"
            inputs: SeeInputs[Stage] = SeeInputs(texts)
            self._seen[name] = SeeStage(config, inputs, slug, task.name.rpartition("/")[2], context)
        return self._seen[name]

    def _hash_pictures(self, task: Task, text: FetchStage) -> str:
        """sha256 of the files of the pictures that a split names; empty if they are in no files of the data folder."""
        source = text.config.source
        if not (task.pictures and task.pictures.paths and isinstance(source, str)):
            return ""
        if source.startswith("hub:"):
            self.note(f"{task.name}: its examples come from the Hub, so a picture that changes in the data folder is not noticed")
        return hash_pictures(task, self._list_pictures(task, text), self.root) if source.startswith("sha256:") else ""

    def _list_pictures(self, task: Task, text: FetchStage) -> list[str]:
        """The pictures that a split names, read out of its files once and then kept in the cache."""
        memo = cache_folder() / "pictures-of" / f"{text.key}.json"
        if memo.is_file():
            return list(json.loads(memo.read_text(encoding="utf-8")))
        read = text.config
        try:
            examples = subsample(read_examples(task, read.split, read.language, self.root), read.limit)
            named = {example.picture for example in examples if isinstance(example, ImagePairExample)}
        except InputError:
            return []  # the fetch stage says what is wrong with them
        cache_text(memo, json.dumps(found := sorted(named - {""})))
        return found

    def _identify_tower(self) -> dict[str, str]:
        try:
            return identify_tower(self.study.tower)
        except InputError as error:
            if not self.draft:
                raise
            self.leave_unresolved(str(error))
            return {"nowhere": self.study.tower}

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
            missing = explain_missing(task, split, language, self.root)
            if not self.draft:
                raise InputError(missing)
            self.leave_unresolved(self._missing_messages.setdefault((task.name, split), missing))
            return "nowhere"
        where = f", {language}" if self._available(task, split) else ""
        self.note(f"{task.name} ({split}{where}): not in the data folder; it comes from the Hub data set {source.hub.id}")
        config = task.fill(source.hub.config, language)
        return f"hub:{source.hub.id}/{config}/{source.hub.split}@{source.hub.revision}"

    def choose_split(self, task: Task) -> str:
        """The split of a target that the study scores; what differs from what it asks for is noted."""
        split = select_scored_split(task, self.study.split)
        if split != self.study.split:
            self.note(f"{task.name}: no dev data but English; it is scored on its test data")
        lacking = [x for x in self.study.languages_of(task) if x not in task.splits[split].languages]
        if split == "dev" and lacking:
            self.note(f"{task.name}: no dev data in {names(lacking)}; not scored")
        return split

    def choose_languages(self, task: Task, split: str) -> list[str]:
        """The study's languages of a task that have data: those in the data folder if it has any, else all (the Hub).
        Languages that the study names one by one come from the Hub if the folder lacks them. What is left out is in `missing`."""
        asked = self.study.languages_of(task)
        offered = [x for x in task.splits[resolve_split(task, split)].languages if x in asked]
        wanted = [x for x in offered if x not in self.without.get(task.name, ())]
        if len(wanted) < len(offered):
            self.missing.setdefault(task.name, set()).update(x for x in offered if x not in wanted)
        if task.synthetic:
            return wanted
        found = [x for x in self._available(task, split) if x in wanted]
        if not found:
            return wanted
        if self.study.names_languages_of(task):
            found = [x for x in wanted if x in found or find_source(task, split, x).hub is not None]
        self.missing.setdefault(task.name, set()).update(x for x in wanted if x not in found)
        return found

    def choose_training_languages(self, task: Task, asked: Sequence[str] | None) -> list[str]:
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
            if not task.format.self_supervised and chosen != ["en"]:
                self.note(f"{task.name}: trained on {names(chosen)}")
            return chosen
        if task.format.self_supervised:
            found = self.choose_languages(task, "train")
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

    def train(self, task: Task, asked: Sequence[str] | None) -> dict[str, FetchStage]:
        """Language -> training data of a task, in the languages of `choose_training_languages`."""
        return {language: self.stage(task, "train", language) for language in self.choose_training_languages(task, asked)}

    def dev(self, tasks: Sequence[Task], trained: Sequence[str] = ()) -> FetchStage | None:
        """The English dev split of the first task that has one (or one in the first language that it is trained on): its own
        file or the held-out share of its training data. None if there are none."""
        absent = []
        for task in tasks:
            if task.metric is None or ("dev" not in task.splits and not task.heldout) or not task.format.trained:
                continue
            offered = task.splits[resolve_split(task, "dev")].languages
            language = next(x for x in ("en", *trained, *offered) if x in offered)
            if (found := self._find(task, "dev", language)) is not None:
                return found
            absent.append(f"{task.name}: no {LANGUAGES[language].name} dev data at hand; nothing is selected on it")
        for text in absent:
            self.note(text)
        return None

    def target_dev(self, task: Task) -> dict[str, FetchStage]:
        """Language -> dev data of a target in other languages than English, for a policy that leaks. Raises InputError."""
        offered = task.splits["dev"].languages if "dev" in task.splits else ()
        asked = [x for x in offered if x in self.study.languages_of(task) and x != "en"]
        found = {x: stage for x in asked if (stage := self._find(task, "dev", x)) is not None}
        if not found:
            raise InputError(
                f"{task.name}: policy target_dev needs dev data in a language other than English, and there are none at hand "
                f"(the task has dev data in {' '.join(offered) or 'no language'}); use policy en_dev or avg_last_k"
            )
        return found

    def _find(self, task: Task, split: str, language: str) -> FetchStage | None:
        """The stage of a split, or None. A task of which the data folder has some splits does not get the others from the Hub."""
        try:
            made = (task.name, split, language) in self._made
            here = any(self._available(task, split) for split in task.splits)
            if made or task.synthetic or locate(task, split, language, self.root) or not here:
                return self.stage(task, split, language)
        except InputError:
            pass
        return None

    def _available(self, task: Task, split: str) -> tuple[str, ...]:
        """The languages whose files are in the data folder, looked for once in a plan."""
        if (task.name, split) not in self._found:
            self._found[task.name, split] = find_languages(task, split, self.root)
        return self._found[task.name, split]


def names(languages: Sequence[str]) -> str:
    """Languages in words: German, French."""
    return ", ".join(LANGUAGES[x].name for x in languages)
