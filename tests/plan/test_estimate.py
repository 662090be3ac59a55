"""What a plan costs, against figures computed by hand."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import tiny_study

from xstilts.formats.tag import Tag
from xstilts.plan.compile import Plan, compile_study
from xstilts.plan.cost.estimate import RATE, Estimate, estimate
from xstilts.plan.cost.sizes import EMBEDDED, HUB_SHAPES, LENGTHS, weights
from xstilts.stages.stage import Stage
from xstilts.study import Study, make_study
from xstilts.tasks.registry import CATALOGUE

LARGE = "FacebookAI/xlm-roberta-large"
BODY, ALL = 302_309_376, 558_840_832  # of XLM-R Large: its 24 blocks, and with embeddings


def study(**changes: Any) -> Study:
    record = {
        "name": "large",
        "question": "What does it cost?",
        "encoders": [LARGE],
        "chains": {"none": [], "csqa": ["commonsenseqa"]},
        "targets": ["tatoeba"],
        "languages": ["de", "sw"],
        "seeds": [0],
        "random_init": False,
        "recipes": {"default": {"precision": "bf16"}},
    }
    return make_study({**record, **changes})


def drafted(tmp_path: Path, **changes: Any) -> Plan:
    return compile_study(study(**changes), tmp_path, draft=True)


def costs(plan: Plan, rate: float = RATE) -> Estimate:
    return estimate(plan, {stage.key for stage in plan.stages}, rate)


def only(plan: Plan, slug: str) -> Estimate:
    (stage,) = [s for s in plan.stages if s.kind == "train" and s.slug == slug]
    return estimate(plan, {stage.key})


def test_weights_of_published_models() -> None:
    large = weights(*HUB_SHAPES[LARGE])
    assert (large.body, large.all) == (BODY, ALL)
    sizes = {name.rpartition("/")[2]: weights(*shape) for name, shape in HUB_SHAPES.items()}
    assert sizes["xlm-roberta-base"].body == 85_054_464
    assert sizes["xlm-roberta-base"].all == pytest.approx(278e6, rel=0.005)
    assert sizes["xlm-roberta-xl"].body == pytest.approx(2.83e9, rel=0.005)
    assert sizes["mMiniLMv2-L6-H384-distilled-from-XLMR-Large"].body == pytest.approx(10.6e6, rel=0.01)


@pytest.mark.tiny
def test_weights_are_those_of_the_real_model() -> None:
    from transformers import XLMRobertaConfig, XLMRobertaModel

    shape = {"hidden_size": 24, "num_hidden_layers": 3, "intermediate_size": 40, "vocab_size": 70, "max_position_embeddings": 34}
    model = XLMRobertaModel(XLMRobertaConfig(num_attention_heads=2, type_vocab_size=1, **shape), add_pooling_layer=False)
    assert weights(*shape.values()).all == sum(p.numel() for p in model.parameters())
    assert weights(*shape.values()).body == sum(p.numel() for p in model.encoder.parameters())


def test_a_training_by_hand(tmp_path: Path) -> None:
    """CommonsenseQA: 9,741 examples make 305 batches of 32, 915 in three epochs, of 149 tokens each; 1,221 dev examples."""
    found = only(drafted(tmp_path), "xlm-roberta-large+commonsenseqa-s0").costs["train"]
    tokens = 915 * 32 * 149
    assert found.tokens == pytest.approx(tokens)
    assert found.flops == pytest.approx(6 * BODY * tokens + 2 * BODY * 1221 * 149)
    assert found.bytes == 4 * ALL


def test_epochs_steps_limits_and_a_policy_that_selects(tmp_path: Path) -> None:
    name = "xlm-roberta-large+commonsenseqa-s0"
    recipe = {"precision": "bf16", "policy": "en_dev", "evaluations": 7, "epochs": 2, "batch": 10}
    found = only(drafted(tmp_path, recipes={"default": recipe}, limits={"train": 100, "dev": 50}), name).costs["train"]
    assert found.tokens == pytest.approx(2 * 100 * 149)
    assert found.flops == pytest.approx(6 * BODY * found.tokens + 2 * BODY * 7 * 50 * 149)
    fixed = drafted(tmp_path, chains={"none": [], "c": [{"mix": ["commonsenseqa"], "recipe": {"steps": 11}}]})
    assert only(fixed, name).costs["train"].tokens == pytest.approx(11 * 32 * 149)


def test_windows_are_rows(tmp_path: Path) -> None:
    """A batch is of windows: of SQuAD's 304 tokens a question in 1.16 windows."""
    plan = drafted(tmp_path, chains={"none": [], "s": [{"mix": ["squad_v1"], "recipe": {"steps": 10}}]})
    assert only(plan, "xlm-roberta-large+squad_v1-s0").costs["train"].tokens == pytest.approx(10 * 16 * 304 / 1.16)


def test_a_mixture_has_the_mean_of_its_members(tmp_path: Path) -> None:
    mix = {"mix": ["mnli", "commonsenseqa"], "sampling": "fixed", "weights": {"mnli": 3, "commonsenseqa": 1}}
    plan = drafted(tmp_path, chains={"none": [], "m": [{**mix, "recipe": {"steps": 8}}]})
    found = only(plan, "xlm-roberta-large+mnli&commonsenseqa-s0").costs["train"]
    assert found.tokens == pytest.approx(8 * 32 * (0.75 * 50 + 0.25 * 149))
    proportional = drafted(tmp_path, chains={"none": [], "m": [{"mix": ["mnli", "commonsenseqa"], "recipe": {"steps": 8}}]})
    share = 131_072 / (131_072 + 9741)
    tokens = only(proportional, "xlm-roberta-large+mnli&commonsenseqa-s0").costs["train"].tokens
    assert tokens == pytest.approx(8 * 32 * (share * 50 + (1 - share) * 149))


def test_the_compute_matched_control_adds_the_chain(tmp_path: Path) -> None:
    plan = drafted(tmp_path, targets=["tydiqa"], languages=["en", "sw"], controls=["compute"])
    chain = only(plan, "xlm-roberta-large+commonsenseqa-s0")
    alone = only(plan, "xlm-roberta-large+tydiqa-s0")
    matched = only(plan, "xlm-roberta-large+tydiqa~compute-commonsenseqa-s0")
    assert matched.costs["train"].tokens == pytest.approx(chain.costs["train"].tokens + alone.costs["train"].tokens)
    assert matched.steps > alone.steps


def test_vectors_of_all_layers_take_the_disk(tmp_path: Path) -> None:
    """German has 1,000 pairs and Swahili 390: two sentences each, 25 layers x 3 poolings of 1,024 numbers."""
    swept, chosen = costs(drafted(tmp_path)), costs(drafted(tmp_path, retrieval={"sweep": False}))
    assert swept.costs["embed"].bytes == pytest.approx(2 * 1390 * 2 * 75 * 1024 * 4), "before and after the chain"
    assert chosen.costs["embed"].bytes == pytest.approx(2 * 1390 * 2 * 1024 * 4)
    assert chosen.costs["embed"].flops == pytest.approx(2 * 2 * BODY * 1390 * 30)


def test_hours_follow_from_the_rate(tmp_path: Path) -> None:
    plan = drafted(tmp_path)
    assumed, given = costs(plan), costs(plan, 1e12)
    assert given.hours() == pytest.approx(given.flops / 1e12 / 3600)
    assert assumed.hours() == pytest.approx(given.hours() * 1e12 / (0.4 * 989e12))
    assert sum(given.hours(kind) for kind in given.costs) == pytest.approx(given.hours())
    record = assumed.record()
    assert record["gpu_hours"] == assumed.hours()
    assert any("40 % of the 989 TFLOP/s" in sentence for sentence in record["assumptions"])
    assert not any("989" in sentence for sentence in given.record()["assumptions"])


def test_single_precision_is_said_to_be_slower(tmp_path: Path) -> None:
    found = costs(drafted(tmp_path, recipes={}))
    assert found.slow == 1
    assert any("trainings in fp32: 1," in sentence for sentence in found.record()["assumptions"])


def test_what_nobody_has_counted_is_named_and_left_out(tmp_path: Path) -> None:
    plan = drafted(tmp_path, chains={"none": [], "ccg": ["ccg"]}, targets=["bucc2018"], languages=["de"])
    found = costs(plan)
    assert found.unknown["ccg (train)"] == {"en"}
    assert found.unknown["bucc2018 (test)"] == {"de"}
    assert "train" not in found.costs
    left_out = [s for s in plan.stages if s.kind in ("train", "embed", "score") or (s.kind == "fetch")]
    assert found.left_out == len(left_out)
    fixed = drafted(tmp_path, chains={"none": [], "ccg": [{"mix": ["ccg"], "recipe": {"steps": 5}}]})
    assert only(fixed, "xlm-roberta-large+ccg-s0").costs["train"].tokens == 5 * 32 * Tag.usual_length[0]


def test_languages_without_a_count_leave_the_others_in(tmp_path: Path) -> None:
    plan = drafted(tmp_path, chains={"none": []}, targets=["udpos"], languages=["de", "fr"])
    found = costs(plan)
    assert found.unknown == {"udpos (test)": {"fr"}}
    german = CATALOGUE["udpos"].splits["test"].counts["de"]
    assert found.costs["predict"].tokens == german * LENGTHS["udpos"][0]


def test_an_unknown_encoder_and_the_embedded_world(tmp_path: Path) -> None:
    found = costs(drafted(tmp_path, encoders=["someone/some-model"]))
    assert "encoder someone/some-model: its size is not known here" in found.unknown
    assert not found.flops
    assert set(costs(compile_study(tiny_study())).unknown) == {EMBEDDED}


def test_what_is_done_costs_nothing(tmp_path: Path) -> None:
    plan = drafted(tmp_path)
    assert estimate(plan, ()).flops == 0
    assert estimate(plan, ()).record()["gpu_hours"] == 0


def test_every_length_is_of_a_task() -> None:
    assert set(LENGTHS) <= set(CATALOGUE)


def test_every_kind_of_stage_has_a_cost(tmp_path: Path) -> None:
    plan = drafted(tmp_path, targets=["tatoeba", "tydiqa", "bucc2018"], languages=["de", "ru", "en"])
    kinds = {stage.kind for stage in plan.stages}
    assert kinds == {"fetch", "encoder", "train", "predict", "embed", "mine", "score"}
    found = costs(plan)
    assert {kind for kind, cost in found.costs.items() if cost.bytes} == kinds - {"mine"}
    assert isinstance(plan.stages[0], Stage)
    assert dataclasses.asdict(found.costs["encoder"])["bytes"] == 4 * ALL


def test_a_robust_training_costs_its_passes_and_so_does_its_control(tmp_path: Path) -> None:
    def flops(**recipe: Any) -> tuple[float, float]:
        chains = {"none": [], "csqa": [{"mix": ["commonsenseqa"], "recipe": recipe}]}
        plan = drafted(tmp_path, chains=chains, targets=["xcopa"], languages=["sw"], controls=["compute"])
        trains = [s for s in plan.stages if s.kind == "train"]
        (chain,) = [s for s in trains if s.inputs.named()["init"].kind == "encoder" and s.title == "commonsenseqa"]
        (control,) = [s for s in trains if s.inputs.match]
        return estimate(plan, {chain.key}).flops, estimate(plan, {control.key}).flops

    plain, control = flops()
    robust, robust_control = flops(robust={"method": "freelb", "steps": 3})
    assert robust > 2.5 * plain
    assert robust_control - control == pytest.approx(robust - plain, rel=1e-9)
