"""Multiple choice: CommonsenseQA, HellaSwag and Cosmos QA as in jiant's X-STILTs; Social IQa, COPA and XCOPA as in XTREME-R.

Talmor et al. 2019, Zellers et al. 2019, Huang et al. 2019, Sap et al. 2019, Roemmele et al. 2011, Ponti et al. 2020. A prompt
is the question, after the text before it if there is one. XTREME-R asks in English whatever the language of the premise ("...
What was the cause?", third_party/run_xcopa.py of google-research/xtreme); jiant words COPA's two questions differently. The
labels of most test sets are not public, so only XCOPA has a test split here. Ids are row numbers if the files have none.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from xstilts.data.language import languages
from xstilts.errors import InputError
from xstilts.formats.choice import Choice, ChoiceExample
from xstilts.metrics.classify import ACCURACY
from xstilts.tasks.catalogue.checksums import read_checksums
from xstilts.tasks.files.read import (
    check_label,
    get_field,
    get_fields,
    name_hub_rows,
    read_csv,
    read_json_lines,
    read_lines,
    refuse_placeholders,
)
from xstilts.tasks.task import Download, Hub, ReadRequest, Source, Task, english_source

ChoiceRecords = Iterable[tuple[str, Mapping[str, Any]]]  # where, record
Parts = tuple[str, Sequence[str], Sequence[str], str]  # prompt, choices, their labels, the gold label
Parse = Callable[[Mapping[str, Any], str], Parts]


def _get_label(record: Mapping[str, Any], name: str, where: str) -> str:
    """A label that some files write as a number and others as its digits."""
    if name not in record:
        raise InputError(f"{where}: field '{name}' is missing")
    return str(record[name]).strip()


def _parse_commonsenseqa(record: Mapping[str, Any], where: str) -> Parts:
    """The official file nests the choices in the question. The Hub has a list of labels and a list of texts."""
    question = record.get("question")
    if isinstance(question, str):
        choices = get_field(record, "choices", dict, where)
        labels, texts = get_field(choices, "label", list, where), get_field(choices, "text", list, where)
    else:
        nested = get_field(record, "question", dict, where)
        question, pairs = get_field(nested, "stem", str, where), get_field(nested, "choices", list, where)
        labels, texts = ([get_field(pair, field, str, where) for pair in pairs] for field in ("label", "text"))
    return question, texts, labels, get_field(record, "answerKey", str, where)


def _parse_hellaswag(record: Mapping[str, Any], where: str) -> Parts:
    prompt, begun = get_field(record, "ctx_a", str, where), get_field(record, "ctx_b", str, where)
    endings = get_field(record, "endings", list, where)
    return prompt, [f"{begun} {ending}".strip() for ending in endings], "0123", _get_label(record, "label", where)


def _parse_cosmosqa(record: Mapping[str, Any], where: str) -> Parts:
    context, question, *answers = get_fields(record, "context question answer0 answer1 answer2 answer3", str, where)
    return f"{context} {question}", answers, "0123", _get_label(record, "label", where)


def _parse_siqa(record: Mapping[str, Any], where: str) -> Parts:
    context, question, *answers = get_fields(record, "context question answerA answerB answerC", str, where)
    if "correct" in record:
        return f"{context} {question}", answers, "ABC", _get_label(record, "correct", where)
    return f"{context} {question}", answers, "123", _get_label(record, "label", where)


def _parse_copa(record: Mapping[str, Any], where: str) -> Parts:
    premise, *choices = get_fields(record, "premise choice1 choice2", str, where)
    asked = check_label(get_field(record, "question", str, where), ("cause", "effect"), where)
    return f"{premise} What was the {asked}?", choices, "01", _get_label(record, "label", where)


def _make_examples(parse: Parse, id: str, request: ReadRequest, records: ChoiceRecords) -> Iterator[ChoiceExample]:
    """`id` is the field with the id of an example; without one, the number among the records is the id."""
    assert isinstance(request.task.format, Choice)
    choices = request.task.format.choices
    for number, (where, record) in enumerate(records, start=1):
        prompt, texts, labels, gold = parse(record, where)
        if not len(texts) == len(labels) == choices:
            raise InputError(f"{where}: {len(texts)} choices, expected {choices}")
        name = get_field(record, id, str, where) if id else f"{request.task.name}-{request.split}-{number}"
        yield ChoiceExample(name, prompt, tuple(texts), labels.index(check_label(gold, tuple(labels), where)))


def _read_records(request: ReadRequest) -> ChoiceRecords:
    (path,) = request.files
    return read_csv(path) if path.name.removesuffix(".gz").endswith(".csv") else read_json_lines(path)


def _read_siqa_records(request: ReadRequest) -> ChoiceRecords:
    """Version 1.4 has the label in the record. The other release has it in a second file, with a line for each record."""
    if len(request.files) == 1:
        return _read_records(request)
    labels, records = sorted(request.files, key=lambda path: "-labels" not in path.name)
    found = list(read_json_lines(records))
    gold = [line for _, line in read_lines(labels) if line]
    if len(found) != len(gold):
        raise InputError(f"{records} has {len(found)} records and {labels} {len(gold)} labels: they are not aligned")
    return ((where, {**record, "label": label}) for (where, record), label in zip(found, gold, strict=True))


# Task -> licence, citation, page.
_PUBLISHED = {
    "commonsenseqa": ("MIT", "talmor2019commonsenseqa", "https://www.tau-nlp.org/commonsenseqa"),
    "hellaswag": ("MIT", "zellers2019hellaswag", "https://rowanzellers.com/hellaswag/"),
    "cosmosqa": ("CC-BY-4.0", "huang2019cosmosqa", "https://wilburone.github.io/cosmos/"),
    "siqa": (
        "not stated by its authors; some copies say CC-BY-4.0",
        "sap2019socialiqa",
        "https://maartensap.github.io/social-iqa/",
    ),
    "copa": ("BSD-2-Clause", "roemmele2011copa", "https://people.ict.usc.edu/~gordon/copa.html"),
    "xcopa": ("CC-BY-4.0", "ponti2020xcopa", "https://github.com/cambridgeltl/xcopa"),
}


def _task(
    name: str,
    parse: Parse,
    choices: int,
    *,
    id: str = "",
    records: Callable[[ReadRequest], ChoiceRecords] = _read_records,
    languages: tuple[str, ...] = ("en",),
    trains_on: str = "",
    **fields: Any,
) -> Task:
    """A multiple-choice task with the readers that follow from `parse`; `fields` are those of `Task`."""

    def read(request: ReadRequest) -> Iterator[ChoiceExample]:
        return refuse_placeholders(request, _make_examples(parse, id, request, records(request)))

    def read_hub(request: ReadRequest, rows: Iterable[Mapping[str, Any]]) -> Iterator[ChoiceExample]:
        return refuse_placeholders(request, _make_examples(parse, id, request, name_hub_rows(rows)))

    license, cite, url = _PUBLISHED[name]
    return Task(
        name=name,
        version=1,
        format=Choice(choices=choices),
        metric=ACCURACY,
        languages=languages,
        read=read,
        read_hub=read_hub,
        trains_on=trains_on or name,
        license=license,
        cite=cite,
        url=url,
        **fields,
    )


# Checksums and counts: dataset_infos.json of huggingface/datasets before 8803c182e6. At the commits of the Hub data sets, public
# code has read the parquet files of `hub.list_patterns`; for Social IQa and Cosmos QA on the branch refs/convert/parquet.
def _plain(folders: str, site: str, hub: Callable[[str], Hub], files: Mapping[str, tuple[str, int]]) -> dict[str, Source]:
    """The splits of a task with one unpacked official file for each split (its name and count). It lies in one of the folders, or
    at the top if its name is specific enough."""
    splits = {}
    for split, (file, count) in files.items():
        paths = (*(f"{folder}{file}" for folder in folders.split()), *((file,) if "_" in file else ()))
        sha256 = read_checksums(paths[0])
        download = Download(site + file, paths[0], sha256)
        source = hub("train" if split == "train" else "validation")
        splits[split] = Source(paths, ("en",), download.url, sha256, source, (), (download,), {"en": count})
    return splits


COMMONSENSEQA = _task(
    "commonsenseqa",
    _parse_commonsenseqa,
    5,
    splits=_plain(
        "commonsenseqa/ csqa/",
        "https://s3.amazonaws.com/commensenseqa/",
        partial(Hub, "tau/commonsense_qa", "default", revision="94630fe30dad47192a8546eb75f094926d47e155"),
        {"train": ("train_rand_split.jsonl", 9741), "dev": ("dev_rand_split.jsonl", 1221)},
    ),
    id="id",
    description="Questions that need common sense, written from ConceptNet; one of five answers is right.",
    notes="The random split.",
)

SIQA_ZIP = Download(
    "https://storage.googleapis.com/ai2-mosaic/public/socialiqa/socialiqa-train-dev.zip",
    "siqa/socialiqa-train-dev.zip",
    {"": "ee073914a0fc33265cfbcfc50ec20df9b2e07809c3f420f599138d1f394ef5c3"},
)

SIQA = _task(
    "siqa",
    _parse_siqa,
    3,
    splits={
        split: english_source(
            (
                *(f"{folder}socialIQa_v1.4_{short}.jsonl" for folder in ("siqa/", "siqa/socialIQa_v1.4/", "socialIQa_v1.4/", "")),
                # the records and, beside them, their labels: train.jsonl and train-labels.lst
                *(f"{folder}socialiqa-train-dev/{split}[.-]*[lt]" for folder in ("siqa/", "")),
            ),
            Hub("allenai/social_i_qa", "default", hub_split, "537a2ec8ec565adc0b70b70752893e59e024df26"),
            count,
            SIQA_ZIP,
            "socialiqa-train-dev.zip",
            "socialIQa_v1.4.tgz",
        )
        for split, short, hub_split, count in (("train", "trn", "train", 33_410), ("dev", "dev", "validation", 1954))
    },
    records=_read_siqa_records,
    description="What people do, feel and mean in everyday situations; one of three answers is right.",
    notes="XTREME-R trains on it before COPA.",
)

HELLASWAG = _task(
    "hellaswag",
    _parse_hellaswag,
    4,
    splits=_plain(
        "hellaswag/ hellaswag/data/ hellaswag/derived/en/",
        "https://github.com/rowanz/hellaswag/raw/master/data/",
        partial(Hub, "Rowan/hellaswag", "default", revision="218ec52e09a7e7462a5400043bb9a69a41d06b76"),
        {"train": ("hellaswag_train.jsonl", 39_905), "dev": ("hellaswag_val.jsonl", 10_042)},
    ),
    description="How does it go on? Captions of videos and how-to articles with one true ending among machine-made ones.",
    notes="A choice begins with the words of the unfinished last sentence (ctx_b).",
)

COPA_ZIP = Download(
    "https://dl.fbaipublicfiles.com/glue/superglue/data/v2/COPA.zip",
    "copa/COPA.zip",
    {"": "405906cddac74bc1e1ce8220f1107d1025b66a25ef10149d91b10bb30651125f"},
)


def _copa(file: str, hub_split: str, count: int) -> Source:
    paths = [f"{folder}COPA/{file}.jsonl" for folder in ("copa/", "")]
    paths += [f"copa/{file}.jsonl", f"xcopa/{file}-{{lang}}.jsonl", f"xcopa/data/{{lang}}/{file}.{{lang}}.jsonl"]
    hub = Hub("aps/super_glue", "copa", hub_split, "3de24cf8022e94f4ee4b9d55a6f539891524d646")
    return english_source(paths, hub, count, COPA_ZIP, "COPA.zip")


COPA = _task(
    "copa",
    _parse_copa,
    2,
    splits={"train": _copa("train", "train", 400), "dev": _copa("val", "validation", 100)},
    description="Which of two alternatives is the more plausible cause or effect of the premise? SuperGLUE's split.",
    notes="The training data of XCOPA in XTREME-R, after Social IQa. English copies in xcopa/ are read as well.",
)

COSMOSQA = _task(
    "cosmosqa",
    _parse_cosmosqa,
    4,
    splits=_plain(
        "cosmosqa/ cosmosqa/data/ cosmos_qa/ cosmosqa/derived/",
        "https://github.com/wilburOne/cosmosqa/raw/master/data/",
        partial(Hub, "allenai/cosmos_qa", "default", revision="ed50fe83db62b355759053b1cd5eef344ee371e0"),
        {"train": ("train.csv", 25_262), "dev": ("valid.csv", 2985)},
    ),
    description="Why, what next, what if: questions about people's blogs whose answer is not in the words of the text.",
)

XCOPA_LANGUAGES = languages("et ht id it qu sw ta th tr vi zh")
_XCOPA_SITE = "https://raw.githubusercontent.com/cambridgeltl/xcopa/e2e9d7f105a758ee869cd13e0fe251ef93a29840/"


def _xcopa(split: str, file: str, hub_split: str, count: int) -> Source:
    official, checksums = f"data/{{lang}}/{file}.{{lang}}.jsonl", read_checksums(f"xcopa.{split}")
    return Source(
        paths=(
            *(f"{folder}{official}" for folder in ("xcopa/", "xcopa/xcopa-master/", "xcopa-master/", "")),
            f"xcopa/{file}-{{lang}}.jsonl",
        ),
        languages=XCOPA_LANGUAGES,
        url="https://github.com/cambridgeltl/xcopa/tree/master/data",
        sha256=checksums,
        hub=Hub("cambridgeltl/xcopa", "{lang}", hub_split, "042f78955ba48e6404616762fa6e05e839c3907a"),
        archives=("xcopa-master.zip",),
        downloads=(Download(f"{_XCOPA_SITE}{official}", f"xcopa/{official}", checksums),),
        counts=dict.fromkeys(XCOPA_LANGUAGES, count),
    )


XCOPA = _task(
    "xcopa",
    _parse_copa,
    2,
    languages=XCOPA_LANGUAGES,
    splits={
        "dev": _xcopa("dev", "val", "validation", 100),
        "test": _xcopa("test", "test", "test", 500),
    },
    trains_on="copa",
    description="COPA translated into 11 languages and annotated again; its training data are English.",
    notes="In the official files all Thai and all Turkish dev questions ask for the effect, and so do 37 Swahili and 51 Turkish"
    " test questions that ask for the cause in Estonian. They are read as they are, as in XTREME-R. XTREME-R's own test files"
    " have 0 in place of every label and are refused.",
)

TASKS = (COMMONSENSEQA, HELLASWAG, COSMOSQA, SIQA, COPA, XCOPA)
