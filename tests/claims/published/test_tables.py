"""Published numbers: complete, consistent with what is printed, and refused when they are not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from xstilts.claims.published import published_cells, published_papers
from xstilts.claims.published import tables as module
from xstilts.claims.published.population import count_languages
from xstilts.claims.published.tables import average_cells, read_paper
from xstilts.errors import InputError
from xstilts.recipe.recipe import PRESETS
from xstilts.study import load_study
from xstilts.tasks.suites import SUITES

(PAPER,) = published_papers()
DEV, TEST = PAPER.tables
FILE = Path(module.__file__).parent / "phang2020-v1.yaml"
MISPRINTED = {"qqp+mlm": 7.1}  # what its cells give


def test_every_row_has_a_cell_for_each_target_of_the_benchmark() -> None:
    assert set(PAPER.targets) == set(SUITES["xtreme"].tasks)
    tasks = ("anli_plus", "qqp", "squad_v1", "hellaswag", "ccg", "cosmosqa", "commonsenseqa", "multi")
    assert [row.id for row in DEV.rows] == ["none", *tasks, *(f"{name}+mlm" for name in tasks)]
    assert [row.id for row in TEST.rows] == ["none", "hu2020", "best"]
    assert len(published_cells()) == (17 + 3) * 9
    assert len({cell.value for cell in published_cells().values()}) > 100


def test_rows_are_the_tasks_that_they_are_called_after() -> None:
    multi = {"anli_plus", "qqp", "hellaswag", "ccg", "cosmosqa", "commonsenseqa"}
    for row in DEV.rows[1:]:
        name = row.id.removesuffix("+mlm")
        assert set(row.tasks or ()) == (multi if name == "multi" else {name})
        assert row.mlm == row.id.endswith("+mlm")
    assert set(PAPER.sizes) == multi | {"squad_v1"}, "multi-task is all but SQuAD"


@pytest.mark.parametrize("row", [*DEV.rows, *TEST.rows], ids=lambda row: row.id)
def test_the_printed_average_follows_from_the_cells(row: Any) -> None:
    # Each cell is rounded to .1; so is the average.
    assert average_cells(row) == pytest.approx(MISPRINTED.get(row.id, row.average), abs=0.1)


def test_a_cell_has_an_id_and_a_value_between_0_and_1() -> None:
    cells = published_cells()
    squad = cells["phang2020-v1/dev/squad_v1/tydiqa"]
    assert (squad.quantity, squad.value) == ("gain", pytest.approx(0.065))  # F1 +5.6, EM +7.4
    assert cells["phang2020-v1/dev/ccg+mlm/bucc2018"].value == pytest.approx(-0.101)
    none = cells["phang2020-v1/test/none/mlqa"]
    assert (none.quantity, none.value) == ("score", pytest.approx(0.607))
    assert cells["phang2020-v1/test/best/xnli"].row.tasks is None


def test_languages_are_those_of_the_benchmark() -> None:
    for target, languages in SUITES["xtreme"].tasks.items():
        assert count_languages(PAPER, target) == len(languages), target


def test_the_preset_has_the_settings_that_were_read() -> None:
    study = load_study("phang2020-v1")
    assert study.preset == "phang2020-v1" in PRESETS
    settings = PAPER.settings
    for task, phase in settings.intermediate.phases.items():
        if task in PAPER.sizes:
            (mixture,) = study.chains[task]
            recipe = study.phase_recipe(mixture.mix, mixture.recipe)
            assert (recipe.batch, recipe.epochs, recipe.lr) == (phase.batch, phase.epochs, settings.intermediate.lr), task
            assert recipe.warmup == settings.warmup
            (mixture,) = study.chains[f"{task}_mlm"]
            assert study.phase_recipe(mixture.mix, mixture.recipe).lr == settings.intermediate.lr_with_mlm
    (multi,) = study.chains["multi"]
    assert multi.cap == settings.cap
    assert study.phase_recipe(multi.mix, multi.recipe).epochs == settings.intermediate.phases["multi"].epochs
    for target in study.targets:
        if target.task in settings.target.phases:
            phase = settings.target.phases[target.task]
            recipe = study.phase_recipe((target.source,), {}, target.task)
            assert (recipe.batch, recipe.epochs, recipe.lr) == (phase.batch, phase.epochs, settings.target.lr), target.task
    assert study.retrieval.layer == 13
    assert "13th" in settings.retrieval


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda paper: paper["tables"][0]["rows"][0]["cells"].pop(), "table dev, row none: expected a cell of"),
        (lambda paper: paper["tables"][0]["rows"][0]["cells"].__setitem__(4, 76.1), "table dev, row none: expected a cell of"),
        (lambda paper: paper["tables"][0]["rows"][1].update(tasks=["anly_plus"]), "unknown task 'anly_plus'.*anli_plus"),
        (lambda paper: paper["tables"][0]["rows"][1].update(id="none"), "table dev: two rows have one id"),
        (lambda paper: paper["targets"]["xquad"].update(values=["f1"]), "targets.xquad.values: expected f1, em, found f1"),
        (lambda paper: paper.update(authors="x"), "unknown field 'authors'"),
    ],
)
def test_a_paper_that_is_not_whole_is_refused(tmp_path: Path, change: Any, message: str) -> None:
    paper = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    change(paper)
    path = tmp_path / "paper.yaml"
    path.write_text(yaml.safe_dump(paper, sort_keys=False))
    with pytest.raises(InputError, match=message) as error:
        read_paper(path)
    assert str(path) in str(error.value)
