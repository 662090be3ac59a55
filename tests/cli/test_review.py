"""`xstilts review` and `xstilts check` from the command line."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from xstilts.cli import app, review
from xstilts.errors import InputError
from xstilts.plan.cell import CellId

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
    (paper,) = found["papers"]
    assert [vote["passage"] for vote in paper["votes"]] == [paper["place"].replace("sentence 2", "sentences 1-2")]


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
    (papers.parent / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        run("review", "q.yaml", "-o", "file")
    assert "Ada, " in (papers.parent / "reviews" / "boats" / "review.html").read_text(encoding="utf-8")


def test_what_could_not_be_read_is_said(papers: Path) -> None:
    (papers / "scan.pdf").write_bytes(b"%PDF-1.4 nothing")
    (papers.parent / "q.yaml").write_text(
        "name: q\nquestion: Are green boats fast?\npapers: [papers]\nclaims: [Boats are fast.]\n"
    )
    assert "not read: " in run("review", "q.yaml")
    assert "not read: " in run("check", "Boats are fast.", "--in", "papers")


def test_a_reviewer_that_has_learned_nothing_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def results(headline: float) -> SimpleNamespace:
        score = SimpleNamespace(headline=headline, baseline=0.34)
        cell = SimpleNamespace(encoder="e", chain="none", target="xnli", seed=0, control="", languages={"en": score})
        return SimpleNamespace(cells=[cell], targets=[SimpleNamespace(name="xnli", chance=1 / 3)])

    monkeypatch.setattr(review, "load_results", lambda study, changes, store: results(0.345))
    with pytest.raises(InputError, match="reviewer none/xnli/0: its English score is near chance"):
        review._check_learned("mine", tmp_path, CellId("e", "none", "xnli", 0))
    with pytest.raises(InputError, match="no English score of it"):
        review._check_learned("mine", tmp_path, CellId("e", "none", "xnli", 1))
