"""The tables of notebooks, and the line that everybody writes first."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.analysis.fake_results import chain, controls, make_results, target
from xstilts.analysis.gains import compute_transfer_gains
from xstilts.analysis.results import Results
from xstilts.analysis.scores import summarise
from xstilts.analysis.tidy import GAIN_COLUMNS, SCORE_COLUMNS, tidy_gains, tidy_scores

NONE, SQUAD, OWN_PLACEBO = chain("none"), chain("squad", "squad_v1"), chain("shuffled", "squad_v1", placebo=True)
LEVELS = {"none": 0.9, "squad": 0.7, "shuffled": 0.5, "squad~placebo": 0.4, "squad~compute": 0.3}


def results() -> Results:
    """Retrieval with random weights at 5 %, and QA, whose metric has two values beside the headline."""
    targets = [target("tatoeba", languages=("de", "sw"), format="embed"), target("tydiqa", languages=("de", "sw"), format="span")]
    chains = [NONE, SQUAD, OWN_PLACEBO, *controls(SQUAD)]
    skill = {(name, info.name): level for name, level in LEVELS.items() for info in targets}
    return make_results(chains=chains, targets=targets, skill=skill, layers=3)


def test_the_mean_by_chain_is_that_of_the_chain() -> None:
    """It was not: rows of random weights said `none`, and a metric's other values were rows too."""
    made = results()
    frame = pd.DataFrame(tidy_scores(made))
    true = {(row.chain, row.target): row.transfer for row in summarise(made) if not row.control}
    for (name, task), found in frame.groupby(["chain", "target"]).score.mean().items():
        assert found == pytest.approx(true[name, task])
    assert frame.groupby("chain").score.mean().to_dict() == pytest.approx({"none": 0.9, "squad": 0.7}, abs=0.01)
    assert not frame.duplicated(["encoder", "chain", "target", "language", "seed"]).any()


def test_more_metrics_are_columns_and_controls_are_chains_of_their_own() -> None:
    made = results()
    few, many = pd.DataFrame(tidy_scores(made)), pd.DataFrame(tidy_scores(made, controls=True, every_metric=True))
    assert set(few.columns) == set(SCORE_COLUMNS)
    assert set(many.columns) == {*SCORE_COLUMNS, "f1", "em", "accuracy"}
    assert not many.duplicated(["encoder", "chain", "target", "language", "seed"]).any()
    sorts = many.groupby("chain").control.unique().apply(list).to_dict()
    own = {"squad~placebo": ["placebo"], "squad~compute": ["compute"], "shuffled": ["placebo"]}
    assert sorts == {"none": [""], "squad": [""], "random-init": ["random-init"], **own}
    real = many[many.control == ""]
    assert real.groupby("chain").score.mean().to_dict() == few.groupby("chain").score.mean().to_dict()


def test_gains_are_those_of_the_report() -> None:
    made = results()
    found = compute_transfer_gains(made, summarise(made), 200)
    over_none = [gain for gain in found if gain.over == "none" and not gain.control]
    rows = tidy_gains(made, over_none)
    assert all(set(row) == set(GAIN_COLUMNS) for row in rows)
    assert [(row["chain"], row["target"], row["gain"]) for row in rows] == [
        (gain.chain, gain.target, gain.interval.estimate) for gain in over_none if gain.interval
    ]
    assert {row["verdict"] for row in rows} == {"loss"}
    assert all(row["low"] < row["gain"] < row["high"] < 0 for row in rows)
    by_language = tidy_gains(made, over_none, languages=True)
    assert {(row["target"], row["language"]) for row in by_language} == {
        (t, c) for t in ("tatoeba", "tydiqa") for c in ("de", "sw")
    }
    assert not any("verdict" in row or "p_holm" in row for row in by_language), "they belong to the pair"
