"""Configs and inputs: what a plan writes into keys and `stage.json`, a worker reads back, for every kind of stage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from tests.conftest import tiny_study

from xstilts.errors import InputError
from xstilts.plan.compile import compile_study
from xstilts.stages.contracts import Config, FetchConfig, Inputs, TrainInputs, read_config, write_config
from xstilts.stages.stage import KINDS, KindName, Stage
from xstilts.study import built_in_studies, load_study

SCRATCH = {"encoders": ["scratch/own"], "scratch": {"own": {"corpus": "world/text", "vocabulary": 200}}}


def as_json(value: Any) -> Any:
    return json.loads(json.dumps(value))


def test_every_kind_has_its_classes() -> None:
    assert set(KINDS) == set(get_args(KindName))
    assert {kind.config for kind in KINDS.values()} == set(get_args(Config))
    assert len(get_args(Stage)) == len(KINDS)


@pytest.mark.parametrize("name", ["scratch", "scale-mini", *sorted(set(built_in_studies()) - {"scale-mini"})])
def test_what_is_written_is_read_back(name: str, tmp_path: Path) -> None:
    study = tiny_study(**SCRATCH, controls=["compute"]) if name == "scratch" else load_study(name)
    for stage in compile_study(study, tmp_path, draft=True).stages:
        kind, record = KINDS[stage.kind], as_json(stage.record())
        assert read_config(kind.config, record["config"]) == stage.config
        named = stage.inputs.named()
        assert {name: source.key for name, source in named.items()} == record["inputs"]
        assert kind.inputs.read(named) == stage.inputs


def test_the_names_of_inputs() -> None:
    inputs = TrainInputs("a", {"x/y": {"en": "b", "de": "c"}}, {"x/y": "d"}, {"x/y": {"de": "e"}}, {"0": "f"})
    named = {"init": "a", "train:x/y:en": "b", "train:x/y:de": "c", "dev:x/y": "d", "oracle:x/y:de": "e", "match:0": "f"}
    assert inputs.named() == named
    assert TrainInputs.read(named) == inputs
    assert Inputs.read({}) == Inputs()


def test_a_field_that_came_later_is_left_out_at_its_default() -> None:
    config = FetchConfig("t", 1, "test", "en", None, source="sha256:0")
    assert write_config(config) == {
        "task": "t", "version": 1, "split": "test", "language": "en", "limit": None, "source": "sha256:0"
    }  # fmt: skip


@pytest.mark.parametrize("changes", [{"limit": "all"}, {"new": 1}, {"declared": ""}])
def test_what_this_version_does_not_write_is_refused(changes: dict[str, Any]) -> None:
    record = write_config(FetchConfig("t", 1, "test", "en", None, source="sha256:0"))
    with pytest.raises(InputError, match=r"^stage\.json: .*plan the study again$"):
        read_config(FetchConfig, record | changes)


@pytest.mark.parametrize("kind", ["train", "predict"])
def test_a_later_field_is_written_only_if_it_is_set(kind: str) -> None:
    """`word_state` of a recipe: the field of a pydantic record, and the field of a dataclass."""

    def config_of(**recipe: str) -> Any:
        recipes = {**tiny_study().recipes, "tag": recipe}
        stages = compile_study(tiny_study(recipes=recipes)).stages
        return next(stage.config for stage in stages if stage.kind == kind and stage.slug.endswith(("pos-s0", "@pos")))

    plain, default, other = config_of(), config_of(word_state="first"), config_of(word_state="mean")
    assert write_config(plain) == write_config(default) and "word_state" not in write_config(plain)["recipe"]
    assert write_config(other)["recipe"] == {**write_config(plain)["recipe"], "word_state": "mean"}
    assert read_config(type(other), as_json(write_config(other))) == other
