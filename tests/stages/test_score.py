"""The score stage: given predictions, and those that it makes of vectors (translations, rankings) and of mined pairs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from xstilts.errors import InputError
from xstilts.formats.bitext_mining import BitextMining, PoolExample
from xstilts.formats.bitext_retrieval import BitextRetrieval, BitextRetrievalExample
from xstilts.formats.classify import Classify, ClassifyExample
from xstilts.formats.format import Example, Format
from xstilts.formats.jsonl import read_predictions, write_jsonl, write_predictions
from xstilts.formats.prediction import Prediction
from xstilts.formats.ranking import Ranking
from xstilts.metrics.classify import ACCURACY
from xstilts.metrics.metric import Metric
from xstilts.metrics.mining import BUCC_F1
from xstilts.metrics.ranking import MAP_20
from xstilts.metrics.retrieval import RETRIEVAL
from xstilts.stages import retrieve, score
from xstilts.stages.contracts import RetrievalSetting, ScoreConfig, ScoreInputs
from xstilts.stages.job import Job
from xstilts.stages.retrieve import ScoreJob, nearest
from xstilts.stages.vectors import Layout, create
from xstilts.tasks.registry import CATALOGUE

SHAPES: dict[str, tuple[Format, Metric]] = {
    "classify": (Classify(labels=("yes", "no")), ACCURACY),
    "embed": (BitextRetrieval(), RETRIEVAL),
    "mine": (BitextMining(), BUCC_F1),
    "rank": (Ranking(), MAP_20),
}


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> ScoreJob:
    """A job on a task of the format that the test names."""
    shape, metric = SHAPES[request.param]
    task = dataclasses.replace(next(iter(CATALOGUE.values())), format=shape, metric=metric)
    monkeypatch.setattr(score, "find_task", lambda _: task)
    for name in ("predictions", "out"):
        (tmp_path / name).mkdir()
    setting = RetrievalSetting(2, "mean", False) if request.param != "classify" else None
    inputs = ScoreInputs(tmp_path / "predictions", {}, {})
    return Job(ScoreConfig("t", 1, (), setting), inputs, tmp_path / "out", tmp_path / "checkpoint")


def as_format(name: str) -> Any:
    return pytest.mark.parametrize("job", [name], indirect=True)


def add_gold(job: ScoreJob, name: str, examples: Sequence[Example]) -> None:
    folder = job.out.parent / name.replace(":", "-")
    folder.mkdir()
    write_jsonl(folder / "examples.jsonl", examples)
    named = {**job.inputs.named(), name: folder}
    job.inputs = ScoreInputs.read(named)
    job.config = dataclasses.replace(job.config, languages=tuple(job.inputs.gold))


def set_retrieval(job: ScoreJob, **changes: Any) -> None:
    assert job.config.retrieval is not None
    job.config = dataclasses.replace(job.config, retrieval=dataclasses.replace(job.config.retrieval, **changes))


def add_vectors(job: ScoreJob, part: str, side: str, ids: list[str | None], rows: np.ndarray, other_rows: np.ndarray) -> None:
    """`rows` at layer 2 with mean pooling, `other_rows` everywhere else."""
    layout = Layout((0, 2), ("mean", "cls"), 3, rows.shape[1])
    layout.write(job.inputs.predictions)
    vectors = create(job.inputs.predictions, part, side, layout, ids)
    vectors[:] = other_rows
    vectors[1, 0] = rows
    vectors.flush()


def scores_of(job: ScoreJob) -> Any:
    score.run(job)
    return json.loads((job.out / "scores.json").read_text())


# -- given predictions ------------------------------------------------------------------------------------------------


@as_format("classify")
def test_given_predictions(job: ScoreJob) -> None:
    add_gold(job, "gold:de", [ClassifyExample(str(i), ("a", "b"), "yes") for i in range(4)])
    answers = [Prediction(str(i), "yes" if i else "no") for i in reversed(range(4))]
    write_predictions(job.inputs.predictions / "de.jsonl", answers)
    scores = scores_of(job)
    assert scores["languages"] == {"de": {"values": {"accuracy": 0.75}, "headline": 0.75, "n": 4, "baseline": 1.0}}
    assert scores["layers"] == [] and scores["layer"] is None and scores["retrieval"] is None
    tallies = np.load(job.out / "tallies.npz")
    assert tallies["de.ids"].tolist() == ["0", "1", "2", "3"] and tallies["de.counts"][:, 0].tolist() == [0, 1, 1, 1]
    assert sorted(p.name for p in job.out.iterdir()) == ["scores.json", "tallies.npz"]


@as_format("classify")
@pytest.mark.parametrize("ids", [["0"], ["0", "1", "2"], ["0", "2"]])
def test_predictions_that_do_not_pair_up_are_an_error(job: ScoreJob, ids: list[str]) -> None:
    add_gold(job, "gold:de", [ClassifyExample(id, ("a", "b"), "yes") for id in ("0", "1")])
    write_predictions(job.inputs.predictions / "de.jsonl", [Prediction(id, "yes") for id in ids])
    with pytest.raises(InputError, match=f"de: {len(ids)} predictions for 2 examples"):
        score.run(job)


@as_format("classify")
def test_a_metric_may_be_another_one_in_each_language(job: ScoreJob, monkeypatch: pytest.MonkeyPatch) -> None:
    def tally_in(code: str) -> Any:
        return lambda example, prediction: (float(code == "fr"), 1.0)

    task = dataclasses.replace(score.find_task("t"), metric=dataclasses.replace(ACCURACY, tally_in=tally_in))
    monkeypatch.setattr(score, "find_task", lambda _: task)
    for language in ("de", "fr"):
        add_gold(job, f"gold:{language}", [ClassifyExample("0", ("a", "b"), "yes")])
        write_predictions(job.inputs.predictions / f"{language}.jsonl", [Prediction("0", "no")])
    assert {code: found["headline"] for code, found in scores_of(job)["languages"].items()} == {"de": 0, "fr": 1}


# -- translations -----------------------------------------------------------------------------------------------------

# English 0 is nearest to foreign 1, English 1 to foreign 1, English 2 to foreign 2; the other way round, 0 finds 0.
ENGLISH = np.array([[0.8, 0.6, 0.0], [0.5, 0.87, 0.0], [0.0, 0.0, 1.0]])
FOREIGN = np.array([[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 2.0]])


def add_translations(job: ScoreJob) -> None:
    add_gold(job, "gold:de", [BitextRetrievalExample(f"x-{i}", "t", "e", f"x-{i}") for i in range(3)])
    ids: list[str | None] = [f"x-{i}" for i in range(3)]
    add_vectors(job, "de", "text", ids, FOREIGN, np.eye(3))
    add_vectors(job, "de", "english", ids, ENGLISH, np.eye(3)[::-1])


@as_format("embed")
def test_english_sentences_search_the_foreign_ones(job: ScoreJob) -> None:
    add_translations(job)
    scores = scores_of(job)
    found = [(p.id, p.answer) for p in read_predictions(job.out / "de.jsonl")]
    assert found == [("x-0", "x-1"), ("x-1", "x-1"), ("x-2", "x-2")]
    assert scores["languages"]["de"] == {"values": {"accuracy": 2 / 3}, "headline": 2 / 3, "n": 3, "baseline": 1 / 3}
    assert np.load(job.out / "tallies.npz")["de.counts"][:, 0].tolist() == [0, 1, 1]


@as_format("embed")
def test_every_layer_pooling_and_centring_that_was_kept_is_scored(job: ScoreJob) -> None:
    add_translations(job)
    scores = scores_of(job)
    assert scores["layer"] == 2 and scores["retrieval"] == {"layer": 2, "pooling": "mean", "centred": False}
    accuracy = {(r["layer"], r["pooling"], r["centred"]): r["accuracy"] for r in scores["layers"]}
    assert {r["language"] for r in scores["layers"]} == {"de"} and len(accuracy) == len(scores["layers"]) == 8
    assert accuracy.pop((2, "mean", False)) == 2 / 3
    # Centred, foreign 1 lies between the others' directions and English 0 finds foreign 0.
    assert accuracy.pop((2, "mean", True)) == 1
    assert set(accuracy.values()) == {1 / 3}


@as_format("embed")
def test_the_studys_setting_decides_what_counts(job: ScoreJob) -> None:
    add_translations(job)
    set_retrieval(job, centred=True)
    assert scores_of(job)["languages"]["de"]["headline"] == 1


@as_format("embed")
def test_the_layer_of_a_rule_is_that_of_the_encoders_depth(job: ScoreJob) -> None:
    add_translations(job)
    set_retrieval(job, layer="jiant")  # 14/24 of 3 blocks
    assert scores_of(job)["layer"] == 2


@as_format("embed")
def test_vectors_that_were_not_kept_cannot_be_scored(job: ScoreJob) -> None:
    add_translations(job)
    set_retrieval(job, layer=1)
    with pytest.raises(InputError, match="no vectors of layer 1 with pooling 'mean' were kept, only layers 0, 2"):
        score.run(job)


# -- mined pairs ------------------------------------------------------------------------------------------------------


def add_mined(job: ScoreJob, name: str, pairs: list[tuple[str, str, float]]) -> None:
    text = "".join(json.dumps(pair) + "\n" for pair in pairs)
    (job.inputs.predictions / f"{name}.jsonl").write_text(text, encoding="utf-8")


def pool(gold: dict[str, tuple[str, ...]]) -> list[Example]:
    candidates = [PoolExample(f"en-{i}", "text", "", "candidate", None) for i in range(6)]
    return [*(PoolExample(id, "text", "", "query", answer) for id, answer in gold.items()), *candidates]


@as_format("mine")
def test_the_threshold_is_tuned_on_dev_and_applied_to_test(job: ScoreJob) -> None:
    # Dev: cut behind 1.2 for P = R = 2/2; the next score is 1.0, so the threshold is 1.1.
    add_mined(job, "dev-de", [("a", "en-0", 1.4), ("b", "en-1", 1.2), ("c", "en-2", 1.0)])
    add_gold(job, "dev:de", pool({"a": ("en-0",), "b": ("en-1",), "c": ()}))
    add_mined(job, "de", [("p", "en-3", 1.3), ("q", "en-1", 1.15), ("r", "en-2", 1.05)])
    add_gold(job, "gold:de", pool({"p": ("en-3",), "q": ("en-0",), "r": ("en-2",), "s": ()}))
    setting = {"layer": 4, "pooling": "mean", "centred": False}
    (job.inputs.predictions / "mine.json").write_text(json.dumps(setting))
    scores = scores_of(job)
    found = {p.id: p.answer for p in read_predictions(job.out / "de.jsonl")}
    assert found == {"p": ("en-3",), "q": ("en-1",), "r": (), "s": ()}
    assert scores["languages"]["de"] == {
        "values": {"f1": pytest.approx(2 / 5), "precision": 1 / 2, "recall": pytest.approx(1 / 3)},
        "headline": pytest.approx(2 / 5),
        "n": 4,
        "baseline": None,
        "threshold": pytest.approx(1.1),
        "dev_f1": 1.0,
    }
    assert scores["layer"] == 4 and scores["retrieval"] == setting and scores["layers"] == []
    assert np.load(job.out / "tallies.npz")["de.counts"].tolist() == [[1, 1, 1], [0, 1, 1], [0, 0, 1], [0, 0, 0]]


@as_format("mine")
def test_gold_pairs_that_were_not_mined_count_in_dev(job: ScoreJob) -> None:
    add_mined(job, "dev-de", [("a", "en-0", 1.4), ("b", "en-1", 1.2)])
    add_gold(job, "dev:de", pool({"a": ("en-0",), "b": ("en-2",), "c": ("en-3",)}))
    add_mined(job, "de", [])
    add_gold(job, "gold:de", pool({"p": ("en-3",)}))
    (job.inputs.predictions / "mine.json").write_text(json.dumps({"layer": 4, "pooling": "mean", "centred": False}))
    found = scores_of(job)["languages"]["de"]
    assert found["dev_f1"] == pytest.approx(2 / 4) and found["threshold"] == pytest.approx(1.3)
    assert found["headline"] == 0


# -- rankings ---------------------------------------------------------------------------------------------------------


@as_format("rank")
def test_queries_search_the_candidates_of_all_languages(job: ScoreJob) -> None:
    rng = np.random.default_rng(0)
    rows, everywhere = {}, []
    for language in ("de", "en"):
        queries = [PoolExample(f"q{i}", "text", "", "query", (f"{language}_{i}",)) for i in range(3)]
        ids: list[str | None] = [f"{language}_{i}" for i in range(15)]
        pools = [PoolExample(str(id), "text", "", "candidate", None) for id in ids]
        add_gold(job, f"gold:{language}", [*queries, *pools])
        rows[language], candidates = rng.standard_normal((3, 4)), rng.standard_normal((15, 4))
        add_vectors(job, language, "query", [q.id for q in queries], rows[language], 0 * rows[language])
        add_vectors(job, language, "candidate", ids, candidates, 0 * candidates)
        everywhere += list(zip(ids, candidates, strict=True))
    scores = scores_of(job)
    for language in ("de", "en"):
        values = []
        for query, prediction in zip(rows[language], read_predictions(job.out / f"{language}.jsonl"), strict=True):
            cosine = {id: query @ row / np.linalg.norm(row) for id, row in everywhere}
            wanted = sorted(cosine, key=lambda id: -cosine[id])[:20]
            assert list(prediction.answer) == wanted  # type: ignore[arg-type]
            gold = {f"{x}_{prediction.id[1:]}" for x in ("de", "en")}
            ranks = [rank for rank, id in enumerate(wanted, start=1) if id in gold]
            values.append(sum(hits / rank for hits, rank in enumerate(ranks, start=1)) / 2)
        assert scores["languages"][language]["headline"] == pytest.approx(np.mean(values))
        assert scores["languages"][language]["n"] == 3


@given(
    st.integers(0, 2**32 - 1), st.lists(st.integers(0, 200), min_size=1, max_size=4), st.integers(1, 30), st.sampled_from([3, 64])
)
@example(3244, [97, 200, 200], 5, 64)  # two candidates whose cosines differ by less than fp32 can tell
def test_nearest_is_a_stable_sort_by_cosine(seed: int, sizes: list[int], k: int, size: int) -> None:
    """Of axes (size 3), whose cosines are exact and full of ties, and of noise, where fp32 may swap what differs by rounding."""
    rng = np.random.default_rng(seed)
    pools = [rng.standard_normal((n, size)).astype(np.float32) for n in sizes]
    queries = rng.standard_normal((9, size)).astype(np.float32)
    if size == 3:
        queries, *pools = (4 * np.eye(3, dtype=np.float32)[rows[:, 0].astype(int) % 3] for rows in (queries, *pools))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrieve, "QUERIES", 4)
        patch.setattr(retrieve, "ROWS", 100)
        found = nearest(queries, pools, k)
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (queries.astype(float), np.concatenate(pools))]
    cosines = unit[0] @ unit[1].T
    wanted = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
    if size == 3:
        assert found.tolist() == wanted.tolist()
        return
    assert found.shape == wanted.shape
    assert all(len(set(row)) == len(row) for row in found.tolist())
    taken, best = (np.take_along_axis(cosines, rows, axis=1) for rows in (found, wanted))
    np.testing.assert_allclose(taken, best, rtol=0, atol=1e-6)


# -- under an attack ---------------------------------------------------------------------------------------------------


def add_attack(job: ScoreJob, language: str, variants: dict[str, str], answers: dict[str, str]) -> None:
    """`variants`: id -> gold of each variant "<clean id>#<number>"; `answers`: id -> what was predicted."""
    folder = job.out.parent / f"variants-{language}"
    folder.mkdir()
    write_jsonl(folder / "examples.jsonl", [ClassifyExample(id, ("c", "d"), gold) for id, gold in variants.items()])
    records = [{"id": id, "clean": id.rpartition("#")[0], "edits": []} for id in variants]
    (folder / "variants.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    attacked = job.out.parent / "attacked"
    attacked.mkdir(exist_ok=True)
    write_predictions(attacked / f"{language}.jsonl", [Prediction(id, answer) for id, answer in answers.items()])
    job.inputs = dataclasses.replace(job.inputs, attacked=attacked, variants={**job.inputs.variants, language: folder})


def add_clean(job: ScoreJob, answers: str) -> None:
    """Examples 0, 1, ... with the gold answer yes, and what was predicted."""
    add_gold(job, "gold:de", [ClassifyExample(str(i), ("a", "b"), "yes") for i in range(len(answers))])
    predicted = [Prediction(str(i), {"y": "yes", "n": "no"}[answer]) for i, answer in enumerate(answers)]
    write_predictions(job.inputs.predictions / "de.jsonl", predicted)


@as_format("classify")
def test_under_an_attack_the_worst_variant_counts(job: ScoreJob) -> None:
    add_clean(job, "yyyn")
    variants = dict.fromkeys(("0#0", "0#1", "1#0", "3#2"), "yes")
    add_attack(job, "de", variants, {"0#0": "yes", "0#1": "no", "1#0": "yes", "3#2": "yes"})
    assert job.inputs.attacked is not None
    (job.inputs.attacked / "seen.json").write_text('{"de": 0.25}')
    found = scores_of(job)["languages"]["de"]
    assert found["headline"] == 0.5 and found["n"] == 4
    attack = {"variants": 4, "effective": 0.75, "seen": 0.25, "success": 1 / 3, "consistent": 0.5, "passed": 0.75}
    attack |= {"queries": 1.0, "queries_p90": 1.8}
    assert {name: value for name, value in found["attack"].items() if value is not None} == pytest.approx(attack)
    tallies = np.load(job.out / "tallies.npz")
    assert tallies["de.ids"].tolist() == ["0", "1", "2", "3"]
    assert tallies["de.counts"][:, 0].tolist() == [0, 1, 1, 0] and tallies["de.chosen"].tolist() == ["0#1", "", "", ""]


@as_format("classify")
def test_a_variant_may_have_another_right_answer(job: ScoreJob) -> None:
    """A directional attack: the label becomes no, and who still says yes is wrong."""
    add_clean(job, "yy")
    add_attack(job, "de", {"0#0": "no", "1#0": "no"}, {"0#0": "no", "1#0": "yes"})
    found = scores_of(job)["languages"]["de"]
    assert found["headline"] == found["attack"]["passed"] == 0.5 and found["attack"]["consistent"] == 0.5


@as_format("classify")
def test_where_nothing_could_be_edited_the_clean_score_stands(job: ScoreJob) -> None:
    add_clean(job, "yn")
    add_attack(job, "de", {}, {})
    found = scores_of(job)["languages"]["de"]
    nothing = {"variants": 0, "effective": 0.0, "success": 0.0}
    assert found["headline"] == 0.5 and {name: value for name, value in found["attack"].items() if value is not None} == nothing


def add_attacked_vectors(job: ScoreJob, side: str, variants: Sequence[Example], rows: np.ndarray) -> None:
    """Of the variants "<clean id>#<number>" of the language de."""
    folder, attacked = job.out.parent / "variants", job.out.parent / "attacked"
    folder.mkdir()
    attacked.mkdir()
    write_jsonl(folder / "examples.jsonl", variants)
    records = [{"id": one.id, "clean": one.id.rpartition("#")[0], "edits": []} for one in variants]
    (folder / "variants.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    layout = Layout((2,), ("mean",), 3, rows.shape[1])
    layout.write(attacked)
    vectors = create(attacked, "de", side, layout, [one.id for one in variants])
    vectors[:] = rows
    vectors.flush()
    job.inputs = dataclasses.replace(job.inputs, attacked=attacked, variants={"de": folder})


@as_format("embed")
@pytest.mark.parametrize("centred", [False, True])
def test_an_attacked_translation_stands_among_the_clean_ones(job: ScoreJob, centred: bool) -> None:
    """The oracle is the search among all sentences with one of them replaced."""
    rng = np.random.default_rng(0)
    ids = [f"{i}" for i in range(30)]
    english, foreign = rng.normal(size=(30, 4)) + 1, rng.normal(size=(30, 4)) + 1
    foreign[:24] = english[:24] + 0.3 * foreign[:24]
    foreign[7] = foreign[6]  # of equal ones the first is found
    add_gold(job, "gold:de", [BitextRetrievalExample(id, "a", "b", id) for id in ids])
    for side, rows in (("text", foreign), ("english", english)):
        add_vectors(job, "de", side, list(ids), rows, rng.normal(size=rows.shape))
    set_retrieval(job, centred=centred)
    sources = [i for i in range(30) for _ in range(3)]
    moved = (foreign[sources] + rng.normal(size=(90, 4)) * np.tile([0.0, 0.3, 2.0], 30)[:, None]).astype(np.float32)
    variants = [BitextRetrievalExample(f"{i}#{n}", "a", "b", ids[i]) for n, i in enumerate(sources)]
    add_attacked_vectors(job, "text", variants, moved)
    expected = []
    foreign, english = foreign.astype(np.float32), english.astype(np.float32)
    shift, shift_english = (x.mean(0, dtype=np.float64).astype(np.float32) * centred for x in (foreign, english))
    for i, row in zip(sources, moved, strict=True):
        pool = foreign.copy()
        pool[i] = row
        expected.append(ids[int(nearest(english[i : i + 1] - shift_english, [pool - shift], 1)[0, 0])])
    answers = retrieve.answer_attacked_translations(
        job, "de", RetrievalSetting(2, "mean", centred), retrieve.Answers([BitextRetrievalExample(id, "", "", id) for id in ids])
    )
    assert [p.answer for p in answers.predictions] == expected and len(set(expected)) > 10
    found = scores_of(job)
    clean = [p.answer for p in read_predictions(job.out / "de.jsonl")]
    assert expected[::3] == clean, "what is not moved finds what the clean sentence finds"
    right = [all(found == ids[i] for found in (clean[i], *expected[3 * i : 3 * i + 3])) for i in range(30)]
    assert found["languages"]["de"]["headline"] == pytest.approx(np.mean(right)) and 0 < sum(right) < 24
    assert found["languages"]["de"]["attack"]["effective"] == 1.0 and len(found["layers"]) == 1


@as_format("rank")
def test_an_attacked_query_searches_the_clean_pools_of_all_languages(job: ScoreJob) -> None:
    """Chinese is searched, though only German is attacked."""
    east, north, west = np.array([1.0, 0]), np.array([0, 1.0]), np.array([-1.0, 0])
    for language, ids in (("de", ("d0", "d1")), ("zh", ("z0", "z1"))):
        queries = [PoolExample(f"q{i}", "a", "", "query", (id,)) for i, id in enumerate(ids)]
        add_gold(job, f"gold:{language}", [*queries, *(PoolExample(id, "b", "", "candidate", None) for id in ids)])
        add_vectors(job, language, "query", ["q0", "q1"], np.array([east, north]), np.zeros((2, 2)))
        add_vectors(job, language, "candidate", list(ids), np.array([east, north]), np.zeros((2, 2)))
    variants = [PoolExample("q0#0", "c", "", "query", ("d0",)), PoolExample("q1#4", "c", "", "query", ("d1",))]
    add_attacked_vectors(job, "query", variants, np.array([north, north + 0.1 * west]))
    job.config = dataclasses.replace(job.config, languages=("de",))
    found = scores_of(job)["languages"]
    assert list(found) == ["de"]
    assert found["de"]["headline"] == pytest.approx((5 / 12 + 1) / 2), "the gold of q0 stands third and fourth: (1/3 + 2/4) / 2"
    assert np.load(job.out / "tallies.npz")["de.chosen"].tolist() == ["q0#0", ""]
    assert found["de"]["attack"]["variants"] == 2 and found["de"]["attack"]["success"] == 0.5


@as_format("classify")
def test_a_victim_that_answers_fewer_variants_is_an_error(job: ScoreJob) -> None:
    add_clean(job, "yn")
    add_attack(job, "de", {"0#0": "yes", "1#0": "yes"}, {"0#0": "yes"})
    with pytest.raises(InputError, match="de: 1 predictions for 2 examples"):
        score.run(job)


@as_format("classify")
def test_variants_in_two_languages_make_a_matrix(job: ScoreJob) -> None:
    """de and fr have ids 0, 1 and 2; id 2 has no variant, so that no pair counts it."""
    answers = {"de": ("y", "n", "y"), "fr": ("y", "y", "n")}
    drawn = {
        "de": {"0#0": ("de", "fr"), "0#1": ("fr", "de"), "1#0": ("fr", "de")},
        "fr": {"0#0": ("de", "fr"), "1#0": ("de", "fr")},
    }
    said = {"de": ("yes", "no", "no"), "fr": ("yes", "no")}
    for code, letters in answers.items():
        add_gold(job, f"gold:{code}", [ClassifyExample(str(i), ("a", "b"), "yes") for i in range(3)])
        predicted = [Prediction(str(i), {"y": "yes", "n": "no"}[x]) for i, x in enumerate(letters)]
        write_predictions(job.inputs.predictions / f"{code}.jsonl", predicted)
    for code, own in drawn.items():
        add_attack(job, code, dict.fromkeys(own, "yes"), dict(zip(own, said[code], strict=True)))
        records = [{"id": id, "clean": id[0], "edits": [], "languages": pair} for id, pair in own.items()]
        written = "".join(json.dumps(record) + "\n" for record in records)
        (job.inputs.variants[code] / "variants.jsonl").write_text(written)
    found = scores_of(job)
    assert found["pairs"] == [
        {"first": "de", "second": "de", "score": 0.5, "n": 2},
        {"first": "de", "second": "fr", "score": 0.5, "n": 2},  # id 0 was drawn from both languages and counts once
        {"first": "fr", "second": "de", "score": 0.0, "n": 2},
        {"first": "fr", "second": "fr", "score": 1.0, "n": 2},
    ]
    assert found["languages"]["de"]["attack"]["edited_words"] is None


@as_format("classify")
def test_without_languages_of_their_own_there_is_no_matrix(job: ScoreJob) -> None:
    add_clean(job, "yy")
    add_attack(job, "de", {"0#0": "yes"}, {"0#0": "no"})
    edits = [{"part": 0, "start": 0, "end": 1, "replacement": "cd"}]
    (job.inputs.variants["de"] / "variants.jsonl").write_text(json.dumps({"id": "0#0", "clean": "0", "edits": edits}))
    found = scores_of(job)
    assert "pairs" not in found
    assert (found["languages"]["de"]["attack"]["edited_words"], found["languages"]["de"]["attack"]["edited_characters"]) == (
        0.5,
        1,
    )
