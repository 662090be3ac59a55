"""What is written is valid, reads back as it was, and scores what its predictions score; gold scores 100."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.submission.fixtures import CASES, FIXTURES, queries, read, right, write_all, write_right
from xstilts.errors import InputError
from xstilts.formats.bitext_retrieval import BitextRetrievalExample
from xstilts.formats.format import Example
from xstilts.formats.prediction import Prediction
from xstilts.formats.submission_file import Gold
from xstilts.formats.tag import TagExample
from xstilts.submission.gold import make_gold_finder
from xstilts.submission.layout import write_note, write_predictions
from xstilts.submission.read import read_file
from xstilts.submission.score import score_folder
from xstilts.submission.validate import validate_folder
from xstilts.tasks.registry import find_task
from xstilts.tasks.suites import XTREME, XTREME_R


def test_there_is_a_fixture_of_every_format() -> None:
    formats = {find_task(task).format.name for task, _ in CASES}
    assert formats == {"classify", "choice", "tag", "span", "embed", "mine", "rank"}


@pytest.mark.parametrize("suite", [XTREME, XTREME_R], ids=lambda suite: suite.name)
def test_gold_scores_a_hundred_everywhere(suite: Any, tmp_path: Path) -> None:
    for task, language in CASES:
        if task in suite.tasks:
            write_right(task, language, tmp_path)
    found = validate_folder(tmp_path, suite, FIXTURES)
    assert found.problems == () and found.unchecked == {} and found.state == "partial"
    score = score_folder(tmp_path, suite, FIXTURES)
    assert score.problems == () and score.unscored == {}
    wanted = {(task, code) for task, code in CASES if task in suite.tasks}
    assert {(task, code) for task, scored in score.scores.items() for code in scored} == wanted
    for task, code in wanted:
        assert set(score.scores[task][code].values()) == {100.0}, (task, code)
    assert score.averages.overall.value == 100.0 and score.averages.overall.partial


def _answer(task: Any, example: Example, found: list[Example], gold: Gold) -> st.SearchStrategy[Any]:
    ids, candidates = [e.id for e in found], sorted(gold.pool or ())
    by_format: dict[str, Any] = {
        "classify": lambda: st.sampled_from(task.format.labels),
        "choice": lambda: st.integers(0, task.format.choices - 1),
        "tag": lambda: st.tuples(*[st.sampled_from(task.format.labels)] * len(getattr(example, "words", ()))),
        "span": lambda: st.text(max_size=12),
        "embed": lambda: st.sampled_from(ids),
        "mine": lambda: st.lists(st.sampled_from(candidates), max_size=3, unique=True).map(tuple),
        "rank": lambda: st.lists(st.sampled_from(candidates), max_size=20, unique=True).map(tuple),
    }
    strategy: st.SearchStrategy[Any] = by_format[task.format.name]()
    return strategy


@pytest.mark.parametrize(("name", "language"), CASES)
@settings(max_examples=8)
@given(data=st.data())
def test_any_valid_predictions_are_valid_and_score_what_they_score(name: str, language: str, data: st.DataObject) -> None:
    task, found = find_task(name), read(name, language)
    gold = make_gold_finder(FIXTURES, None, None)(task, language)
    predictions = [Prediction(e.id, data.draw(_answer(task, e, found, gold))) for e in queries(found)]
    with tempfile.TemporaryDirectory() as folder:
        write_predictions(task, language, found, data.draw(st.permutations(predictions)), Path(folder))
        back, problems = read_file(task, language, Path(folder), gold)
        assert problems == () and len(back) == len(predictions)
        suite = XTREME if name in XTREME.tasks else XTREME_R
        values = score_folder(Path(folder), suite, FIXTURES).scores[name][language]
    asked: Any = gold.examples if task.format.name == "rank" else queries(found)
    assert task.metric is not None
    metric = task.metric.for_language(language)
    by_id = {p.id: p for p in predictions}
    sums = np.array([metric.tally(e, by_id[e.id]) for e in asked]).sum(0)
    assert list(values.values()) == pytest.approx((100 * metric.finish(sums)).tolist())
    if task.format.name not in ("embed", "classify", "choice", "tag"):  # these have line numbers for ids
        assert sorted((p.id, p.answer) for p in back) == sorted((p.id, p.answer) for p in predictions)


def test_gold_of_a_ranking_is_that_of_all_languages_and_so_is_its_pool() -> None:
    languages = [code for task, code in CASES if task == "lareqa"]
    assert len(languages) > 1
    gold_of = make_gold_finder(FIXTURES, None, None)
    in_files = {(code, e.id): e for code in languages for e in read("lareqa", code)}
    for code in languages:
        gold = gold_of(find_task("lareqa"), code)
        assert gold.pool == {id for (_, id), e in in_files.items() if getattr(e, "role", "") == "candidate"}
        for query in gold.examples:
            own = [in_files[other, query.id].answer for other in languages if (other, query.id) in in_files]
            assert query.answer == tuple(id for answer in own for id in (answer or ()))
            assert len(query.answer or ()) >= len(own)


def test_tatoeba_is_sorted_by_its_english_and_counts_foreign_lines_from_zero(tmp_path: Path) -> None:
    english = ["b", "a", "b", "A"]
    found = [BitextRetrievalExample(f"deu-{n}", f"satz {n}", text, f"deu-{n}") for n, text in enumerate(english, start=1)]
    # By code point: A (line 4), a (line 2), then the two b in the order of the file (lines 1 and 3).
    gold = [Prediction(e.id, e.id) for e in found]
    path = write_predictions(find_task("tatoeba"), "de", found, gold, tmp_path)
    assert path == tmp_path / "tatoeba" / "test-de.tsv" and path.read_text() == "3\n1\n0\n2\n"


def test_tags_stand_one_a_line_with_a_blank_line_between_sentences(tmp_path: Path) -> None:
    found = [TagExample("s1", ("x", "y"), None), TagExample("s2", ("z",), None)]
    guesses = [Prediction("s1", ("B-PER", "O")), Prediction("s2", ("O",))]
    assert write_predictions(find_task("panx"), "de", found, guesses, tmp_path).read_text() == "B-PER\nO\n\nO\n"


def test_a_prediction_too_few_or_too_many_is_not_written(tmp_path: Path) -> None:
    found, given = read("xnli", "de"), right("xnli", "de")
    for wrong in (given[1:], [*given, Prediction("other", "neutral")]):
        with pytest.raises(InputError, match="exactly one for each"):
            write_predictions(find_task("xnli"), "de", found, wrong, tmp_path)
    assert not (tmp_path / "xnli").exists()


def test_a_limited_submission_is_scored_on_the_examples_that_its_study_keeps(tmp_path: Path) -> None:
    from xstilts.tasks.files.locate import subsample

    kept = list(subsample(read("xnli", "de"), 2))
    ids = {example.id for example in kept}
    write_predictions(find_task("xnli"), "de", kept, [p for p in right("xnli", "de") if p.id in ids], tmp_path)
    with pytest.raises(InputError, match=rf"2 lines, expected {len(read('xnli', 'de'))}"):
        score_folder(tmp_path, XTREME, FIXTURES)
    write_note(tmp_path, {"limits": {"test": 2}})
    score = score_folder(tmp_path, XTREME, FIXTURES)
    assert score.scores["xnli"]["de"] == {"accuracy": 100.0} and score.limit == 2
    assert score.record()["limits"] == {"test": 2}
    assert validate_folder(tmp_path, XTREME, FIXTURES).state == "partial"


def test_a_limit_cannot_be_applied_to_label_files(tmp_path: Path) -> None:
    folder, labels = tmp_path / "made", tmp_path / "labels"
    write_all(folder)
    write_right("xnli", "de", labels)
    write_note(folder, {"limits": {"test": 2}})
    with pytest.raises(InputError, match="run without --labels"):
        score_folder(folder, XTREME, FIXTURES, labels)
