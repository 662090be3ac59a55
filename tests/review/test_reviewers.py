import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.documents.papers import FILLER, make_paper

from xstilts.documents.search import Corpus
from xstilts.errors import InputError
from xstilts.review.reviewers import KeptAnswers, make_reviewer, read_labelled


class Model:
    """An NLI model that counts what it is asked, and that stops after `most` pairs."""

    def __init__(self, most: int = 10**9):
        self.asked, self.most = 0, most

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, float]]:
        if self.asked + len(pairs) > self.most:
            raise KeyboardInterrupt
        self.asked += len(pairs)
        return [(len(text) % 7 / 7, len(claim) % 5 / 5) for text, claim in pairs]


def test_answers_are_kept_and_asked_once(tmp_path: Path) -> None:
    pairs = [(f"text {n}", "claim") for n in range(10)]
    first = KeptAnswers(Model(), tmp_path / "a" / "answers.jsonl")
    expected = first([*pairs, *pairs])
    assert first.asked == 10
    again = KeptAnswers(Model(0), tmp_path / "a" / "answers.jsonl")
    assert again([*pairs, *pairs]) == expected
    assert again.asked == 0


def test_what_was_answered_before_an_interruption_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xstilts.review.reviewers.AT_ONCE", 3)
    path, pairs = tmp_path / "answers.jsonl", [(f"text {n}", "claim") for n in range(10)]
    with pytest.raises(KeyboardInterrupt):
        KeptAnswers(Model(7), path)(pairs)
    with path.open("a", encoding="utf-8") as file:
        file.write('["cut')  # as a kill leaves it
    after = KeptAnswers(Model(), path)
    assert after(pairs) == Model()(pairs)
    assert after.asked == 4
    assert KeptAnswers(Model(0), path)(pairs) == Model()(pairs)


def write(path: Path, rows: list[object]) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n", encoding="utf-8")
    return path


def test_a_reviewer_is_calibrated_on_labelled_claims(tmp_path: Path) -> None:
    pytest.importorskip("sentencex", reason="the extra `review` is not installed")
    rows = [{"claim": f"Boats are {c}.", "evidence": [f"Boats are {c}." * (n % 2)], "supported": n % 2 == 1}
            for n, c in enumerate(["red", "green"] * 60)]  # fmt: skip
    labelled = write(tmp_path / "l.jsonl", rows)
    corpus = Corpus([make_paper(*FILLER)])
    found = make_reviewer("m", lambda pairs: [(0.4, 0.0) for _ in pairs], 1, corpus, labelled)
    assert found.name == "m, 1 sentence"
    assert found.calibration is not None
    assert found.calibration(0.4) == pytest.approx(1.0)
    assert found.calibration.fitted_on == "120 claims of l.jsonl"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"claim": "a"}], "l.jsonl:1: expected"),
        ([{"claim": "a", "evidence": "b", "supported": True}], "evidence as a list"),
        ([{"claim": "a", "evidence": ["b"], "supported": True}] * 60, "60 supported and 0 other"),
    ],
)
def test_labelled_claims_that_are_wrong_or_too_few_are_named(tmp_path: Path, rows: list[object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_labelled(write(tmp_path / "l.jsonl", rows))
