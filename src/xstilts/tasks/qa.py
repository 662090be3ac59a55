"""Span question answering: SQuAD 1.1, XQuAD and TyDiQA-GoldP, all in SQuAD's JSON.

SQuAD: Rajpurkar et al. 2016. XQuAD: Artetxe et al. 2020. TyDiQA: Clark et al. 2020 (gold passage task, v1.1).
Contexts are kept to the character, blanks at both ends included, since answers are offsets into them; every answer is
checked against its context. XQuAD keeps SQuAD's question ids, so it is parallel across languages; TyDiQA is not.
The Hub's copies of XQuAD and TyDiQA lost the blanks around contexts and answers but kept the offsets: see `_shifted`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from xstilts.data.example import Answer, SpanExample
from xstilts.data.format import Span
from xstilts.data.language import LANGUAGES, languages
from xstilts.errors import InputError
from xstilts.metrics.squad import SQUAD
from xstilts.tasks.read import json_file, take
from xstilts.tasks.task import Hub, Request, Source, Task

# The longest run of blanks before a context that `_shifted` accounts for (6 is the longest seen).
MAX_SHIFT = 16


def _example(id: str, question: str, context: str, answers: list[Answer], where: str) -> SpanExample:
    for answer in answers:
        found = context[answer.start : answer.start + len(answer.text)] if answer.start >= 0 else ""
        if not answer.text:
            raise InputError(f"{where}: the answer is empty (XTREME's download script blanks test answers: get the original)")
        if found != answer.text:
            raise InputError(
                f"{where}: the context has {found!r:.80} at {answer.start}, not the answer {answer.text!r:.80}"
                f" (context of {len(context)} characters)"
            )
    return SpanExample(id, question, context, tuple(answers) or None)


def _questions(path: Path) -> Iterator[SpanExample]:
    for article in take(json_file(path), "data", list, str(path)):
        for paragraph in take(article, "paragraphs", list, str(path)):
            context = take(paragraph, "context", str, str(path))
            for record in take(paragraph, "qas", list, str(path)):
                id = take(record, "id", str, str(path))
                where = f"{path}: question {id}"
                answers = [
                    Answer(
                        take(answer, "text", str, where),
                        take(answer, "answer_start", int, where),
                    )
                    for answer in take(record, "answers", list, where)
                ]
                yield _example(id, take(record, "question", str, where), context, answers, where)


def read_squad(request: Request) -> Iterator[SpanExample]:
    (path,) = request.files
    return _questions(path)


def _shifted(context: str, text: str, start: int) -> Answer:
    """The answer where the Hub's context has it: near `start`, less the blanks before the context, plus its own."""
    places = [at for at in range(max(0, start - MAX_SHIFT), start + 2) if context.startswith(text, at)]
    return Answer(text, min(places, key=lambda at: abs(at - start), default=start))


def read_hub(request: Request, rows: Iterable[dict[str, Any]]) -> Iterator[SpanExample]:
    for row in rows:
        id = take(row, "id", str, "Hub row")
        where = f"Hub row {id}"
        context, answers = (
            take(row, "context", str, where),
            take(row, "answers", dict, where),
        )
        texts, starts = (
            take(answers, "text", list, where),
            take(answers, "answer_start", list, where),
        )
        gold = [_shifted(context, text, start) for text, start in zip(texts, starts, strict=True)]
        yield _example(id, take(row, "question", str, where), context, gold, where)


_SQUAD_URL = "https://rajpurkar.github.io/SQuAD-explorer/dataset/train-v1.1.json"

SQUAD_V1 = Task(
    name="squad_v1",
    version=1,
    format=Span(),
    metric=SQUAD,
    languages=("en",),
    splits={
        "train": Source(
            paths=(
                "squad/train-v1.1.json",
                "squad_v1/train-v1.1.json",
                "squad/derived/train-v1.1.json",
                "train-v1.1.json",
            ),
            languages=("en",),
            url=_SQUAD_URL,
            # The download checksum in the dataset_infos.json of huggingface/datasets before 8803c182e6.
            sha256={"en": "3527663986b8295af4f7fcdff1ba1ff3f72d07d61a20f487cb238a6ef92fd955"},
            hub=Hub("rajpurkar/squad", "plain_text", "train", "main"),
        )
    },
    read=read_squad,
    read_hub=read_hub,
    trains_on="squad_v1",
    heldout=20,
    license="CC-BY-SA-4.0",
    cite="rajpurkar2016squad",
    url="https://rajpurkar.github.io/SQuAD-explorer/",
    description="Questions on paragraphs of the English Wikipedia; the training data of XQuAD.",
    notes="dev is every 20th training question: the official dev-v1.1.json holds the paragraphs that XQuAD translates.",
)

XQUAD_LANGUAGES = languages("en es de el ru tr ar vi th zh hi")
# The download checksums in the dataset_infos.json of huggingface/datasets before 8803c182e6.
_XQUAD_SHA256 = {
    "ar": "abdabd7afed5c635d99cca0f3f0d0c9d9ed0bc77451e963c2e4e0638c29e486d",
    "de": "990b5d746746ed65ed4702ea5f35f99ffa4e2f1c390c07d003642acd937916f9",
    "el": "821cf0f88e73fa258fd2f548b19b6ec39f7025059e16f6f9fc8cd797c9c3663e",
    "en": "e4c57d1c9143aaa1c5d265ba5987a65f4e69528d2a98f29d6e75019b10344f29",
    "es": "dcbae93ec3a9f4b9e78fd834a171d6f96c1a875e10e15b7530b7e4ef4971e37e",
    "hi": "df2cce3532b37e9beb8979704b5c9a4bf874358f105395a298b89427b43b9d24",
    "ru": "208d5b1aa154c52b1b5c5eda16281e455e8fd198cdb9af3f469f0d6037d973bf",
    "th": "5cdda11d0e1e075f7872abf4e6ae830388ce7f617964d542308e9ae4257e0f43",
    "tr": "92179a564774b7696100d144c1e10870d0a966b6fccbdd254a65b9d2ab1971cc",
    "vi": "f619a1eb11fb42d3ab0834259e488a65f585447ef6154437bfb7199d85161a04",
    "zh": "691d0b3359bc6b8faa8de931dfdfe21d50a65861ae348e32a0d1a0190b0c8835",
}

XQUAD = Task(
    name="xquad",
    version=1,
    format=Span(),
    metric=SQUAD,
    languages=XQUAD_LANGUAGES,
    splits={
        "test": Source(
            paths=("xquad/xquad.{lang}.json", "xquad.{lang}.json"),
            languages=XQUAD_LANGUAGES,
            url="https://github.com/google-deepmind/xquad",
            sha256=_XQUAD_SHA256,
            # The revision that mteb pins (mteb/tasks/retrieval/multilingual/x_qu_ad_retrieval.py).
            hub=Hub(
                "google/xquad",
                "xquad.{lang}",
                "validation",
                "51adfef1c1287aab1d2d91b5bead9bcfb9c68583",
            ),
        )
    },
    read=read_squad,
    read_hub=read_hub,
    trains_on="squad_v1",
    license="CC-BY-SA-4.0",
    cite="artetxe2020xquad",
    url="https://github.com/google-deepmind/xquad",
    description="1,190 questions of SQuAD's dev set with their paragraphs, translated by professionals.",
)

TYDIQA_LANGUAGES = languages("en ar bn fi id ko ru sw te")
TYDIQA_NAMES = {code: LANGUAGES[code].name.lower() for code in TYDIQA_LANGUAGES}
_TYDIQA_URL = "https://storage.googleapis.com/tydiqa/v1.1/"


def _in_language(request: Request, examples: Iterable[SpanExample]) -> Iterator[SpanExample]:
    """The questions of one language: official ids begin with its name (`english-904...-1`, or `english--904...-1`).

    XTREME cuts the ids of its training files down to the last number, which repeats. Such a question is of the file's
    language, and gets its place in the file as id.
    """
    name = TYDIQA_NAMES[request.language]
    for number, example in enumerate(examples, start=1):
        prefix, dash, _ = example.id.partition("-")
        if not dash:
            yield SpanExample(
                f"{name}-{request.split}-{number}",
                example.question,
                example.context,
                example.answer,
            )
        elif prefix == name:
            yield example


def read_tydiqa(request: Request) -> Iterator[SpanExample]:
    return _in_language(request, read_squad(request))


def read_tydiqa_hub(request: Request, rows: Iterable[dict[str, Any]]) -> Iterator[SpanExample]:
    return _in_language(request, read_hub(request, rows))


TYDIQA = Task(
    name="tydiqa",
    version=1,
    format=Span(),
    metric=SQUAD,
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
            # Of the one file of all languages; the same dataset_infos.json as for XQuAD.
            sha256=dict.fromkeys(
                TYDIQA_LANGUAGES,
                "cefc8e09ff2548d9b10a678d3a6bbbe5bc036be543f92418819ea676c97be23b",
            ),
            hub=Hub("google-research-datasets/tydiqa", "secondary_task", "train", "main"),
        ),
        "test": Source(
            paths=(
                "tydiqa/tydiqa-goldp-v1.1-dev/tydiqa-goldp-dev-{lang}.json",
                "tydiqa-goldp-v1.1-dev/tydiqa-goldp-dev-{lang}.json",
                "tydiqa/tydiqa-goldp-v1.1-dev.json",
                "tydiqa-goldp-v1.1-dev.json",
            ),
            languages=TYDIQA_LANGUAGES,
            url=f"{_TYDIQA_URL}tydiqa-goldp-v1.1-dev.tgz",
            hub=Hub(
                "google-research-datasets/tydiqa",
                "secondary_task",
                "validation",
                "main",
            ),
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
    notes="XTREME's test is the official dev set, so dev is every 20th training question.",
)

TASKS = (SQUAD_V1, XQUAD, TYDIQA)
