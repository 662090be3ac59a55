from pathlib import Path

import pytest

from xstilts.errors import InputError
from xstilts.review.question import built_in_questions, load_question

BASE = "name: q\nquestion: Does it help?\n"


def load(tmp_path: Path, text: str):
    path = tmp_path / "q.yaml"
    path.write_text(BASE + text, encoding="utf-8")
    return load_question(str(path))[0]


def test_built_in_questions_are_valid() -> None:
    assert set(built_in_questions()) == {"world", "phang2020"}
    for name in built_in_questions():
        assert load_question(name)[0].name == name


def test_a_claim_and_a_reviewer_may_be_text_alone(tmp_path: Path) -> None:
    found = load(tmp_path, "claims: [Boats are green.]\nreviewers: ['demo:none/x/0', {cell: a/b/1, sentences: 1}]\n")
    assert [(c.id, c.text) for c in found.claims] == [("claim-1", "Boats are green.")]
    assert [(r.cell, r.sentences) for r in found.reviewers] == [("demo:none/x/0", 3), ("a/b/1", 1)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("papers: [x]\n", "nothing would be checked"),
        ("claims: [{id: a, text: b}, {id: a, text: c}]\n", "two have the id 'a'"),
        ("claims: [{id: a, text: b, cites: [2003.11080]}]\n", "need quotes"),
        ("ids: [2003.11080]\nextract: 1\n", "need quotes"),
        (f"claims: [{'word ' * 1001}]\n", "at most 5,000 letters"),
        ("claims: [a]\nsearch: [{service: scholar, query: x}]\n", "expected 'arxiv'"),
        ("claims: [a]\nstudies: demo\n", "did you mean 'study'"),
    ],
)
def test_wrong_fields_are_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        load(tmp_path, text)


def test_an_unknown_question_gets_the_nearest_name() -> None:
    with pytest.raises(InputError, match="did you mean 'world'"):
        load_question("wolrd")
