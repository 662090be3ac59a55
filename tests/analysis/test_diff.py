from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from tests.analysis.fake_results import chain, make_results, target
from xstilts.analysis.diff import StudyDiff, build_table, compare_studies, to_record
from xstilts.analysis.results import Results

DESIGN = {"name": "a", "question": "?", "encoders": ["one"], "recipes": {"default": {"lr": 1e-5}}}


def results(mid: float, **changes: Any) -> Results:
    skill = {("none", "xnli"): 0.5, ("mid", "xnli"): mid, ("none", "pos"): 0.8, ("mid", "pos"): 0.8}
    fields = {"chains": [chain("none"), chain("mid", "snli")], "targets": [target("xnli"), target("pos")], "seeds": (0, 1, 2)}
    found = make_results(skill=skill, noise=0.001, **{**fields, **changes})
    return replace(found, cells=tuple(replace(cell, key=f"{cell.key}-{mid}-{changes}") for cell in found.cells))


def compared(one: Results, two: Results, **changes: Any) -> StudyDiff:
    return compare_studies(one, two, (DESIGN, {**DESIGN, "name": "b", **changes}))


def test_what_differs_in_result_is_measured_and_tested() -> None:
    found = compared(results(0.5), results(0.7), recipes={"default": {"lr": 2e-5}})
    assert found.design == ("recipes.default.lr 1e-05 -> 2e-05",)
    rows = {(row.chain, row.target): row for row in found.rows}
    assert len(rows) == 4
    clear = rows["mid", "xnli"]
    assert clear.interval is not None
    assert clear.interval.low < 0.2 < clear.interval.high
    assert clear.interval.low > 0.1
    assert clear.p is not None
    assert clear.p < 0.05
    for place in (("none", "xnli"), ("none", "pos"), ("mid", "pos")):  # the same skill on both sides
        assert rows[place].p is not None
        assert rows[place].p > 0.05
    assert (clear.seeds, clear.languages) == (3, 2)
    assert found.alone == ()


def test_the_same_artefacts_are_not_measured() -> None:
    found = compared(results(0.6), results(0.6))
    assert found.design == ()
    assert all(row.same and row.interval is None for row in found.rows)


def test_an_encoder_of_another_name_is_what_is_compared() -> None:
    found = compared(results(0.5), results(0.7, encoders=("large",)))
    assert len(found.rows) == 4
    two = compared(results(0.5, encoders=("small", "large")), results(0.7, encoders=("large",)))
    assert {row.encoder for row in two.rows} == {"large"}
    assert ("first", "small · mid · xnli") in two.alone


def test_what_only_one_side_has_is_named_and_seeds_are_paired() -> None:
    found = compared(results(0.5), results(0.7, seeds=(1, 2, 9), targets=[target("xnli")]))
    assert {row.seeds for row in found.rows} == {2}
    assert set(found.alone) == {("first", "none · pos"), ("first", "mid · pos")}
    nothing = compared(results(0.5), results(0.7, seeds=(7, 8)))
    assert all(row.interval is None and row.seeds == 0 for row in nothing.rows)


def test_it_prints_and_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    found = compared(results(0.5), results(0.7))
    Console(width=120).print(build_table(found))
    assert "+2" in capsys.readouterr().out
    record = json.loads(json.dumps(to_record(found)))
    assert {row["target"] for row in record["results"]} == {"xnli", "pos"}
    assert all(row["low"] <= row["estimate"] <= row["high"] for row in record["results"])


def test_the_checkpoints_themselves_are_tested_seed_by_seed(capsys: pytest.CaptureFixture[str]) -> None:
    clear = next(row for row in compared(results(0.5), results(0.7)).rows if (row.chain, row.target) == ("mid", "xnli"))
    assert list(clear.checkpoints) == [0, 1, 2]
    assert all(one.p < 0.05 and one.gain > 0.1 for one in clear.checkpoints.values())
    one = compared(results(0.5, seeds=(4,)), results(0.7, seeds=(4,)))
    (record,) = (row for row in to_record(one)["results"] if (row["chain"], row["target"]) == ("mid", "xnli"))
    (test,) = record["checkpoints"]
    assert test["seed"] == 4
    assert test["gain"] == pytest.approx(record["estimate"])
    assert test["better"] - test["worse"] == pytest.approx(test["gain"] / 100 * 2 * 300)  # two languages of 300 examples
    assert 0 < test["p"] < 0.05
    Console(width=140).print(build_table(one))
    printed = capsys.readouterr().out
    assert f"({test['better']}\N{NO-BREAK SPACE}:\N{NO-BREAK SPACE}{test['worse']})" in printed
    assert "not corrected: p (answers right on the second side only" in " ".join(printed.split())


def test_examples_that_one_side_lacks_are_left_out_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Half the examples of XNLI are others; those of POS are all others."""
    new = results(0.7)
    cells = []
    for cell in new.cells:
        kept = 150 if cell.target == "xnli" else 0
        languages = {
            code: replace(score, ids_N=np.array([*score.ids_N[:kept], *(f"new-{i}" for i in score.ids_N[kept:])]))
            for code, score in cell.languages.items()
        }
        cells.append(replace(cell, languages=languages))
    found = compared(results(0.5), replace(new, cells=tuple(cells)))
    record = {(row["chain"], row["target"]): row for row in to_record(found)["results"]}
    assert "paired by id on the intersection: 1800 rows" in record["mid", "xnli"]["note"]
    assert "estimate" not in record["mid", "pos"]
    Console(width=200).print(build_table(found))
    printed = capsys.readouterr().out
    assert "xnli mid: paired by id on the intersection" in printed
    assert "not comparable" in printed
