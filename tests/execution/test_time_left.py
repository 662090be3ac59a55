"""The time left: by work, at the rate of what was timed, with an error that holds."""

from __future__ import annotations

from typing import Any

import pytest
from tests.conftest import tiny_study

from xstilts.cli.views.progress import describe_time_left
from xstilts.execution.time_left import TimeLeft, Work, expect_seconds, fit_costs, measure_work, relative_error, with_error
from xstilts.plan.compile import Plan, compile_study
from xstilts.stages.stage import Stage


@pytest.fixture(scope="module")
def plan() -> Plan:
    return compile_study(tiny_study(seeds=[0, 1]))


def texts_of(plan: Plan, size: int = 100) -> dict[str, tuple[int, int]]:
    return {stage.key: (10, 10 * size) for stage in plan.stages if stage.kind == "fetch"}


def of_kind(plan: Plan, kind: str) -> list[Stage]:
    return [stage for stage in plan.stages if stage.kind == kind]


def test_work_is_known_once_the_data_are_read(plan: Plan) -> None:
    assert measure_work(plan, {}) == {}
    work = measure_work(plan, texts_of(plan))
    assert {stage.key for stage in plan.stages if stage.kind in ("train", "predict", "embed")} == set(work)
    predicted = of_kind(plan, "predict")[0].key
    assert measure_work(plan, texts_of(plan, 200))[predicted].amount == pytest.approx(2 * work[predicted].amount)


def test_more_steps_are_more_work(plan: Plan) -> None:
    recipes: Any = {**tiny_study().model_dump()["recipes"]}
    recipes["default"] = {**recipes["default"], "steps": 10}
    ten, twenty = (
        measure_work(found, texts_of(found))
        for found in (
            compile_study(tiny_study(recipes={**recipes, "default": {**recipes["default"], "steps": steps}}))
            for steps in (10, 20)
        )
    )
    assert max(one.amount for one in twenty.values()) > 1.5 * max(one.amount for one in ten.values())
    assert max(one.steps for one in twenty.values()) > 1.5 * max(one.steps for one in ten.values())


def test_a_compute_matched_training_has_the_steps_of_what_it_matches() -> None:
    plan = compile_study(tiny_study(controls=["compute"]))
    work = measure_work(plan, texts_of(plan))
    trained = {stage.slug: work[stage.key].steps for stage in plan.stages if stage.kind == "train"}
    matched = next(slug for slug in trained if "compute-squad" in slug)
    assert trained[matched] > 1.5 * min(trained.values())


def test_encoders_of_the_world_count_by_their_size() -> None:
    shapes = {"small": {"hidden": 16, "layers": 2, "heads": 2, "feed_forward": 32}}
    shapes |= {"large": {"hidden": 32, "layers": 4, "heads": 2, "feed_forward": 64}}
    plan = compile_study(tiny_study(encoders=["world/small", "world/large"], architectures=shapes))
    work = measure_work(plan, texts_of(plan))
    small, large = (next(work[s.key].amount for s in of_kind(plan, "train") if s.slug.startswith(name)) for name in shapes)
    assert 6 < large / small < 10


def test_what_was_timed_sets_the_rate(plan: Plan) -> None:
    work = measure_work(plan, texts_of(plan))
    trained = of_kind(plan, "train")
    timed = {trained[0].key: 7.0}
    expected = expect_seconds(plan.stages, timed, work)
    assert expected[trained[0].key] == pytest.approx(7.0)
    same = [stage for stage in trained[1:] if stage.label == trained[0].label]
    assert same
    assert all(expected[stage.key] == pytest.approx(7.0) for stage in same), "of the same work"
    predicted = of_kind(plan, "predict")[0]
    slower = expect_seconds(plan.stages, {trained[0].key: 7000.0}, work)
    assert slower[predicted.key] > expected[predicted.key], "a kind that was not timed follows the trainings"


@pytest.mark.parametrize(("a_step", "a_unit"), [(0.02, 0.0), (0.0, 3e-9), (0.02, 3e-9)])
def test_steps_and_work_are_told_apart_by_what_was_timed(a_step: float, a_unit: float) -> None:
    """With a small encoder steps are nearly all there is, with a large one work is."""
    kinds = [(1e10, 100), (4e10, 100), (1e9, 50), (2e10, 800)]
    work = {f"{kind}-{seed}": Work(*kinds[kind]) for kind in range(4) for seed in range(3)}
    timed = {key: a_step * one.steps + a_unit * one.amount for key, one in work.items()}
    for kind in range(4):  # each from the others
        key = f"{kind}-0"
        step, unit = fit_costs({name: seconds for name, seconds in timed.items() if name[0] != key[0]}, work)
        assert step >= 0 <= unit
        assert 0.5 < (step * work[key].steps + unit * work[key].amount) / timed[key] < 2, key
    assert fit_costs({}, work) == (0.0, 0.0)


def test_of_one_training_half_is_for_its_steps() -> None:
    work = {"a": Work(1e10, 100), "b": Work(1e10, 300), "c": Work(3e10, 100)}
    step, unit = fit_costs({"a": 8.0}, work)
    assert step * 100 == pytest.approx(unit * 1e10) == pytest.approx(4.0)


def test_stages_without_work_take_the_mean_of_their_kind(plan: Plan) -> None:
    first, second, *others = of_kind(plan, "score")
    expected = expect_seconds(plan.stages, {first.key: 1.0, second.key: 3.0}, {})
    assert all(expected[stage.key] == pytest.approx(2.0) for stage in others)


def test_the_error_falls_with_what_was_timed_and_with_what_is_open() -> None:
    expected = {str(i): 1.0 for i in range(50)}
    near = {str(i): 1.0 + 0.02 * (-1) ** i for i in range(50)}
    few = {"0": 1.02}
    assert relative_error(near, expected, 50) < relative_error(few, expected, 50)
    assert relative_error(few, expected, 50) < relative_error(few, expected, 1)
    assert relative_error(near, expected, 50) < relative_error(near, expected, 50, 0.5) < relative_error(near, expected, 50, 1.0)
    left = with_error(100.0, 0.5)
    assert left.least * left.most == pytest.approx(100.0**2)
    assert left.least < 60 < left.seconds < 150 < left.most


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (TimeLeft(20, 10, 40), "less than a minute"),
        (TimeLeft(600, 480, 780), "about 10 minutes (8 to 13)"),
        (TimeLeft(9000, 7200, 10800), "about 2.5 h (2 to 3)"),
    ],
)
def test_in_words(left: TimeLeft, words: str) -> None:
    assert describe_time_left(left) == words
