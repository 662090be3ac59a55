"""MNLI by genre: five tasks, each with the training pairs of one genre. They have the same labels, annotators and format, so
studies of diverse training data can vary the domain alone.

Source: Williams et al. 2018; the column `genre` of multinli_1.0_train (.jsonl or .txt) and of GLUE's MNLI/train.tsv. XTREME's
three-column copy and the Hub's GLUE have no such column, so the official file must be in the data folder. An id is the number
of the pair in the whole file, as in `mnli`. `contains` names MNLI, although each task is only a fifth of it: reports flag a
chain that trains on any part of the target's own data, and XNLI is trained on all of MNLI.
"""

import dataclasses
from collections.abc import Iterator

from xstilts.tasks import (
    ClassifyExample,
    ReadRequest,
    Source,
    Task,
    check_label,
    get_field,
    get_fields,
    read_json_lines,
    read_tsv,
)
from xstilts.tasks.catalogue.nli import LABELS, MNLI, MNLI_ZIP, NO_AGREEMENT

GENRES = ("fiction", "government", "slate", "telephone", "travel")
PREFIX = "mnli_"
# The identity of this file in keys: the sha256 of its first edition. Raise `version` below when the examples change.
DECLARED = "f79d1177c3ff47ad5713381ad2854592045531a25011bfc42b80a631918e7227"


def read_genre(request: ReadRequest) -> Iterator[ClassifyExample]:
    genre = request.task.name.removeprefix(PREFIX)
    (path,) = request.files
    records = read_json_lines(path) if path.name.removesuffix(".gz").endswith(".jsonl") else read_tsv(path)
    for number, (where, record) in enumerate(records, start=1):
        if get_field(record, "genre", str, where) == genre:
            premise, hypothesis, label = get_fields(record, "sentence1 sentence2 gold_label", str, where)
            if label != NO_AGREEMENT:
                texts = (premise.strip(), hypothesis.strip())
                yield ClassifyExample(f"mnli-{request.split}-{number}", texts, check_label(label.strip(), LABELS, where))


_FILES = tuple(path for path in MNLI.splits["train"].paths if "multinli_1.0_train" in path or path.endswith("MNLI/train.tsv"))

TASKS: tuple[Task, ...] = tuple(
    dataclasses.replace(
        MNLI,
        name=PREFIX + genre,
        splits={
            "train": Source(
                _FILES, ("en",), MNLI_ZIP.url, archives=MNLI.splits["train"].archives, downloads=MNLI.splits["train"].downloads
            )
        },
        read=read_genre,
        read_hub=None,
        trains_on=PREFIX + genre,
        description=f"The training pairs of MNLI whose genre is {genre}.",
        notes="",
        contains=("mnli",),
        declared=DECLARED,
    )
    for genre in GENRES
)
