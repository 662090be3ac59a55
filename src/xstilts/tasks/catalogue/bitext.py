"""Bitext: Tatoeba in LASER's version (Artetxe and Schwenk 2019), and BUCC 2018 (Zweigenbaum et al. 2018).

Tatoeba has two files for each language, aligned by line: `tatoeba.<l3>-eng.<l3>` and `.eng`. The right English sentence of line
17 is its line 17, so its id is the answer. XTREME sorts the English side for its submissions. The order does not matter here,
so the files are not sorted. Line 17 of German and line 17 of French are different sentences, hence ids like `deu-17`. BUCC has
two pools of sentences for each language and the gold pairs between them. Most sentences have no partner, and a sentence may
have several. XTREME's dev is BUCC's sample, its test BUCC's training data (BUCC's own test gold was never published).
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from xstilts.data.language import LANGUAGES, languages
from xstilts.errors import InputError
from xstilts.formats.bitext_mining import BitextMining, PoolExample
from xstilts.formats.bitext_retrieval import BitextRetrieval, BitextRetrievalExample
from xstilts.metrics.mining import BUCC_F1
from xstilts.metrics.retrieval import RETRIEVAL
from xstilts.tasks.catalogue.checksums import read_checksums
from xstilts.tasks.files.read import get_field, read_lines, split_columns
from xstilts.tasks.task import Download, Hub, ReadRequest, Source, Task


def _find_sides(request: ReadRequest, expected: Iterable[str], hint: str = "") -> list[Path]:
    """The files with these ends of their names, in the order asked for. All must be there."""
    found = {path.name.removesuffix(".gz").rpartition(".")[2]: path for path in request.files}
    for end in expected:
        if end not in found:
            name = request.files[0].name.removesuffix(".gz").rpartition(".")[0]
            raise InputError(f"{request.files[0].parent}: {name}.{end} is missing beside {request.files[0].name}{hint}")
    return [found[end] for end in expected]


# -- Tatoeba ----------------------------------------------------------------------------------------------------------


def _make_example(request: ReadRequest, number: int, text: str, english: str, where: str) -> BitextRetrievalExample:
    if not text.strip() or not english.strip():
        raise InputError(f"{where}: a blank sentence; expected none, since the two files are aligned by line")
    id = f"{request.task.codes[request.language]}-{number}"
    return BitextRetrievalExample(id, text.strip(), english.strip(), id)


def read_tatoeba(request: ReadRequest) -> Iterator[BitextRetrievalExample]:
    sides = _find_sides(request, (request.task.codes[request.language], "eng"))
    text, english = (list(read_lines(path)) for path in sides)
    if len(text) != len(english):
        raise InputError(f"{sides[0]} has {len(text)} lines and {sides[1]} {len(english)}: they are not aligned")
    for number, ((where, line), (_, translation)) in enumerate(zip(text, english, strict=True), start=1):
        yield _make_example(request, number, line, translation, where)


def read_hub(request: ReadRequest, rows: Iterable[dict[str, Any]]) -> Iterator[BitextRetrievalExample]:
    for number, row in enumerate(rows, start=1):
        where = f"Hub row {number}"
        text, english = get_field(row, "source_sentence", str, where), get_field(row, "target_sentence", str, where)
        yield _make_example(request, number, text, english, where)


TATOEBA_LANGUAGES = languages(
    "ar he vi id jv tl eu ml ta te af nl de el bn hi mr ur fa fr it pt es bg ru ja ka ko th sw zh kk tr et fi hu az lt pl uk ro"
)
_TATOEBA_CODES = {code: LANGUAGES[code].tatoeba for code in TATOEBA_LANGUAGES}
# Fewer than 1,000 sentences. Counts: google/xtreme in the dataset_infos.json of huggingface/datasets before 8803c182e6; those of
# az, lt, pl, uk, ro: mteb/descriptive_stats/BitextMining/Tatoeba.json of mteb.
_FEWER = {"jv": 205, "ka": 746, "kk": 575, "ml": 687, "sw": 390, "ta": 307, "te": 234, "th": 548}
_TATOEBA_URL = "https://github.com/facebookresearch/LASER/raw/main/data/tatoeba/v1/"


def _tatoeba_file(end: str) -> Download:
    """One side of each language. The checksums are those of the same dataset_infos.json; for az, lt and pl those of the files
    themselves (LASER at 74bc6ae7ffb7). Those of uk and ro are not known."""
    name = f"tatoeba.{{lang}}-eng.{end}"
    return Download(f"{_TATOEBA_URL}{name}", f"tatoeba/{name}", read_checksums(f"tatoeba.{end}"))


TATOEBA = Task(
    name="tatoeba",
    version=1,
    format=BitextRetrieval(),
    metric=RETRIEVAL,
    languages=TATOEBA_LANGUAGES,
    splits={
        "test": Source(
            paths=tuple(f"{folder}tatoeba.{{lang}}-eng.???" for folder in ("tatoeba/", "tatoeba/v1/", "data/tatoeba/v1/", "")),
            languages=TATOEBA_LANGUAGES,
            url="https://github.com/facebookresearch/LASER/tree/main/data/tatoeba/v1",
            hub=Hub("google/xtreme", "tatoeba.{lang}", "validation", "main"),
            downloads=(_tatoeba_file("{lang}"), _tatoeba_file("eng")),
            counts=dict.fromkeys(TATOEBA_LANGUAGES, 1000) | _FEWER,
        )
    },
    read=read_tatoeba,
    read_hub=read_hub,
    codes=_TATOEBA_CODES,
    license="CC-BY-2.0-FR",
    cite="artetxe2019massively",
    url="https://github.com/facebookresearch/LASER/tree/main/data/tatoeba/v1",
    description="Find the translation of a sentence among up to 1,000 by the cosine of embeddings; untrained.",
    notes="36 languages in XTREME's code (its paper counts 33) and 5 more in XTREME-R, which the Hub's google/xtreme lacks.",
)

# -- BUCC -------------------------------------------------------------------------------------------------------------


def _read_sentences(path: Path) -> Iterator[tuple[str, str, str]]:
    """(`path:line`, id, sentence) of each line. Ids are unique."""
    seen: set[str] = set()
    for where, line in read_lines(path):
        id, text, *more = split_columns(line, 2, where, "id<TAB>sentence")
        if not id.strip() or not text.strip() or more:
            raise InputError(f"{where}: found {line!r:.80}, expected id<TAB>sentence, both not blank")
        if id in seen:
            raise InputError(f"{where}: the id {id!r} occurs twice")
        seen.add(id)
        yield where, id, text.strip()


def _read_gold(path: Path) -> tuple[dict[str, list[str]], dict[str, str]]:
    """The English ids of each foreign id, and for each id that occurs its line."""
    pairs: dict[str, list[str]] = {}
    places: dict[str, str] = {}
    for where, line in read_lines(path):
        foreign, english = (id.strip() for id in split_columns(line, 2, where, "foreign id<TAB>English id")[:2])
        if english in pairs.setdefault(foreign, []):
            raise InputError(f"{where}: the pair {foreign} {english} occurs twice")
        pairs[foreign].append(english)
        places |= {foreign: where, english: where}
    return pairs, places


def read_bucc(request: ReadRequest) -> Iterator[PoolExample]:
    """The foreign sentences, then the English ones, in the order of the files."""
    hint = " (XTREME's download script removes the gold of the test data; get the original)"
    foreign, english, gold = _find_sides(request, (request.language, "en", "gold"), hint)
    pairs, missing = _read_gold(gold)
    for _, id, text in _read_sentences(foreign):
        missing.pop(id, None)
        yield PoolExample(id, text, "", "query", tuple(pairs.get(id, ())))
    for _, id, text in _read_sentences(english):
        missing.pop(id, None)
        yield PoolExample(id, text, "", "candidate", None)
    for id, where in missing.items():
        raise InputError(f"{where}: there is no sentence {id!r} in {foreign.name} or {english.name}")


BUCC_LANGUAGES = languages("de fr ru zh")
_BUCC_URL = "https://comparable.limsi.fr/bucc2018/"
# The same dataset_infos.json.


def _bucc(split: str, part: str) -> Source:
    archive = f"bucc2018-{{lang}}-en.{part}-gold.tar.bz2"
    official = tuple(f"{folder}{{lang}}-en/{{lang}}-en.{part}.*" for folder in ("bucc2018/", ""))
    return Source(
        paths=(*official, f"bucc2018/{{lang}}-en.{split}.*"),
        languages=BUCC_LANGUAGES,
        url=f"{_BUCC_URL}bucc2018-task.html",
        archives=(archive,),
        downloads=(Download(f"{_BUCC_URL}{archive}", f"bucc2018/{archive}", read_checksums(f"bucc2018.{part}")),),
    )


BUCC2018 = Task(
    name="bucc2018",
    version=1,
    format=BitextMining(),
    metric=BUCC_F1,
    languages=BUCC_LANGUAGES,
    splits={"dev": _bucc("dev", "sample"), "test": _bucc("test", "training")},
    read=read_bucc,
    license="not stated",
    cite="zweigenbaum2018bucc",
    url=f"{_BUCC_URL}bucc2018-task.html",
    description="Find the pairs of translations between two pools of sentences, most of which have no partner; untrained.",
    notes="Gold pairs in dev and test: de 1,038 and 9,580, fr 929 and 9,086, ru 2,374 and 14,435, zh 257 and 1,899. The Hub's"
    " google/xtreme bucc18 has only these pairs, without the sentences that have no partner, so it cannot be mined."
    " mteb/BUCC has the pools of the test data, but as JSON without ids, and no dev data.",
)

TASKS = (TATOEBA, BUCC2018)
