"""Retrieval of translations: Tatoeba as LASER cut it (Artetxe and Schwenk 2019), the 36 languages of XTREME.

Two files a language, aligned by line: `tatoeba.<l3>-eng.<l3>` and `.eng`. The right English sentence of line 17 is its
line 17, so its id is the answer. XTREME sorts the English side for its submissions; we do not, since nothing here looks
at the order. Line 17 of German and line 17 of French are different sentences, hence ids like `deu-17`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from xstilts.data.example import TranslationExample
from xstilts.data.format import Embed
from xstilts.data.language import LANGUAGES, languages
from xstilts.errors import InputError
from xstilts.metrics.retrieval import RETRIEVAL
from xstilts.tasks.read import lines, take
from xstilts.tasks.task import Hub, Request, Source, Task


def _example(request: Request, number: int, text: str, english: str, where: str) -> TranslationExample:
    if not text.strip() or not english.strip():
        raise InputError(f"{where}: a blank sentence; the two files are aligned by line, so none can be left out")
    id = f"{request.task.codes[request.language]}-{number}"
    return TranslationExample(id, text.strip(), english.strip(), id)


def read_tatoeba(request: Request) -> Iterator[TranslationExample]:
    code = request.task.codes[request.language]
    sides = {path.name.removesuffix(".gz").rsplit(".", 1)[1]: path for path in request.files}
    for side in (code, "eng"):
        if side not in sides:
            raise InputError(f"{request.files[0].parent}: tatoeba.{code}-eng.{side} is missing beside its other side")
    text, english = list(lines(sides[code])), [line for _, line in lines(sides["eng"])]
    if len(text) != len(english):
        raise InputError(f"{sides[code]} has {len(text)} lines and {sides['eng']} {len(english)}: they are not aligned")
    for number, ((where, line), translation) in enumerate(zip(text, english, strict=True), start=1):
        yield _example(request, number, line, translation, where)


def read_hub(request: Request, rows: Iterable[dict[str, Any]]) -> Iterator[TranslationExample]:
    for number, row in enumerate(rows, start=1):
        where = f"Hub row {number}"
        text, english = (
            take(row, "source_sentence", str, where),
            take(row, "target_sentence", str, where),
        )
        yield _example(request, number, text, english, where)


TATOEBA_LANGUAGES = languages(
    "ar he vi id jv tl eu ml ta te af nl de el bn hi mr ur fa fr it pt es bg ru ja ka ko th sw zh kk tr et fi hu"
)

TATOEBA = Task(
    name="tatoeba",
    version=1,
    format=Embed(),
    metric=RETRIEVAL,
    languages=TATOEBA_LANGUAGES,
    splits={
        "test": Source(
            paths=tuple(f"{folder}tatoeba.{{lang}}-eng.???" for folder in ("tatoeba/", "tatoeba/v1/", "data/tatoeba/v1/", "")),
            languages=TATOEBA_LANGUAGES,
            url="https://github.com/facebookresearch/LASER/tree/main/data/tatoeba/v1",
            hub=Hub("google/xtreme", "tatoeba.{lang}", "validation", "main"),
        )
    },
    read=read_tatoeba,
    read_hub=read_hub,
    codes={code: LANGUAGES[code].tatoeba for code in TATOEBA_LANGUAGES},
    license="CC-BY-2.0-FR",
    cite="artetxe2019massively",
    url="https://github.com/facebookresearch/LASER/tree/main/data/tatoeba/v1",
    description="Find the English translation of a sentence among up to 1,000 by the cosine of embeddings; untrained.",
    notes="36 languages as in XTREME's code; its paper counts 33.",
)

TASKS = (TATOEBA,)
