"""XTREME's own mock submission: every number against a scorer written for this test, and against the averages that
google-research/xtreme prints for it (evaluate_test.py). Its files cover XTREME in full; of XTREME-R it has Mewsli-X and the
languages that XTREME has already, but no XCOPA, no LAReQA and no label file for an added language.
"""

from __future__ import annotations

import json
import re
import shutil
import string
import unicodedata
from collections import Counter
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from seqeval.metrics import f1_score, precision_score, recall_score
from sklearn.metrics import accuracy_score

from tests.conftest import SHARED
from xstilts.submission.score import score_folder
from xstilts.submission.validate import validate_folder
from xstilts.tasks.suites import XTREME, XTREME_R

MOCK = SHARED / "data" / "xtreme_mock" / "mock_test_data"
LABELS, PREDICTIONS = MOCK / "labels", MOCK / "predictions"
NOWHERE = Path("no-data-folder")
Values = dict[str, float]

pytestmark = pytest.mark.skipif(not MOCK.is_dir(), reason="XTREME's mock submission is not here")

# google-research/xtreme at 838c13b, evaluate_test.py.
PUBLISHED = {
    "pawsx": {"accuracy": 51.42857142857143},
    "xnli": {"accuracy": 30.666666666666668},
    "panx": {"f1": 57.50793650793652, "precision": 54.729166666666664, "recall": 62.750000000000014},
    "udpos": {"f1": 70.21746048354693},
    "bucc2018": {"f1": 55.0, "precision": 55.0, "recall": 55.0},
    "tatoeba": {"accuracy": 53.611111111111114},
    "xquad": {"em": 77.27272727272727, "f1": 79.9586776859504},
    "mlqa": {"em": 57.142857142857146, "f1": 81.76870748299321},
    "tydiqa": {"em": 88.88888888888889, "f1": 97.22222222222223},
}


def rows(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").rstrip("\n").split("\n")


def sentences(path: Path) -> list[list[str]]:
    return [part.split() for part in path.read_text(encoding="utf-8").strip("\n").split("\n\n")]


def accuracy(gold: Path, predicted: Path, _: str) -> Values:
    return {"accuracy": accuracy_score(rows(gold), rows(predicted))}


def names(gold: Path, predicted: Path, _: str) -> Values:
    pair = sentences(gold), sentences(predicted)
    return {"f1": f1_score(*pair), "precision": precision_score(*pair), "recall": recall_score(*pair)}


def parts_of_speech(gold: Path, predicted: Path, _: str) -> Values:
    """Chunks are runs of one tag, but a tag that begins with S is a chunk in each of its words."""

    def chunks(tags: list[str], sentence: int) -> set[tuple[int, int, int, str]]:
        found, at = set(), 0
        for tag, run in groupby(tags):
            length = len(list(run))
            pieces = [(at + n, at + n) for n in range(length)] if tag.startswith("S") else [(at, at + length - 1)]
            found |= {(sentence, first, last, tag) for first, last in pieces}
            at += length
        return found

    golds, guesses = sentences(gold), sentences(predicted)
    right = set().union(*(chunks(tags, n) for n, tags in enumerate(golds)))
    guessed = set().union(*(chunks(tags, n) for n, tags in enumerate(guesses)))
    tokens = [(g, p) for a, b in zip(golds, guesses, strict=True) for g, p in zip(a, b, strict=True)]
    return {
        "f1": 2 * len(right & guessed) / (len(right) + len(guessed)),
        "token_accuracy": sum(g == p for g, p in tokens) / len(tokens),
    }


def pairs(gold: Path, predicted: Path, _: str) -> Values:
    right, mined = set(rows(gold)), set(rows(predicted))
    precision, recall = len(right & mined) / len(mined), len(right & mined) / len(right)
    return {"f1": 2 * precision * recall / (precision + recall), "precision": precision, "recall": recall}


def reciprocal_rank(gold: Path, predicted: Path, _: str) -> Values:
    ranked = json.loads(predicted.read_text(encoding="utf-8"))
    golds = json.loads(gold.read_text(encoding="utf-8"))
    scores = [1 / (1 + ranked[id][:20].index(only)) if only in ranked[id][:20] else 0.0 for id, (only,) in golds.items()]
    return {"map@20": sum(scores) / len(scores)}


def english_words(text: str, _: str) -> list[str]:
    kept = "".join(" " if c.isspace() else c for c in text.lower() if c not in string.punctuation)
    return [word for word in re.sub(r"(?<!\w)(?:the|an|a)(?!\w)", " ", kept).split(" ") if word]


ARTICLES = {
    "en": "a an the",
    "es": "un una unos unas el la los las",
    "vi": "của là cái chiếc những",
    "de": "ein eine einen einem eines einer der die das den dem des",
}


def words_of_language(text: str, language: str) -> list[str]:
    kept = "".join(c for c in text.lower() if c not in string.punctuation and not unicodedata.category(c).startswith("P"))
    if language == "ar":
        kept = kept.replace("ال", " ")
    if language == "zh":
        kept = re.sub("([\u4e00-\u9fa5])", r" \1 ", kept)
    return [word for word in kept.split() if word not in ARTICLES.get(language, "").split()]


def answers(normal: Callable[[str, str], list[str]]) -> Callable[[Path, Path, str], Values]:
    def score(gold: Path, predicted: Path, language: str) -> Values:
        given = json.loads(predicted.read_text(encoding="utf-8"))
        exact, overlap = [], []
        data: Any = json.loads(gold.read_text(encoding="utf-8"))["data"]
        for question in (q for article in data for paragraph in article["paragraphs"] for q in paragraph["qas"]):
            guess = normal(given[question["id"]], language)
            golds = [normal(answer["text"], language) for answer in question["answers"]]
            exact.append(max(guess == words for words in golds))
            shared = [sum((Counter(guess) & Counter(words)).values()) for words in golds]
            overlap.append(max(2 * n / (len(guess) + len(words)) for n, words in zip(shared, golds, strict=True)))
        return {"em": sum(exact) / len(exact), "f1": sum(overlap) / len(overlap)}

    return score


SCORERS: dict[str, Callable[[Path, Path, str], Values]] = {
    **dict.fromkeys(("xnli", "pawsx", "tatoeba"), accuracy),
    **dict.fromkeys(("xquad", "tydiqa"), answers(english_words)),
    "mlqa": answers(words_of_language),
    "panx": names,
    "udpos": parts_of_speech,
    "bucc2018": pairs,
    "mewslix": reciprocal_rank,
}


def expected(task: str, languages: tuple[str, ...]) -> dict[str, Values]:
    found = {}
    for code in languages:
        name = next(path.name for path in (LABELS / task).iterdir() if path.stem == f"test-{code}")
        found[code] = SCORERS[task](LABELS / task / name, PREDICTIONS / task / name, code)
    return {code: {name: 100 * value for name, value in values.items()} for code, values in found.items()}


@pytest.mark.parametrize("task", XTREME.tasks)
def test_every_language_of_xtreme(task: str) -> None:
    score = score_folder(PREDICTIONS, XTREME, NOWHERE, LABELS)
    assert set(score.scores[task]) == set(XTREME.tasks[task])
    wanted = expected(task, XTREME.tasks[task])
    for code, values in score.scores[task].items():
        assert values == pytest.approx(wanted[code]), code
    means = {name: score.averages.tasks[task].values[name] for name in PUBLISHED[task]}
    assert means == pytest.approx(PUBLISHED[task], abs=1e-9)


def test_the_suite_is_complete_and_its_average_is_that_of_the_published_task_averages() -> None:
    score = score_folder(PREDICTIONS, XTREME, NOWHERE, LABELS)
    tasks = {
        task: (values["em"] + values["f1"]) / 2 if "em" in values else values.get("f1", values.get("accuracy", 0.0))
        for task, values in PUBLISHED.items()
    }
    assert score.averages.overall.value == pytest.approx(sum(tasks.values()) / 9)
    assert not score.averages.overall.partial and not score.problems and not score.unscored
    assert score.averages.groups["qa"].value == pytest.approx((tasks["xquad"] + tasks["mlqa"] + tasks["tydiqa"]) / 3)


def test_as_xtreme_r_it_is_partial_with_mewsli_x() -> None:
    score = score_folder(PREDICTIONS, XTREME_R, NOWHERE, LABELS)
    assert score.averages.tasks["mewslix"].value == pytest.approx(14.39025156130419)  # evaluate_test.py
    wanted = expected("mewslix", XTREME_R.tasks["mewslix"])
    for code, values in score.scores["mewslix"].items():
        assert values == pytest.approx(wanted[code]), code
    overall = score.averages.overall
    assert overall.partial and overall.tasks == (8, 10) and overall.languages == (162, 203)
    assert {name for name in overall.missing if "/" not in name} == {"xcopa", "lareqa"}
    assert {name for name in overall.missing if name.startswith("xquad")} == {"xquad/ro"}


def test_it_is_valid(tmp_path: Path) -> None:
    folder = tmp_path / "predictions"
    shutil.copytree(PREDICTIONS, folder)
    shutil.rmtree(folder / "mewslix")
    found = validate_folder(folder, XTREME, NOWHERE, LABELS)
    assert found.problems == () and found.state == "ok"
    assert found.tasks == (9, 9) and found.files == (162, 162)
    shutil.copytree(PREDICTIONS / "mewslix", folder / "mewslix")
    found = validate_folder(folder, XTREME, NOWHERE, LABELS)
    assert [(problem.where, found.state) for problem in found.problems] == [("mewslix/", "invalid")]
