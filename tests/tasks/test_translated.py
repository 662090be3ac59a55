"""Training data through a table of translations: what is kept, what is left out and counted, what is refused."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from xstilts.errors import InputError
from xstilts.formats.bitext_retrieval import BitextRetrievalExample
from xstilts.formats.choice import ChoiceExample
from xstilts.formats.classify import ClassifyExample
from xstilts.formats.format import Example
from xstilts.formats.mlm import MlmExample
from xstilts.formats.ranking import RankingExample
from xstilts.formats.span import Span, SpanAnswer, SpanExample
from xstilts.formats.tag import TagExample
from xstilts.metrics.squad import SQUAD
from xstilts.tasks.catalogue.world import generate_task
from xstilts.tasks.files.locate import find_languages, hash_contents, locate, read_examples
from xstilts.tasks.registry import find_task
from xstilts.tasks.task import Task
from xstilts.tasks.translated import translate
from xstilts.tasks.user.user_tasks import preview, register
from xstilts.world.config import WorldConfig

NLI = [
    ("The boat sails.", "It moves.", "entailment"),
    ("The boat sails.", "It is red.", "neutral"),
    ("Nobody left the boat.", "", "contradiction"),
]
TABLE = (
    "The boat sails.\tDas Boot segelt.\nIt moves.\tEs bewegt sich.\nIt is red.\t \nNobody left the  boat.\tNiemand verließ es.\n"
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data folder with a little SNLI."""
    (tmp_path / "data" / "snli").mkdir(parents=True)
    for split in ("train", "dev"):
        rows = ({"sentence1": a, "sentence2": b, "gold_label": label} for a, b, label in NLI)
        path = tmp_path / "data" / "snli" / f"snli_1.0_{split}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path / "data"


def declare(folder: Path, table: str | None = TABLE, **changes: Any) -> Task:
    """The task of a declaration beside its German table."""
    record = {
        "name": "snli_de",
        "translated_from": "snli",
        "translations": "mt/{lang}.tsv",
        "languages": "de",
        "license": "CC0-1.0",
    }
    (folder / "mt").mkdir(exist_ok=True)
    if table is not None:
        (folder / "mt" / "de.tsv").write_text(table)
    (folder / "mt.yaml").write_text(yaml.safe_dump({**record, **changes}))
    (task,) = register(folder / "mt.yaml")
    return task


def test_english_training_data_in_another_language(tmp_path: Path, root: Path) -> None:
    task = declare(tmp_path)
    snli = find_task("snli")
    assert (task.format, task.metric, task.contains, task.trains_on) == (snli.format, snli.metric, ("snli",), "snli_de")
    assert {split: source.languages for split, source in task.splits.items()} == {"train": ("de",), "dev": ("en",)}
    counts: Counter[str] = Counter()
    assert list(read_examples(task, "train", "de", root, counts)) == [
        ClassifyExample("snli-train-1", ("Das Boot segelt.", "Es bewegt sich."), "entailment"),
        ClassifyExample("snli-train-3", ("Niemand verließ es.", ""), "contradiction"),
    ]
    assert counts == {"untranslated": 1}
    assert list(read_examples(task, "dev", "en", root)) == list(read_examples(snli, "dev", "en", root)), "dev stays English"
    assert [(s.split, s.language, s.count, dict(s.counts)) for s in preview(task, root)] == [
        ("train", "de", 2, {"untranslated": 1}),
        ("dev", "en", 3, {}),
    ]


def test_both_the_english_files_and_the_table_are_its_identity(tmp_path: Path, root: Path) -> None:
    task = declare(tmp_path)
    files = locate(task, "train", "de", root)
    assert [path.name for path in files] == ["snli_1.0_train.jsonl", "de.tsv"]
    before = hash_contents(files)
    assert task.declared == declare(tmp_path, f"{TABLE}Yes.\tJa.\n", license="MIT").declared
    assert hash_contents(locate(task, "train", "de", root)) != before
    assert task.declared != declare(tmp_path, translated_from="mnli").declared
    assert find_languages(declare(tmp_path, languages="de sw"), "train", root) == ("de",)


def test_questions_lose_answers_and_held_out_ones_stay_out(tmp_path: Path, root: Path) -> None:
    ids = [f"q{number}" for number in range(200)]
    context = "The tower was built in 1874. Its lamp burned oil\nuntil 1931."
    asked = [{"id": id, "question": "When?", "answers": [{"text": "1931", "answer_start": context.index("1931")}]} for id in ids]
    asked[0] = {"id": "lost", "question": "What?", "answers": [{"text": "oil", "answer_start": context.index("oil")}]}
    (root / "squad").mkdir()
    paragraphs = [{"context": context, "qas": asked}]
    (root / "squad" / "train-v1.1.json").write_text(json.dumps({"data": [{"paragraphs": paragraphs}]}))
    german = "Gebaut wurde der Turm 1874. Seine Lampe brannte bis 1931 mit Öl."
    rows = {context.replace("\n", " "): german, "When?": "Wann?", "What?": "Was?", "1931": "1931", "oil": "Petroleum"}
    table = "".join(f"{english}\t{translation}\n" for english, translation in rows.items())
    task = declare(tmp_path, table, name="squad_de", translated_from="squad_v1")
    assert (task.format, task.metric) == (Span(), SQUAD)
    counts: Counter[str] = Counter()
    found = list(read_examples(task, "train", "de", root, counts))
    assert found[0] == SpanExample(found[0].id, "Wann?", german, (SpanAnswer("1931", german.index("1931")),))
    assert counts == {"untranslated": 0, "unlocatable": 1}
    dev = {e.id for e in read_examples(task, "dev", "en", root)}
    assert {e.id for e in found} | dev == set(ids[1:])
    assert not {e.id for e in found} & dev
    assert dev == {e.id for e in read_examples(find_task("squad_v1"), "dev", "en", root)}


def test_each_format_and_its_answers() -> None:
    def shout(text: str) -> str | None:
        return text.upper()

    counts: Counter[str] = Counter()
    made: list[tuple[Example, Example]] = [
        (ClassifyExample("a", ("so", " "), "x"), ClassifyExample("a", ("SO", " "), "x")),
        (ChoiceExample("b", "so", ("ja", "nein"), 1), ChoiceExample("b", "SO", ("JA", "NEIN"), 1)),
        (RankingExample("c", "so", "ja", "ja nein"), RankingExample("c", "SO", "JA", "JA NEIN")),
        (SpanExample("d", "so", "ja nein", ()), SpanExample("d", "SO", "JA NEIN", ())),
        (SpanExample("e", "so", "ja nein", None), SpanExample("e", "SO", "JA NEIN", None)),
        (
            SpanExample("f", "so", "ja nein", (SpanAnswer("ja", 0), SpanAnswer("nein", 3))),
            SpanExample("f", "SO", "JA NEIN", (SpanAnswer("JA", 0), SpanAnswer("NEIN", 3))),
        ),
    ]
    for before, after in made:
        assert translate(before, shout, "de", counts) == after
    assert not counts
    for example in (TagExample("g", ("so",), ("X",)), MlmExample("h", ("so",)), BitextRetrievalExample("i", "so", "so", "i")):
        with pytest.raises(TypeError, match="cannot be carried over"):
            example.strings()


def test_what_is_missing_is_said(tmp_path: Path, root: Path) -> None:
    task = declare(tmp_path, None)
    assert find_languages(task, "train", root) == ()
    with pytest.raises(InputError, match=r"task snli_de: no file for train in de; looked below .*mt/de\.tsv"):
        list(read_examples(task, "train", "de", root))
    task = declare(tmp_path)
    (root / "snli" / "snli_1.0_train.jsonl").unlink()
    with pytest.raises(InputError, match="task snli_de translates snli: task snli: no file for train in en"):
        locate(task, "train", "de", root)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("A boat.\tEin Boot.\n", r"none of the 3 examples of snli is left \(3 untranslated\); expected every English text"),
        ("The boat sails.\n", r"de\.tsv:1: 1 column\(s\), expected English<TAB>translation"),
        ("a\tb\tc\n", r"de\.tsv:1: 3 columns, expected English<TAB>translation; is there a tab inside a text"),
        ("a\tb\na \tb\na\tc\n", r"de\.tsv:3: 'a' has two different translations"),
        ("", r"de\.tsv: the file is empty"),
    ],
)
def test_a_table_that_cannot_be_used(table: str, message: str, tmp_path: Path, root: Path) -> None:
    with pytest.raises(InputError, match=message):
        list(read_examples(declare(tmp_path, table), "train", "de", root))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"translated_from": "snl"}, "translated_from: no task 'snl' (did you mean 'snli'?)"),
        (
            {"translated_from": "udpos"},
            "udpos (sequence tagging) cannot be translated: tags belong to words",
        ),
        ({"translated_from": "tatoeba"}, "tatoeba (bitext retrieval) cannot be translated: there are no training examples"),
        (
            {"translated_from": "anli_plus"},
            "anli_plus is made of anli, mnli, snli; translate each of these in its own declaration",
        ),
        ({"translated_from": "world/nli"}, "world/nli has no files; the embedded world has its own translated tasks"),
        ({"translated_from": "xquad"}, "xquad has no English training data"),
        ({"translated_from": "mnli_mt"}, "mnli_mt has no English training data"),
        ({"languages": "en"}, "languages: 'en' is the language of snli"),
        ({"languages": "de de"}, "languages: expected languages, each once"),
        ({"languages": "xx"}, "languages: unknown language 'xx'; name it"),
        ({"languages": "de sw", "translations": "mt.tsv"}, "translations: one file for de sw; write {lang} in its name"),
        ({"translations": "~/mt.tsv"}, "translations: '~/mt.tsv': expected a path below the folder"),
        ({"format": "classify"}, "unknown field 'format'"),
    ],
)
def test_mistakes_in_a_declaration(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        declare(tmp_path, **changes)
    assert message in str(error.value)


def test_a_translation_of_a_translation_is_refused(tmp_path: Path) -> None:
    declare(tmp_path)
    (tmp_path / "more").mkdir()
    with pytest.raises(InputError, match="snli_de is itself a translation; write snli"):
        declare(tmp_path / "more", name="other", translated_from="snli_de")


# -- the embedded world ------------------------------------------------------------------------------------------------

SMALL = WorldConfig(squad=80, nli=80, dev=10)


@pytest.mark.parametrize("language", ["l1", "l4"])
def test_the_world_translates_its_training_data_with_errors(language: str) -> None:
    task = find_task("world/squad_mt")
    counts: Counter[str] = Counter()
    noisy = list(generate_task(task, "train", language, replace(SMALL, translation_noise=0.2), counts))
    assert len(noisy) + counts["unlocatable"] == 80
    assert counts["unlocatable"] > 0
    exact = list(generate_task(task, "train", language, replace(SMALL, translation_noise=0.0), counts))
    assert exact == list(generate_task(find_task("world/squad"), "train", language, SMALL, Counter()))
    english = {e.id for e in generate_task(find_task("world/squad"), "train", "en", SMALL, Counter())}
    assert {e.id for e in exact} == english
    assert {e.id for e in noisy} < english
    for example in noisy:
        assert isinstance(example, SpanExample)
        assert example.answer
        assert example.context[example.answer[0].start :].startswith(example.answer[0].text)


def test_the_world_translates_pairs_and_keeps_their_labels() -> None:
    made = {name: list(generate_task(find_task(name), "train", "l3", SMALL, Counter())) for name in ("world/nli", "world/nli_mt")}
    assert [(e.id, e.answer) for e in made["world/nli"]] == [(e.id, e.answer) for e in made["world/nli_mt"]]
    assert made["world/nli"] != made["world/nli_mt"]
    assert make_dev("world/nli_mt") == make_dev("world/nli")


def make_dev(name: str) -> list[Example]:
    return list(generate_task(find_task(name), "dev", "en", SMALL, Counter()))
