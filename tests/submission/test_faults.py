"""Files as people send them: every fault is named with its line, and scored as the benchmark would, or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.formats.bitext_mining import PoolExample
from xstilts.formats.bitext_retrieval import BitextRetrievalExample
from xstilts.formats.choice import ChoiceExample
from xstilts.formats.classify import ClassifyExample
from xstilts.formats.format import Example
from xstilts.formats.prediction import Prediction
from xstilts.formats.span import UNANSWERED, SpanAnswer, SpanExample
from xstilts.formats.submission_file import Gold
from xstilts.formats.tag import TagExample
from xstilts.submission.layout import file_name
from xstilts.submission.read import read_file
from xstilts.tasks.registry import find_task


def gold(*examples: Example, pool: str | None = None) -> Gold:
    return Gold(examples, frozenset(pool.split()) if pool is not None else None, "the gold")


XNLI = gold(*(ClassifyExample(str(n), (), "neutral") for n in (1, 2, 3)))
XCOPA = gold(*(ChoiceExample(str(n), "", (), 0) for n in (1, 2)))
PANX = gold(TagExample("1", (), ("B-PER", "I-PER")), TagExample("2", (), ("O",)))
XQUAD = gold(*(SpanExample(id, "", "", (SpanAnswer("here", 0),)) for id in ("q1", "q2")))
TATOEBA = gold(*(BitextRetrievalExample(str(n), "", "", "1") for n in (1, 2)), pool="0 1")
BUCC = gold(*(PoolExample(f"de-{n}", "", "", "query", ("en-1",)) for n in (1, 2)), pool="en-1 en-2")
MEWSLIX = gold(PoolExample("m1", "", "", "query", ("Q1",)), PoolExample("m2", "", "", "query", ("Q2",)), pool="Q1 Q2 Q3")
GOLD = {
    **{"xnli": XNLI, "xcopa": XCOPA, "panx": PANX, "xquad": XQUAD},
    **{"tatoeba": TATOEBA, "bucc2018": BUCC, "mewslix": MEWSLIX},
}
LABEL = "expected one of entailment, neutral, contradiction"
INDEX = 'expected {"label": n} with n from 0 to 1'
TAG = "expected one of O, B-PER, I-PER, B-ORG, I-ORG, B-LOC, I-LOC"
PARTS = "sentences (parts between blank lines), expected 2 (as in the gold)"
ANSWER = "expected the answer as a string"
NUMBER = "expected the number of a foreign line, 0 to 1"
PAIR = "expected a foreign id, a tab and an English id"
RANKING = "expected a list of candidate ids, best first"
BOM = "begins with a byte order mark, which the benchmark's scorer refuses; save as UTF-8 without it"

# (task, file, problems as "where|text"); where is what follows the file's name, ! marks what keeps the file from a score.
FAULTS: list[tuple[str, str | bytes, list[str]]] = [
    ("xnli", "neutral\nneutral\n", ["|!2 lines, expected 3 (as in the gold)"]),
    ("xnli", "neutral\n\nneutral\n", [f":2|a blank line, {LABEL}"]),
    ("xnli", "neutral\nneutral\nneutral\n\n", ["|!4 lines, expected 3 (as in the gold)", f":4|a blank line, {LABEL}"]),
    ("xnli", "neutral\nNeutral\n1\n", [f":2|label 'Neutral', {LABEL}", f":3|label '1', {LABEL}"]),
    ("xnli", "", ["|!the file is empty"]),
    ("xnli", "\ufeffneutral\nneutral\nneutral", [f":1|{BOM}"]),
    ("xnli", b"neutral\nneutr\xe4l\nneutral\n", [":2|!not UTF-8 (byte 0xe4 at byte 5)"]),
    ("xcopa", '{"label": 1}\n{"label": 2}\n', [f":2|label 2, {INDEX}"]),
    ("xcopa", '{"label": 1}\n{"label": "1"}\n', [f":2|label '1', {INDEX}"]),
    ("xcopa", '{"label": 1}\n{"answer": 1}\n', [f":2|!no field 'label', {INDEX}"]),
    ("xcopa", '{"label": 1}\n1\n', [":2|!expected a JSON object, found int"]),
    ("xcopa", '{"label": 1, "label": 0}\n{"label": 1}\n', [":1|'label' occurs 2 times; the last one counts"]),
    ("xcopa", '{"label": 1}\n{"label": x}\n', [":2|!not JSON (Expecting value at column 11)"]),
    ("panx", "B-PER\nI-PER\n", [f"|!1 {PARTS}"]),
    ("panx", "B-PER\n\nO\n", [":1|!sentence 1 has 1 tags, expected 2"]),
    ("panx", "B-PER\nI-PER\n\n\nO\n", [f"|!3 {PARTS}", ":4|!sentence 2 has no tags: one blank line more than one"]),
    ("panx", "B-PER\nPER\n\nO\n", [f":2|label 'PER', {TAG}"]),
    ("panx", "w\tB-PER\nI-PER\n\nO\n", [f":1|label 'w\\tB-PER', {TAG}"]),
    ("xquad", '{"q1": "here"}', [": q2|no answer to this id; it scores 0"]),
    ("xquad", '{"q1": "", "q2": "", "q3": ""}', [": q3|unknown id; no example has it"]),
    ("xquad", '{"q1": "a", "q2": "b", "q1": "c"}', [": q1|'q1' occurs 2 times; the last one counts"]),
    ("xquad", '{"q1": ["here"], "q2": null}', [f": q1|!found ['here'], {ANSWER}", f": q2|!found None, {ANSWER}"]),
    ("xquad", '[{"q1": "here"}]', ["|!expected a JSON object, found list"]),
    ("xquad", '{"q1": "here",\n "q2": here}', [":2|!not JSON (Expecting value at column 8)"]),
    ("tatoeba", "0\n", ["|!1 lines, expected 2 (as in the gold)"]),
    ("tatoeba", "[0]\n2\n", [f":1|'[0]', {NUMBER}", f":2|'2', {NUMBER}"]),
    ("tatoeba", "01\n-1\n", [f":1|'01', {NUMBER}", f":2|'-1', {NUMBER}"]),
    ("bucc2018", "de-1 en-1\n", [f":1|'de-1 en-1', {PAIR}"]),
    ("bucc2018", "de-1\ten-1\n\nde-2\ten-2\t0.9\n", [f":2|'', {PAIR}", f":3|'de-2\\ten-2\\t0.9', {PAIR}"]),
    ("bucc2018", "de-1\ten-1\nde-1\ten-1\n", [":2|the pair is already on line 1"]),
    ("bucc2018", "en-1\tde-1\nde-1\ten-3\n", [":1|unknown foreign id 'en-1'", ":2|unknown English id 'en-3'"]),
    ("mewslix", '{"m1": "Q1", "m2": ["Q2", 3]}', [f": m1|!found 'Q1', {RANKING}", f": m2|!found ['Q2', 3], {RANKING}"]),
    (
        "mewslix",
        '{"m1": ["Q1", "Q1", "Q9"]}',
        [
            ": m2|no answer to this id; it scores 0",
            ": m1|a candidate occurs twice among the first 20; only its first rank counts",
            ": m1|unknown candidate id 'Q9'",
        ],
    ),
]


def put(folder: Path, task: str, content: str | bytes) -> str:
    name = file_name(find_task(task), "de" if task != "xcopa" else "et")
    (folder / task).mkdir(exist_ok=True)
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return name


def read(folder: Path, task: str, with_gold: bool = True) -> tuple[tuple[Prediction, ...], list[str]]:
    language = "de" if task != "xcopa" else "et"
    predictions, problems = read_file(find_task(task), language, folder, GOLD[task] if with_gold else None)
    name = file_name(find_task(task), language)
    return predictions, [f"{p.where.removeprefix(name)}|{'!' if p.fatal else ''}{p.text}" for p in problems]


@pytest.mark.parametrize(("task", "content", "expected"), FAULTS)
def test_a_fault_is_named_with_its_place(task: str, content: str | bytes, expected: list[str], tmp_path: Path) -> None:
    put(tmp_path, task, content)
    predictions, found = read(tmp_path, task)
    assert sorted(found) == sorted(expected)
    fatal = any("|!" in text for text in expected)
    assert bool(predictions) != fatal
    assert {p.id for p in predictions} >= ({e.id for e in GOLD[task].examples} if not fatal else set())


@pytest.mark.parametrize(("task", "content", "expected"), FAULTS)
def test_without_gold_only_the_form_is_looked_at(task: str, content: str | bytes, expected: list[str], tmp_path: Path) -> None:
    put(tmp_path, task, content)
    predictions, found = read(tmp_path, task, with_gold=False)
    assert predictions == ()
    needs_gold = ("lines, expected", "sentences (", "tags, expected", "unknown", "no answer to", "occurs twice")
    kept = [text for text in expected if not any(phrase in text for phrase in needs_gold)]
    found = [text.replace("counted from 0", "0 to 1") for text in found]
    expected = [text for text in kept if text != f":2|'2', {NUMBER}"]
    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("task", "lines", "answers"),
    [
        ("xnli", ["neutral", " entailment", "contradiction "], ["neutral", "entailment", "contradiction"]),
        ("xcopa", ['{"label": 1}', '{"label": 0}'], [1, 0]),
        ("panx", ["B-PER", "I-PER", "", "O"], [("B-PER", "I-PER"), ("O",)]),
        ("panx", ["I-PER", "O", "", "O", ""], [("I-PER", "O"), ("O",)]),
        ("xquad", ['{"q2": "b\\r\\n",', '"q1": "a"}'], ["a", "b\r\n"]),
        ("tatoeba", ["1", "1"], ["1", "1"]),
        ("bucc2018", ["de-2\ten-2", "de-1\ten-1", "de-2\ten-1"], [("en-1",), ("en-2", "en-1")]),
        ("mewslix", ['{"m1": ["Q3", "Q1"], ', '"m2": []}'], [("Q3", "Q1"), ()]),
    ],
)
def test_any_line_end_and_blanks_around_lines_are_fine(
    task: str, lines: list[str], answers: list[object], newline: str, tmp_path: Path
) -> None:
    for last in ("", newline):
        put(tmp_path, task, newline.join(lines) + last)
        predictions, problems = read(tmp_path, task)
        if task != "panx" or lines[-1] or not last:
            assert problems == []
            assert [p.answer for p in predictions] == answers


def test_what_is_wrong_but_scorable_scores_as_in_the_benchmark(tmp_path: Path) -> None:
    def scored(task: str, content: str) -> list[tuple[float, ...]]:
        put(tmp_path, task, content)
        predictions, problems = read(tmp_path, task)
        assert problems
        metric = find_task(task).metric
        assert metric is not None
        known = {example.id: example for example in GOLD[task].examples}
        return [metric.tally(known.get(p.id, PoolExample(p.id, "", "", "query", ())), p) for p in predictions]

    assert scored("xnli", "neutral\nNeutral\n\n") == [(1, 1), (0, 1), (0, 1)]
    assert scored("xcopa", '{"label": 0}\n{"label": "0"}\n') == [(1, 1), (0, 1)]
    assert scored("xquad", '{"q1": "here"}') == [(1, 1, 1), (0, 0, 1)]
    assert scored("tatoeba", "1\n[1]\n") == [(1, 1), (0, 1)]
    # A repeated pair counts once; an unknown foreign id, and a line that is no pair, count as mined.
    assert scored("bucc2018", "de-1\ten-1\nde-1\ten-1\nxx\ten-1\nde-2\n") == [(1, 1, 1), (0, 1, 1), (0, 1, 0)]
    assert scored("mewslix", '{"m1": ["Q9", "Q1"]}') == [(0.5, 1), (0, 1)]


def test_an_id_without_an_answer_is_not_an_empty_answer() -> None:
    metric = find_task("xquad").metric
    assert metric is not None
    article = SpanExample("q", "", "", (SpanAnswer("the", 0),))  # normalises to nothing, as an empty answer does
    assert metric.tally(article, Prediction("q", ""))[1] == 1
    assert metric.tally(article, Prediction("q", UNANSWERED))[1] == 0


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode), st.sampled_from(sorted(GOLD)))
def test_no_bytes_break_the_reader(tmp_path_factory: pytest.TempPathFactory, content: bytes, task: str) -> None:
    folder = tmp_path_factory.getbasetemp() / "bytes"
    folder.mkdir(exist_ok=True)
    put(folder, task, content)
    predictions, problems = read(folder, task)
    assert predictions or any("|!" in problem for problem in problems)


@given(st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x), max_leaves=6))
def test_no_json_breaks_the_reader(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    folder = tmp_path_factory.getbasetemp() / "json"
    folder.mkdir(exist_ok=True)
    for task in ("xquad", "mewslix", "xcopa"):
        put(folder, task, json.dumps(value))
        assert read(folder, task)[1]
