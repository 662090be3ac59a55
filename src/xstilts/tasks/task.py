"""A task: data + format + metric + languages + sources + licence + citation, as one frozen record.

A task has no role. SQuAD is an intermediate task in one study and the training data of XQuAD in another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xstilts.data.language import LANGUAGES
from xstilts.formats.registry import Example, Format
from xstilts.metrics.metric import Metric

SPLITS = ("train", "dev", "test")


@dataclass(frozen=True)
class Hub:
    """A Hub data set as parquet. `config` may hold the placeholders of `Task.fill`; `revision` is a commit or a ref."""

    id: str
    config: str
    split: str
    revision: str


@dataclass(frozen=True)
class Download:
    """An official file: where it can be had and where it is put below the data folder (an archive is put there whole).
    `url` and `path` may hold the placeholders of `Task.fill`. `sha256` is of the file as it is served, where known: by
    language, or under "" for a file of all languages. `languages` are those that it is for, if not all of the split's."""

    url: str
    path: str
    sha256: Mapping[str, str] = field(default_factory=dict)
    languages: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """Where one split is found: `paths` are glob patterns below the data folder, tried in order, and may hold the
    placeholders of `Task.fill`; each also finds the same names with `.gz`. All files that the first matching pattern
    finds are read, sorted by name. A pattern without a placeholder names a file of many languages. No paths at all:
    the examples are made, not read. What the folder itself lacks is looked for, under the same patterns, inside the
    official `archives` (file names, with placeholders, anywhere in the folder or one level below it). `beside` are patterns
    of one file each that belongs to what `paths` finds and is read after it (the English side of aligned text).

    `url` is the page or file for people, `downloads` the files for `xstilts download`. `sha256` maps a language to the
    checksum of the official uncompressed file, where known, `counts` to the number of examples that the official data
    have (as this program reads them: pairs without a gold label are not counted)."""

    paths: tuple[str, ...]
    languages: tuple[str, ...]
    url: str = ""
    sha256: Mapping[str, str] = field(default_factory=dict)
    hub: Hub | None = None
    archives: tuple[str, ...] = ()
    downloads: tuple[Download, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    beside: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReadRequest:
    """What a reader is asked for: the files found for one split and one language, already located. In `counts` it notes, by
    a word that reports show, how many examples it had to leave out or change."""

    task: Task
    split: str
    language: str
    files: tuple[Path, ...]
    counts: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Task:
    """See the module. `version` is bumped when reader, split or protocol changes: it is part of every key.

    `trains_on` names the task on whose English training data this one is fine-tuned (itself, as a rule), and on whose
    dev data, unless that has none; empty where nothing is trained (retrieval).
    `heldout` > 0: there is no dev file, so every `heldout`-th training example by hash of its id is the dev split.
    `codes` maps our language codes to those of the files, where they differ. `read_hub` turns Hub rows into examples.
    `parts`: the examples are those of these tasks one after the other, and there is nothing to read (ANLI+).
    `contains` names tasks whose training data are within this one's (SQuAD v2.0 holds v1.1), or of which it is a part or more
    of the same kind (a genre).
    `labels_of` gives the labels of a Tag or Classify task whose label set is a file of the data folder (CCG).
    `translates`: the training data are those of this English task through a table of translations, so that its files are
    looked for too; `paths` of train are those of the table (`translated.py`).
    A task of the user's own (`user_tasks.py`) has `declared`, the identity of its declaration, which is part of the keys, and
    `folder`, where that lies: its `paths` are below this folder or else below the data folder.
    """

    name: str
    version: int
    format: Format
    metric: Metric | None
    languages: tuple[str, ...]
    splits: Mapping[str, Source]
    read: Callable[[ReadRequest], Iterator[Example]]
    license: str
    cite: str
    url: str
    description: str
    trains_on: str = ""
    heldout: int = 0
    codes: Mapping[str, str] = field(default_factory=dict)
    read_hub: Callable[[ReadRequest, Iterable[dict[str, Any]]], Iterator[Example]] | None = None
    notes: str = ""
    parts: tuple[str, ...] = ()
    contains: tuple[str, ...] = ()
    labels_of: Callable[[Path], tuple[str, ...]] | None = None
    declared: str = ""
    folder: Path | None = None
    translates: str = ""

    @property
    def synthetic(self) -> bool:
        """Whether its examples are made by the embedded world, not read."""
        return not self.parts and not any(source.paths or source.hub for source in self.splits.values())

    def fill(self, template: str, language: str) -> str:
        """`template` with `{lang}` = the task's own code of the language, `{code}` = ours, `{name}` = its name."""
        return template.format(lang=self.codes.get(language, language), code=language, name=LANGUAGES[language].name)
