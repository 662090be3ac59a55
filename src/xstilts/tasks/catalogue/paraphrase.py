"""Do two texts mean the same? PAWS-X (Yang et al. 2019) and QQP, Quora's question pairs in GLUE's splits.

Both are tab-separated without quoting, so a quote is text. Readers that treat it as csv quoting lose rows of PAWS-X, as the
Hub's google/xtreme does (49,175 English training pairs of 49,401). Ids are row numbers, so those of PAWS-X are parallel in 7
languages. Some dev and test sentences of PAWS-X were not translated and read "NS" (68 dev and 32 test pairs in German). XTREME
keeps them, so its scores are over 2,000 pairs in each language. They are kept here too, although the README of PAWS-X says to
leave them out.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from xstilts.data.language import languages
from xstilts.formats.classify import Classify, ClassifyExample
from xstilts.metrics.classify import ACCURACY
from xstilts.tasks.files.read import (
    TextPair,
    check_label,
    get_field,
    get_fields,
    look_up_label,
    name_hub_rows,
    read_tsv,
    read_tsv_pairs,
    read_xtreme_pairs,
    refuse_placeholders,
)
from xstilts.tasks.task import Download, Hub, ReadRequest, Source, Task

LABELS = ("0", "1")  # 1: the same meaning

# Checksums: dataset_infos.json of huggingface/datasets before 8803c182e6 (QQP-clean.zip: the file served since its #639).
PAWSX_TAR = Download(
    "https://storage.googleapis.com/paws/pawsx/x-final.tar.gz",
    "pawsx/x-final.tar.gz",
    {"": "4146db499101d66e68ae4c8ed3cf9dadecd625f44b7d8cf3d4a0fe93afc4fd9f"},
)
QQP_ZIP = Download(
    "https://dl.fbaipublicfiles.com/glue/data/QQP-clean.zip",
    "qqp/QQP-clean.zip",
    {"": "40e7c862c04eb26ee04b67fd900e76c45c6ba8e6d8fab4f8f1f8072a1a3fbae0"},
)
_LAYOUT = f"sentence1, sentence2, label (XTREME's download removes the labels of its test files: use {PAWSX_TAR.url} instead)"


def _make_pairs(request: ReadRequest, rows: Iterable[tuple[int, TextPair]]) -> Iterator[ClassifyExample]:
    for number, (where, first, second, label) in rows:
        id = f"{request.task.name}-{request.split}-{number}"
        yield ClassifyExample(id, (first.strip(), second.strip()), check_label(label.strip(), LABELS, where))


def read_pawsx(request: ReadRequest) -> Iterator[ClassifyExample]:
    (path,) = request.files
    bare = path.name.removesuffix(".gz").endswith(f"-{request.language}.tsv")
    rows = read_xtreme_pairs(path, _LAYOUT) if bare else read_tsv_pairs(path, "sentence1 sentence2 label")
    return refuse_placeholders(request, _make_pairs(request, enumerate(rows, start=1)))


def _read_whole_rows(path: Path) -> Iterator[tuple[int, TextPair]]:
    for number, (where, row) in enumerate(read_tsv(path), start=1):
        if "is_duplicate" in row:
            first, second = get_fields(row, "question1 question2", str, where)
            yield number, (where, first, second, row["is_duplicate"])


def read_qqp(request: ReadRequest) -> Iterator[ClassifyExample]:
    """Rows that lack columns are left out, as in GLUE's readers: a question with a line break cut its row into pieces."""
    (path,) = request.files
    return _make_pairs(request, _read_whole_rows(path))


def _read_hub_pairs(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[int, TextPair]]:
    for number, (where, row) in enumerate(name_hub_rows(rows)):
        name = "question" if "question1" in row else "sentence"
        first, second = get_fields(row, f"{name}1 {name}2", str, where)
        label = look_up_label(get_field(row, "label", int, where), LABELS, where)
        yield row.get("idx", number) + 1, (where, first, second, label)


def read_hub(request: ReadRequest, rows: Iterable[dict[str, Any]]) -> Iterator[ClassifyExample]:
    """PAWS-X has the columns sentence1 and sentence2, QQP question1 and question2, and `idx` for the number of its row."""
    return refuse_placeholders(request, _make_pairs(request, _read_hub_pairs(rows)))


_task = partial(Task, version=1, format=Classify(labels=LABELS), metric=ACCURACY, read_hub=read_hub)
PAWSX_LANGUAGES = languages("de en es fr ja ko zh")


def _pawsx(split: str, file: str, hub_split: str, codes: tuple[str, ...], count: int) -> Source:
    official = tuple(f"{folder}x-final/{{lang}}/{file}.tsv" for folder in ("pawsx/", "paws-x/", ""))
    return Source(
        paths=(*official, f"pawsx/{split}-{{lang}}.tsv"),
        languages=codes,
        url=PAWSX_TAR.url,
        hub=Hub("google-research-datasets/paws-x", "{lang}", hub_split, "4cd8187c404bda33cb1f62b49b001115862acf37"),
        archives=("x-final.tar.gz",),
        downloads=(PAWSX_TAR,),
        counts=dict.fromkeys(codes, count),
    )


PAWSX = _task(
    name="pawsx",
    languages=PAWSX_LANGUAGES,
    splits={
        "train": _pawsx("train", "train", "train", ("en",), 49_401),
        "dev": _pawsx("dev", "dev_2k", "validation", PAWSX_LANGUAGES, 2000),
        "test": _pawsx("test", "test_2k", "test", PAWSX_LANGUAGES, 2000),
    },
    read=read_pawsx,
    trains_on="pawsx",
    license="free use with attribution (PAWS-X)",
    cite="yang2019pawsx",
    url="https://github.com/google-research-datasets/paws/tree/master/pawsx",
    description="Same words, same meaning? Sentences of Wikipedia with words exchanged; people translated dev and test.",
    notes="The placeholder 'NS' of untranslated sentences is kept, as in XTREME. The machine-translated training"
    " files are the task pawsx_mt. google/xtreme on the Hub loses rows; google-research-datasets/paws-x has all.",
)


def _qqp(split: str, hub_split: str, count: int) -> Source:
    return Source(
        paths=tuple(f"{folder}QQP/{split}.tsv" for folder in ("qqp/", "glue/", "glue_data/", "")),
        languages=("en",),
        url=QQP_ZIP.url,
        hub=Hub("nyu-mll/glue", "qqp", hub_split, "bcdcba79d07bc864c1c254ccfcedcce55bcc9a8c"),
        archives=("QQP-clean.zip", "QQP.zip"),
        downloads=(QQP_ZIP,),
        counts={"en": count},
    )


QQP = _task(
    name="qqp",
    languages=("en",),
    splits={"train": _qqp("train", "train", 363_846), "dev": _qqp("dev", "validation", 40_430)},
    read=read_qqp,
    trains_on="qqp",
    license="Quora terms of service, non-commercial",
    cite="iyer2017quora",
    url="https://gluebenchmark.com",
    description="Do two questions on Quora ask the same? Train and dev are GLUE's.",
    notes="GLUE also reports F1. The test labels are not public. GLUE's first QQP.zip gives 363,849 training pairs.",
)

TASKS = (PAWSX, QQP)
