"""Natural language inference: XNLI, the English sets to train on before it (ANLI, MNLI, SNLI), and ANLI+, their sum.

XNLI: Conneau et al. 2018 (https://github.com/facebookresearch/XNLI). ANLI: Nie et al. 2020. MNLI: Williams et al. 2018. SNLI:
Bowman et al. 2015. The official files of XNLI, MNLI and SNLI (.jsonl, .txt, .tsv; GLUE's MNLI) have columns of the same names,
so one reader reads them all. XTREME's files of each language have three columns and no header, and its test files no labels.
Ids are the number of the pair within its language, so they are parallel: `xnli-test-17` is one pair in 15 languages. A pair
with an empty sentence is kept, since benchmarks count lines. A pair without a gold label is left out, and its number is not
used.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from xstilts.data.language import languages
from xstilts.errors import InputError
from xstilts.formats.classify import Classify, ClassifyExample
from xstilts.metrics.classify import ACCURACY
from xstilts.tasks.files.read import (
    TextPair,
    check_label,
    get_field,
    get_fields,
    look_up_label,
    name_hub_rows,
    read_json_lines,
    read_tsv,
    read_xtreme_pairs,
    refuse_placeholders,
)
from xstilts.tasks.task import Download, Hub, ReadRequest, Source, Task, english_source

# The order is also that of the class indices on the Hub (facebook/xnli, facebook/anli, stanfordnlp/snli, nyu-mll/glue).
LABELS = ("entailment", "neutral", "contradiction")
LETTERS = {label[0]: label for label in LABELS}  # as in ANLI's files
NO_AGREEMENT = "-"  # the gold label if the annotators did not agree; such pairs are left out, as everywhere

# The checksums of archives are download checksums of the dataset_infos.json of huggingface/datasets before 8803c182e6. At the
# commits of the Hub data sets, public code has read the parquet files of `hub.list_patterns`.
XNLI_ZIP = Download(
    "https://dl.fbaipublicfiles.com/XNLI/XNLI-1.0.zip",
    "xnli/XNLI-1.0.zip",
    {"": "4ba1d5e1afdb7161f0f23c66dc787802ccfa8a25a3ddd3b165a35e50df346ab1"},
)
SNLI_ZIP = Download(
    "https://nlp.stanford.edu/projects/snli/snli_1.0.zip",
    "snli/snli_1.0.zip",
    {"": "afb3d70a5af5d8de0d9d81e2637e0fb8c22d1235c2749d83125ca43dab0dbd3e"},
)
MNLI_ZIP = Download(
    "https://cims.nyu.edu/~sbowman/multinli/multinli_1.0.zip",
    "mnli/multinli_1.0.zip",
    {"": "049f507b9e36b1fcb756cfd5aeb3b7a0cfcb84bf023793652987f7e7e0957822"},
)
ANLI_ZIP = Download(
    "https://dl.fbaipublicfiles.com/anli/anli_v0.1.zip",
    "anli/anli_v0.1.zip",
    {"": "16ac929a7e90ecf9093deaec89cc81fe86a379265a5320a150028efe50c5cde8"},
)
_LAYOUT = f"premise, hypothesis, label (XTREME's download removes the labels of its test files: use {XNLI_ZIP.url} instead)"


def _read_rows(path: Path, language: str) -> Iterator[TextPair]:
    """The pairs of a language in any of the official files, or in XTREME's."""
    name = path.name.removesuffix(".gz")
    if name.endswith(f"-{language}.tsv"):
        yield from read_xtreme_pairs(path, _LAYOUT)
        return
    for where, record in read_json_lines(path) if name.endswith(".jsonl") else read_tsv(path):
        if record.get("language", language) == language:
            premise, hypothesis, label = get_fields(record, "sentence1 sentence2 gold_label", str, where)
            yield where, premise, hypothesis, label


def _make_pairs(request: ReadRequest, rows: Iterable[TextPair]) -> Iterator[ClassifyExample]:
    for number, (where, premise, hypothesis, label) in enumerate(rows, start=1):
        if label != NO_AGREEMENT:
            id = f"{request.task.name}-{request.split}-{number}"
            yield ClassifyExample(id, (premise.strip(), hypothesis.strip()), check_label(label.strip(), LABELS, where))


def read_pairs(request: ReadRequest) -> Iterator[ClassifyExample]:
    (path,) = request.files
    return refuse_placeholders(request, _make_pairs(request, _read_rows(path, request.language)))


def _read_anli_rounds(request: ReadRequest) -> Iterator[TextPair]:
    for path in request.files:
        for where, record in read_json_lines(path):
            premise, hypothesis, letter = get_fields(record, "context hypothesis label", str, where)
            yield where, premise, hypothesis, LETTERS[check_label(letter, tuple(LETTERS), where)]


def read_anli(request: ReadRequest) -> Iterator[ClassifyExample]:
    return refuse_placeholders(request, _make_pairs(request, _read_anli_rounds(request)))


def _read_hub_pairs(rows: Iterable[Mapping[str, Any]]) -> Iterator[TextPair]:
    for where, row in name_hub_rows(rows):
        premise, hypothesis = get_fields(row, "premise hypothesis", str, where)
        index = get_field(row, "label", int, where)
        yield where, premise, hypothesis, NO_AGREEMENT if index == -1 else look_up_label(index, LABELS, where)


def read_hub(request: ReadRequest, rows: Iterable[dict[str, Any]]) -> Iterator[ClassifyExample]:
    return refuse_placeholders(request, _make_pairs(request, _read_hub_pairs(rows)))


_task = partial(Task, version=1, format=Classify(labels=LABELS), metric=ACCURACY, read_hub=read_hub)
XNLI_LANGUAGES = languages("ar bg de el en es fr hi ru sw th tr ur vi zh")


def _xnli(split: str, hub_split: str, count: int) -> Source:
    official = tuple(
        f"{folder}xnli.{split}.{kind}" for kind in ("tsv", "jsonl") for folder in ("xnli/XNLI-1.0/", "XNLI-1.0/", "xnli/", "")
    )
    return Source(
        paths=(*official, f"xnli/{split}-{{lang}}.tsv", f"xnli/**/xnli.{split}.tsv"),
        languages=XNLI_LANGUAGES,
        url=XNLI_ZIP.url,
        hub=Hub("facebook/xnli", "{lang}", hub_split, "b8dd5d7af51114dbda02c0e3f6133f332186418e"),
        archives=("XNLI-1.0.zip",),
        downloads=(XNLI_ZIP,),
        counts=dict.fromkeys(XNLI_LANGUAGES, count),
    )


XNLI = _task(
    name="xnli",
    languages=XNLI_LANGUAGES,
    splits={"dev": _xnli("dev", "validation", 2490), "test": _xnli("test", "test", 5010)},
    read=read_pairs,
    trains_on="mnli",
    license="CC-BY-NC-4.0",
    cite="conneau2018xnli",
    url="https://github.com/facebookresearch/XNLI",
    description="Does the premise entail, contradict or leave open the hypothesis? English pairs, human translations.",
    notes="Csv quotes of XTREME's files are removed; XTREME's own reader leaves them in the text.",
)


SNLI = _task(
    name="snli",
    languages=("en",),
    splits={
        split: english_source(
            (
                f"{folder}snli_1.0_{split}.{kind}"
                for kind in ("jsonl", "txt")
                for folder in ("snli/", "snli_1.0/", "snli/snli_1.0/", "snli/derived/", "")
            ),
            Hub("stanfordnlp/snli", "plain_text", hub_split, "cdb5c3d5eed6ead6e5a341c8e56e669bb666725b"),
            count,
            SNLI_ZIP,
            "snli_1.0.zip",
        )
        for split, hub_split, count in (("train", "train", 549_367), ("dev", "validation", 9842), ("test", "test", 9824))
    },
    read=read_pairs,
    trains_on="snli",
    license="CC-BY-SA-4.0",
    cite="bowman2015snli",
    url="https://nlp.stanford.edu/projects/snli/",
    description="Inference over captions of photographs, English.",
    notes="Pairs without a gold label ('-', or -1 on the Hub) are left out; the numbers in the ids count them.",
)

_MNLI_FILES = {
    split: (
        *(
            f"{folder}multinli_1.0_{file}.{kind}"
            for kind in ("jsonl", "txt")
            for folder in ("mnli/", "multinli_1.0/", "mnli/multinli_1.0/", "mnli/derived/", "")
        ),
        *(f"{folder}MNLI/{file}.tsv" for folder in ("mnli/", "glue/", "glue_data/", "")),
    )
    for split, file in (("train", "train"), ("dev", "dev_matched"))
}

MNLI = _task(
    name="mnli",
    languages=("en",),
    splits={
        split: english_source(
            paths,
            Hub("nyu-mll/glue", "mnli", hub_split, "bcdcba79d07bc864c1c254ccfcedcce55bcc9a8c"),
            count,
            MNLI_ZIP,
            "multinli_1.0.zip",
            "MNLI.zip",
        )
        for split, paths, hub_split, count in (
            ("train", (*_MNLI_FILES["train"], "xnli/train-{lang}.tsv"), "train", 392_702),
            ("dev", _MNLI_FILES["dev"], "validation_matched", 9815),
        )
    },
    read=read_pairs,
    trains_on="mnli",
    license="OANC, with parts under CC-BY-3.0 and CC-BY-SA-3.0",
    cite="williams2018mnli",
    url="https://cims.nyu.edu/~sbowman/multinli/",
    description="Inference over ten genres of written and spoken English; the training data of XNLI.",
    notes="dev is the matched half. The test labels are not public. XTREME trains on the English side of XNLI-MT-1.0.zip,"
    " its xnli/train-en.tsv, which is read if nothing else is found.",
)

ANLI = _task(
    name="anli",
    languages=("en",),
    splits={
        split: english_source(
            (
                f"{folder}R[123]/{split}.jsonl"
                for folder in ("anli/anli_v0.1/", "anli_v0.1/", "anli/anli_v1.0/", "anli_v1.0/", "anli/")
            ),
            Hub("facebook/anli", "plain_text", f"{split}_r[123]", "8e4813d81f46d313dac7892e1c28076917cfcdf9"),
            count,
            ANLI_ZIP,
            "anli_v0.1.zip",
            "anli_v1.0.zip",
        )
        for split, count in (("train", 162_865), ("dev", 3200), ("test", 3200))
    },
    read=read_anli,
    trains_on="anli",
    license="CC-BY-NC-4.0",
    cite="nie2020anli",
    url="https://github.com/facebookresearch/anli",
    description="Inference over paragraphs, written by people to mislead a model; its three rounds one after the other.",
    notes="Rounds of 16,946, 45,460 and 100,459 training pairs; 1,000, 1,000 and 1,200 in dev and in test.",
)


def _refuse_to_read(request: ReadRequest) -> Iterator[ClassifyExample]:
    raise InputError(f"task {request.task.name} has no file; read its parts: {', '.join(request.task.parts)}")


ANLI_PLUS = _task(
    name="anli_plus",
    languages=("en",),
    splits={
        split: Source((), ("en",), ANLI.url, counts={"en": sum(part.splits[split].counts["en"] for part in (ANLI, MNLI, SNLI))})
        for split in ("train", "dev")
    },
    read=_refuse_to_read,
    read_hub=None,
    trains_on="anli_plus",
    license="CC-BY-NC-4.0 and those of its parts",
    cite="nie2020anli",
    url="https://github.com/facebookresearch/anli",
    description="ANLI, MNLI and SNLI together: the largest intermediate task of Phang et al. 2020.",
    notes="No test split: the labels of MNLI's are not public.",
    parts=("anli", "mnli", "snli"),
    contains=("anli", "mnli", "snli"),
)

TASKS = (XNLI, SNLI, MNLI, ANLI, ANLI_PLUS)
