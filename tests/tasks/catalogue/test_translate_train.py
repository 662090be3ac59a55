"""Published machine translations in their official layouts (what was invented here is their content)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from xstilts.errors import InputError
from xstilts.formats.classify import ClassifyExample
from xstilts.formats.span import Answer, SpanExample
from xstilts.tasks.catalogue.translate_train import read_hub_squad_mt
from xstilts.tasks.files.locate import find_languages, read_examples
from xstilts.tasks.registry import find_task
from xstilts.tasks.task import ReadRequest

FIXTURES = Path(__file__).parents[2] / "fixtures"


def test_mnli_as_xnli_s_authors_and_xtreme_have_it() -> None:
    task = find_task("mnli_mt")
    assert find_languages(task, "train", FIXTURES) == ("de", "fr", "sw")
    german, french = (list(read_examples(task, "train", language, FIXTURES)) for language in ("de", "fr"))
    assert german[1:] == [
        ClassifyExample("mnli_mt-train-2", ('Nun , mein Onkel hielt " Bienen .', "Mein Onkel verkaufte Honig ."), "neutral"),
        ClassifyExample(
            "mnli_mt-train-3", ("Die Brücke wurde nie gebaut .", "Auf der Brücke fahren Straßenbahnen ."), "contradiction"
        ),
    ]
    assert [(e.id, e.texts[1], e.answer) for e in french if isinstance(e, ClassifyExample)] == [
        ("mnli_mt-train-1", "Le comité s'est réuni au printemps.", "entailment"),
        ("mnli_mt-train-2", "Des trams passent sur le pont.", "contradiction"),
    ]
    assert next(iter(read_examples(task, "dev", "en", FIXTURES))).id == "mnli_mt-dev-1"


def test_pawsx() -> None:
    task = find_task("pawsx_mt")
    (first, second) = read_examples(task, "train", "de", FIXTURES)
    assert first.id == "pawsx_mt-train-1"
    assert second.answer == "1"
    assert [e.answer for e in read_examples(task, "dev", "en", FIXTURES)] == [
        e.answer for e in read_examples(find_task("pawsx"), "dev", "en", FIXTURES)
    ]


def test_answers_of_squad_are_found_again_or_counted() -> None:
    task = find_task("squad_v1_mt")
    counts: Counter[str] = Counter()
    kept = list(read_examples(task, "train", "de", FIXTURES, counts))
    assert [(e.id, e.answer) for e in kept] == [("mt1", (Answer("1874", 27),)), ("mt2", (Answer("Öl", 64),))]
    assert counts == {"relocated": 1, "unlocatable": 1}
    assert [e.id for e in read_examples(task, "dev", "de", FIXTURES)] == ["mt4"]


def test_rows_of_the_hub_likewise() -> None:
    request = ReadRequest(find_task("squad_v1_mt"), "train", "de", ())
    row = {"id": "h1", "question": "Wann?", "context": "Im Mai.", "answers": {"text": ["mai"], "answer_start": [1]}}
    lost = {**row, "id": "h2", "answers": {"text": ["Juni"], "answer_start": [3]}}
    assert list(read_hub_squad_mt(request, [row, lost])) == [SpanExample("h1", "Wann?", "Im Mai.", (Answer("Mai", 3),))]
    assert request.counts == {"relocated": 1, "unlocatable": 1}


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        (
            "XNLI-MT-1.0/multinli/multinli.train.de.tsv",
            "premise\thypo\tlabel\na\tb\tmaybe\n",
            r"de\.tsv:2: unknown label 'maybe'",
        ),
        ("XNLI-MT-1.0/multinli/multinli.train.de.tsv", "premise\thypothesis\tlabel\na\tb\tneutral\n", "field 'hypo' is missing"),
        ("xnli/XNLI-Translated/en-de-translated.tsv", "a\tb\tneutral\n", r"3 column\(s\), expected text, text, translation"),
    ],
)
def test_other_layouts_are_refused(file: str, text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text(text)
    with pytest.raises(InputError, match=message):
        list(read_examples(find_task("mnli_mt"), "train", "de", tmp_path))
