"""The trivial baseline: by hand for each format, never below guessing, and what constant predictors score."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.formats.bitext_retrieval import BitextRetrieval, BitextRetrievalExample
from xstilts.formats.choice import Choice, ChoiceExample
from xstilts.formats.classify import Classify, ClassifyExample
from xstilts.formats.ranking import Ranking
from xstilts.formats.span import Span, SpanAnswer, SpanExample
from xstilts.formats.tag import Tag, TagExample
from xstilts.metrics.baseline import measure_baseline
from xstilts.metrics.classify import ACCURACY
from xstilts.metrics.metric import Metric
from xstilts.tasks.registry import CATALOGUE


def metric_of(name: str) -> Metric:
    metric = CATALOGUE[name].metric
    assert metric is not None
    return metric


@given(st.lists(st.sampled_from("ABC"), min_size=1, max_size=40))
def test_classification_has_the_share_of_the_most_frequent_label(labels: list[str]) -> None:
    examples = [ClassifyExample(str(n), ("x",), label) for n, label in enumerate(labels)]
    most = max(labels.count(label) for label in "ABC") / len(labels)
    assert measure_baseline(Classify(("A", "B", "C")), ACCURACY, examples) == pytest.approx(max(most, 1 / 3))


def test_choices_have_the_most_frequent_place() -> None:
    examples = [ChoiceExample(str(n), "p", ("a", "b"), answer) for n, answer in enumerate([1, 1, 1, 0])]
    assert measure_baseline(Choice(2), ACCURACY, examples) == 0.75


def test_tags_have_one_tag_for_all_words() -> None:
    """Of NOUN NOUN VERB and NOUN the chunks are (NOUN NOUN), (VERB), (NOUN); NOUN everywhere finds one of two chunks."""
    examples = [TagExample("1", ("a", "b", "c"), ("NOUN", "NOUN", "VERB")), TagExample("2", ("d",), ("NOUN",))]
    assert measure_baseline(Tag(("NOUN", "VERB")), metric_of("udpos"), examples) == pytest.approx(2 * 1 / (2 + 3))
    entities = [TagExample("1", ("a", "b"), ("O", "O")), TagExample("2", ("c",), ("B-PER",))]
    assert measure_baseline(Tag(("O", "B-PER")), metric_of("panx"), entities) == pytest.approx(2 * 1 / (3 + 1))


def test_spans_have_the_whole_context_or_no_answer() -> None:
    answered = [SpanExample("1", "q?", "one two three four", (SpanAnswer("two", 4),))]
    f1 = 2 * (1 / 4) * 1 / (1 / 4 + 1)
    assert measure_baseline(Span(), metric_of("xquad"), answered) == pytest.approx((f1 + 0) / 2)
    none = [SpanExample(str(n), "q?", "one two", ()) for n in range(3)]
    assert measure_baseline(Span(no_answer=True), metric_of("squad_v2"), [*answered, *none]) >= 0.75


def test_retrieval_has_one_in_the_number_of_candidates_and_ranking_is_not_known() -> None:
    examples = [BitextRetrievalExample(str(n), "a", "b", str(n)) for n in range(50)]
    assert measure_baseline(BitextRetrieval(), ACCURACY, examples) == pytest.approx(1 / 50)
    assert measure_baseline(Ranking(), ACCURACY, []) is None
