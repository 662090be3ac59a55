"""Multiple choice: CommonsenseQA (Talmor et al. 2019, https://www.tau-nlp.org/commonsenseqa), random split.

The prompt is the question, the choices are the five answers (as jiant has it for X-STILTs). The answers of the test set
are not public, so there is no test split here: dev is the official dev set.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from xstilts.data.example import ChoiceExample
from xstilts.data.format import Choice
from xstilts.errors import InputError
from xstilts.metrics.classify import ACCURACY
from xstilts.tasks.read import json_lines, known, take
from xstilts.tasks.task import Hub, Request, Source, Task

CHOICES = 5


def _example(id: str, question: str, labels: list[str], texts: list[str], key: str, where: str) -> ChoiceExample:
    if len(texts) != CHOICES:
        raise InputError(f"{where}: {len(texts)} choices, expected {CHOICES}")
    return ChoiceExample(id, question, tuple(texts), labels.index(known(key, labels, where)))


def read_commonsenseqa(request: Request) -> Iterator[ChoiceExample]:
    (path,) = request.files
    for where, record in json_lines(path):
        question = take(record, "question", dict, where)
        choices = take(question, "choices", list, where)
        yield _example(
            take(record, "id", str, where),
            take(question, "stem", str, where),
            [take(choice, "label", str, where) for choice in choices],
            [take(choice, "text", str, where) for choice in choices],
            take(record, "answerKey", str, where),
            where,
        )


def read_hub(request: Request, rows: Iterable[dict[str, Any]]) -> Iterator[ChoiceExample]:
    for row in rows:
        id = take(row, "id", str, "Hub row")
        where = f"Hub row {id}"
        choices = take(row, "choices", dict, where)
        labels, texts = (
            take(choices, "label", list, where),
            take(choices, "text", list, where),
        )
        yield _example(
            id,
            take(row, "question", str, where),
            labels,
            texts,
            take(row, "answerKey", str, where),
            where,
        )


def _source(split: str, sha256: str, hub_split: str) -> Source:
    file = f"{split}_rand_split.jsonl"
    return Source(
        paths=(f"commonsenseqa/{file}", f"csqa/{file}", file),
        languages=("en",),
        url=f"https://s3.amazonaws.com/commensenseqa/{file}",
        sha256={"en": sha256},
        hub=Hub("tau/commonsense_qa", "default", hub_split, "main"),
    )


# The checksums are the download checksums in the dataset_infos.json of huggingface/datasets before 8803c182e6.
COMMONSENSEQA = Task(
    name="commonsenseqa",
    version=1,
    format=Choice(choices=CHOICES),
    metric=ACCURACY,
    languages=("en",),
    splits={
        "train": _source(
            "train",
            "58ffa3c8472410e24b8c43f423d89c8a003d8284698a6ed7874355dedd09a2fb",
            "train",
        ),
        "dev": _source(
            "dev",
            "3210497fdaae614ac085d9eb873dd7f4d49b6f965a93adadc803e1229fd8a02a",
            "validation",
        ),
    },
    read=read_commonsenseqa,
    read_hub=read_hub,
    trains_on="commonsenseqa",
    license="MIT",
    cite="talmor2019commonsenseqa",
    url="https://www.tau-nlp.org/commonsenseqa",
    description="Questions that need common sense, written over ConceptNet; one of five answers is right.",
)

TASKS = (COMMONSENSEQA,)
