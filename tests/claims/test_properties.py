"""Properties of a study: as the source says, different, or not there; never a verdict."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.analysis.fake_results import stage
from tests.claims.claim_results import CHAINS, TATOEBA, TYDIQA, XNLI, study
from xstilts.analysis.results import Results
from xstilts.claims import describe_properties, judge_claims
from xstilts.recipe.mixture import Mixture


def states(results: Results) -> dict[str, tuple[str, str]]:
    return {one.id: (one.state, one.reason) for one in describe_properties(results)}


def german(results: Results) -> Results:
    """The same study with German data in one of its chains."""
    changed = replace(results.chains[1], phases=(Mixture(mix=("squad_v1",), languages=("de",)),))
    return replace(results, chains=(results.chains[0], changed, *results.chains[2:]))


def test_a_german_intermediate_stage_differs_from_the_source() -> None:
    assert states(study({}))["9-english-intermediate"] == ("as the source says", "")
    assert states(german(study({})))["9-english-intermediate"] == ("differs", "it has de")
    assert states(german(study({}, chains={"none": (), "squad": ("squad_v1",)})))["9-english-intermediate"][1] == (
        "it has de; it lacks en"
    )


def test_what_is_lacking_and_what_is_there_besides_is_named() -> None:
    found = states(study({}, chains={**CHAINS, "snli": ("snli",)}, targets=(XNLI, TYDIQA, TATOEBA)))
    assert found["8-xlmr-large"] == ("as the source says", "")
    state, reason = found["10-v1-seven-tasks"]
    assert (state, reason) == ("differs", "it has snli; it lacks anli_plus, ccg, cosmosqa and commonsenseqa")
    assert found["10-kinds-of-tasks"] == ("differs", "it lacks tag")
    assert found["11-formats"] == ("as the source says", "")
    assert found["12-single-and-multi"] == ("differs", "it lacks multi-task")
    assert found["13-nine-targets"][1] == "it lacks pawsx, udpos, panx, xquad, mlqa and bucc2018"
    assert found["3-retrieval-untrained"] == ("differs", "it lacks bucc2018")
    assert found["14-forty-languages"] == ("differs", "it has 3; it lacks 40")
    assert found["9-three-phases"] == ("as the source says", "")
    assert found["9-english-fine-tuning"] == ("not there", "")


def test_all_nine_tasks_in_one_mixture_are_as_the_source_says() -> None:
    tasks = ("anli_plus", "mnli", "qqp", "squad_v1", "squad_v2", "hellaswag", "ccg", "cosmosqa", "commonsenseqa")
    results = study({}, chains={"none": (), "squad": ("squad_v1",), "multi": ("qqp",)})
    mixed = replace(results.chains[2], phases=(Mixture(mix=tasks),))
    found = states(replace(results, chains=(*results.chains[:2], mixed)))
    assert [found[name][0] for name in ("10-nine-tasks", "10-kinds-of-tasks", "12-single-and-multi")] == [
        "as the source says"
    ] * 3


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_language_of_fine_tuning_is_that_of_the_data_that_were_read(language: str) -> None:
    read = stage("fetch", "data", task="tydiqa", split="train", language=language)
    found = states(replace(study({}), costs=(read,)))["9-english-fine-tuning"]
    assert found == (("as the source says", "") if language == "en" else ("differs", "it has de; it lacks en"))


def test_nothing_is_there_before_a_run_and_no_property_is_a_claim() -> None:
    empty = replace(study({}), cells=(), costs=())
    assert {state for state, _ in states(empty).values()} == {"not there"}
    claims, properties = judge_claims(study({}), resamples=50), describe_properties(study({}))
    assert not {one.id for one in claims} & {one.id for one in properties}
    assert all(one.kind != "property" for one in claims)
