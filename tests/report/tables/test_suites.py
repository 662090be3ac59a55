"""Benchmark averages of a study: computed by hand, over the same cells for every chain, never silently partial."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.analysis.fake_results import chain, controls, make_results, target
from xstilts.analysis.results import Results
from xstilts.report.findings import compute_findings
from xstilts.report.tables.suites import suite_tables


def made(**changes: object) -> Results:
    targets = (target("xnli"), target("panx", languages=("en", "de")), target("tatoeba", languages=("de", "sw"), format="embed"))
    skill = {(name, info.name): 0.5 + 0.1 * rank for name in ("none", "squad") for rank, info in enumerate(targets)}
    found = make_results(chains=(chain("none"), chain("squad", "squad_v1")), targets=targets, skill=skill)
    return replace(found, **changes)


def test_the_averages_are_those_of_the_benchmark() -> None:
    found = made()
    table = suite_tables(compute_findings(found))[0]
    assert table.columns == ("average of", "none", "squad", "covers")
    rows = {row[0]: row for _, group in table.groups for row in group}
    for place, name in enumerate(("none", "squad"), start=1):
        per_seed = []
        for seed in (0, 1, 2):
            cells = [c for c in found.cells if c.chain == name and c.seed == seed and not c.control]
            means = {c.target: np.mean([row.headline for row in c.languages.values()]) for c in cells}
            per_seed.append(np.mean(list(means.values())))
        assert float(rows["all tasks"][place]) == pytest.approx(100 * np.mean(per_seed), abs=0.051)
    assert rows["all tasks"][3] == "3 of 9 tasks, 7 of 162 languages"
    assert rows["· panx"][3] == "2 of 40 languages"
    assert rows["qa"][1:] == ("–", "–", "not in this study")


def test_a_language_that_one_chain_lacks_is_left_out_for_all() -> None:
    found = made()
    cells = tuple(
        replace(c, languages={k: v for k, v in c.languages.items() if k != "sw"})
        if (c.chain, c.target) == ("squad", "xnli")
        else c
        for c in found.cells
    )
    whole, lacking = (suite_tables(compute_findings(made(**some)))[0] for some in ({}, {"cells": cells}))
    rows = [{row[0]: row for _, group in table.groups for row in group} for table in (whole, lacking)]
    assert rows[0]["· xnli"][3] == "3 of 15 languages"
    assert rows[1]["· xnli"][3] == "2 of 15 languages"


def test_compute_matched_controls_take_no_retrieval_from_the_others() -> None:
    base = made()
    squad = base.chains[1]
    skill = {(name, info.name): 0.5 for name in ("none", "squad", "squad~compute") for info in base.targets if info.trained}
    skill |= {("none", "tatoeba"): 0.3, ("squad", "tatoeba"): 0.5}
    chains = (*base.chains, controls(squad)[1])
    table = suite_tables(compute_findings(make_results(chains=chains, targets=base.targets, skill=skill)))[0]
    rows = {row[0]: row for _, group in table.groups for row in group}
    assert table.columns == ("average of", "none", "squad", "covers")
    assert "left out" in table.caption
    assert rows["· tatoeba"][3] == "2 of 36 languages"


def test_one_task_of_a_suite_is_no_benchmark() -> None:
    targets = (target("xnli"), target("mine"))
    found = make_results(chains=(chain("none"),), targets=targets, skill={("none", "xnli"): 0.5, ("none", "mine"): 0.5})
    assert suite_tables(compute_findings(found)) == ()
