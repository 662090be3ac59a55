"""Span question answering: SQuAD 1.1 and 2.0, XQuAD, MLQA and TyDiQA-GoldP, all in SQuAD's JSON.

SQuAD: Rajpurkar et al. 2016 and 2018. XQuAD: Artetxe et al. 2020. MLQA: Lewis et al. 2020, with question and context in one
language, as in XTREME. TyDiQA: Clark et al. 2020 (gold passage task, v1.1). Contexts are kept to the character, with the blanks
at both ends, since answers are offsets into them. Every answer is checked against its context. XQuAD keeps SQuAD's question
ids, so it is parallel across languages; TyDiQA is not. The Hub's copies of XQuAD, MLQA and TyDiQA lost the blanks around
contexts and answers but kept the offsets: see `_shift_answer`.
"""

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from xstilts.data.language import LANGUAGES, languages
from xstilts.errors import InputError
from xstilts.formats.format import Format
from xstilts.formats.span import Span, SpanAnswer, SpanExample
from xstilts.metrics.mlqa import MLQA as MLQA_METRIC
from xstilts.metrics.squad import SQUAD
from xstilts.metrics.squad import SQUAD_V2 as SQUAD_V2_METRIC
from xstilts.tasks.catalogue.checksums import read_checksums
from xstilts.tasks.files.read import get_field, read_json_object
from xstilts.tasks.task import Download, Hub, ReadRequest, Source, Task

# The longest run of blanks before a context that `_shift_answer` handles (the longest seen is 6).
MAX_SHIFT = 16


def _check_answers(answers: list[SpanAnswer], context: str, where: str) -> tuple[SpanAnswer, ...]:
    for answer in answers:
        found = context[answer.start : answer.start + len(answer.text)] if answer.start >= 0 else ""
        if not answer.text:
            raise InputError(f"{where}: the answer is empty (XTREME's download script blanks test answers; get the original)")
        if found != answer.text:
            raise InputError(
                f"{where}: the context has {found!r:.80} at {answer.start}, not the answer {answer.text!r:.80}"
                f" (context of {len(context)} characters)"
            )
    return tuple(answers)


def _make_gold(
    format: Format, answers: list[SpanAnswer], impossible: bool, context: str, where: str
) -> tuple[SpanAnswer, ...] | None:
    """The value of `SpanExample.answer`. If the format has no `no_answer`, no answers means that they are not public."""
    if not (isinstance(format, Span) and format.no_answer):
        return _check_answers(answers, context, where) or None
    if impossible == bool(answers):
        said = "is_impossible is true" if impossible else "is_impossible is not true"
        raise InputError(f"{where}: {said}, but it has {len(answers)} answers")
    return _check_answers(answers, context, where)


class Question(NamedTuple):
    """A question as the file has it. Nothing about its answers is checked."""

    where: str
    id: str
    question: str
    context: str
    answers: list[SpanAnswer]
    impossible: bool


def read_questions(path: Path) -> Iterator[Question]:
    for article in get_field(read_json_object(path), "data", list, str(path)):
        for paragraph in get_field(article, "paragraphs", list, str(path)):
            context = get_field(paragraph, "context", str, str(path))
            for record in get_field(paragraph, "qas", list, str(path)):
                id = get_field(record, "id", str, str(path))
                where = f"{path}: question {id}"
                answers = [
                    SpanAnswer(get_field(answer, "text", str, where), get_field(answer, "answer_start", int, where))
                    for answer in get_field(record, "answers", list, where)
                ]
                impossible = get_field(record, "is_impossible", bool, where) if "is_impossible" in record else not answers
                yield Question(where, id, get_field(record, "question", str, where), context, answers, impossible)


def read_squad(request: ReadRequest) -> Iterator[SpanExample]:
    (path,) = request.files
    for where, id, question, context, answers, impossible in read_questions(path):
        yield SpanExample(id, question, context, _make_gold(request.task.format, answers, impossible, context, where))


def _shift_answer(context: str, text: str, start: int) -> SpanAnswer:
    """The answer in the Hub's context: near `start`, since the context lost its leading blanks and the answer may have lost
    some."""
    places = [at for at in range(max(0, start - MAX_SHIFT), start + 2) if context.startswith(text, at)]
    return SpanAnswer(text, min(places, key=lambda at: abs(at - start), default=start))


def read_hub_questions(rows: Iterable[dict[str, Any]]) -> Iterator[Question]:
    for row in rows:
        id = get_field(row, "id", str, "Hub row")
        where = f"Hub row {id}"
        context, answers = get_field(row, "context", str, where), get_field(row, "answers", dict, where)
        texts, starts = get_field(answers, "text", list, where), get_field(answers, "answer_start", list, where)
        found = [_shift_answer(context, text, start) for text, start in zip(texts, starts, strict=True)]
        yield Question(where, id, get_field(row, "question", str, where), context, found, not found)


def read_hub(request: ReadRequest, rows: Iterable[dict[str, Any]]) -> Iterator[SpanExample]:
    for where, id, question, context, answers, impossible in read_hub_questions(rows):
        yield SpanExample(id, question, context, _make_gold(request.task.format, answers, impossible, context, where))


_task = partial(Task, version=1, format=Span(), metric=SQUAD, read=read_squad, read_hub=read_hub)
# Checksums and counts, unless said otherwise: dataset_infos.json of huggingface/datasets before 8803c182e6.
_SQUAD_URL = "https://rajpurkar.github.io/SQuAD-explorer/dataset/"


def _squad(task: str, file: str, hub: Hub, sha256: str, count: int) -> Source:
    return Source(
        paths=(f"squad/{file}", f"{task}/{file}", f"squad/derived/{file}", file),
        languages=("en",),
        url=f"{_SQUAD_URL}{file}",
        sha256={"en": sha256},
        hub=hub,
        downloads=(Download(f"{_SQUAD_URL}{file}", f"squad/{file}", {"": sha256}),),
        counts={"en": count},
    )


SQUAD_V1 = _task(
    name="squad_v1",
    languages=("en",),
    splits={
        "train": _squad(
            "squad_v1",
            "train-v1.1.json",
            Hub("rajpurkar/squad", "plain_text", "train", "main"),
            "3527663986b8295af4f7fcdff1ba1ff3f72d07d61a20f487cb238a6ef92fd955",
            87_599,
        )
    },
    trains_on="squad_v1",
    heldout=20,
    license="CC-BY-SA-4.0",
    cite="rajpurkar2016squad",
    url="https://rajpurkar.github.io/SQuAD-explorer/",
    description="Questions on paragraphs of the English Wikipedia; the training data of XQuAD and MLQA.",
    notes="dev is every 20th training question: the official dev-v1.1.json holds the paragraphs that XQuAD translates.",
)

SQUAD_V2 = _task(
    name="squad_v2",
    format=Span(no_answer=True),
    metric=SQUAD_V2_METRIC,
    languages=("en",),
    splits={
        "train": _squad(
            "squad_v2",
            "train-v2.0.json",
            Hub("rajpurkar/squad_v2", "squad_v2", "train", "main"),
            "68dcfbb971bd3e96d5b46c7177b16c1a4e7d4bdef19fb204502738552dede002",
            130_319,
        ),
        "dev": _squad(
            "squad_v2",
            "dev-v2.0.json",
            Hub("rajpurkar/squad_v2", "squad_v2", "validation", "main"),
            "80a5225e94905956a6446d296ca1093975c4d3b3260f1d6c8f68bc2ab77182d8",
            11_873,
        ),
    },
    trains_on="squad_v2",
    license="CC-BY-SA-4.0",
    cite="rajpurkar2018know",
    url="https://rajpurkar.github.io/SQuAD-explorer/",
    description="SQuAD 1.1 and as many questions that the paragraph only seems to answer.",
    notes="plausible_answers are not read. The paragraphs that XQuAD translates are in dev, so dev never trains and"
    " can only select a checkpoint.",
    contains=("squad_v1",),
)

XQUAD_LANGUAGES = languages("en es de el ru tr ar vi th zh hi ro")
_XQUAD_URL = "https://github.com/deepmind/xquad"
_XQUAD_SHA256 = read_checksums("xquad")

XQUAD = _task(
    name="xquad",
    languages=XQUAD_LANGUAGES,
    splits={
        "test": Source(
            paths=("xquad/xquad.{lang}.json", "xquad.{lang}.json"),
            languages=XQUAD_LANGUAGES,
            url=_XQUAD_URL,
            sha256=_XQUAD_SHA256,
            # The revision that mteb pins (mteb/tasks/retrieval/multilingual/x_qu_ad_retrieval.py).
            hub=Hub("google/xquad", "xquad.{lang}", "validation", "51adfef1c1287aab1d2d91b5bead9bcfb9c68583"),
            downloads=(Download(f"{_XQUAD_URL}/raw/master/xquad.{{lang}}.json", "xquad/xquad.{lang}.json", _XQUAD_SHA256),),
            counts=dict.fromkeys(XQUAD_LANGUAGES, 1190),
        )
    },
    trains_on="squad_v1",
    license="CC-BY-SA-4.0",
    cite="artetxe2020xquad",
    url=_XQUAD_URL,
    description="1,190 questions of SQuAD's dev set with their paragraphs, translated by professionals.",
    notes="XTREME has 11 of the languages, XTREME-R adds Romanian.",
)

MLQA_LANGUAGES = languages("en es de ar hi vi zh")
_MLQA_COUNTS = {
    "dev": {"en": 1148, "es": 500, "de": 512, "ar": 517, "hi": 507, "vi": 511, "zh": 504},
    "test": {"en": 11_590, "es": 5253, "de": 4517, "ar": 5335, "hi": 4918, "vi": 5495, "zh": 5137},
}


def _mlqa(split: str, hub_split: str) -> Source:
    zipped = "https://dl.fbaipublicfiles.com/MLQA/MLQA_V1.zip"
    file = f"{split}/{split}-context-{{lang}}-question-{{lang}}.json"
    return Source(
        paths=tuple(f"{folder}{file}" for folder in ("mlqa/MLQA_V1/", "MLQA_V1/", "mlqa/")),
        languages=MLQA_LANGUAGES,
        url=zipped,
        hub=Hub("google/xtreme", "MLQA.{lang}.{lang}", hub_split, "main"),
        archives=("MLQA_V1.zip",),
        downloads=(
            Download(zipped, "mlqa/MLQA_V1.zip", {"": "246e8089933d13007fe80684d5c5c0713d6834cf8b3b4a0ec7c66f0a0d2baac8"}),
        ),
        counts=_MLQA_COUNTS[split],
    )


MLQA = _task(
    name="mlqa",
    metric=MLQA_METRIC,
    languages=MLQA_LANGUAGES,
    splits={"dev": _mlqa("dev", "validation"), "test": _mlqa("test", "test")},
    trains_on="squad_v1",
    license="CC-BY-SA-3.0",
    cite="lewis2020mlqa",
    url="https://github.com/facebookresearch/MLQA",
    description="Questions on paragraphs of Wikipedia that say the same in several languages; partly parallel, by id.",
    notes="Question and context in the same language, as in XTREME. Its metric normalises each language by its own rules.",
)

TYDIQA_LANGUAGES = languages("en ar bn fi id ko ru sw te")
TYDIQA_NAMES = {code: LANGUAGES[code].name.lower() for code in TYDIQA_LANGUAGES}
_TYDIQA_URL = "https://storage.googleapis.com/tydiqa/v1.1/"
_TYDIQA_TRAIN_SHA256 = "cefc8e09ff2548d9b10a678d3a6bbbe5bc036be543f92418819ea676c97be23b"
# By language, from language_data/README.md of sagorbrur/tydiqa-language-specific. The sums are the 49,881 and 5,077 of the Hub.
_TYDIQA_COUNTS = {
    "train": {
        "en": 3696, "ar": 14_805, "bn": 2390, "fi": 6855, "id": 5702, "ko": 1625, "ru": 6490, "sw": 2755, "te": 5563,
    },
    "test": {"en": 440, "ar": 921, "bn": 113, "fi": 782, "id": 565, "ko": 276, "ru": 812, "sw": 499, "te": 669},
}  # fmt: skip


def _select_language(request: ReadRequest, examples: Iterable[SpanExample]) -> Iterator[SpanExample]:
    """The questions of one language: official ids begin with its name (`english-904...-1`, or `english--904...-1`).

    XTREME cuts the ids of its training files to the last number, which repeats. Such a question has the language of the file,
    and its place in the file becomes its id."""
    name = TYDIQA_NAMES[request.language]
    for number, example in enumerate(examples, start=1):
        prefix, dash, _ = example.id.partition("-")
        if not dash:
            yield SpanExample(f"{name}-{request.split}-{number}", example.question, example.context, example.answer)
        elif prefix == name:
            yield example


def read_tydiqa(request: ReadRequest) -> Iterator[SpanExample]:
    return _select_language(request, read_squad(request))


def read_tydiqa_hub(request: ReadRequest, rows: Iterable[dict[str, Any]]) -> Iterator[SpanExample]:
    return _select_language(request, read_hub(request, rows))


def _tydiqa_file(split: str, sha256: str) -> Download:
    file = f"tydiqa-goldp-v1.1-{split}.json"
    return Download(f"{_TYDIQA_URL}{file}", f"tydiqa/{file}", {"": sha256})


TYDIQA = _task(
    name="tydiqa",
    languages=TYDIQA_LANGUAGES,
    splits={
        "train": Source(
            paths=(
                "tydiqa/tydiqa-goldp-v1.1-train.json",
                "tydiqa/tydiqa-goldp-v1.1-train/tydiqa-goldp-v1.1-train.json",
                "tydiqa/tydiqa-goldp-v1.1-train/tydiqa.goldp.{code}.train.json",
                "tydiqa-goldp-v1.1-train.json",
            ),
            languages=TYDIQA_LANGUAGES,
            url=f"{_TYDIQA_URL}tydiqa-goldp-v1.1-train.json",
            # The checksum of the one file of all languages.
            sha256=dict.fromkeys(TYDIQA_LANGUAGES, _TYDIQA_TRAIN_SHA256),
            hub=Hub("google-research-datasets/tydiqa", "secondary_task", "train", "main"),
            downloads=(_tydiqa_file("train", _TYDIQA_TRAIN_SHA256),),
            counts=_TYDIQA_COUNTS["train"],
        ),
        "test": Source(
            paths=(
                "tydiqa/tydiqa-goldp-v1.1-dev/tydiqa-goldp-dev-{lang}.json",
                "tydiqa-goldp-v1.1-dev/tydiqa-goldp-dev-{lang}.json",
                "tydiqa/tydiqa-goldp-v1.1-dev.json",
                "tydiqa-goldp-v1.1-dev.json",
                "tydiqa/tydiqa-goldp-v1.1-dev/tydiqa.goldp.{code}.dev.json",
            ),
            languages=TYDIQA_LANGUAGES,
            url=f"{_TYDIQA_URL}tydiqa-goldp-v1.1-dev.json",
            hub=Hub("google-research-datasets/tydiqa", "secondary_task", "validation", "main"),
            archives=("tydiqa-goldp-v1.1-dev.tgz",),
            downloads=(_tydiqa_file("dev", "b286e0f34bc7f52259359989716f369b160565bd12ad8f3a3e311f9b0dbad1c0"),),
            counts=_TYDIQA_COUNTS["test"],
        ),
    },
    read=read_tydiqa,
    read_hub=read_tydiqa_hub,
    trains_on="tydiqa",
    heldout=20,
    codes=TYDIQA_NAMES,
    license="Apache-2.0",
    cite="clark2020tydiqa",
    url="https://github.com/google-research-datasets/tydiqa",
    description="Questions written by speakers of each language who did not know the answer, with the gold passage.",
    notes="XTREME's test is the official dev set, so dev is every 20th training question. The official dev set exists as one file"
    " of all languages and as an archive with one file for each: the same questions, but only the former's checksum is known.",
)

TASKS = (SQUAD_V1, SQUAD_V2, XQUAD, MLQA, TYDIQA)
