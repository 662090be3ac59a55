"""Suites: the published lists of languages, and averages that never pass for complete when they are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.errors import InputError
from xstilts.tasks.registry import find_task
from xstilts.tasks.suites import SUITES, XTREME, XTREME_R, Suite, SuiteAverage, average_suite, find_suite

# Table 1 of XTREME (Tatoeba: 36 in its code) and evaluate.py; LAReQA has the languages of XQuAD-R.
SIZES = {
    "xtreme": {
        **{"xnli": 15, "pawsx": 7, "udpos": 33, "panx": 40, "xquad": 11, "mlqa": 7, "tydiqa": 9},
        **{"bucc2018": 4, "tatoeba": 36},
    },
    "xtreme-r": {
        **{"xnli": 15, "xcopa": 11, "udpos": 38, "panx": 48, "xquad": 12, "mlqa": 7, "tydiqa": 9},
        **{"tatoeba": 41, "lareqa": 11, "mewslix": 11},
    },
    "stilts-9": dict.fromkeys(
        ("anli_plus", "mnli", "qqp", "squad_v1", "squad_v2", "hellaswag", "ccg", "cosmosqa", "commonsenseqa"), 1
    ),
}


def codes(text: str) -> set[str]:
    return set(text.split())


FORTY = codes(
    "af ar bg bn de el en es et eu fa fi fr he hi hu id it ja jv ka kk ko ml mr ms my nl pt ru sw ta te th tl tr ur"
) | {*("vi", "yo", "zh")}
PUBLISHED_SUITES = (XTREME, XTREME_R)


def filled(suite: Suite, values: dict[str, tuple[float, ...]]) -> dict[str, dict[str, dict[str, float]]]:
    """The same values in every language: of question answering F1 and EM, else the headline value and, below it, noise."""
    scores: dict[str, dict[str, dict[str, float]]] = {}
    for task, languages in suite.tasks.items():
        metric = find_task(task).metric
        assert metric is not None
        given = [*values[task], *[-1e6] * len(metric.values)]
        scores[task] = {code: dict(zip(metric.values, given, strict=False)) for code in languages}
    return scores


@pytest.mark.parametrize("name", SIZES)
def test_tasks_and_number_of_languages(name: str) -> None:
    assert {task: len(set(languages)) for task, languages in find_suite(name).tasks.items()} == SIZES[name]


def test_languages_of_the_benchmarks() -> None:
    assert {code for languages in XTREME.tasks.values() for code in languages} == FORTY
    assert {code for languages in XTREME_R.tasks.values() for code in languages} == FORTY | codes("az gu ht lt pa pl qu ro uk wo")
    assert FORTY - set(XTREME.tasks["tatoeba"]) == {"en", "ms", "my", "yo"}
    for task in ("xnli", "mlqa", "tydiqa"):
        assert XTREME.tasks[task] == XTREME_R.tasks[task]
    for task, added in {"panx": 8, "udpos": 5, "tatoeba": 5, "xquad": 1}.items():
        assert XTREME_R.tasks[task][:-added] == XTREME.tasks[task]


@pytest.mark.parametrize("suite", SUITES.values(), ids=lambda suite: suite.name)
def test_the_catalogue_has_every_language_of_a_suite(suite: Suite) -> None:
    for name, languages in suite.tasks.items():
        assert set(languages) <= set(find_task(name).languages), name


@pytest.mark.parametrize("suite", PUBLISHED_SUITES, ids=lambda suite: suite.name)
def test_groups_share_the_tasks_out(suite: Suite) -> None:
    members = [task for group in suite.groups.values() for task in group]
    assert sorted(members) == sorted(suite.tasks)


def test_an_unknown_suite_or_task_is_named() -> None:
    with pytest.raises(InputError, match=r"no suite 'xtrem' \(did you mean 'xtreme'\?\)"):
        find_suite("xtrem")
    with pytest.raises(InputError, match=r"xcopa is not a task of xtreme"):
        average_suite(XTREME, {"xcopa": {}})


# Task scores and averages as printed: RemBERT (2010.12821) tables 7 and 16, XTREME table 2.
XLMR = {
    **{"xnli": (79.2,), "pawsx": (86.4,), "udpos": (73.8,), "panx": (65.4,), "bucc2018": (66.0,), "tatoeba": (57.3,)},
    **{"xquad": (76.6, 60.8), "mlqa": (71.6, 53.2), "tydiqa": (65.1, 45.0)},
}
XSTILTS = {
    **{"xnli": (80.0,), "pawsx": (87.9,), "udpos": (74.9,), "panx": (64.0,)},
    **{"xquad": (78.7, 63.3), "mlqa": (72.4, 53.7), "tydiqa": (76.0, 59.5)},
}


def test_published_averages_come_out() -> None:
    found = average_suite(XTREME, filled(XTREME, XLMR))
    assert found.overall.value == pytest.approx(68.1, abs=0.2)
    assert not found.overall.partial and found.overall.tasks == (9, 9) and found.overall.languages == (162, 162)
    assert found.groups["classification"].value == pytest.approx(82.8, abs=0.05)
    assert found.tasks["xquad"].value == pytest.approx((76.6 + 60.8) / 2)
    assert found.tasks["xquad"].values == pytest.approx({"f1": 76.6, "em": 60.8})


def test_published_groups_of_a_submission_without_retrieval_come_out_and_the_whole_is_partial() -> None:
    scores = filled(XTREME, {**XSTILTS, "bucc2018": (0.0,), "tatoeba": (0.0,)})
    del scores["bucc2018"], scores["tatoeba"]
    found = average_suite(XTREME, scores)
    expected = {"classification": 83.9, "tagging": 69.4, "qa": 67.2}
    assert {name: found.groups[name].value for name in expected} == pytest.approx(expected, abs=0.1)
    assert found.overall.partial and found.overall.missing == ("bucc2018", "tatoeba")
    assert found.overall.tasks == (7, 9) and found.overall.languages == (122, 162)
    assert found.groups["retrieval"] == SuiteAverage(None, (0, 2), (0, 40), ("bucc2018", "tatoeba"))


def test_english_counts_like_any_other_language() -> None:
    scores = {"pawsx": {code: {"accuracy": 0.0} for code in XTREME.tasks["pawsx"]}}
    scores["pawsx"]["en"] = {"accuracy": 70.0}
    assert average_suite(XTREME, scores).tasks["pawsx"].value == pytest.approx(10.0)


def test_a_task_with_languages_missing_is_partial_and_enters_with_those_it_has() -> None:
    scores = filled(XTREME, XLMR)
    kept = {"de": {"accuracy": 10.0}, "en": {"accuracy": 20.0}, "ar": {"accuracy": 99.0}}  # PAWS-X has no Arabic
    found = average_suite(XTREME, {**scores, "pawsx": kept})
    assert found.tasks["pawsx"].value == pytest.approx(15.0) and found.tasks["pawsx"].languages == (2, 7)
    assert found.tasks["pawsx"].missing == tuple(f"pawsx/{code}" for code in ("es", "fr", "ja", "ko", "zh"))
    assert found.overall.missing == found.groups["classification"].missing == found.tasks["pawsx"].missing
    assert found.groups["classification"].value == pytest.approx((79.2 + 15.0) / 2)
    assert not found.groups["qa"].partial


def test_nothing_scored_has_no_value() -> None:
    for name, suite in SUITES.items():
        found = average_suite(suite, {})
        assert found.overall.value is None and found.overall.missing == tuple(suite.tasks), name


@given(st.sampled_from(PUBLISHED_SUITES), st.data())
def test_averages_are_plain_means_of_what_is_there(suite: Suite, data: st.DataObject) -> None:
    cells = [(task, code) for task, languages in suite.tasks.items() for code in languages]
    chosen = data.draw(st.sets(st.sampled_from(cells), max_size=12)) or set(cells)
    scores: dict[str, dict[str, dict[str, float]]] = {}
    headlines: dict[str, list[float]] = {}
    for task, code in sorted(chosen):
        metric = find_task(task).metric
        assert metric is not None
        values = {name: data.draw(st.floats(0, 100), label=name) for name in metric.values}
        scores.setdefault(task, {})[code] = values
        exact = ("f1", "em") if {"f1", "em"} <= set(values) else metric.values[:1]
        headlines.setdefault(task, []).append(sum(values[name] for name in exact) / len(exact))
    means = {task: sum(found) / len(found) for task, found in headlines.items()}
    found = average_suite(suite, scores)
    assert {task: a.value for task, a in found.tasks.items() if a.value is not None} == pytest.approx(means)
    assert found.overall.value == pytest.approx(sum(means.values()) / len(means))
    assert found.overall.partial == (len(chosen) < len(cells))
    assert found.overall.languages == (len(chosen), len(cells)) and found.overall.tasks == (len(means), len(suite.tasks))
    for group, members in suite.groups.items():
        there = [means[task] for task in members if task in means]
        assert found.groups[group].value == (pytest.approx(sum(there) / len(there)) if there else None)
