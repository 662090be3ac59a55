"""Folders as people send them: what is missing, what does not belong, what there is no gold for, and what is no folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.submission.fixtures import CASES, FIXTURES, write_all, write_right
from xstilts.cli import app
from xstilts.errors import InputError
from xstilts.submission.layout import read_limit, write_note
from xstilts.submission.score import score_folder
from xstilts.submission.validate import validate_folder
from xstilts.tasks.suites import STILTS_9, XTREME, XTREME_R, Suite


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A submission of XNLI in German and English and of XQuAD in German, with nothing wrong with it."""
    folder = tmp_path / "made"
    for task, language in (("xnli", "de"), ("xnli", "en"), ("xquad", "de")):
        write_right(task, language, folder)
    return folder


def test_a_part_without_faults_is_partial(made: Path) -> None:
    found = validate_folder(made, XTREME, FIXTURES)
    assert found.state == "partial" and found.problems == () and found.unchecked == {}
    assert found.checked == ("xnli/test-de.tsv", "xnli/test-en.tsv", "xquad/test-de.json")
    assert found.tasks == (2, 9) and found.files == (3, 162)
    assert len(found.missing) == 159 and "xnli/test-ar.tsv" in found.missing and "pawsx/test-ko.tsv" in found.missing


def test_all_of_a_suite_is_ok_and_never_so_when_it_is_limited(made: Path) -> None:
    suite = Suite("small", {"xnli": ("de", "en"), "xquad": ("de",)}, {"all": ("xnli", "xquad")})
    found = validate_folder(made, suite, FIXTURES)
    assert found.state == "ok" and found.missing == () and found.tasks == (2, 2) and found.files == (3, 3)
    write_note(made, {"limits": {"test": 10_000}})
    assert validate_folder(made, suite, FIXTURES).state == "partial"


def test_what_does_not_belong_is_named(made: Path) -> None:
    (made / "notes.txt").write_text("")
    (made / ".hidden").write_text("")
    (made / "xnli" / "test-xx.tsv").write_text("")
    (made / "xnli" / "test-fr.json").write_text("{}")
    (made / "xquad" / "test-ro.json").write_text("{}")  # a language that only XTREME-R has
    (made / "xcopa").mkdir()
    (made / "xnly").mkdir()
    found = validate_folder(made, XTREME, FIXTURES)
    asked = "xnli of xtreme has test-<language>.tsv for ar bg de el en es fr hi ru sw th tr ur vi zh"
    assert {problem.where: problem.text for problem in found.problems} == {
        "notes.txt": "unknown file; xtreme has only folders, one for each task",
        "xnli/test-xx.tsv": f"unknown file; {asked}",
        "xnli/test-fr.json": f"unknown file; {asked}",
        "xquad/test-ro.json": "unknown file; xquad of xtreme has test-<language>.json for en es de el ru tr ar vi th zh hi",
        "xcopa/": "not a task of xtreme (known: bucc2018, mlqa, panx, pawsx, tatoeba, tydiqa, udpos, xnli, xquad)",
        "xnly/": "not a task of xtreme (did you mean 'xnli'?)",
    }
    assert found.state == "invalid"
    assert score_folder(made, XTREME, FIXTURES).averages.overall.languages == (3, 162)  # nobody scores them


def test_all_faults_of_all_files_are_collected(made: Path) -> None:
    (made / "xnli/test-de.tsv").write_text("maybe\n")
    (made / "xnli/test-en.tsv").write_bytes(b"\xff\n")
    (made / "xquad/test-de.json").write_text("{")
    found = validate_folder(made, XTREME, FIXTURES)
    assert {p.where.split(":")[0] for p in found.problems} == set(found.checked) and found.state == "invalid"
    with pytest.raises(InputError, match=r"test-de\.tsv: 1 lines, expected \d+ \(as in the test data of xnli in de\)"):
        score_folder(made, XTREME, FIXTURES)


def test_without_gold_only_the_form_is_checked_and_nothing_is_scored(made: Path, tmp_path: Path) -> None:
    found = validate_folder(made, XTREME, tmp_path)
    assert found.state == "partial" and found.checked == () and set(found.unchecked) >= {"xnli/test-de.tsv"}
    assert found.files == (3, 162)
    with pytest.raises(InputError, match=r"nothing of xtreme could be scored; xnli/test-de\.tsv: .*no file for test in de"):
        score_folder(made, XTREME, tmp_path)


def test_a_file_without_gold_is_left_out_and_said_to_be(made: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(FIXTURES / "xquad", data / "xquad")
    score = score_folder(made, XTREME, data)
    assert set(score.scores) == {"xquad"} and set(score.unscored) == {"xnli/test-de.tsv", "xnli/test-en.tsv"}
    assert score.averages.overall.partial and "xnli" in score.averages.overall.missing
    assert score.record()["unscored"] == score.unscored


PLACEHOLDERS = {
    "xnli/test-de.tsv": "neutral\n" * 20,
    "panx/test-de.tsv": "O\nO\n\n" * 20,
    "xcopa/test-et.jsonl": '{"label": 0}\n' * 20,
    "xquad/test-de.json": json.dumps(
        {"data": [{"paragraphs": [{"qas": [{"id": "q", "answers": [{"text": "", "answer_start": 0}]}]}]}]}
    ),
    "mewslix/test-de.json": json.dumps({"m1": [""], "m2": [""]}),
}


@pytest.mark.parametrize("name", PLACEHOLDERS)
def test_placeholder_labels_are_refused_not_scored(name: str, tmp_path: Path) -> None:
    labels, folder = tmp_path / "labels", tmp_path / "made"
    for place in (labels, folder):
        (place / name).parent.mkdir(parents=True)
        (place / name).write_text(PLACEHOLDERS[name])
    suite = XTREME if name.split("/")[0] in XTREME.tasks else XTREME_R
    with pytest.raises(InputError, match=r"(placeholders|blank).*get the original"):
        score_folder(folder, suite, FIXTURES, labels)
    assert list(validate_folder(folder, suite, FIXTURES, labels).unchecked) == [name]


def test_fewer_than_twenty_equal_labels_may_be_gold(tmp_path: Path) -> None:
    (tmp_path / "xnli").mkdir()
    (tmp_path / "xnli/test-de.tsv").write_text("neutral\n" * 19)
    assert score_folder(tmp_path, XTREME, FIXTURES, tmp_path).scores == {"xnli": {"de": {"accuracy": 100.0}}}


def test_no_folder_is_an_error_of_input(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    for name, text in {"nowhere": "no such folder", "file": "this is a file", "empty": "the folder is empty"}.items():
        for check in (score_folder, validate_folder):
            with pytest.raises(InputError, match=text):
                check(tmp_path / name, XTREME, FIXTURES)
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "readme").write_text("")
    with pytest.raises(InputError, match="found none of its files"):
        score_folder(tmp_path / "made", XTREME, FIXTURES)
    with pytest.raises(InputError, match="no such folder"):
        score_folder(tmp_path / "made", XTREME, FIXTURES, tmp_path / "labels")
    with pytest.raises(InputError, match="suite stilts-9 has no submission format"):
        validate_folder(tmp_path / "made", STILTS_9, FIXTURES)


@pytest.mark.parametrize("note", ['{"limits": {"test": 0}}', '{"limits": {"test": "2"}}', '{"limits": 2.5}', "[]"])
def test_a_limit_has_to_be_a_number(note: str, tmp_path: Path) -> None:
    (tmp_path / "submission.json").write_text(note)
    with pytest.raises(InputError, match=r"submission\.json: (limits\.test is|expected a JSON object)"):
        read_limit(tmp_path)
    write_note(tmp_path, {"limits": {}})
    assert read_limit(tmp_path) is None


def run(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(map(str, words)), env={"XSTILTS_DATA": str(FIXTURES), "COLUMNS": "80"})
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def test_score_on_the_command_line(tmp_path: Path) -> None:
    write_all(tmp_path / "made")
    words = ("benchmark", "score", tmp_path / "made", "--suite", "xtreme")
    code, text = run(*words)
    assert code == 0 and max(map(len, text.splitlines())) <= 80
    tasks = len({task for task, _ in CASES if task in XTREME.tasks})
    assert f"PARTIAL: {tasks} of 9 tasks" in text and "de 100.0" in text and "means: f1 100.0, em 100.0" in text
    found = json.loads(run(*words, "--json")[1])
    assert found["xnli"]["de"] == {"accuracy": 100.0} and found["averages"]["overall"]["partial"] is True
    assert found["averages"]["tasks"]["xquad"]["languages"] == [sum(task == "xquad" for task, _ in CASES), 11]
    write_note(tmp_path / "made", {"limits": {"test": 10_000}})
    assert "Limited to 10000 examples per language" in run(*words)[1]


def test_validate_on_the_command_line(made: Path) -> None:
    code, text = run("benchmark", "validate", made, "--suite", "xtreme")
    assert code == 0 and "PARTIAL: 2 of 9 tasks, 3 of 162 files of xtreme" in text
    assert "missing: xnli (ar bg el es fr hi ru sw th tr and 3 more), pawsx (de en" in text.replace("\n", " ")
    lines = (made / "xnli/test-de.tsv").read_text().count("\n")
    (made / "xnli/test-de.tsv").write_text("maybe\n" * lines)
    code, text = run("benchmark", "validate", made, "--suite", "xtreme")
    assert code == 1 and "INVALID" in text
    assert "xnli/test-de.tsv:1: label 'maybe', expected one of entailment, neutral, contradiction" in text
