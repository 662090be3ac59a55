"""Span question answering: SQuAD 1.1 and 2.0, XQuAD, MLQA and TyDiQA-GoldP, all in SQuAD's JSON.

SQuAD: Rajpurkar et al. 2016 and 2018. XQuAD: Artetxe et al. 2020. MLQA: Lewis et al. 2020, with question and context in one
language, as in XTREME. TyDiQA: Clark et al. 2020 (gold passage task, v1.1). Contexts are kept to the character, with the blanks
at both ends, since answers are offsets into them. Every answer is checked against its context (`make_examples`). XQuAD keeps
SQuAD's question ids, so it is parallel across languages; TyDiQA is not. The Hub's copies of XQuAD, MLQA and TyDiQA lost the
blanks around contexts and answers but kept the offsets: see `_shift_answer`.
"""

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from xstilts.data.language import LANGUAGES, languages
from xstilts.errors import InputError
from xstilts.formats.span import Span, SpanAnswer, SpanExample
from xstilts.metrics.mlqa import MLQA as MLQA_METRIC
from xstilts.metrics.squad import SQUAD
from xstilts.metrics.squad import SQUAD_V2 as SQUAD_V2_METRIC
from xstilts.tasks.answer_alignment import align_answer
from xstilts.tasks.catalogue.checksums import read_checksums
from xstilts.tasks.files.read import get_field, get_id, name_hub_rows, read_json_object
from xstilts.tasks.task import Download, Hub, ReadRequest, Source, Task

# The longest run of blanks before a context that `_shift_answer` handles (the longest seen is 6).
MAX_SHIFT = 16


class Question(NamedTuple):
    """A question as the file has it. Nothing about its answers is checked."""

    where: str
    id: str
    question: str
    context: str
    answers: list[SpanAnswer]
    impossible: bool


def read_questions(path: Path) -> Iterator[Question]:
    """The questions of SQuAD's JSON."""
    for a, article in enumerate(get_field(read_json_object(path), "data", list, str(path)), start=1):
        for p, paragraph in enumerate(get_field(article, "paragraphs", list, f"{path}: article {a}"), start=1):
            here = f"{path}: article {a}, paragraph {p}"
            context = get_field(paragraph, "context", str, here)
            for q, record in enumerate(get_field(paragraph, "qas", list, here), start=1):
                yield _make_question(record, context, path, f"{here}, question {q}")


def parse_question(row: Any, where: str, file: object) -> Question:
    """A question with its context in one record, as `datasets` has it. Errors name it by its id after `file`, or by `where` if
    that is wrong."""
    return _make_question(row, get_field(row, "context", str, where), file, where)


def _make_question(record: Any, context: str, file: object, where: str) -> Question:
    id = get_id(record, where)
    where = f"{file}: question {id}"
    answers = _get_answers(record, where)
    impossible = get_field(record, "is_impossible", bool, where) if "is_impossible" in record else not answers
    return Question(where, id, get_field(record, "question", str, where), context, answers, impossible)


def _get_answers(record: Any, where: str) -> list[SpanAnswer]:
    """`[{text, answer_start}, ...]` of SQuAD's JSON, or `{text: [...], answer_start: [...]}` of `datasets`."""
    found = get_field(record, "answers", object, where)
    if isinstance(found, dict):
        texts, starts = get_field(found, "text", list, where), get_field(found, "answer_start", list, where)
        if len(texts) != len(starts):
            raise InputError(f"{where}: {len(texts)} answers, but {len(starts)} places where they start")
        found = [{"text": text, "answer_start": start} for text, start in zip(texts, starts, strict=True)]
    if not isinstance(found, list):
        raise InputError(f"{where}: field 'answers' should be a list, or an object of two lists, found {found!r:.60}")
    return [SpanAnswer(get_field(x, "text", str, where), get_field(x, "answer_start", int, where)) for x in found]


def make_examples(request: ReadRequest, found: Iterable[Question]) -> Iterator[SpanExample]:
    """The examples of these questions. Raises InputError for an empty answer. If the format has no `no_answer`, no answers means
    that they are not public.

    An answer may not be at its offset in the context, often because of a no-break space. Training needs the place, so there it
    is searched (`locate_answers`), and it is an InputError if no question has its answer in its context. Other splits are scored
    by the texts of answers, so there the question is kept as it is and counted ("misplaced")."""
    format = request.task.format
    may_lack = isinstance(format, Span) and format.no_answer
    kept = False
    lost: Question | None = None
    for one in found:
        if may_lack and one.impossible == bool(one.answers):
            said = "is_impossible is true" if one.impossible else "is_impossible is not true"
            raise InputError(f"{one.where}: {said}, but it has {len(one.answers)} answers")
        if not all(answer.text for answer in one.answers):
            raise InputError(f"{one.where}: the answer is empty (XTREME's download script blanks test answers; get the original)")
        answers = tuple(one.answers)
        if request.split == "train" and answers:
            answers = locate_answers(request, one)
            if not answers:
                lost = lost or one
                continue
        elif not all(_is_in_place(answer, one.context) for answer in answers):
            request.counts["misplaced"] += 1
        kept = True
        yield SpanExample(one.id, one.question, one.context, answers if answers or may_lack else None)
    if lost and not kept:
        raise InputError(
            f"{lost.where}: its context of {len(lost.context)} characters does not have the answer {lost.answers[0].text!r:.80},"
            " and it is likewise with all other questions; are these the contexts of the questions?"
        )


def locate_answers(request: ReadRequest, one: Question) -> tuple[SpanAnswer, ...]:
    """The answers of a question, at their offsets or where they are found near these (counted as "relocated"). Answers that are
    not found are left out. If none is left, the question is counted as "unlocatable"."""
    found: list[SpanAnswer] = []
    for answer in one.answers:
        if answer.text and _is_in_place(answer, one.context):
            found.append(answer)
        elif place := align_answer(one.context, answer.text, answer.start / max(1, len(one.context)), request.language):
            request.counts["relocated"] += 1
            found.append(place)
    if not found:
        request.counts["unlocatable"] += 1
    return tuple(found)


def _is_in_place(answer: SpanAnswer, context: str) -> bool:
    return answer.start >= 0 and context.startswith(answer.text, answer.start)


def read_squad(request: ReadRequest) -> Iterator[SpanExample]:
    (path,) = request.files
    return make_examples(request, read_questions(path))


def _shift_answer(context: str, text: str, start: int) -> SpanAnswer:
    """The answer in the Hub's context: near `start`, since the context lost its leading blanks and the answer may have lost
    some."""
    places = [at for at in range(max(0, start - MAX_SHIFT), start + 2) if context.startswith(text, at)]
    return SpanAnswer(text, min(places, key=lambda at: abs(at - start), default=start))


def read_hub_questions(rows: Iterable[dict[str, Any]]) -> Iterator[Question]:
    for where, row in name_hub_rows(rows):
        one = parse_question(row, where, "Hub")
        yield one._replace(answers=[_shift_answer(one.context, answer.text, answer.start) for answer in one.answers])


def read_hub(request: ReadRequest, rows: Iterable[dict[str, Any]]) -> Iterator[SpanExample]:
    return make_examples(request, read_hub_questions(rows))


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
