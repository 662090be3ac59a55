"""`xstilts review` and `xstilts check` from the command line."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from xstilts.cli import app
from xstilts.errors import InputError

for module in ("sentencex", "bm25s", "snowballstemmer"):
    pytest.importorskip(module, reason="the extra `review` is not installed")
PAPER = "# Boats\n\nWe paint boats. Green boats gain 3.1 points of speed in winter.\n"


@pytest.fixture
def papers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "boats.md").write_text(PAPER, encoding="utf-8")
    return tmp_path / "papers"


def run(*arguments: str) -> str:
    found = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert found.exit_code == 0
    return found.stdout


def test_a_claim_is_checked_at_once(papers: Path) -> None:
    assert run("check", "Green boats gain 3.1 points of speed.", "--in", "papers").startswith("supported")
    found = json.loads(run("check", "Green boats gain 4.7 points of speed.", "--in", "papers/boats.md", "--json"))
    assert found["verdict"] == "contradicted"


def test_where_nothing_can_be_read_is_an_error(papers: Path) -> None:
    for where, said in (("nowhere", "no such folder"), ("demo", "no scores of it"), (str(papers / "boats.md") + "x", "no such")):
        with pytest.raises(InputError, match=said):
            run("check", "Boats.", "--in", where, "--store", "st")


def test_a_review_writes_its_page_and_keeps_decisions(papers: Path) -> None:
    question = papers.parent / "q.yaml"
    question.write_text(
        "name: boats\nquestion: Are green boats faster in winter?\npapers: [papers]\nclaims:\n"
        "  - {id: speed, text: Green boats gain 3.1 points of speed.}\n",
        encoding="utf-8",
    )
    assert "reviews/boats/review.html" in run("review", "q.yaml")
    run("review", "q.yaml", "--decide", "speed=unsupported", "--by", "Ada", "--why", "It is one boat.")
    found = json.loads(run("review", "q.yaml", "--json"))
    assert found["claims"][0]["documents"] == "supported"
    assert (found["claims"][0]["person"]["by"], found["claims"][0]["person"]["verdict"]) == ("Ada", "unsupported")
    assert "Ada, " in (papers.parent / "reviews" / "boats" / "review.html").read_text(encoding="utf-8")


def test_what_could_not_be_read_is_said(papers: Path) -> None:
    (papers / "scan.pdf").write_bytes(b"%PDF-1.4 nothing")
    (papers.parent / "q.yaml").write_text(
        "name: q\nquestion: Are green boats fast?\npapers: [papers]\nclaims: [Boats are fast.]\n"
    )
    assert "not read: " in run("review", "q.yaml")
    assert "not read: " in run("check", "Boats are fast.", "--in", "papers")
