"""Mewsli-X of XTREME-R (Ruder et al. 2021): a mention in its sentence, and the description of the entity that it means.

Source: mewsli-x.md and mewsli_x/schema.py in google-research/google-research (dense_representations_for_entity_retrieval/mel).
The wording of queries and candidates is that of google-research/xtreme, third_party/utils_mewslix.py. There is one candidate
set, described in 50 languages, for mentions in 11 languages. It is read with English, so that a pool is complete or absent.
Training and dev data are the English pairs of Wikipedia; XTREME-R chose its learning rates on the dev part.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xstilts.data.language import languages
from xstilts.errors import InputError
from xstilts.formats.bitext_mining import PoolExample
from xstilts.formats.ranking import Ranking, RankingExample
from xstilts.metrics.ranking import MAP_20
from xstilts.tasks.files.read import get_field, get_fields, read_json_lines
from xstilts.tasks.task import Download, ReadRequest, Source, Task

_BRACES = re.compile(r"\{(.*?)\}")
_BLANKS = re.compile(r"\s+")


def _join_line(text: str) -> str:
    return _BLANKS.sub(" ", text).strip()


def _read_spans(record: Any, text: str, where: str) -> list[tuple[int, int]]:
    found = []
    for span in get_field(record, "sentence_spans", list, where):
        start, end = get_fields(span, "start end", int, where)
        found.append((start, end))
        if not 0 <= start < end <= len(text):
            raise InputError(f"{where}: sentence span {start} to {end} is not inside the text of {len(text)} characters")
    return found


def _read_mention(context: Any, mention: Any, where: str) -> tuple[str, str, str]:
    """(id, query, gold entity). The query is `mention: left { mention } right` from the sentence of the mention, worded as in
    XTREME-R. Other braces of the sentence become parentheses."""
    id = get_field(mention, "example_id", str, where)
    where = f"{where}: mention {id}"
    text = get_field(context, "text", str, where)
    if not text:
        raise InputError(f"{where}: the article's text is missing, as in the archive; run get-mewsli-x.sh to add it")
    place = get_field(mention, "mention_span", dict, where)
    (start, end), words = get_fields(place, "start end", int, where), get_field(place, "text", str, where)
    if not 0 <= start < end <= len(text) or text[start:end] != words:
        raise InputError(f"{where}: the text has {text[max(start, 0) : end]!r:.80} at {start}, not the mention {words!r:.80}")
    around = next(((a, b) for a, b in _read_spans(context, text, where) if a <= start and end <= b), None)
    if around is None:
        raise InputError(f"{where}: no sentence of sentence_spans holds the mention at {start} to {end}")
    left, right = (_BRACES.sub(r"(\1)", side) for side in (text[around[0] : start], text[end : around[1]]))
    entity = get_field(mention, "entity_id", str, where)
    if not entity:
        raise InputError(f"{where}: entity_id is blank (XTREME's download blanks it in test files); get the original file")
    return id, _join_line(f"{words}: {left} {{ {words} }} {right}"), entity


def _read_description(entity: Any, where: str) -> str:
    text = get_field(entity, "description", str, where)
    return _join_line(" ".join(text[start:end] for start, end in _read_spans(entity, text, where)))


def _plain_name(path: Path) -> str:
    return path.name.removesuffix(".gz")


def _read_mentions(request: ReadRequest) -> Iterator[PoolExample]:
    """The queries of one language, from the one file of get-mewsli-x.sh or from XTREME's file of the language."""
    names = (f"wikinews_mentions-{request.split}.jsonl", f"{request.split}-{request.language}.jsonl")
    for path in request.files:
        if _plain_name(path) in names:
            for where, record in read_json_lines(path):
                context = get_field(record, "context", dict, where)
                if get_field(context, "language", str, where) == request.language:
                    for mention in get_field(record, "mentions", list, where):
                        id, query, entity = _read_mention(context, mention, where)
                        yield PoolExample(id, query, "", "query", (entity,))


def _read_entities(request: ReadRequest) -> Iterator[PoolExample]:
    paths = [path for path in request.files if _plain_name(path) == "candidate_set_entities.jsonl"]
    if not paths:
        raise InputError(f"{request.files[0].parent}: candidate_set_entities.jsonl is missing; it is in the official archive")
    for where, record in read_json_lines(paths[0]):
        yield PoolExample(get_field(record, "entity_id", str, where), _read_description(record, where), "", "candidate", None)


def _read_pool(request: ReadRequest) -> Iterator[PoolExample]:
    query = None
    for query in _read_mentions(request):
        yield query
    if query and request.language == "en":
        yield from _read_entities(request)


def _read_pairs(request: ReadRequest) -> Iterator[RankingExample]:
    for path in request.files:
        for where, record in read_json_lines(path):
            pair = get_field(record, "contextual_mention", dict, where)
            id, query, _ = _read_mention(get_field(pair, "context", dict, where), get_field(pair, "mention", dict, where), where)
            yield RankingExample(id, query, _read_description(get_field(record, "entity", dict, where), where), "")


def read_mewslix(request: ReadRequest) -> Iterator[PoolExample] | Iterator[RankingExample]:
    """Test: the mentions of one language, and with English the candidates. Train and dev: English pairs of Wikipedia."""
    return _read_pool(request) if request.split == "test" else _read_pairs(request)


# The tables of mewsli-x.md: mentions in each language, and with English the entities.
_COUNTS = {
    "ar": 1501, "de": 1551, "en": 1490 + 1_003_893, "es": 1552, "fa": 458, "ja": 1519,
    "pl": 1562, "ro": 672, "ta": 1567, "tr": 1215, "uk": 1537,
}  # fmt: skip
_LANGUAGES = languages(" ".join(_COUNTS))
_URL = "https://github.com/google-research/google-research/blob/master/dense_representations_for_entity_retrieval/mel/mewsli-x.md"
_ARCHIVE = "mewsli-x_20220518_6.zip"
_DOWNLOAD = Download(f"https://storage.googleapis.com/gresearch/mewsli/{_ARCHIVE}", f"mewslix/{_ARCHIVE}")


def _wikipedia(split: str, count: int) -> Source:
    name = f"wikipedia_pairs-{split}.jsonl"
    return Source(
        paths=(f"mewslix/{name}", name),
        languages=("en",),
        url=_URL,
        archives=(_ARCHIVE,),
        downloads=(_DOWNLOAD,),
        counts={"en": count},
    )


MEWSLIX = Task(
    name="mewslix",
    version=1,
    format=Ranking(),
    metric=MAP_20,
    languages=_LANGUAGES,
    splits={
        "train": _wikipedia("train", 167_719),
        "dev": _wikipedia("dev", 14_051),
        "test": Source(
            paths=("mewslix/**/*.jsonl",),
            languages=_LANGUAGES,
            url=_URL,
            counts=_COUNTS,
        ),
    },
    read=read_mewslix,
    trains_on="mewslix",
    license="CC-BY-4.0",
    cite="ruder2021xtremer",
    url=_URL,
    description="Mentions in WikiNews in 11 languages; rank the descriptions of 1,003,893 entities, one of which is meant.",
    notes=(
        "The archive has no texts of the articles: get-mewsli-x.sh beside mewsli-x.md adds them; put its output into"
        f" mewslix/. The archive's published md5 is 6d3f137027c7e0146c7aa0b3c21e90f4 ({_ARCHIVE}); no sha256 is published."
        " Its data are newer than those of the paper, whose scores are not comparable. The dev mentions of WikiNews are not used."
    ),
)
