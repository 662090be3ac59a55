"""Gains: pairing, languages, retrieval without training."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.analysis.fake_results import chain, make_results, target
from xstilts.analysis.results import Results
from xstilts.report.findings import compute_findings
from xstilts.report.render.csv import GAIN_COLUMNS, SCORE_COLUMNS, gain_rows, score_rows, to_csv


def results(**changes: Any) -> Results:
    made = make_results(
        chains=[chain("none"), chain("squad", "squad_v1")],
        targets=[target("tydiqa"), target("tatoeba", format="embed", languages=("de", "sw"), chance=1 / 300)],
        skill={
            ("none", "tydiqa"): 0.5,
            ("squad", "tydiqa"): 0.6,
            ("none", "tatoeba"): 0.4,
            ("squad", "tatoeba"): 0.5,
        },
        layers=4,
    )
    return replace(made, **changes)


def test_the_gain_is_the_mean_over_other_languages_then_seeds() -> None:
    made = results()
    gain = next(g for g in compute_findings(made, 300).gains if g.target == "tydiqa")
    score = {(c.chain, c.seed, code): s.headline for c in made.cells for code, s in c.languages.items() if c.target == "tydiqa"}
    by_seed = [np.mean([score["squad", s, c] - score["none", s, c] for c in ("de", "sw")]) for s in (0, 1, 2)]
    assert gain.interval is not None
    assert gain.interval.estimate == pytest.approx(np.mean(by_seed))
    assert [seed.transfer for seed in gain.seeds] == pytest.approx(by_seed)
    english = np.mean([score["squad", s, "en"] - score["none", s, "en"] for s in (0, 1, 2)])
    assert gain.english is not None
    assert gain.english.estimate == pytest.approx(english)
    assert [row.language for row in gain.languages] == ["en", "de", "sw"]


def test_analysis_is_repeatable() -> None:
    assert compute_findings(results(), 300).gains == compute_findings(results(), 300).gains


def test_retrieval_controls_are_scored_but_are_no_baseline() -> None:
    analysis = compute_findings(results(), 300)
    control = [row for row in analysis.summaries if row.control]
    assert [(row.chain, row.control, row.target) for row in control] == [("none", "random-init", "tatoeba")]
    assert all(gain.against == "none" for gain in analysis.gains)
    gain = next(g for g in analysis.gains if g.target == "tatoeba")
    assert gain.interval is not None
    assert gain.interval.estimate == pytest.approx(0.1, abs=0.02)


def test_retrieval_with_one_baseline_for_all_seeds() -> None:
    made = results()
    cells = tuple(c for c in made.cells if not (c.target == "tatoeba" and c.chain == "none" and c.seed > 0))
    gain = next(g for g in compute_findings(replace(made, cells=cells), 300).gains if g.target == "tatoeba")
    assert [seed.seed for seed in gain.seeds] == [0, 1, 2]


def test_the_same_artefact_on_both_sides_is_no_null_result() -> None:
    made = results()
    none = {(c.target, c.seed): c for c in made.cells if c.chain == "none" and not c.control}
    cells = tuple(
        replace(c, languages=none[c.target, c.seed].languages, key=none[c.target, c.seed].key)
        if c.chain == "squad" and c.target == "tatoeba"
        else c
        for c in made.cells
    )
    gain = next(g for g in compute_findings(replace(made, cells=cells), 300).gains if g.target == "tatoeba")
    assert gain.verdict == "same"
    assert gain.p_holm is None


def test_a_language_lost_in_one_cell_is_left_out_of_both_sides() -> None:
    made = results()
    first = next(c for c in made.cells if c.chain == "squad" and c.target == "tydiqa")
    fewer = replace(first, languages={code: row for code, row in first.languages.items() if code != "sw"})
    cells = tuple(fewer if c is first else c for c in made.cells)
    gain = next(g for g in compute_findings(replace(made, cells=cells), 300).gains if g.target == "tydiqa")
    assert [row.language for row in gain.languages] == ["en", "de"]


def test_tidy_tables() -> None:
    made = results()
    rows = score_rows(made)
    assert {name for row in rows for name in row} == set(SCORE_COLUMNS)
    assert not any(row["control"] and row["chain"] == "none" for row in rows), "random weights are no chain"
    found = gain_rows(compute_findings(made, 300))
    assert {name for row in found for name in row} <= set(GAIN_COLUMNS)
    assert to_csv(rows, SCORE_COLUMNS).count("\n") == len(rows) + 1
