"""LAReQA, SQuAD as pairs and Mewsli-X: what is a query, what a candidate, which is gold, and what a bad file is told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.errors import InputError
from xstilts.formats.bitext_mining import PoolExample
from xstilts.formats.ranking import RankingExample
from xstilts.formats.span import SpanExample
from xstilts.tasks.catalogue.ranking import LAREQA, SQUAD_PAIRS, merge_gold, split_sentences
from xstilts.tasks.files.locate import find_languages, hash_contents, locate, read_examples
from xstilts.tasks.registry import find_task
from xstilts.tasks.task import ReadRequest

FIXTURES = Path(__file__).parents[2] / "fixtures"


def pool(root: Path, task: str, language: str) -> tuple[dict[str, PoolExample], dict[str, PoolExample]]:
    """The queries and the candidates of a language, by id."""
    found = list(read_examples(find_task(task), "test", language, root))
    assert all(isinstance(e, PoolExample) for e in found)
    queries = {e.id: e for e in found if e.role == "query"}
    candidates = {e.id: e for e in found if e.role == "candidate"}
    assert len(queries) + len(candidates) == len(found)
    assert all(e.answer is None for e in candidates.values())
    return queries, candidates


# -- LAReQA


def test_a_question_is_answered_by_a_sentence_of_its_own_language() -> None:
    queries, candidates = pool(FIXTURES, "lareqa", "de")
    assert queries["fx01"] == PoolExample("fx01", "Woraus wurde der Leuchtturm gebaut?", "", "query", ("de_1_1",))
    assert candidates["de_1_1"].text == "Man baute ihn aus rotem Backstein."
    assert candidates["de_1_1"].context == " ".join(candidates[f"de_1_{i}"].text for i in range(3))
    assert list(candidates) == ["de_1_0", "de_1_1", "de_1_2", "de_2_0", "de_3_0", "de_3_1"]


def test_the_context_keeps_its_blanks() -> None:
    queries, candidates = pool(FIXTURES, "lareqa", "en")
    assert candidates["en_3_0"].context == " Rye bread keeps for two weeks. Wheat bread does not."
    assert queries["fx04"].answer == ("en_3_0",)


def test_gold_is_that_of_all_languages_of_the_pool() -> None:
    read = {code: pool(FIXTURES, "lareqa", code) for code in ("en", "de")}
    assert list(read["en"][0]) == list(read["de"][0]), "questions have the same ids in every language"
    assert not set(read["en"][1]) & set(read["de"][1]), "candidates never do"
    everything = [e for queries, candidates in read.values() for e in (*queries.values(), *candidates.values())]
    gold = merge_gold(everything)
    assert gold["fx02"] == ("en_1_1", "de_1_2")
    assert set(gold) == {"fx01", "fx02", "fx03", "fx04"}
    assert merge_gold(read["de"][0].values())["fx02"] == ("de_1_2",)


@pytest.mark.parametrize(("task", "languages"), [("lareqa", "en de"), ("mewslix", "en de")])
def test_every_gold_id_is_in_the_pool(task: str, languages: str) -> None:
    read = [pool(FIXTURES, task, code) for code in languages.split()]
    ids = {id for _, candidates in read for id in candidates}
    assert all(query.answer and set(query.answer) <= ids for queries, _ in read for query in queries.values())


def lareqa(root: Path, **changes: Any) -> None:
    """A file with one paragraph, some of its fields (or of its question's) changed; `...` takes one away."""
    question = {"id": "q7", "question": "Who?", "answers": [{"text": "Bo", "answer_start": 10}]}
    record = {"context": "Mi slept. Bo ran. Mi slept.", "sentence_breaks": [[0, 9], [10, 17], [18, 27]], "qas": [question]}
    for name, value in changes.items():
        place = question if name in question else record
        if value is ...:
            del place[name]
        else:
            place[name] = value
    path = root / "xquad-r" / "en.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"data": [{"paragraphs": [record]}]}))


def test_a_sentence_that_a_paragraph_has_twice_is_gold_twice(tmp_path: Path) -> None:
    lareqa(tmp_path, answers=[{"text": "Mi", "answer_start": 18}])
    queries, _ = pool(tmp_path, "lareqa", "en")
    assert queries["q7"].answer == ("en_1_0", "en_1_2")


def test_an_answer_belongs_to_the_sentence_in_which_it_begins(tmp_path: Path) -> None:
    lareqa(tmp_path, answers=[{"text": "slept. Bo", "answer_start": 3}], context="Mi slept. Bo ran. Ka slept.")
    assert pool(tmp_path, "lareqa", "en")[0]["q7"].answer == ("en_1_0",)


def test_sentences_may_touch(tmp_path: Path) -> None:
    lareqa(tmp_path, context="Mi slept.Bo ran.", sentence_breaks=[[0, 9], [9, 16]], answers=[{"text": "Bo", "answer_start": 9}])
    assert pool(tmp_path, "lareqa", "en")[0]["q7"].answer == ("en_1_1",)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sentence_breaks": [[0, 9], [10, 28]]}, r"paragraph 1 .*q7.*\[10, 28\].*leaves the context of 27 characters"),
        ({"sentence_breaks": [[-1, 9]]}, r"q7.*\[-1, 9\]"),
        ({"sentence_breaks": [[0, 9], [8, 17]]}, r"q7.*\[8, 17\].*overlaps"),
        ({"sentence_breaks": [[0, 9], [9, 9]]}, r"q7.*\[9, 9\] is empty"),
        ({"sentence_breaks": [[0, 9], [10]]}, r"q7.*\[10\] should be two character positions"),
        ({"sentence_breaks": [[0, 9.5]]}, r"q7.*two character positions"),
        ({"sentence_breaks": [[0, 9], [18, 27]]}, r"question q7: the answer begins at 10, which is in no sentence"),
        ({"sentence_breaks": ...}, r"q7.*field 'sentence_breaks' is missing"),
        ({"context": ...}, r"paragraph 1: field 'context' is missing"),
        ({"question": ...}, r"question q7: field 'question' is missing"),
        ({"id": ...}, r"paragraph 1: field 'id' is missing"),
        ({"answers": []}, r"question q7: no answer"),
        ({"answers": [{"text": "Bo", "answer_start": 18}]}, r"question q7: the context has 'Mi' at 18, not 'Bo'"),
        ({"answers": [{"text": "Bo"}]}, r"question q7: field 'answer_start' is missing"),
    ],
)
def test_a_bad_file_is_named_with_its_question(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    lareqa(tmp_path, **changes)
    with pytest.raises(InputError, match=r"en\.json: .*" + message):
        pool(tmp_path, "lareqa", "en")


# -- SQuAD as pairs


@pytest.mark.parametrize(
    "sentences",
    [
        ["One ends here.", "Two ends there!", "Does three?", "4 begins with a digit."],
        ["Dr. Bo and J. R. Mi met Gen. Ka on Jan. 3.", "They spoke."],
        ["He said (in vain.)", '"Go," she said."', "Then he went."],
        ["It is cold.[note 1][b]", "It is 30 °C.", "This is warm."],
        ["A dot inside 3.14 or e.g. here ends nothing.", "So it is."],
        ["No end at all"],
    ],
)
def test_sentences(sentences: list[str]) -> None:
    text = " ".join(sentences)
    assert [text[a:b] for a, b in split_sentences(text)] == sentences


@given(st.text(alphabet="aB1 .?!\"'”)[]\n\u2009", min_size=1))
def test_sentences_lie_in_order_and_hold_everything_but_blanks(text: str) -> None:
    spans = split_sentences(text)
    places = [place for start, end in spans for place in range(start, end)]
    assert places == sorted(set(places))
    assert all(text[i].isspace() for i in range(len(text)) if i not in places)
    assert all(start < end and text[start:end].strip() in ("", text[start:end]) for start, end in spans)


def test_pairs_are_the_questions_of_squad_in_the_same_division() -> None:
    for split in ("train", "dev"):
        questions = list(read_examples(find_task("squad_v1"), split, "en", FIXTURES))
        pairs = list(read_examples(SQUAD_PAIRS, split, "en", FIXTURES))
        assert [(p.id, p.query, p.context) for p in pairs] == [(q.id, q.question, q.context) for q in questions]
        for pair, question in zip(pairs, questions, strict=True):
            assert isinstance(question, SpanExample)
            assert question.answer
            assert question.answer[0].text in pair.text
            assert pair.text in pair.context


def squad(root: Path, context: str, answers: list[dict[str, Any]]) -> None:
    paragraph = {"context": context, "qas": [{"id": "q1", "question": "Which?", "answers": answers}]}
    (root / "squad").mkdir()
    (root / "squad" / "train-v1.1.json").write_text(json.dumps({"data": [{"title": "", "paragraphs": [paragraph]}]}))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("Mi", "Mi sat."), ("sat. Bo", "Mi sat."), ("Bo", "Bo ran."), ("ran", "Bo ran."), (" ", "Mi sat."), ("  Mi", "Mi sat.")],
)
def test_a_pair_holds_the_sentence_in_which_the_answer_begins(tmp_path: Path, text: str, sentence: str) -> None:
    context = "  Mi sat. Bo ran."
    squad(tmp_path, context, [{"text": text, "answer_start": context.index(text)}])
    (pair,) = SQUAD_PAIRS.read(request_of(tmp_path))
    assert pair == RankingExample("q1", "Which?", sentence, context)


def test_a_pair_without_an_answer_is_named(tmp_path: Path) -> None:
    squad(tmp_path, "Mi sat.", [])
    with pytest.raises(InputError, match=r"train-v1\.1\.json: question q1"):
        list(SQUAD_PAIRS.read(request_of(tmp_path)))


def request_of(root: Path) -> ReadRequest:
    return ReadRequest(SQUAD_PAIRS, "train", "en", locate(SQUAD_PAIRS, "train", "en", root))


# -- Mewsli-X


def test_a_mention_is_marked_in_its_sentence() -> None:
    queries, candidates = pool(FIXTURES, "mewslix", "en")
    assert queries["m1"].text == "Ormsay: The ferry (Gull) to { Ormsay } did not sail on Friday."
    assert queries["m2"].text == "Friday: The ferry (Gull) to Ormsay did not sail on { Friday } ."
    assert queries["m4"] == PoolExample("m4", "Luntz: The mayor of { Luntz } spoke for an hour.", "", "query", ("Q903",))
    assert candidates["Q901"].text == "Ormsay est une île du Nord. On y compte trois villages."


def test_the_candidates_of_all_languages_come_with_english() -> None:
    assert len(pool(FIXTURES, "mewslix", "en")[1]) == 4
    queries, candidates = pool(FIXTURES, "mewslix", "de")
    assert list(queries) == ["m3"]
    assert not candidates
    assert find_languages(find_task("mewslix"), "test", FIXTURES) == ("de", "en")


def test_mentions_are_trained_on_pairs_of_wikipedia() -> None:
    pairs = list(read_examples(find_task("mewslix"), "train", "en", FIXTURES))
    assert pairs[0] == RankingExample(
        "w1", "larch: The first bridge was made of { larch } .", "A larch is a conifer. It sheds its needles.", ""
    )
    assert [p.id for p in read_examples(find_task("mewslix"), "dev", "en", FIXTURES)] == ["w4", "w5"]


MENTIONS = "wikinews_mentions-test.jsonl"


def mewslix(root: Path) -> tuple[Path, list[dict[str, Any]]]:
    """A copy of the fixture's folder, and its articles."""
    folder = root / "mewslix"
    shutil.copytree(FIXTURES / "mewslix", folder)
    return folder, [json.loads(line) for line in (folder / MENTIONS).read_text().splitlines()]


def write(path: Path, records: list[dict[str, Any]]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("context", "text"), "", "mention m1: the article's text is missing"),
        (("mentions", 0, "entity_id"), "", "mention m1: entity_id is blank"),
        (("mentions", 0, "mention_span", "start"), 44, "mention m1: the text has 'rmsay' at 44, not the mention 'Ormsay'"),
        (("mentions", 0, "mention_span", "end"), 4900, "mention m1: the text has .* at 43"),
        (
            ("context", "sentence_spans", 1, "start"),
            45,
            "mention m1: no sentence of sentence_spans holds the mention at 43",
        ),
        (("context", "sentence_spans", 0, "end"), 4900, "mention m1: sentence span 0 to 4900 is not inside the text"),
        (("context", "language"), None, "field 'language' should be str"),
        (("mentions", 0, "mention_span"), None, "mention m1: field 'mention_span'"),
    ],
)
def test_a_bad_mention_is_named_with_its_line(tmp_path: Path, place: tuple[Any, ...], value: Any, message: str) -> None:
    folder, articles = mewslix(tmp_path)
    record: Any = articles[0]
    for part in place[:-1]:
        record = record[part]
    record[place[-1]] = value
    write(folder / MENTIONS, articles)
    with pytest.raises(InputError, match=rf"{MENTIONS}:1: {message}"):
        pool(tmp_path, "mewslix", "en")


def test_without_the_articles_texts_there_is_no_test_data(tmp_path: Path) -> None:
    folder, _ = mewslix(tmp_path)
    (folder / MENTIONS).rename(folder / "wikinews_mentions_no_text-test.jsonl")
    assert find_languages(find_task("mewslix"), "test", tmp_path) == ()
    with pytest.raises(InputError, match=r"no file for test in de.*Get it from https://"):
        pool(tmp_path, "mewslix", "de")


def test_the_candidate_set_is_missed(tmp_path: Path) -> None:
    folder, _ = mewslix(tmp_path)
    (folder / "candidate_set_entities.jsonl").unlink()
    assert list(pool(tmp_path, "mewslix", "de")[0]) == ["m3"]
    with pytest.raises(InputError, match=r"candidate_set_entities\.jsonl is missing"):
        pool(tmp_path, "mewslix", "en")


def test_the_layout_of_xtreme_is_read_and_its_blanked_labels_are_refused(tmp_path: Path) -> None:
    folder, articles = mewslix(tmp_path)
    (folder / MENTIONS).unlink()
    write(folder / "wikinews_mentions" / "test-de.jsonl", articles[1:2])
    assert pool(tmp_path, "mewslix", "de")[0] == pool(FIXTURES, "mewslix", "de")[0]
    assert find_languages(find_task("mewslix"), "test", tmp_path) == ("de",)
    articles[1]["mentions"][0]["entity_id"] = ""
    write(folder / "wikinews_mentions" / "test-de.jsonl", articles[1:2])
    with pytest.raises(InputError, match=r"test-de\.jsonl:1: mention m3: entity_id is blank"):
        pool(tmp_path, "mewslix", "de")


# -- The published counts


def test_counts_are_the_published_ones() -> None:
    counts = LAREQA.splits["test"].counts
    assert len(counts) == 11
    assert sum(counts.values()) - 11 * 1190 == 13_014
    counts = find_task("mewslix").splits["test"].counts
    assert sum(counts.values()) == 14_624 + 1_003_893


def test_the_real_files_of_lareqa(real_data: Path) -> None:
    source = LAREQA.splits["test"]
    found = find_languages(LAREQA, "test", real_data)
    if not found:
        pytest.skip("no files of LAReQA in the data folder")
    queries: list[PoolExample] = []
    ids: set[str] = set()
    for code in found:
        assert hash_contents(locate(LAREQA, "test", code, real_data)) == source.sha256[code]
        asked, offered = pool(real_data, "lareqa", code)
        assert len(asked) == 1190
        assert len(offered) == source.counts[code] - 1190
        assert all(set(query.answer or ()) <= set(offered) for query in asked.values())
        queries += asked.values()
        ids |= set(offered)
    assert len(ids) == sum(source.counts[code] - 1190 for code in found)
    gold = merge_gold(queries)
    assert len(gold) == 1190
    assert {len(answer) for answer in gold.values()} == {len(found)}


def test_our_sentences_are_nearly_those_of_lareqa(real_data: Path) -> None:
    """XTREME-R cuts its training paragraphs with rules of its own; the published English breaks show what ours differ in."""
    if "en" not in find_languages(LAREQA, "test", real_data):
        pytest.skip("no English file of LAReQA in the data folder")
    queries, candidates = pool(real_data, "lareqa", "en")
    same = 0
    for query in queries.values():
        ((gold),) = query.answer or ()
        context = candidates[gold].context
        same += candidates[gold].text in [context[a:b] for a, b in split_sentences(context)]
    assert same / len(queries) > 0.985
