"""A study with conditions on the embedded world: from plan to page, with one worker and with two."""

from __future__ import annotations

import csv
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import tiny_study

import xstilts.notebook as notebook
from xstilts.analysis.broken_examples import SAME, choose_broken
from xstilts.analysis.gather import gather
from xstilts.analysis.scores import summarise
from xstilts.cli.running import write_study_report
from xstilts.errors import InputError
from xstilts.execution.execute import execute, inspect
from xstilts.formats.jsonl import read_jsonl, read_predictions
from xstilts.metrics.worst import own_scores
from xstilts.plan.compile import Plan, compile_study
from xstilts.report.document import build_document
from xstilts.report.findings import read_findings
from xstilts.report.render.markdown import render_markdown
from xstilts.stages.own_inputs import load_predictor
from xstilts.stages.stage import AttackStage, PredictStage
from xstilts.store.store import Store, read_json
from xstilts.study import Study
from xstilts.tasks.registry import find_task

pytestmark = pytest.mark.tiny
RECIPE = {"lr": 3e-3, "batch": 8, "steps": 60, "max_length": 64, "stride": 16, "evaluations": 5, "average": 2}


def attack_study(*conditions: object) -> Study:
    return tiny_study(
        chains={"none": [], "nli": ["world/nli"]},
        targets=["world/pos", "world/paraphrase"],
        conditions=list(conditions),
        recipes={"default": RECIPE},
        random_init=False,
    )


@pytest.fixture(scope="module")
def ran(forked_workers: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, Store]:
    few, more = ({"attack": "characters", "budget": 0.4, "count": count} for count in (1, 4))
    plan = compile_study(attack_study("clean", few, more, "language_pair", "symmetry", "code_mix"))
    store = Store(tmp_path_factory.mktemp("attacked"))
    assert not execute(plan, store, workers=2).errors
    return plan, store


def with_its_models(store: Store, folder: Path) -> Store:
    """A store that has the data and the trainings of another one, and nothing else."""
    for kind in ("fetch", "tokenizer", "encoder", "train"):
        if (store.root / kind).is_dir():
            shutil.copytree(store.root / kind, folder / kind)
    return Store(folder)


def test_one_worker_gives_the_same_bytes(ran: tuple[Plan, Store], tmp_path: Path) -> None:
    plan, store = ran
    other = with_its_models(store, tmp_path)
    assert not execute(plan, other, workers=1).errors
    ends = [stage for stage in plan.stages if stage.kind in ("attack", "predict", "score")]
    assert len(ends) > 20
    for stage in ends:
        one, two = (read_json(s.folder(stage.kind, stage.slug, stage.key) / "done.json")["files"] for s in (store, other))
        assert one == two, stage.slug


def test_clean_results_are_those_of_the_study_without_conditions(ran: tuple[Plan, Store]) -> None:
    plan, store = ran
    plain = compile_study(attack_study())
    assert inspect(plain, store).count("pending") == 0
    with_conditions, without = gather(plan, store), gather(plain, store)
    assert summarise(with_conditions) == summarise(without) and without.attacked == {}
    assert [cell.key for cell in with_conditions.cells] == [cell.key for cell in without.cells]


def test_more_variants_leave_less(ran: tuple[Plan, Store]) -> None:
    """Example by example, since the one variant is among the four."""
    plan, store = ran
    attacked = gather(plan, store).attacked
    few, more = attacked["characters, budget 0.4"], attacked["characters, budget 0.4, count 4"]
    fell = 0
    for one, other in zip(few, more, strict=True):
        metric = find_task(one.target).metric
        assert metric is not None and one.languages.keys() == other.languages.keys()
        for code, score in one.languages.items():
            first, second = (own_scores(metric, x.counts_NC) for x in (score, other.languages[code]))
            assert (second <= first).all() and other.languages[code].headline <= score.headline
            fell += int((second < first).sum())
    assert fell > 0


def test_the_variants_are_numbered_and_counted(ran: tuple[Plan, Store]) -> None:
    plan, store = ran
    for stage in (stage for stage in plan.stages if isinstance(stage, AttackStage)):
        folder, clean = (store.outputs(s.kind, s.slug, s.key) for s in (stage, stage.inputs.clean))
        ids = [one.id for one in read_jsonl(folder / "examples.jsonl")]
        facts = read_json(folder.parent / "done.json")["facts"]
        sources = {id.rpartition("#")[0] for id in ids}
        assert facts["examples"] == len(ids) == len(set(ids)) > 0 and facts["available"] == 16
        assert facts["untouched"] == 16 - len(sources)
        assert sources <= {one.id for one in read_jsonl(clean / "examples.jsonl")}


def test_broken_examples_are_right_before_and_wrong_after(ran: tuple[Plan, Store]) -> None:
    plan, store = ran
    found = choose_broken(plan, store)
    assert found and {one.condition for one in found} <= {condition.name for condition in plan.study.conditions}
    for one in found:
        assert set(one.answers) == {"none", "nli"}
        assert any(before != after for before, after in one.answers.values())
        assert any(changed for _, changed in one.attacked)
    assert choose_broken(plan, store) == found


def test_the_report_has_it_all(ran: tuple[Plan, Store], tmp_path: Path) -> None:
    plan, store = ran
    findings, page = write_study_report(plan, store, None, tmp_path)
    assert ">Robustness</h2>" in page.read_text()
    with (tmp_path / "robustness.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["condition"] for row in rows} == {condition.name for condition in plan.study.conditions}
    assert {row["verdict"] for row in rows if row["verdict"]} <= {"few seeds", "near chance", "not taken"}
    with (tmp_path / "scores.csv").open() as file:
        keys = {row["key"] for row in csv.DictReader(file)}
    assert keys == {cell.score.key for cell in plan.cells} and not keys & {cell.score.key for cell in plan.attacked}
    assert np.isfinite([row.attacked for row in findings.attacked]).all()
    (ladder,) = {one.ladder for one in findings.curves}
    assert (ladder.varied, ladder.strengths) == ("count", (1.0, 4.0)) and (tmp_path / "curves.csv").is_file()
    for one in findings.matrices:
        diagonal = {pair.first: pair for pair in one.pairs if pair.first == pair.second}
        assert set(diagonal) == set(one.languages) and len({pair.n for pair in diagonal.values()}) == 1
        assert all(0 < pair.n <= diagonal[pair.first].n for pair in one.pairs)
    assert {one.chain for one in findings.matrices} == {"none", "nli"} and (tmp_path / "pairs.csv").is_file()
    words = [row.edited_words for row in findings.attacked if row.condition.startswith("characters") and row.language != "others"]
    assert words and all(share is not None and 0.2 < share <= 0.5 for share in words)


# -- retrieval ---------------------------------------------------------------------------------------------------------


def test_retrieval_is_attacked_too(forked_workers: None, tmp_path: Path) -> None:
    """More variants leave less, clean scores stay, and where nothing can be edited (no diacritics in l1) nothing falls."""
    conditions = [*({"attack": "characters", "budget": 0.6, "count": count} for count in (1, 5)), "diacritics"]
    fields = {"targets": ["world/retrieval"], "languages": ["l1", "l2"], "chains": {"none": [], "nli": ["world/nli"]}}
    fields["random_init"] = False
    plan = compile_study(tiny_study(**fields, recipes={"default": RECIPE}, conditions=conditions))
    store = Store(tmp_path)
    assert not execute(plan, store, workers=2).errors
    results = gather(plan, store)
    assert summarise(results) == summarise(gather(compile_study(tiny_study(**fields, recipes={"default": RECIPE})), store))
    few, more, marks = (results.attacked[condition.name] for condition in plan.study.conditions)
    fell = 0
    for clean, one, other, none in zip(results.cells, few, more, marks, strict=True):
        for code in clean.languages:
            right, first, second = (cell.languages[code].counts_NC[:, 0] for cell in (clean, one, other))
            assert (second <= first).all() and (first <= right).all()
            fell += int((second < right).sum())
            facts = one.languages[code].attack
            assert facts is not None and facts["seen"] == 1.0 and facts["consistent"] is not None
        facts = none.languages["l1"].attack
        assert facts is not None and facts["variants"] == 0 and facts["seen"] is None
        assert none.languages["l1"].headline == clean.languages["l1"].headline
    assert fell > 0
    assert choose_broken(plan, store) == ()
    cell = notebook.cells(plan.study, store)["none/retrieval/0"]
    with pytest.warns(UserWarning, match="segmentation: left out, because it is for the format"):
        found = notebook.attack(cell, ["characters", "segmentation"], budget=0.6, count=5)
    score = next(one.score for one in plan.attacked if one.id.arm == "none" and one.id.condition == plan.study.conditions[1].name)
    with np.load(store.outputs(score.kind, score.slug, score.key) / "tallies.npz") as tallies:
        for code, own in found.groupby("language"):
            assert own["id"].tolist() == tallies[f"{code}.ids"].tolist()
            assert (own["attacked"] >= 0).tolist() == tallies[f"{code}.counts"][:, 0].astype(bool).tolist(), "as in the study"
    assert found["broken"].any() and found["queries"].max() == 5
    greedy = notebook.attack(cell, "characters", "l1", budget=0.6, search="greedy")
    assert (greedy["attacked"] < greedy["clean"]).any() and greedy["clean"].nunique() > 2, "a margin and no verdict"
    write_study_report(plan, store, None, tmp_path / "report")
    with (tmp_path / "report" / "robustness.csv").open() as file:
        assert {row["target"] for row in csv.DictReader(file)} == {"world/retrieval"}


# -- cuts --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cut(forked_workers: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, Store]:
    """An encoder whose tokenizer has pieces of words, attacked by cutting them otherwise."""
    conditions = [*({"attack": "segmentation", "count": count} for count in (1, 4)), {"attack": "checklist", "count": 2}]
    own = {"random_init": False, "encoders": ["scratch/own"], "scratch": {"own": {"corpus": "world/text", "vocabulary": 200}}}
    targets = ["world/pos", "world/paraphrase", "world/tydiqa"]
    study = tiny_study(chains={"none": []}, targets=targets, recipes={"default": RECIPE}, conditions=conditions, **own)
    plan, store = compile_study(study), Store(tmp_path_factory.mktemp("cut"))
    assert not execute(plan, store, workers=2).errors
    return plan, store


def test_more_cuts_leave_less_and_are_nested(cut: tuple[Plan, Store]) -> None:
    plan, store = cut
    attacked = gather(plan, store).attacked
    fell = 0
    for one, other in zip(attacked["segmentation"], attacked["segmentation, count 4"], strict=True):
        metric = find_task(one.target).metric
        assert metric is not None
        for code, score in one.languages.items():
            first, second = (own_scores(metric, x.counts_NC) for x in (score, other.languages[code]))
            assert (second <= first).all()
            fell += int((second < first).sum())
    assert fell > 0
    few, more = ([cell for cell in plan.attacked if cell.id.condition == name] for name in list(attacked)[:2])
    for one_cell, other_cell in zip(few, more, strict=True):
        folders = [store.outputs(s.kind, s.slug, s.key) for c in (one_cell, other_cell) if (s := c.score.inputs.attacked)]
        for language in one_cell.score.config.languages:
            first_answers, second_answers = ((folder / f"{language}.jsonl").read_text().splitlines() for folder in folders)
            assert set(first_answers) < set(second_answers)


def test_cuts_depend_on_no_worker_and_no_window(cut: tuple[Plan, Store], tmp_path: Path) -> None:
    plan, store = cut
    other = with_its_models(store, tmp_path)
    assert not execute(plan, other, workers=1).errors
    for stage in (stage for stage in plan.stages if isinstance(stage, PredictStage)):
        one, two = (read_json(s.folder(stage.kind, stage.slug, stage.key) / "done.json")["files"] for s in (store, other))
        assert one == two, stage.slug
    cell = next(cell for cell in plan.attacked if cell.id.target == "world/tydiqa")
    stage = cell.score.inputs.attacked
    assert isinstance(stage, PredictStage)
    made = stage.inputs.test["l1"]
    examples = list(read_jsonl(store.outputs(made.kind, made.slug, made.key) / "examples.jsonl"))
    predictor = load_predictor(store, stage)
    known = list(read_predictions(store.outputs(stage.kind, stage.slug, stage.key) / "l1.jsonl"))
    assert list(predictor.answer(examples, window=3)) == known
    assert list(predictor.answer(examples[::-1]))[::-1] == known


def test_the_tokenizer_saw_what_was_edited(ran: tuple[Plan, Store], cut: tuple[Plan, Store]) -> None:
    """The world's tokenizer knows whole words, so a misspelling is an unknown one; cuts are often the tokenizer's own."""
    found = []
    for plan, store in (ran, cut):
        scores = [score for cells in gather(plan, store).attacked.values() for cell in cells for score in cell.languages.values()]
        found.append({score.attack["seen"] for score in scores if score.attack})
    assert found[0] == {1.0}
    assert found[1] and all(share is not None and 0.5 < share <= 1 for share in found[1])
    for stage in (stage for stage in ran[0].stages if isinstance(stage, PredictStage)):
        facts = read_json(ran[1].folder(stage.kind, stage.slug, stage.key) / "done.json")["facts"]
        assert ("seen" in facts) == any(made.kind == "attack" for made in stage.inputs.test.values())


def test_items_of_templates_count_by_themselves(cut: tuple[Plan, Store]) -> None:
    """The tally of an example is the mean of its items', none of them is the worst, and no drop is compared."""
    plan, store = cut
    (cell,) = [cell for cell in plan.attacked if cell.id.condition == "checklist, count 2"]
    assert cell.id.target == "world/tydiqa" and cell.score.config.counts == "mean" and list(cell.score.config.languages) == ["en"]
    made, answered = cell.score.inputs.variants["en"], cell.score.inputs.attacked
    assert answered is not None
    items = list(read_jsonl(store.outputs(made.kind, made.slug, made.key) / "examples.jsonl"))
    answers = read_predictions(store.outputs(answered.kind, answered.slug, answered.key) / "en.jsonl")
    metric = find_task("world/tydiqa").metric
    assert metric is not None and len(items) == 32
    tallies_NC = np.array([metric.for_language("en").tally(*pair) for pair in zip(items, answers, strict=True)], dtype=float)
    findings = read_findings(plan, store)
    (score,) = [one.languages["en"] for one in findings.results.attacked["checklist, count 2"]]
    assert score.headline == pytest.approx(metric.headline(tallies_NC.sum(0)))
    assert score.attack is not None and score.attack["passed"] == pytest.approx((own_scores(metric, tallies_NC) >= 0.5).mean())
    assert not any(one.condition.startswith("checklist") for one in (*findings.robustness, *findings.lines))
    page = render_markdown(build_document(findings))
    own = page.split("## Minimum functionality")[1].split("\n## ")[0]
    assert "checklist, count 2" in own and "its words follow from the seed of the embedded world" in own
    assert "checklist" not in page.split("## Robustness")[1].split("\n## ")[0]


def test_a_cell_is_searched_by_its_cuts(cut: tuple[Plan, Store]) -> None:
    """The margins of samples are those of the stage's own, so the search breaks what the study breaks."""
    plan, store = cut
    cells = notebook.cells(plan.study, store)
    known = {cell.id.target: cell.score for cell in plan.attacked if cell.id.condition == "segmentation, count 4"}
    for name, target in (("none/paraphrase/0", "world/paraphrase"), ("none/pos/0", "world/pos")):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = notebook.attack(cells[name], "segmentation", count=4)
        score = known[target]
        with np.load(store.outputs(score.kind, score.slug, score.key) / "tallies.npz") as tallies:
            for code, own in found.groupby("language"):
                assert own["id"].tolist() == tallies[f"{code}.ids"].tolist()
                broken_N = own["broken"].to_numpy()
                if target == "world/paraphrase":
                    right_N = (own["clean"] >= 0).to_numpy()
                    assert (tallies[f"{code}.chosen"] != "")[right_N].tolist() == broken_N[right_N].tolist()
        assert (found["text"] == found["attacked_text"])[found["attacked"] < found["clean"]].all()
        assert found.loc[found["broken"], "queries"].gt(0).all() and found["queries"].max() <= 4
    with pytest.raises(InputError, match="segmentation changes no text, and GreedySearch"):
        notebook.attack(cells["none/pos/0"], "segmentation", search="greedy")


def test_a_broken_cut_says_what_it_is(cut: tuple[Plan, Store]) -> None:
    found = choose_broken(*cut)
    assert found and {one.attacked for one in found} == {((SAME, False),)}


def test_words_that_cannot_be_cut_are_said_and_the_rest_is_attacked(ran: tuple[Plan, Store]) -> None:
    plan, store = ran
    cell = notebook.cells(plan.study, store)["none/paraphrase/0"]
    with pytest.warns(UserWarning, match="segmentation: left out, because the tokenizer of the embedded world"):
        found = notebook.attack(cell, ["segmentation", "symmetry"], limit=3)
    assert set(found["attack"]) == {"symmetry"}


def test_why_words_cannot_be_cut_is_in_the_report_too(tmp_path: Path) -> None:
    plan = compile_study(tiny_study(targets=["world/pos"], conditions=["segmentation"]))
    results = gather(plan, Store(tmp_path))
    reasons = set(results.unattacked["segmentation", "world/pos"].values())
    assert reasons == {"the tokenizer of the embedded world knows whole words only, and its pieces cannot be drawn"}
