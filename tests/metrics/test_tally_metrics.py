"""Every metric keeps the contract of `Metric`: range, perfection, additivity, order; each agrees with an oracle."""

from __future__ import annotations

import string

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import f1_score, precision_score, recall_score
from sklearn.metrics import accuracy_score

from xstilts.errors import InputError
from xstilts.formats.bitext_retrieval import BitextRetrievalExample
from xstilts.formats.choice import ChoiceExample
from xstilts.formats.classify import ClassifyExample
from xstilts.formats.format import Example
from xstilts.formats.prediction import Prediction
from xstilts.formats.span import SpanAnswer, SpanExample
from xstilts.formats.tag import TagExample
from xstilts.metrics.classify import ACCURACY, XVNLI
from xstilts.metrics.metric import Metric
from xstilts.metrics.retrieval import RETRIEVAL
from xstilts.metrics.squad import SQUAD, normalise
from xstilts.metrics.tag import CHUNK_F1, POS_F1, TAG_ACCURACY, find_chunks

METRICS = (ACCURACY, XVNLI, RETRIEVAL, SQUAD, CHUNK_F1, POS_F1, TAG_ACCURACY)
BIO = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
UPOS = [
    "ADJ",
    "ADP",
    "ADV",
    "AUX",
    "CCONJ",
    "DET",
    "INTJ",
    "NOUN",
    "NUM",
    "PART",
    "PRON",
    "PROPN",
    "PUNCT",
    "SCONJ",
    "SYM",
    "VERB",
    "X",
]

Pair = tuple[Example, Prediction]


def words(gold: list[str], predicted: list[str], id: str = "0") -> Pair:
    return TagExample(id, tuple("w" * len(gold)), tuple(gold)), Prediction(id, tuple(predicted))


def span(golds: list[str], predicted: str, id: str = "0") -> Pair:
    return SpanExample(id, "q", "c", tuple(SpanAnswer(g, 0) for g in golds)), Prediction(id, predicted)


def label(gold: str, predicted: str, id: str = "0") -> Pair:
    return ClassifyExample(id, ("a", "b"), gold), Prediction(id, predicted)


def tallies(metric: Metric, pairs: list[Pair]) -> np.ndarray:
    return np.array([metric.tally(e, p) for e, p in pairs], dtype=np.float64)


def values(metric: Metric, pairs: list[Pair]) -> dict[str, float]:
    return dict(zip(metric.values, metric.finish(tallies(metric, pairs).sum(axis=0)).tolist(), strict=True))


def sentences(tags: list[str]) -> st.SearchStrategy[list[Pair]]:
    one = st.lists(st.tuples(st.sampled_from(tags), st.sampled_from(tags)), min_size=1, max_size=8)
    return st.lists(one, min_size=1, max_size=5).map(
        lambda rows: [words([g for g, _ in row], [p for _, p in row]) for row in rows]
    )


names = st.sampled_from(["a", "b", "c"])
texts = st.lists(st.sampled_from(["the", "a", "cat", "dog.", "Cat", "東京", "“an”"]), max_size=4).map(" ".join)
PAIRS: dict[str, st.SearchStrategy[list[Pair]]] = {
    "accuracy": st.lists(st.builds(label, names, names), min_size=1, max_size=6),
    "xvnli": st.lists(st.builds(label, names, names), min_size=1, max_size=6),
    "retrieval": st.lists(
        st.builds(lambda g, p: (BitextRetrievalExample("0", "x", "y", g), Prediction("0", p)), names, names),
        min_size=1,
        max_size=6,
    ),
    "squad": st.lists(st.builds(span, st.lists(texts, min_size=1, max_size=3), texts), min_size=1, max_size=6),
    "chunk_f1": sentences(list(BIO)),
    "pos_f1": sentences(UPOS),
    "tag_accuracy": sentences(UPOS),
}


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_contract(metric: Metric, data: st.DataObject) -> None:
    pairs = data.draw(PAIRS[metric.name])
    rows = tallies(metric, pairs)
    assert rows.shape == (len(pairs), len(metric.counts))
    shuffled = data.draw(st.permutations(pairs))
    result = metric.finish(rows.sum(axis=0))
    assert result.shape == (len(metric.values),)
    assert ((result >= 0) & (result <= 1)).all()
    np.testing.assert_allclose(metric.finish(tallies(metric, shuffled).sum(axis=0)), result)
    np.testing.assert_allclose(metric.finish(np.stack([rows.sum(axis=0)] * 6).reshape(2, 3, -1))[1, 2], result)
    assert not metric.finish(np.zeros(len(metric.counts))).any()
    assert metric.headline(rows.sum(axis=0)) == pytest.approx(result[list(metric.main)].mean())


def perfect(example: Example) -> Prediction:
    answer = example.answer[0].text if isinstance(example, SpanExample) and example.answer else example.answer
    return Prediction(example.id, answer)  # type: ignore[arg-type]


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_perfect_prediction_scores_one(metric: Metric, data: st.DataObject) -> None:
    examples = [e for e, _ in data.draw(PAIRS[metric.name])]
    if metric is SQUAD:
        examples = [e for e in examples if isinstance(e, SpanExample) and e.answer and normalise(e.answer[0].text)]
    if metric is CHUNK_F1:
        examples = [e for e in examples if isinstance(e, TagExample) and set(e.answer or ()) != {"O"}]
    if examples:
        assert set(values(metric, [(e, perfect(e)) for e in examples]).values()) == {1.0}


@given(st.lists(st.tuples(names, names), min_size=1))
def test_accuracy_is_that_of_sklearn(rows: list[tuple[str, str]]) -> None:
    gold, predicted = zip(*rows, strict=True)
    assert values(ACCURACY, [label(*row) for row in rows])["accuracy"] == pytest.approx(accuracy_score(gold, predicted))


def test_accuracy_of_xvnli_has_two_denominators() -> None:
    """Without a gold label: left out of the headline, wrong in the other value, whatever is predicted."""
    pairs = [label("a", "a"), label("a", "b"), label("b", "b"), label("b", "b")]
    pairs += [(ClassifyExample("0", ("a", "b"), None), Prediction("0", "a"))]
    assert values(XVNLI, pairs) == {"accuracy": 3 / 4, "accuracy_1164": 3 / 5}
    sums = tallies(XVNLI, pairs).sum(axis=0)
    assert XVNLI.headline(sums) == 3 / 4
    assert XVNLI.count_examples(sums) == {"headline": 4, "accuracy": 4, "accuracy_1164": 5}


def test_accuracy_of_choices_compares_indices() -> None:
    example = ChoiceExample("0", "p", ("x", "y"), 1)
    assert ACCURACY.tally(example, Prediction("0", 1)) == (1, 1)
    assert ACCURACY.tally(example, Prediction("0", 0)) == (0, 1)
    with pytest.raises(InputError, match="type int"):
        ACCURACY.tally(example, Prediction("0", "1"))


@settings(deadline=None)
@given(sentences(list(BIO)))
def test_chunk_f1_is_that_of_seqeval_on_bio(pairs: list[Pair]) -> None:
    gold, predicted = [list(e.answer) for e, _ in pairs], [list(p.answer) for _, p in pairs]  # type: ignore[arg-type]
    ours = values(CHUNK_F1, pairs)
    for name, oracle in {"f1": f1_score, "precision": precision_score, "recall": recall_score}.items():
        assert ours[name] == pytest.approx(oracle(gold, predicted, zero_division=0)), name


@settings(deadline=None)
@given(sentences([*BIO, *UPOS, "E-PER", "S-LOC"]))
def test_chunks_by_sentence_are_those_of_the_corpus_joined_with_o(pairs: list[Pair]) -> None:
    joined: list[str] = []
    expected = set()
    for example, _ in pairs:
        tags = example.answer or ()
        expected |= {(kind, a + len(joined), b + len(joined)) for kind, a, b in find_chunks(tags)}  # type: ignore[arg-type]
        joined += [*tags, "O"]  # type: ignore[list-item]
    assert find_chunks(joined) == expected


@pytest.mark.filterwarnings("ignore:.*NE tag")
def test_pos_f1_tells_cconj_from_sconj_as_seqeval_0_0_12_did() -> None:
    gold, predicted = ["CCONJ", "NOUN", "NOUN", "VERB", "SCONJ", "PUNCT"], ["SCONJ", "NOUN", "NOUN", "VERB", "CCONJ", "PUNCT"]
    # Five chunks each (NOUN NOUN is one), three in common. seqeval 1.2.2 cuts the first letter: no error.
    assert POS_F1.tally(*words(gold, predicted)) == (3, 5, 5, 4, 6)
    assert values(POS_F1, [words(gold, predicted)]) == pytest.approx({"f1": 0.6, "token_accuracy": 4 / 6})
    assert f1_score([gold], [predicted]) == 1.0


def test_pos_f1_punishes_one_wrong_token_in_a_run_more_than_accuracy() -> None:
    # Gold: NOUNx3, VERB. Predicted: NOUN, ADJ, NOUN, VERB. One chunk (VERB) in common: 2 * 1 / (2 + 4).
    pair = words(["NOUN", "NOUN", "NOUN", "VERB"], ["NOUN", "ADJ", "NOUN", "VERB"])
    assert values(POS_F1, [pair]) == pytest.approx({"f1": 1 / 3, "token_accuracy": 0.75})
    assert TAG_ACCURACY.tally(*pair) == (3, 4)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("NOUN NOUN", {("NOUN", 0, 1)}),  # neither letter is special: neighbours of one type merge
        ("SCONJ SCONJ", {("SCONJ", 0, 0), ("SCONJ", 1, 1)}),  # S is a chunk of one
        ("SYM SCONJ", {("SYM", 0, 0), ("SCONJ", 1, 1)}),
        ("INTJ INTJ", {("INTJ", 0, 1)}),  # I continues a chunk of its type
        ("VERB INTJ X", {("VERB", 0, 0), ("INTJ", 1, 1), ("X", 2, 2)}),
        ("PROPN PRON", {("PROPN", 0, 0), ("PRON", 1, 1)}),
        ("I-PER I-PER O I-LOC", {("PER", 0, 1), ("LOC", 3, 3)}),  # an I without a B opens a chunk
        ("B-PER I-LOC", {("PER", 0, 0), ("LOC", 1, 1)}),
        ("B-PER B-PER I-PER", {("PER", 0, 0), ("PER", 1, 2)}),
        ("B-X-PER", {("PER", 0, 0)}),  # 0.0.12: what follows the last "-"
        ("", set()),
    ],
)
def test_chunks(tags: str, expected: set[tuple[str, int, int]]) -> None:
    assert find_chunks(tags.split()) == expected


@pytest.mark.parametrize(
    ("golds", "predicted", "f1", "em"),
    [
        (["The Cat!"], "cat", 1, 1),
        (["the big cat"], "a cat", 2 / 3, 0),
        (["x", "the dog sleeps"], "dog", 2 / 3, 0),  # maximum over gold answers
        (["red car", "blue"], "blue", 1, 1),
        (["cat cat"], "cat", 2 / 3, 0),  # bags, not sets
        (["U.S."], "us", 1, 1),
        (["the"], "?", 0, 1),  # both normalise to nothing: EM 1, F1 0, as in the official script
        (["東京 駅"], "東京駅", 0, 0),  # whitespace tokens in every language
        (["東京。"], "東京", 0, 0),  # only ASCII punctuation goes
        (["“The” cat"], "“” cat", 2 / 5, 0),  # \b: the article goes out of the quotes, three tokens stay
        (["theatre"], "atre", 0, 0),
    ],
)
def test_squad(golds: list[str], predicted: str, f1: float, em: float) -> None:
    assert SQUAD.tally(*span(golds, predicted)) == pytest.approx((f1, em, 1))


@given(st.lists(texts, min_size=1, max_size=3), texts, st.sampled_from(string.punctuation))
def test_squad_ignores_case_punctuation_and_more_golds_never_hurt(golds: list[str], text: str, mark: str) -> None:
    f1, em, _ = SQUAD.tally(*span(golds, text))
    assert SQUAD.tally(*span(golds, f" {text.upper()} {mark}")) == (f1, em, 1)
    more = SQUAD.tally(*span([*golds, "cat"], text))
    assert more[0] >= f1 and more[1] >= em
    assert f1 == 1 or not em or not normalise(text)


def test_squad_headline_is_the_mean_of_f1_and_em() -> None:
    assert SQUAD.headline(np.array([3.0, 1.0, 4.0])) == pytest.approx((0.75 + 0.25) / 2)


@pytest.mark.parametrize(
    ("metric", "pair", "message"),
    [
        (ACCURACY, (ClassifyExample("0", ("a",), "x"), Prediction("1", "x")), "pair them by id"),
        (ACCURACY, (ClassifyExample("0", ("a",), None), Prediction("0", "x")), "no public gold"),
        (SQUAD, (SpanExample("0", "q", "c", (SpanAnswer("x", 0),)), Prediction("0", 3)), "type str"),
        (TAG_ACCURACY, words(["X", "X"], ["X"]), "expected 2 tags"),
        (POS_F1, words(["X"], [""]), "empty"),
    ],
)
def test_unfit_pairs_are_refused(metric: Metric, pair: Pair, message: str) -> None:
    with pytest.raises(InputError, match=message):
        metric.tally(*pair)
