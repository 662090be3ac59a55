from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conftest import tiny_record

from xstilts.errors import InputError
from xstilts.plan.compile import compile_study
from xstilts.study import built_in_studies, load_study, make_study


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"chains": {"none": [], "x": ["world/sqad"]}}, r"unknown task 'world/sqad' \(did you mean 'world/squad'\?\)"),
        ({"targets": ["world/tydia"]}, r"unknown task 'world/tydia' \(did you mean 'world/tydiqa'\?\)"),
        ({"languages": ["en", "l11"]}, r"unknown language 'l11'"),
        ({"languages": ["en", "sw"]}, r"no target of this study has 'sw' \(Swahili\)"),
        ({"seed": [1]}, r"unknown field 'seed' \(did you mean 'seeds'\?\)"),
        ({"limits": {"trian": 3}}, r"unknown field 'limits.trian' \(did you mean 'train'\?\)"),
        ({"recipes": {"default": {"lrate": 1}}}, r"unknown field 'recipes.default.lrate' \(did you mean "),
        ({"recipes": {"defualt": {"lr": 1}}}, r"'defualt' is neither a task nor a group of phases \(did you mean 'default'\?\)"),
        ({"seeds": 3}, r"seeds: expected a list, found 3: for this one seed write \[3\]; for 3 seeds write \[0, 1, 2\]"),
        ({"recipes": {"default": {"lr": -1}}}, r"recipes.default.lr: expected a value greater than 0, found -1"),
        ({"recipes": {"default": {"batch": "many"}}}, r"recipes.default.batch: expected a whole number, found 'many'"),
        ({"recipes": {"default": 3}}, r"recipes.default: expected fields, such as {name: value}, found 3"),
        ({"retrieval": {"layer": "lats"}}, r"retrieval.layer: expected jiant, xtreme, first, last, or .*, found 'lats'"),
        ({"retrieval": {"layer": -1}}, r"retrieval.layer: expected jiant, .* the number of a layer .*, found -1"),
        ({"recipes": {"tag": {"word_state": "last"}}}, r"recipes.tag.word_state: expected 'first', 'next' or 'mean'"),
        ({"world": {"textt": 5}}, r"unknown field 'world.textt' \(did you mean 'text'\?\)"),
        ({"world": {"text": "five"}}, r"world.text: expected a whole number, found 'five'"),
        ({"preset": "jaint"}, r"unknown preset 'jaint' \(did you mean 'jiant'\?\)"),
        ({"seeds": []}, r"seeds: "),
        (
            {"compare": [{"chain": "sqad", "over": "none"}]},
            r"compare.0.chain: 'sqad' is not a chain of this study \(did you mean 'squad'\?\)",
        ),
        ({"compare": [{"chain": "squad", "over": ["sqad"]}]}, r"compare.0.over: 'sqad' is not a chain of this study"),
        ({"compare": [{"chain": "squad", "over": "none"}]}, r"compare.0.over: every chain is compared with 'none' anyway"),
        ({"compare": [{"chain": "squad", "over": "squad"}]}, r"compare.0: a chain is named twice"),
        ({"compare": [{"chain": "squad", "over": []}]}, r"compare.0.over: "),
        ({"compare": [{"chain": "squad", "with": "x"}]}, r"unknown field 'compare.0.with'"),
        ({"seeds": [1, 1]}, r"seeds: a seed is given twice"),
        ({"encoders": []}, r"encoders: "),
        ({"targets": []}, r"targets: "),
        ({"chains": {}}, r"chains: "),
        ({"chains": {"direct": []}}, r"'none' names the empty chain, and no other"),
        ({"chains": {"none": ["world/squad"]}}, r"'none' names the empty chain, and no other"),
        ({"chains": {"none": [], "r": ["world/retrieval"]}}, r"retrieval without training; it can only be a target"),
        ({"targets": ["world/text"]}, r"cannot be a target"),
        ({"targets": [{"task": "world/tydiqa", "train": "world/pos"}]}, r"cannot train on 'world/pos' \(tag\)"),
        ({"targets": ["commonsenseqa"], "languages": "all"}, r"no labelled test split"),
        ({"name": "a/b"}, r"name: "),
        ({"encoders": ["scratch/own"]}, r"encoders: 'scratch/own' is not described under `scratch`"),
        ({"scratch": {"own": {"corpus": "world/txt"}}}, r"scratch.own.corpus: unknown task 'world/txt' \(did you mean"),
        ({"scratch": {"own": {"corpus": "world/nli"}}}, r"scratch.own.corpus: 'world/nli' is not plain text"),
        ({"scratch": {"own": {"corpus": "world/text", "languages": ["xx"]}}}, r"scratch.own.languages: unknown language 'xx'"),
        ({"architecture": {"hidden": 8}}, r"architecture: give the shape under the encoder's name: architectures: {tiny: "),
        (
            {"architectures": {"tiny": {"hidden": 10, "heads": 3}}},
            r"architectures.tiny: hidden \(10\) must be a multiple of heads",
        ),
        ({"architectures": {"tiny": {"hiden": 10}}}, r"unknown field 'architectures.tiny.hiden' \(did you mean 'hidden'\?\)"),
        (
            {"chains": {"none": [], "x": [{"mix": ["world/nli"], "recipe": {"stepps": 4}}]}},
            r"'chains.x.0.recipe.stepps' \(did you mean",
        ),
        ({"chains": {"none": [], "x": [{"mix": ["world/squad"], "languages": ["xx"]}]}}, r"chains.x.languages: unknown language"),
        (
            {"recipes": {"span": {"policy": "target_dev"}}},
            r"chains.squad: policy target_dev .* write the policy under recipes.<target task>",
        ),
        ({"pretrain": [{"mix": ["world/text"], "recipe": {"policy": "target_dev"}}]}, r"pretrain: policy target_dev"),
        (
            {"recipes": {"world/pos": {"patience": 2}}},
            r"targets.world/pos: recipe: patience needs a policy that uses dev data",
        ),
        ({"chains": {"none": [], "x": [{"mix": ["world/nli"], "recipe": {"lora": 4, "freeze": 1}}]}}, r"chains.x: recipe: lora"),
        ({"name": ".."}, r"name: expected a name with letters or digits, found '\.\.'"),
        ({"name": "n" * 300}, r"name: expected a name of at most 200 bytes in UTF-8, found 300"),
        ({"chains": {"none": [], "x" * 201: ["world/squad"]}}, r"expected a name of at most 200 bytes"),
        ({"chains": {"none": [], "a\x1b[2J": ["world/squad"]}}, r"expected a name that can be shown"),
    ],
)
def test_each_mistake_gets_one_clear_error(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make_study(tiny_record(**changes))


def test_other_codes_of_languages_are_ours_and_move_no_key(tmp_path: Path) -> None:
    def keys(en: str, l1: str) -> list[str]:
        record = tiny_record(
            languages=[en, l1],
            chains={"none": [], "mt": [{"mix": ["world/nli_mt"], "languages": [l1]}]},
            encoders=["scratch/own"],
            scratch={"own": {"corpus": "world/text", "vocabulary": 64, "sample": 2000, "languages": [en, l1]}},
        )
        study = make_study(record)
        assert study.languages == ("en", "l1")
        return [stage.key for stage in compile_study(study, tmp_path).stages]

    assert keys("eng", "qaa") == keys("en-GB", "qaa") == keys("en", "l1")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("zh-TW", r"languages: unknown language 'zh-TW' \('zh' is Chinese in the script Hans; there is no other\)"),
        ("swahili", r"unknown language 'swahili' \(did you mean 'sw', Swahili\?\)"),
        ("fiu", r"unknown language 'fiu' \(known: af, ar"),
        ("fil", r"no target of this study has 'tl' \(Tagalog\)"),
    ],
)
def test_a_code_is_not_taken_for_one_that_looks_alike(code: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make_study(tiny_record(languages=["en", code]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the study is empty"),
        ("- a\n- b\n", "expected fields"),
        ("name: x\n  question: [\n", r"line 2: not valid YAML"),
        ("name: a\nname: b\n", r"line 2: not valid YAML: 'name' occurs twice"),
        ("name: a\n", "the field 'question' is missing"),
    ],
)
def test_a_file_that_is_no_study(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        load_study(str(path))
    assert str(path) in str(caught.value)


def test_a_study_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no built-in study \(did you mean 'real-small'\?\)"):
        load_study("real-smal")
    with pytest.raises(InputError, match="no such file"):
        load_study(str(tmp_path / "x.yaml"))
    with pytest.raises(InputError, match="a folder"):
        load_study(str(tmp_path))
    (tmp_path / "latin.yaml").write_bytes("name: ü".encode("latin-1"))
    with pytest.raises(InputError, match="not UTF-8"):
        load_study(str(tmp_path / "latin.yaml"))


def test_changes_from_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(tiny_record()))
    study = load_study(str(path), ["limits.train=7", "seeds=[3, 4]", "recipes.default.lr=1e-4"])
    assert (study.limits.train, study.seeds) == (7, (3, 4))
    assert study.phase_recipe(("world/squad",), {}).lr == 1e-4
    with pytest.raises(InputError, match="expected FIELD=VALUE"):
        load_study(str(path), ["limits.train"])


@pytest.mark.parametrize("name", built_in_studies())
def test_built_in_studies_are_valid(name: str) -> None:
    assert load_study(name).name == name


def test_fields_of_a_recipe_may_agree_across_layers_only() -> None:
    study = make_study(tiny_record(recipes={"default": {"policy": "en_dev"}, "world/pos": {"patience": 2}}))
    with pytest.raises(InputError, match=r"targets.world/pos: recipe: average \(9\) must not exceed evaluations \(2\)"):
        make_study(tiny_record(recipes={"default": {"average": 9}, "world/pos": {"evaluations": 2}}))
    assert study.phase_recipe(("world/pos",), {}).patience == 2


def test_recipes_are_layered() -> None:
    study = make_study(
        tiny_record(
            recipes={
                "default": {"lr": 1e-3},
                "span": {"lr": 2e-3, "batch": 4},
                "world/squad": {"batch": 5},
                "multi": {"lr": 9e-3},
            }
        )
    )
    assert study.phase_recipe(("world/pos",), {}).lr == 1e-3
    assert study.phase_recipe(("world/tydiqa",), {}).model_dump(include={"lr", "batch"}) == {"lr": 2e-3, "batch": 4}
    assert study.phase_recipe(("world/squad",), {"lr": 7.0}).model_dump(include={"lr", "batch"}) == {"lr": 7.0, "batch": 5}
    assert study.phase_recipe(("world/squad", "world/nli"), {}).lr == 9e-3
    assert study.phase_recipe(("world/squad", "world/nli"), {}).max_length == 384, "the longest of its tasks (preset jiant, span)"


def test_comparisons_are_read_and_move_no_key() -> None:
    record = tiny_record(chains={"none": [], "squad": ["world/squad"], "nli": ["world/nli"]})
    one = {"chain": "nli", "over": "squad"}
    plain, asked = make_study(record), make_study(record | {"compare": [one]})
    assert asked.compare[0].over == ("squad",)
    with pytest.raises(InputError, match=r"compare.1: nli over squad is given twice"):
        make_study(record | {"compare": [one, one]})
    assert {s.key for s in compile_study(asked).stages} == {s.key for s in compile_study(plain).stages}


@pytest.mark.parametrize("name", ["diversity", "diversity-mini", "diversity-tasks", "diversity-tasks-mini"])
def test_each_mixture_is_compared_with_its_own_members(name: str) -> None:
    study = load_study(name)
    mixed = {chain for chain, phases in study.chains.items() if phases and len(phases[0].mix) > 1}
    assert {one.chain for one in study.compare} == mixed
    for one in study.compare:
        members = [task for other in one.over for task in study.chains[other][0].mix]
        assert sorted(members) == sorted(study.chains[one.chain][0].mix)


def test_primary_pairs_and_margins_name_what_the_study_has() -> None:
    chains = {"none": [], "squad": ["squad_v1"]}
    fields = {"name": "s", "question": "?", "encoders": ["e"], "chains": chains, "targets": ["xnli", "tydiqa"], "seeds": [0]}
    study = make_study(
        {**fields, "primary": [{"chain": "squad", "target": "tydiqa"}, {"target": "xnli"}], "margins": {"xnli": 0.5}}
    )
    assert [(one.chain, one.target) for one in study.primary] == [("squad", "tydiqa"), ("", "xnli")]
    assert [study.margin_of(name) for name in ("xnli", "tydiqa")] == [0.5, 2.0]
    for wrong, words in (
        ({"primary": [{"chain": "sqaud"}]}, "primary.0.chain: 'sqaud' is not a chain of this study (did you mean 'squad'?)"),
        ({"primary": [{"chain": "none"}]}, "gains are measured from 'none'"),
        ({"primary": [{"target": "xnil"}]}, "primary.0.target: 'xnil' is not a target"),
        ({"primary": [{}, {}]}, "primary.1: given twice"),
        ({"margins": {"panx": 1}}, "margins: 'panx' is not a target of this study"),
        ({"margins": {"xnli": 0}}, "margins.xnli"),
    ):
        with pytest.raises(InputError, match=re.escape(words)):
            make_study({**fields, **wrong})
