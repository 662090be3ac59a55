"""Published machine translations of the benchmarks' training data, in the layouts of their publishers.

MNLI by the authors of XNLI (XNLI-MT-1.0: premise, hypo, label, with a header), PAWS-X by its own authors, SQuAD 1.1 by those of
MLQA. The layouts are those that the loading scripts of huggingface/datasets before 8803c182e6 read; counts and checksums are
those of its dataset_infos.json. XTREME's translations of MNLI and PAWS-X have five columns; the layout of its SQuAD and TyDiQA
is not known here. A mixture's `languages` selects among the languages of train. For your own translation see
`tasks/translated.py`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from xstilts.formats.classify import Classify, ClassifyExample
from xstilts.formats.span import Span, SpanExample
from xstilts.metrics.classify import ACCURACY
from xstilts.metrics.squad import SQUAD
from xstilts.tasks.catalogue import nli, paraphrase
from xstilts.tasks.catalogue.qa import Question, locate_answers, read_hub_questions, read_questions
from xstilts.tasks.files.read import TextPair, check_label, read_lines, read_tsv_pairs, split_columns
from xstilts.tasks.task import Download, Hub, ReadRequest, Source, Task

ENGLISH = ("en",)

XNLI_MT_ZIP = Download(
    "https://dl.fbaipublicfiles.com/XNLI/XNLI-MT-1.0.zip",
    "xnli/XNLI-MT-1.0.zip",
    {"": "f732517ba2fb1d550e9f3c2aabaef6017c91ee2dcec90e878f138764d224db05"},
)


def _read_xtreme(path: Path) -> Iterator[TextPair]:
    """The translated pairs of one of XTREME's files. The English texts come first (google-research/xtreme, README)."""
    for where, line in read_lines(path):
        if line:
            _, _, first, second, label = split_columns(line, 5, where, "text, text, translation, translation, label")[:5]
            yield where, first, second, label


def _make_pairs(request: ReadRequest, fields: str, labels: Mapping[str, str]) -> Iterator[ClassifyExample]:
    """The pairs of a training file. `fields` are the columns of the official file, `labels` maps its labels to ours."""
    (path,) = request.files
    rows = _read_xtreme(path) if path.name.startswith("en-") else read_tsv_pairs(path, fields)
    for number, (where, first, second, label) in enumerate(rows, start=1):
        answer = labels[check_label(label.strip(), tuple(labels), where)]
        yield ClassifyExample(f"{request.task.name}-{request.split}-{number}", (first.strip(), second.strip()), answer)


# -- MNLI -------------------------------------------------------------------------------------------------------------


_MNLI_LABELS = {**{label: label for label in nli.LABELS}, "contradictory": "contradiction"}  # the last is in XNLI-MT


def read_mnli_mt(request: ReadRequest) -> Iterator[ClassifyExample]:
    if request.split == "dev":
        return nli.read_pairs(request)
    return _make_pairs(request, "premise hypo label", _MNLI_LABELS)


MNLI_MT_LANGUAGES = tuple(code for code in nli.XNLI_LANGUAGES if code != "en")

MNLI_MT = Task(
    name="mnli_mt",
    version=1,
    format=Classify(labels=nli.LABELS),
    metric=ACCURACY,
    languages=nli.XNLI_LANGUAGES,
    splits={
        "train": Source(
            paths=(
                *(f"{folder}XNLI-MT-1.0/multinli/multinli.train.{{lang}}.tsv" for folder in ("xnli/", "")),
                "xnli/XNLI-Translated/en-{lang}-translated.tsv",
            ),
            languages=MNLI_MT_LANGUAGES,
            url=XNLI_MT_ZIP.url,
            hub=Hub("facebook/xnli", "{lang}", "train", "b8dd5d7af51114dbda02c0e3f6133f332186418e"),
            archives=("XNLI-MT-1.0.zip",),
            downloads=(XNLI_MT_ZIP,),
            counts=dict.fromkeys(MNLI_MT_LANGUAGES, 392_702),
        ),
        "dev": nli.MNLI.splits["dev"],
    },
    read=read_mnli_mt,
    read_hub=nli.read_hub,
    trains_on="mnli_mt",
    license="CC-BY-NC-4.0",
    cite="conneau2018xnli",
    url="https://github.com/facebookresearch/XNLI",
    description="MNLI's training pairs, machine-translated by the authors of XNLI into its other 14 languages; dev is English.",
    notes="Ids count the pairs of MNLI's training file, so they are parallel. XTREME's own translations are read in the layout"
    " of its README, under the names in its code; it was not verified that they have no header.",
    contains=("mnli",),
)


# -- PAWS-X -----------------------------------------------------------------------------------------------------------


def read_pawsx_mt(request: ReadRequest) -> Iterator[ClassifyExample]:
    if request.split == "dev":
        return paraphrase.read_pawsx(request)
    return _make_pairs(request, "sentence1 sentence2 label", {label: label for label in paraphrase.LABELS})


PAWSX_MT_LANGUAGES = tuple(code for code in paraphrase.PAWSX_LANGUAGES if code != "en")

PAWSX_MT = Task(
    name="pawsx_mt",
    version=1,
    format=Classify(labels=paraphrase.LABELS),
    metric=ACCURACY,
    languages=paraphrase.PAWSX_LANGUAGES,
    splits={
        "train": Source(
            paths=(
                *(f"{folder}x-final/{{lang}}/translated_train.tsv" for folder in ("pawsx/", "paws-x/", "")),
                "pawsx/translated/en-{lang}-translated.tsv",
            ),
            languages=PAWSX_MT_LANGUAGES,
            url=paraphrase.PAWSX_TAR.url,
            hub=Hub("google-research-datasets/paws-x", "{lang}", "train", "4cd8187c404bda33cb1f62b49b001115862acf37"),
            archives=("x-final.tar.gz",),
            downloads=(paraphrase.PAWSX_TAR,),
            counts=dict.fromkeys(PAWSX_MT_LANGUAGES, 49_401),
        ),
        "dev": replace(paraphrase.PAWSX.splits["dev"], languages=ENGLISH, counts={"en": 2000}),
    },
    read=read_pawsx_mt,
    read_hub=paraphrase.read_hub,
    trains_on="pawsx_mt",
    license="free use with attribution (PAWS-X)",
    cite="yang2019pawsx",
    url="https://github.com/google-research-datasets/paws/tree/master/pawsx",
    description="The English training pairs of PAWS-X, machine-translated by its authors; dev is English.",
    notes="Ids are row numbers, those of pawsx. XTREME's own translations are read in the layout of its README, under the names"
    " in its code; it was not verified that they have no header.",
    contains=("pawsx",),
)


# -- SQuAD ------------------------------------------------------------------------------------------------------------


def _realign(request: ReadRequest, found: Iterable[Question]) -> Iterator[SpanExample]:
    """Questions with their answers where they are found, in dev as in train. Questions without any answer left are left out,
    and counted."""
    request.counts.update(relocated=0, unlocatable=0)
    for one in found:
        if answers := locate_answers(request, one):
            yield SpanExample(one.id, one.question, one.context, answers)


def read_squad_mt(request: ReadRequest) -> Iterator[SpanExample]:
    (path,) = request.files
    return _realign(request, read_questions(path))


def read_hub_squad_mt(request: ReadRequest, rows: Iterable[dict[str, Any]]) -> Iterator[SpanExample]:
    return _realign(request, read_hub_questions(rows))


_MLQA_TRAIN_COUNTS = {
    "train": {"ar": 78_058, "de": 80_069, "es": 81_810, "hi": 82_451, "vi": 84_816, "zh": 76_285},
    "dev": {"ar": 9512, "de": 9927, "es": 10_123, "hi": 10_253, "vi": 10_356, "zh": 9568},
}


def _translate_train(split: str, hub_split: str) -> Source:
    packed = "https://dl.fbaipublicfiles.com/MLQA/mlqa-translate-train.tar.gz"
    file = f"mlqa-translate-train/{{lang}}_squad-translate-train-{split}-v1.1.json"
    counts = _MLQA_TRAIN_COUNTS[split]
    return Source(
        paths=tuple(f"{folder}{file}" for folder in ("mlqa/", "")),
        languages=tuple(counts),
        url=packed,
        hub=Hub("facebook/mlqa", "mlqa-translate-train.{lang}", hub_split, "refs/convert/parquet"),
        archives=("mlqa-translate-train.tar.gz",),
        downloads=(
            Download(
                packed,
                "mlqa/mlqa-translate-train.tar.gz",
                {"": "e510277b0bc3c0639f53839aba8591aebfe803b8b84c5c2ef0513768b86b7cf9"},
            ),
        ),
        counts=counts,
    )


SQUAD_V1_MT = Task(
    name="squad_v1_mt",
    version=1,
    format=Span(),
    metric=SQUAD,
    languages=tuple(_MLQA_TRAIN_COUNTS["train"]),
    splits={"train": _translate_train("train", "train"), "dev": _translate_train("dev", "validation")},
    read=read_squad_mt,
    read_hub=read_hub_squad_mt,
    trains_on="squad_v1_mt",
    license="CC-BY-SA-3.0",
    cite="lewis2020mlqa",
    url="https://github.com/facebookresearch/MLQA",
    description="SQuAD 1.1, machine-translated by the authors of MLQA, who left out some of the questions.",
    notes="Ids are SQuAD's. dev is SQuAD's dev set, which has the paragraphs that XQuAD translates, so it can only select a"
    " checkpoint. An answer that is not at its offset is searched in the context and counted. It was not verified whether the"
    " official files have such answers; their counts are from before this search.",
    contains=("squad_v1",),
)

TASKS = (MNLI_MT, PAWSX_MT, SQUAD_V1_MT)
