"""The readers of question answering: no answer, placeholders, the official archives, and the Hub's copies."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from xstilts.errors import InputError
from xstilts.formats.format import Example
from xstilts.formats.span import SpanAnswer, SpanExample
from xstilts.tasks.catalogue import qa
from xstilts.tasks.files.locate import find_languages, read_examples
from xstilts.tasks.registry import find_task
from xstilts.tasks.task import ReadRequest

FIXTURES = Path(__file__).parents[2] / "fixtures"


def put(root: Path, name: str, content: str | bytes) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(root: Path, task: str, split: str, language: str = "en") -> list[Example]:
    return list(read_examples(find_task(task), split, language, root))


def squad(*questions: dict[str, Any], context: str = "A red hat.") -> str:
    qas = [{"id": f"q{n}", "question": "Which?", **question} for n, question in enumerate(questions, start=1)]
    return json.dumps({"data": [{"paragraphs": [{"context": context, "qas": qas}]}]})


RED = {"text": "red", "answer_start": 2}


# -- SQuAD v2.0 -------------------------------------------------------------------------------------------------------


def test_impossible_questions_have_no_answer_and_plausible_ones_do_not_count() -> None:
    found = {e.id: e.answer for e in read(FIXTURES, "squad_v2", "train") if isinstance(e, SpanExample)}
    assert found["v2-t1"] == (SpanAnswer("twice a day", 23),)
    assert found["v2-t2"] == ()
    assert [id for id, answer in found.items() if not answer] == ["v2-t2", "v2-t4"]


def test_squad_v1_takes_no_answers_for_hidden_ones(tmp_path: Path) -> None:
    path = put(tmp_path, "x.json", squad({"answers": []}))
    for task, expected in ((qa.SQUAD_V1, None), (qa.SQUAD_V2, ())):
        (example,) = task.read(ReadRequest(task, "train", "en", (path,)))
        assert example.answer == expected


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ({"is_impossible": True, "answers": [RED]}, "question q1: is_impossible is true, but it has 1 answers"),
        ({"is_impossible": False, "answers": []}, "question q1: is_impossible is not true, but it has 0 answers"),
        ({"is_impossible": "no", "answers": [RED]}, "question q1: field 'is_impossible' should be bool, found str"),
        ({"is_impossible": False, "answers": [{"text": "", "answer_start": 0}]}, "question q1: the answer is empty"),
        ({"is_impossible": False}, "question q1: field 'answers' is missing"),
    ],
)
def test_a_bad_question_of_squad_v2_is_named(question: dict[str, Any], message: str, tmp_path: Path) -> None:
    put(tmp_path, "dev-v2.0.json", squad(question))
    with pytest.raises(InputError, match=message):
        read(tmp_path, "squad_v2", "dev")


def test_squad_v2_from_the_hub() -> None:
    rows = [
        {"id": "a", "question": "Which?", "context": "A red hat.", "answers": {"text": ["red"], "answer_start": [2]}},
        {"id": "b", "question": "Which?", "context": "A red hat.", "answers": {"text": [], "answer_start": []}},
    ]
    assert qa.SQUAD_V2.read_hub is not None
    found = list(qa.SQUAD_V2.read_hub(ReadRequest(qa.SQUAD_V2, "dev", "en", ()), rows))
    assert [e.answer for e in found] == [(SpanAnswer("red", 2),), ()]


# -- answers that are not at their offsets ------------------------------------------------------------------------------

NO_BREAK = "A\u00a0red hat and a blue one."  # with a no-break space
MISPLACED = squad(
    {"answers": [{"text": "A red hat", "answer_start": 0}]},
    {"answers": [{"text": "Blue", "answer_start": 2}, {"text": "green", "answer_start": 2}]},
    {"answers": [{"text": "green", "answer_start": 2}]},
    {"answers": [{"text": "hat", "answer_start": -1}]},
    context=NO_BREAK,
)


def test_training_answers_are_found_again_or_left_out_and_counted(tmp_path: Path) -> None:
    put(tmp_path, "train-v1.1.json", MISPLACED)
    counts: Counter[str] = Counter()
    task = replace(qa.SQUAD_V1, heldout=0)
    found = {e.id: e.answer for e in read_examples(task, "train", "en", tmp_path, counts)}
    assert found == {
        "q1": (SpanAnswer("A\u00a0red hat", 0),),
        "q2": (SpanAnswer("blue", 16),),
        "q4": (SpanAnswer("hat", 6),),
    }
    assert counts == {"relocated": 3, "unlocatable": 1}


def test_training_data_in_which_no_answer_is_in_its_context_are_refused(tmp_path: Path) -> None:
    green = {"answers": [{"text": "green", "answer_start": 2}]}
    put(tmp_path, "train-v1.1.json", squad(green, green))
    with pytest.raises(InputError, match="question q1: its context of 10 characters does not have the answer 'green', and"):
        read(tmp_path, "squad_v1", "train")


def test_answers_that_are_only_scored_stay_as_they_are_and_are_counted(tmp_path: Path) -> None:
    put(tmp_path, "xquad/xquad.en.json", MISPLACED)
    counts: Counter[str] = Counter()
    found = [e.answer for e in read_examples(find_task("xquad"), "test", "en", tmp_path, counts)]
    assert found[0] == (SpanAnswer("A red hat", 0),)
    assert found[1] == (SpanAnswer("Blue", 2), SpanAnswer("green", 2))
    assert len(found) == 4
    assert counts == {"misplaced": 4}


def test_a_question_that_lost_its_answer_does_not_become_one_without(tmp_path: Path) -> None:
    put(tmp_path, "train-v2.0.json", squad({"answers": [{"text": "green", "answer_start": 2}]}, {"answers": []}))
    assert [(e.id, e.answer) for e in read(tmp_path, "squad_v2", "train")] == [("q2", ())]


# -- wrong types --------------------------------------------------------------------------------------------------------


def test_ids_that_are_whole_numbers_are_their_text(tmp_path: Path) -> None:
    put(tmp_path, "xquad/xquad.en.json", squad({"id": 7, "answers": [RED]}))
    assert [e.id for e in read(tmp_path, "xquad", "test")] == ["7"]
    row = {"id": 7, "question": "Which?", "context": "A red hat.", "answers": {"text": ["red"], "answer_start": [2]}}
    assert [one.id for one in qa.read_hub_questions([row])] == ["7"]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"id": 1.5}, r"article 1, paragraph 1, question 2: field 'id' should be text or a whole number, found float \(1\.5\)"),
        ({"id": True}, "question 2: field 'id' should be text or a whole number, found bool"),
        ({"question": 3}, "question q2: field 'question' should be str, found int"),
        ({"answers": "red"}, "question q2: field 'answers' should be a list, or an object of two lists, found 'red'"),
        ({"answers": ["red"]}, "question q2: field 'text' is missing"),
        ({"answers": {"text": ["red"], "answer_start": []}}, "question q2: 1 answers, but 0 places where they start"),
    ],
)
def test_a_question_of_another_type_is_named(record: dict[str, Any], message: str, tmp_path: Path) -> None:
    put(tmp_path, "xquad/xquad.en.json", squad({"answers": [RED]}, {"answers": [RED], **record}))
    with pytest.raises(InputError, match=message):
        read(tmp_path, "xquad", "test")


# -- MLQA, XQuAD, TyDiQA ----------------------------------------------------------------------------------------------


def test_mlqa_asks_in_the_language_of_the_context(tmp_path: Path) -> None:
    assert find_languages(find_task("mlqa"), "test", FIXTURES) == ("en", "es", "zh")
    assert [e.id for e in read(FIXTURES, "mlqa", "test", "zh")] == ["m-t2"]
    put(tmp_path, "MLQA_V1/test/test-context-en-question-de.json", squad({"answers": [RED]}))
    assert find_languages(find_task("mlqa"), "test", tmp_path) == ()


def test_mlqa_of_the_official_zip(tmp_path: Path) -> None:
    (tmp_path / "mlqa").mkdir()
    with zipfile.ZipFile(tmp_path / "mlqa/MLQA_V1.zip", "w") as archive:
        for path in (FIXTURES / "mlqa").rglob("*.json"):
            archive.write(path, path.relative_to(FIXTURES / "mlqa"))
    for split, language in (("dev", "de"), ("test", "en"), ("test", "zh")):
        assert read(tmp_path, "mlqa", split, language) == read(FIXTURES, "mlqa", split, language)


def test_tydiqa_of_the_official_archive(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "tydiqa-goldp-v1.1-dev.tgz", "w:gz") as archive:
        for path in sorted((FIXTURES / "tydiqa/tydiqa-goldp-v1.1-dev").iterdir()):
            content = path.read_bytes()
            member = tarfile.TarInfo(f"tydiqa-goldp-v1.1-dev/{path.name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    assert find_languages(find_task("tydiqa"), "test", tmp_path) == ("en", "fi")
    assert read(tmp_path, "tydiqa", "test", "fi") == read(FIXTURES, "tydiqa", "test", "fi")


BLANK = squad({"id": "english-1-0", "answers": [{"text": "", "answer_start": 0}]})


@pytest.mark.parametrize(
    ("task", "name"),
    [
        ("xquad", "xquad/xquad.en.json"),
        ("mlqa", "mlqa/MLQA_V1/test/test-context-en-question-en.json"),
        ("tydiqa", "tydiqa/tydiqa-goldp-v1.1-dev/tydiqa.goldp.en.dev.json"),
    ],
)
def test_answers_that_xtreme_blanked_are_refused(task: str, name: str, tmp_path: Path) -> None:
    put(tmp_path, name, BLANK)
    with pytest.raises(InputError, match=r"english-1-0: the answer is empty \(XTREME's download script blanks test answers"):
        read(tmp_path, task, "test")


def test_xquad_has_the_twelve_languages_of_xtreme_r(tmp_path: Path) -> None:
    put(tmp_path, "xquad/xquad.ro.json", squad({"answers": [RED]}))
    assert find_languages(find_task("xquad"), "test", tmp_path) == ("ro",)
    assert len(find_task("xquad").splits["test"].sha256) == 12
