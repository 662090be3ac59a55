"""Conditions in a plan: what is made once, what is left out and why, and that nothing else moves."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import tiny_study
from tests.model.tiny_encoders import make_encoder
from tests.study.test_condition import OWN

from xstilts.plan.compile import Plan, compile_study
from xstilts.plan.cost.estimate import estimate
from xstilts.plan.cost.sizes import TALLY_BYTES
from xstilts.stages.contracts import Cuts
from xstilts.stages.stage import AttackStage, EmbedStage, PredictStage, ScoreStage
from xstilts.study import make_study
from xstilts.tasks.registry import find_task

TARGETS = ["world/paraphrase", "world/pos", "world/retrieval"]


def planned(*conditions: Any, **changes: Any) -> Plan:
    return compile_study(tiny_study(**{"targets": TARGETS, "seeds": [0, 1], "conditions": list(conditions), **changes}))


def attacks(plan: Plan) -> list[AttackStage]:
    return [stage for stage in plan.stages if isinstance(stage, AttackStage)]


def test_conditions_move_no_key() -> None:
    clean, plan = planned(), planned("keyboard")
    assert {s.key for s in planned("clean").stages} == {s.key for s in clean.stages}
    assert {s.key for s in clean.stages} < {s.key for s in plan.stages}
    assert [(cell.id, cell.score.key) for cell in plan.cells] == [(cell.id, cell.score.key) for cell in clean.cells]
    assert not clean.attacked


def test_the_attacked_test_sets_are_shared_by_all_arms_and_seeds() -> None:
    plan = planned("keyboard", {"attack": "keyboard", "count": 3}, controls=["placebo"], random_init=False)
    assert sorted(stage.slug for stage in attacks(plan)) == [
        f"{task}-test-{code}~keyboard{more}"
        for task, codes in (("paraphrase", ("en", "l1")), ("pos", ("en", "l1")), ("retrieval", ("l1",)))
        for code in codes
        for more in ("", ", count 3")
    ]
    arms = 3 * 2  # three arms, two seeds
    assert {plan.uses[stage.key] for stage in attacks(plan)} == {arms}
    assert Counter(cell.id.condition for cell in plan.attacked) == {"keyboard": 3 * arms, "keyboard, count 3": 3 * arms}


def test_an_attacked_cell_predicts_its_variants_only() -> None:
    plan = planned("keyboard", targets=["world/paraphrase"])
    clean = {(cell.id.arm, cell.id.seed): cell.score for cell in plan.cells}
    for cell in plan.attacked:
        score, before = cell.score, clean[cell.id.arm, cell.id.seed]
        attacked, made = score.inputs.attacked, before.inputs.predictions
        assert isinstance(attacked, PredictStage) and isinstance(made, PredictStage)
        assert score.inputs.predictions is made and score.inputs.gold == before.inputs.gold
        assert attacked.config == made.config and attacked.inputs.model is made.inputs.model
        assert attacked.inputs.test == score.inputs.variants


def test_what_does_not_fit_is_said() -> None:
    """A format, a kind of scoring, and a language."""
    plan = planned("symmetry", "segmentation", "keyboard", "diacritics", targets=[*TARGETS, "world/tydiqa"])
    said = [note for note in plan.notes if "no such attack" in note]
    assert any(note.startswith("symmetry on world/pos: no such attack, because it is for the format classify") for note in said)
    assert any(note.startswith("segmentation on world/retrieval: no such attack, because it is for") for note in said)
    assert all(cell.id.target == "world/paraphrase" for cell in plan.attacked if cell.id.condition == "symmetry")
    found = {(cell.id.condition, cell.id.target) for cell in plan.attacked}
    places = [(condition.name, target.task) for condition in plan.study.conditions for target in plan.study.targets]
    for condition, target in places:
        if condition != "segmentation":  # the encoder has no pieces to cut
            assert ((condition, target) in found) != any(note.startswith(f"{condition} on {target}: ") for note in said)


def test_a_language_without_the_attack_is_left_out_with_the_reason(tmp_path: Path) -> None:
    record = {"targets": ["pawsx"], "languages": ["en", "de", "zh"], "conditions": ["diacritics", "keyboard"]}
    study = make_study({**tiny_study().model_dump(exclude={"targets", "languages", "conditions"}), **record})
    plan = compile_study(study, tmp_path, draft=True)
    (cell,) = {cell.score.config.languages for cell in plan.attacked if cell.id.condition == "diacritics"}
    assert "zh" not in cell and "de" in cell
    assert any(note.startswith("diacritics on pawsx in Chinese: no such attack, because ") for note in plan.notes)


OWN_TOKENIZER = {"encoders": ["scratch/own"], "scratch": {"own": {"corpus": "world/text", "vocabulary": 200}}}


def test_cuts_are_drawn_by_the_stage_that_predicts() -> None:
    conditions = ["segmentation", {"attack": "segmentation", "budget": 0.5, "count": 4, "seed": 3}]
    plan, clean = (planned(*some, **OWN_TOKENIZER) for some in (conditions, []))
    assert {s.key for s in clean.stages} < {s.key for s in plan.stages}
    found = {}
    for cell in plan.attacked:
        attacked, made = cell.score.inputs.attacked, cell.score.inputs.predictions
        assert isinstance(attacked, PredictStage) and isinstance(made, PredictStage) and made.config.cuts is None
        assert replace(attacked.config, cuts=None) == made.config and "cuts" not in made.fingerprint["config"]
        found[cell.id.condition] = attacked.config.cuts
    assert found == {"segmentation": Cuts(0.3, 0), "segmentation, budget 0.5, count 4, seed 3": Cuts(0.5, 3)}
    assert {cell.id.target for cell in plan.attacked} == {"world/paraphrase", "world/pos"}


def test_an_encoder_whose_words_cannot_be_cut_keeps_its_other_conditions(mini_xlmr: Path, tmp_path: Path) -> None:
    plan = planned("segmentation", "keyboard")
    assert {cell.id.condition for cell in plan.attacked} == {"keyboard"}
    (note,) = (note for note in plan.notes if note.startswith("segmentation: no such attack on "))
    assert note.endswith("because the tokenizer of the embedded world knows whole words only, and its pieces cannot be drawn")
    bert = make_encoder(tmp_path / "bert", "bert")
    plan = planned("segmentation", encoders=[str(mini_xlmr), str(bert)], pretrain=[], random_init=True)
    assert {cell.id.encoder for cell in plan.attacked} == {str(mini_xlmr)}
    (note,) = (note for note in plan.notes if note.startswith("segmentation: no such attack on "))
    assert "no such attack on bert, because expected a Unigram tokenizer" in note and note.endswith("found WordPiece")


def test_only_the_attacked_texts_of_retrieval_are_embedded_anew(tmp_path: Path) -> None:
    """At the setting that is scored, and searched among the pools of all languages."""
    record = {
        "targets": ["tatoeba", "lareqa", "bucc2018"], "languages": ["en", "de", "zh"], "conditions": ["characters"],
        "retrieval": {"sweep": True}, "chains": {"none": []}, "limits": {"test": 100},
    }  # fmt: skip
    plan = compile_study(
        make_study({"name": "x", "question": "?", "encoders": ["a/b"], "seeds": [0], **record}), tmp_path, draft=True
    )
    clean = {cell.id.target: cell.score for cell in plan.cells if cell.id.arm == "none"}
    for cell in (cell for cell in plan.attacked if cell.id.arm == "none"):
        before, score = clean[cell.id.target], cell.score
        attacked, made = score.inputs.attacked, before.inputs.predictions
        assert isinstance(attacked, EmbedStage) and isinstance(made, EmbedStage) and score.inputs.predictions is made
        assert "zh" in before.config.languages and "zh" not in score.config.languages == attacked.config.languages
        assert attacked.config.side == {"tatoeba": "text", "lareqa": "query"}[cell.id.target] and made.config.side == ""
        setting = score.config.retrieval
        assert setting == before.config.retrieval and setting is not None
        assert (attacked.config.layers, attacked.config.poolings) == (setting.layer, (setting.pooling,))
        assert attacked.inputs.test == score.inputs.variants and score.inputs.gold == before.inputs.gold
        assert attacked.inputs.model is made.inputs.model and "side" not in made.fingerprint["config"]
    assert {cell.id.target for cell in plan.attacked} == {"tatoeba", "lareqa"}
    assert any(note.startswith("characters on bucc2018: no such attack, because in mining each sentence") for note in plan.notes)


@pytest.mark.parametrize("name", ["language_pair", "code_mix", "code_mix_phrases"])
def test_mixing_languages_reads_all_languages(name: str) -> None:
    plan = planned(name, targets=["world/paraphrase"], languages=["en", "l1", "l2"])
    for stage in attacks(plan):
        assert list(stage.inputs.parallel) == ["en", "l1", "l2"]
        assert stage.inputs.parallel[stage.config.language] is stage.inputs.clean
    alone = planned(name, targets=["world/paraphrase"], languages=["en"])
    assert not alone.attacked and any("it needs test data in two languages" in note for note in alone.notes)


def test_an_attack_of_ones_own_is_in_the_key_by_its_content(tmp_path: Path) -> None:
    keys = []
    for name, text in (("a", OWN), ("b", OWN), ("c", OWN + "# changed\n")):
        (tmp_path / name).mkdir()
        path = tmp_path / name / "own.py"
        path.write_text(text)
        stages = attacks(planned(str(path), targets=["world/paraphrase"]))
        assert {stage.context.attack for stage in stages} == {str(path)}
        keys.append([stage.key for stage in stages])
    assert keys[0] == keys[1] != keys[2]


def test_what_a_word_list_has_is_said(tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    text = "from xstilts.attacks.code_mixing import code_mix_from\nATTACK = code_mix_from(r'{0}', 'own')\n"
    path.write_text(text.format(tmp_path / "words.tsv"))
    (tmp_path / "words.tsv").write_text("en\tl1\nhouse\tmalo\n\n")
    notes = planned(str(path), targets=["world/paraphrase"]).notes
    assert any(note.startswith("own on world/paraphrase: reads words.tsv: 1 lines; left out: 1 with fewer") for note in notes)


def test_the_budget_is_in_the_key_as_it_is_resolved() -> None:
    usual = attacks(planned("keyboard"))[0].config.budget
    plain, same, other = (
        {s.key for s in attacks(planned({"attack": "keyboard", "budget": b}))} for b in (None, usual, usual / 2)
    )
    assert plain == same and not plain & other


def test_what_attacks_cost(tmp_path: Path) -> None:
    record = {
        "name": "x", "question": "?", "encoders": ["FacebookAI/xlm-roberta-large"], "chains": {"none": []}, "seeds": [0],
        "targets": ["pawsx"], "languages": ["de"], "conditions": [{"attack": "keyboard", "count": 3}], "limits": {"test": 100},
    }  # fmt: skip
    plan = compile_study(make_study(record), tmp_path, draft=True)
    (attack,) = attacks(plan)
    (attacked,) = (cell.score for cell in plan.attacked)
    spec = find_task("pawsx").format
    assert estimate(plan, {attack.key}).bytes == 300 * spec.stored_bytes
    assert isinstance(attacked.inputs.attacked, PredictStage)
    clean, more = (estimate(plan, {stage.key}) for stage in (attacked.inputs.predictions, attacked.inputs.attacked))
    assert more.flops == pytest.approx(3 * clean.flops) and more.bytes == pytest.approx(3 * clean.bytes)
    assert estimate(plan, {attacked.key}).bytes == 100 * TALLY_BYTES
    assert isinstance(attacked, ScoreStage)
