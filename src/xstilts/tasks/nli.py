"""Natural language inference: XNLI and the two English sets that it can be trained after, SNLI and MNLI.

XNLI: Conneau et al. 2018 (https://github.com/facebookresearch/XNLI). SNLI: Bowman et al. 2015. MNLI: Williams et al.
2018. XNLI is read from the official file of all languages (19 columns) or from XTREME's file per language (3 columns).
XTREME's download script removes the labels of its test files, which are then refused here: use XNLI-1.0.zip.
Ids are the number of the pair within its language, so they are parallel: `xnli-test-17` is one pair in 15 languages.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from xstilts.data.example import TextsExample
from xstilts.data.format import Classify
from xstilts.data.language import languages
from xstilts.metrics.classify import ACCURACY
from xstilts.tasks.read import (
    columns,
    json_lines,
    known,
    lines,
    numbered,
    take,
    unquoted,
)
from xstilts.tasks.task import Hub, Request, Source, Task

# The order is also that of the class indices on the Hub (facebook/xnli, stanfordnlp/snli, nyu-mll/glue).
LABELS = ("entailment", "neutral", "contradiction")
NO_AGREEMENT = "-"  # the gold label where the annotators did not agree; such pairs are dropped, as everywhere

Row = tuple[str, str, str, str]  # where, premise, hypothesis, label


def _row(record: dict[str, Any], where: str) -> Row:
    """The fields that the official XNLI, SNLI and MNLI files have in common."""
    premise, hypothesis, label = (take(record, name, str, where) for name in ("sentence1", "sentence2", "gold_label"))
    return where, premise, hypothesis, label


def _all_languages(path: Path, language: str) -> Iterator[Row]:
    header: list[str] = []
    for where, line in lines(path):
        cells = columns(line, len(header), where, f"the {len(header)} of the header")
        if not header:
            header = cells
            continue
        record = dict(zip(header, cells, strict=False))
        if take(record, "language", str, where) == language:
            yield _row(record, where)


def _one_language(path: Path) -> Iterator[Row]:
    layout = "premise, hypothesis, label (XTREME's own test files come without labels: use XNLI-1.0.zip)"
    for where, line in lines(path):
        premise, hypothesis, label = (unquoted(cell) for cell in columns(line, 3, where, layout)[:3])
        yield where, premise, hypothesis, label


def _pairs(request: Request, rows: Iterable[Row]) -> Iterator[TextsExample]:
    for number, (where, premise, hypothesis, label) in enumerate(rows, start=1):
        if label != NO_AGREEMENT:
            id = f"{request.task.name}-{request.split}-{number}"
            yield TextsExample(id, (premise.strip(), hypothesis.strip()), known(label, LABELS, where))


def read_xnli(request: Request) -> Iterator[TextsExample]:
    (path,) = request.files
    return _pairs(
        request,
        _all_languages(path, request.language) if path.name.startswith("xnli.") else _one_language(path),
    )


def read_jsonl(request: Request) -> Iterator[TextsExample]:
    (path,) = request.files
    return _pairs(request, (_row(record, where) for where, record in json_lines(path)))


def read_hub(request: Request, rows: Iterable[dict[str, Any]]) -> Iterator[TextsExample]:
    def row(number: int, record: dict[str, Any]) -> Row:
        where = f"Hub row {number}"
        index = take(record, "label", int, where)
        label = NO_AGREEMENT if index == -1 else numbered(index, LABELS, where)
        return (
            where,
            take(record, "premise", str, where),
            take(record, "hypothesis", str, where),
            label,
        )

    return _pairs(request, (row(number, record) for number, record in enumerate(rows, start=1)))


XNLI_LANGUAGES = languages("ar bg de el en es fr hi ru sw th tr ur vi zh")


def _xnli(split: str, hub_split: str) -> Source:
    return Source(
        paths=(
            f"xnli/{split}-{{lang}}.tsv",
            f"XNLI-1.0/xnli.{split}.tsv",
            f"xnli/**/xnli.{split}.tsv",
            f"xnli.{split}.tsv",
        ),
        languages=XNLI_LANGUAGES,
        url="https://dl.fbaipublicfiles.com/XNLI/XNLI-1.0.zip",
        hub=Hub("facebook/xnli", "{lang}", hub_split, "main"),
    )


XNLI = Task(
    name="xnli",
    version=1,
    format=Classify(labels=LABELS),
    metric=ACCURACY,
    languages=XNLI_LANGUAGES,
    splits={"dev": _xnli("dev", "validation"), "test": _xnli("test", "test")},
    read=read_xnli,
    read_hub=read_hub,
    trains_on="mnli",
    license="CC-BY-NC-4.0",
    cite="conneau2018xnli",
    url="https://github.com/facebookresearch/XNLI",
    description="Does the premise entail, contradict or leave open the hypothesis? English pairs, human translations.",
    notes="Csv quotes of XTREME's files are undone, where XTREME's own reader leaves them in the text.",
)


def _english(file: str, folders: tuple[str, ...], url: str, hub: Hub) -> Source:
    return Source(tuple(f"{folder}{file}" for folder in folders), ("en",), url, hub=hub)


_SNLI_FOLDERS = ("snli/", "snli_1.0/", "snli/snli_1.0/", "snli/derived/", "")
_SNLI_URL = "https://nlp.stanford.edu/projects/snli/snli_1.0.zip"

SNLI = Task(
    name="snli",
    version=1,
    format=Classify(labels=LABELS),
    metric=ACCURACY,
    languages=("en",),
    splits={
        split: _english(
            f"snli_1.0_{split}.jsonl",
            _SNLI_FOLDERS,
            _SNLI_URL,
            Hub("stanfordnlp/snli", "plain_text", hub_split, "main"),
        )
        for split, hub_split in (
            ("train", "train"),
            ("dev", "validation"),
            ("test", "test"),
        )
    },
    read=read_jsonl,
    read_hub=read_hub,
    trains_on="snli",
    license="CC-BY-SA-4.0",
    cite="bowman2015snli",
    url="https://nlp.stanford.edu/projects/snli/",
    description="Inference over captions of photographs, English.",
    notes="Pairs without a gold label ('-', or -1 on the Hub) are dropped; the numbers in the ids count them.",
)

_MNLI_FOLDERS = ("mnli/", "multinli_1.0/", "mnli/multinli_1.0/", "mnli/derived/", "")
_MNLI_URL = "https://cims.nyu.edu/~sbowman/multinli/multinli_1.0.zip"

MNLI = Task(
    name="mnli",
    version=1,
    format=Classify(labels=LABELS),
    metric=ACCURACY,
    languages=("en",),
    splits={
        split: _english(
            f"multinli_1.0_{file}.jsonl",
            _MNLI_FOLDERS,
            _MNLI_URL,
            Hub("nyu-mll/glue", "mnli", hub_split, "main"),
        )
        for split, file, hub_split in (
            ("train", "train", "train"),
            ("dev", "dev_matched", "validation_matched"),
        )
    },
    read=read_jsonl,
    read_hub=read_hub,
    trains_on="mnli",
    license="OANC, with parts under CC-BY-3.0 and CC-BY-SA-3.0",
    cite="williams2018mnli",
    url="https://cims.nyu.edu/~sbowman/multinli/",
    description="Inference over ten genres of written and spoken English; the training data of XNLI.",
    notes="dev is the matched half. The test labels are not public.",
)

TASKS = (XNLI, SNLI, MNLI)
