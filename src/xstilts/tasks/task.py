"""A task: data, format, metric, languages, sources, licence and citation, as one frozen record.

A task has no role. SQuAD is an intermediate task in one study and the training data of XQuAD in another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from xstilts.data.language import LANGUAGES
from xstilts.formats.format import Example, Format
from xstilts.metrics.metric import Metric
from xstilts.reading import fill_pattern

if TYPE_CHECKING:
    from PIL.Image import Image

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)


@dataclass(frozen=True)
class Hub:
    """A Hub data set as parquet. `config` and `split` may have the placeholders of `Task.fill`. `revision` is a commit or ref."""

    id: str
    config: str
    split: str
    revision: str


@dataclass(frozen=True)
class Download:
    """An official file: its `url`, and its `path` below the data folder (an archive stays packed). Both may have the
    placeholders of `Task.fill`. `sha256` is the checksum of the file as it is served, if known: by language, or under "" for a
    file of all languages. `languages`: the languages of the file, if it does not have all of the split's."""

    url: str
    path: str
    sha256: Mapping[str, str] = field(default_factory=dict)
    languages: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """Where the files of one split are. `paths` are glob patterns below the data folder. They may have the placeholders of
    `Task.fill`, and each also finds the same names with `.gz`. The patterns are tried in order. All files that the first
    matching pattern finds are read, sorted by name. A pattern without a placeholder names a file of many languages. Without
    `paths` the examples are generated, not read. If the folder itself has no match, the same patterns are tried inside the
    official `archives` (file names, with placeholders, anywhere in the folder or one level below it). Each pattern of `beside`
    finds one more file, which is read after those of `paths` (the English side of aligned text).

    `url` is the page or file for people, `downloads` are the files for `xstilts data download`. By language: `sha256` is the
    checksum of the official uncompressed file, if known; `counts` is the number of examples in the official data, as this
    program reads them (pairs without a gold label do not count)."""

    paths: tuple[str, ...]
    languages: tuple[str, ...]
    url: str = ""
    sha256: Mapping[str, str] = field(default_factory=dict)
    hub: Hub | None = None
    archives: tuple[str, ...] = ()
    downloads: tuple[Download, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    beside: tuple[str, ...] = ()


def english_source(paths: Iterable[str], hub: Hub, count: int, download: Download, *archives: str) -> Source:
    """One split of an English task: its official file or `archives`, its Hub data set, and its number of examples."""
    return Source(tuple(paths), ("en",), download.url, {}, hub, archives, (download,), {"en": count})


@dataclass(frozen=True)
class Pictures:
    """Where the pictures of a task are. `paths` are glob patterns below the data folder, tried in order, in which `{picture}`
    stands for a picture's name; `advice` says where people get the files, and on what terms. `hub` gives the name and the
    bytes of the picture in a row of the task's Hub data set. Without `paths` there are no files: `draw(data folder, names)`
    gives (name, picture) for each name, in any order."""

    paths: tuple[str, ...] = ()
    advice: str = ""
    hub: Callable[[Mapping[str, Any]], tuple[str, bytes]] | None = None
    draw: Callable[[Path, Iterable[str]], Iterator[tuple[str, Image]]] | None = None


@dataclass(frozen=True)
class ReadRequest:
    """What a reader gets: the files of one split in one language. In `counts` it notes how many examples it left out or
    changed, by a word that reports show."""

    task: Task
    split: str
    language: str
    files: tuple[Path, ...]
    counts: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Task:
    """`version` enters every key. Raise it when reader, split or protocol changes.

    `trains_on` names the task on whose English training data this one is fine-tuned (usually itself). Its dev data are used
    too, if it has any. Empty: nothing is trained (retrieval). `heldout` > 0: there is no dev file, and every `heldout`-th
    training example, by hash of its id, belongs to the dev split. `codes` maps our language codes to those of the files, where
    they differ. `read_hub` turns Hub rows into examples. `parts`: the examples are those of these tasks one after the other,
    and there is nothing else to read (ANLI+). `contains` names tasks whose training data are within this one's (SQuAD v2.0
    holds v1.1). It also names a task of which this one is a part, or more of the same kind (a genre). `same_texts` names tasks
    whose training examples have the same texts in another form or under other labels. `parallel_ids`: a pattern of ids whose
    group 1 is the same for one sentence in every language; other ids are compared as they are. `labels_of` gives the labels of
    a Tag or Classify task whose label set is a file of the data folder (CCG). `translates` names the English task whose
    training data this one has in translation. The English files are then needed too, and the `paths` of train are those of a
    table of translations (`translated.py`). A user's own task (`user/user_tasks.py`) has `declared`, the identity of its
    declaration, which enters the keys, and `folder`, where the declaration lies: its `paths` are below this folder or else
    below the data folder. `pictures`: where the pictures are that its examples name."""

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
    same_texts: tuple[str, ...] = ()
    parallel_ids: str = ""
    labels_of: Callable[[Path], tuple[str, ...]] | None = None
    declared: str = ""
    folder: Path | None = None
    translates: str = ""
    pictures: Pictures | None = None

    @property
    def synthetic(self) -> bool:
        """Whether the embedded world generates its examples."""
        return not self.parts and not any(source.paths or source.hub for source in self.splits.values())

    def fill(self, template: str, language: str) -> str:
        """`template` with `{lang}` = the task's own code of the language, `{code}` = our code, `{name}` = its name."""
        return fill_pattern(template, lang=self.codes.get(language, language), code=language, name=LANGUAGES[language].name)
