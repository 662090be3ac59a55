"""The truth of the demo is that of the demo as it is, and says what the demo promises."""

import pytest

from xstilts.analysis.truth import TrueGain, find_truth, identify
from xstilts.study import Study, built_in_studies

PLANTED, NULL = "world/tydiqa", "world/pos"


def get_gain(target: str, over: str) -> TrueGain:
    truth = find_truth(Study.load("demo"))
    assert truth is not None
    return next(one for one in truth.gains if (one.chain, one.target, one.over) == ("squad", target, over))


def test_every_truth_is_that_of_its_study() -> None:
    files = sorted((built_in_studies()["demo"].parent / "truth").glob("*.yaml"))
    assert files
    for path in files:
        assert find_truth(Study.load(path.stem)) is not None, f"{path.name} is of another design; run bench/truth.py {path.stem}"


def test_other_seeds_have_the_same_truth_and_another_recipe_has_not() -> None:
    assert find_truth(Study.load("demo", "seeds=[0,1]", "margins={world/pos: 1}")) is not None
    assert find_truth(Study.load("demo", "recipes.world/pos.steps=151")) is None
    assert find_truth(Study.load("demo", "pretrain_seed=1")) is None
    assert find_truth(Study.load("demo", "seeds=[0,219]")) is None  # that run made a part of the truth
    assert identify(Study.load("demo", "world.test=200")) != identify(Study.load("demo"))
    assert find_truth(Study.load("diversity-mini")) is None  # nobody ran it with many seeds


def test_the_runs_were_cut_into_demos_with_seeds_that_the_demo_does_not_have() -> None:
    study = Study.load("demo")
    truth = find_truth(study)
    assert truth is not None
    assert truth.repeats >= 15
    assert (truth.size, truth.runs) == (len(study.seeds), truth.repeats * len(study.seeds))
    assert not set(study.seeds) & set(range(truth.seeds[0], truth.seeds[1] + 1))
    assert all(sum(one.verdicts.values()) == truth.repeats for one in truth.gains)


@pytest.mark.parametrize("over", ["none", "placebo"])
def test_the_planted_gain_was_found_in_nine_of_ten_demos_over_none_and_over_the_placebo(over: str) -> None:
    gain = get_gain(PLANTED, over)
    assert gain.points > 10 * gain.error
    assert gain.verdicts["gain"] >= 0.9 * sum(gain.verdicts.values())


def test_the_planted_null_is_within_the_margin_and_was_claimed_in_nine_of_ten_demos() -> None:
    gain = get_gain(NULL, "none")
    assert abs(gain.points) + 3 * gain.error < Study.load("demo").margin_of(NULL)
    assert gain.verdicts["equivalent"] >= 0.9 * sum(gain.verdicts.values())
