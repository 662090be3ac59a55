"""Ranking tasks of XTREME-R: LAReQA (Roy et al. 2020), and SQuAD as pairs of a question and a sentence, which is its training
data.

Sources: google-research-datasets/lareqa; google-research/xtreme, third_party/utils_lareqa.py and processors/lareqa.py. LAReQA's
questions keep SQuAD's ids in every language, and a file has the gold sentences of its own language only. The gold of a question
is that of its id in all languages of the pool (`merge_gold`), so missing languages drop out. A gold sentence is the one where
the answer *begins*, as in both scripts of XTREME-R: 112 of the 13,090 answers continue into the next sentence.
"""

import re
from bisect import bisect
from collections.abc import Iterable, Iterator
from typing import Any, cast

from xstilts.data.language import languages
from xstilts.errors import InputError
from xstilts.formats.bitext_mining import PoolExample
from xstilts.formats.format import Example
from xstilts.formats.ranking import Ranking, RankingExample
from xstilts.formats.span import SpanExample
from xstilts.metrics.ranking import MAP_20
from xstilts.tasks.catalogue.checksums import read_checksums
from xstilts.tasks.catalogue.mewslix import MEWSLIX
from xstilts.tasks.catalogue.qa import SQUAD_V1
from xstilts.tasks.files.read import get_field, read_json_object
from xstilts.tasks.task import Download, ReadRequest, Source, Task


def merge_gold(queries: Iterable[PoolExample]) -> dict[str, tuple[str, ...]]:
    """The gold candidates of each query id: those of the queries with that id in all languages given. Candidates are skipped."""
    gold: dict[str, tuple[str, ...]] = {}
    for query in queries:
        if query.role == "query":
            gold[query.id] = (*gold.get(query.id, ()), *(query.answer or ()))
    return gold


# -- LAReQA -----------------------------------------------------------------------------------------------------------


def _read_breaks(paragraph: Any, context: str, where: str) -> list[tuple[int, int]]:
    """The checked sentence breaks of a paragraph: (first character, last character + 1), in order, without overlap."""
    found: list[tuple[int, int]] = []
    for pair in get_field(paragraph, "sentence_breaks", list, where):
        if not (isinstance(pair, list) and len(pair) == 2 and all(type(place) is int for place in pair)):
            raise InputError(f"{where}: sentence break {pair!r:.60} should be two character positions")
        if not (found[-1][1] if found else 0) <= pair[0] < pair[1] <= len(context):
            raise InputError(
                f"{where}: sentence break {pair} is empty, overlaps the one before,"
                f" or leaves the context of {len(context)} characters"
            )
        found.append((pair[0], pair[1]))
    return found


def _find_sentence(place: int, spans: list[tuple[int, int]], where: str) -> int:
    """The sentence that holds a character."""
    for index, (start, end) in enumerate(spans):
        if start <= place < end:
            return index
    raise InputError(f"{where}: the answer begins at {place}, which is in no sentence (sentence_breaks: {spans!r:.200})")


def read_lareqa(request: ReadRequest) -> Iterator[PoolExample]:
    """The questions and sentences of one language. The id of a sentence is LAReQA's own: language, paragraph (from 1), sentence
    (from 0). Every sentence of the paragraph with the same words as the gold one is gold too, as in LAReQA's script."""
    (path,) = request.files
    number = 0
    for article in get_field(read_json_object(path), "data", list, str(path)):
        for paragraph in get_field(article, "paragraphs", list, str(path)):
            number += 1
            yield from _read_paragraph(paragraph, f"{request.language}_{number}", f"{path}: paragraph {number}")


def _read_paragraph(paragraph: Any, name: str, where: str) -> Iterator[PoolExample]:
    context = get_field(paragraph, "context", str, where)
    questions = get_field(paragraph, "qas", list, where)
    if questions:
        where += f" (its first question is {get_field(questions[0], 'id', str, where)})"
    spans = _read_breaks(paragraph, context, where)
    sentences = [context[start:end] for start, end in spans]
    for question in questions:
        id = get_field(question, "id", str, where)
        here = f"{where.partition(' (')[0]}: question {id}"
        answers = get_field(question, "answers", list, here)
        if not answers:
            raise InputError(f"{here}: no answer, expected one")
        start, text = get_field(answers[0], "answer_start", int, here), get_field(answers[0], "text", str, here)
        gold = sentences[_find_sentence(start, spans, here)]
        if not context.startswith(text, start):
            raise InputError(f"{here}: the context has {context[start : start + len(text)]!r:.80} at {start}, not {text!r:.80}")
        ids = tuple(f"{name}_{place}" for place, sentence in enumerate(sentences) if sentence == gold)
        yield PoolExample(id, get_field(question, "question", str, here), "", "query", ids)
    for place, sentence in enumerate(sentences):
        yield PoolExample(f"{name}_{place}", sentence, context, "candidate", None)


# Each language has 1,190 questions. Candidates are those of the table in LAReQA's README: 13,014 in all.
_CANDIDATES = {
    "ar": 1222, "de": 1276, "el": 1234, "en": 1180, "es": 1215, "hi": 1244,
    "ru": 1219, "th": 852, "tr": 1167, "vi": 1209, "zh": 1196,
}  # fmt: skip
# The download checksums of xquad_r in the dataset_infos.json of huggingface/datasets before 8803c182e6; the same bytes as in
# the repository at 9bc8c7fb6dd8.
_LAREQA_SHA256 = read_checksums("lareqa")
_LAREQA_URL = "https://github.com/google-research-datasets/lareqa"

LAREQA = Task(
    name="lareqa",
    version=1,
    format=Ranking(),
    metric=MAP_20,
    languages=languages(" ".join(_CANDIDATES)),
    splits={
        "test": Source(
            paths=("lareqa/xquad-r/{lang}.json", "xquad-r/{lang}.json"),
            languages=languages(" ".join(_CANDIDATES)),
            url=_LAREQA_URL,
            sha256=_LAREQA_SHA256,
            downloads=(
                Download(f"{_LAREQA_URL}/raw/master/xquad-r/{{lang}}.json", "lareqa/xquad-r/{lang}.json", _LAREQA_SHA256),
            ),
            counts={code: 1190 + candidates for code, candidates in _CANDIDATES.items()},
        )
    },
    read=read_lareqa,
    trains_on="squad_pairs",
    license="CC-BY-SA-4.0",
    cite="roy2020lareqa",
    url=_LAREQA_URL,
    description="XQuAD-R: find the sentences that answer a question among those of 240 paragraphs in each language.",
    notes="Counts are of questions and sentences together. The Hub's copy (xquad_r) has no sentence breaks and is not read.",
)

# -- SQuAD as pairs ---------------------------------------------------------------------------------------------------

_END = re.compile(r"""([.?!])["'”’)\]]*(?:\[[^\[\]]{1,20}\])*(\s+)(?=["'“‘(\[]?[A-Z0-9])""")
_LAST_WORD = re.compile(r"""([^\s(\["'“‘]+)\.$""")
_NO_END = re.compile(
    r"(?:[A-Z]\.)*[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|Rev|Fr|Lt|Gen|Col|Maj|Adm|Capt|Sgt|Rep|Gov|Sen|Pres|Mt|Ft"
    r"|Jan|Feb|Aug|Sept|Oct|Nov|Dec|No|Nos|Vol|Art|Sec|v|vs|cf|al|c|ca|approx"
)


def split_sentences(text: str) -> list[tuple[int, int]]:
    """Where the sentences of an English paragraph begin and end (last character + 1), without the blanks between them.

    A sentence ends at `.`, `?` or `!` (and closing quotes, brackets, `[notes]`) before a blank and a capital letter or a digit,
    but not after an initial or an abbreviation. XTREME-R has a longer list of rules, tuned on SQuAD, which is not copied here.
    On the English XQuAD-R, 99 % of the questions get the sentence of its published breaks."""
    found: list[tuple[int, int]] = []
    begin = len(text) - len(text.lstrip())
    for end in _END.finditer(text):
        word = _LAST_WORD.search(text[begin : end.end(1)])
        bare = end.start(2) == end.end(1)
        if not (word and bare and _NO_END.fullmatch(word[1])):
            found.append((begin, end.start(2)))
            begin = end.end()
    if begin < len(text):
        found.append((begin, len(text.rstrip())))
    return found or [(0, len(text))]


def _make_pairs(questions: Iterable[Example], where: str) -> Iterator[RankingExample]:
    context, spans = "", list[tuple[int, int]]()
    for question in cast(Iterable[SpanExample], questions):
        if question.context != context:
            context, spans = question.context, split_sentences(question.context)
        if not question.answer:
            raise InputError(f"{where}: question {question.id}: no answer, expected one as in SQuAD 1.1")
        begins = [begin for begin, _ in spans]
        begin, end = spans[max(0, bisect(begins, question.answer[0].start) - 1)]
        yield RankingExample(question.id, question.question, context[begin:end], context)


def read_pairs(request: ReadRequest) -> Iterator[RankingExample]:
    """Each question with the sentence in which its (first) answer begins, and the paragraph."""
    return _make_pairs(SQUAD_V1.read(request), str(request.files[0]))


def read_pairs_hub(request: ReadRequest, rows: Iterable[dict[str, Any]]) -> Iterator[RankingExample]:
    assert SQUAD_V1.read_hub is not None
    return _make_pairs(SQUAD_V1.read_hub(request, rows), "Hub row")


SQUAD_PAIRS = Task(
    name="squad_pairs",
    version=1,
    format=Ranking(),
    metric=MAP_20,
    languages=("en",),
    splits=SQUAD_V1.splits,
    read=read_pairs,
    read_hub=read_pairs_hub,
    trains_on="squad_pairs",
    heldout=SQUAD_V1.heldout,
    license=SQUAD_V1.license,
    cite=SQUAD_V1.cite,
    url=SQUAD_V1.url,
    description="SQuAD 1.1 as pairs of a question and the sentence that answers it; the training data of LAReQA.",
    notes="dev is every 20th training question, as for squad_v1: the official dev file holds the paragraphs of XQuAD-R.",
    contains=("squad_v1",),
)

TASKS: tuple[Task, ...] = (LAREQA, SQUAD_PAIRS, MEWSLIX)
