"""The readers of question answering: no answer, placeholders, the official archives, and the Hub's copies."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
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
        ({"is_impossible": False, "answers": [{**RED, "answer_start": 3}]}, "question q1: the context has 'ed '"),
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
