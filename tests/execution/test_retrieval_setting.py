"""`retrieval` of a study from plan to page: the layer and the prefix that are asked for are those that are scored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.conftest import same_catalogue, tiny_record, tiny_study

from xstilts.analysis.gather import gather
from xstilts.execution.execute import execute
from xstilts.plan.compile import compile_study
from xstilts.report.document import build_document
from xstilts.report.findings import compute_findings
from xstilts.report.render.markdown import render_markdown
from xstilts.stages.contracts import EmbedConfig
from xstilts.store.store import Store, read_json

pytestmark = [pytest.mark.tiny, pytest.mark.usefixtures("forked_workers")]
DEPTH = 4  # jiant's layer is 2: it is none of those below


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("store"))


def run(store: Store, **retrieval: Any) -> tuple[dict[str, Any], str]:
    """What was scored, and the line of the report that says how."""
    shape = {**tiny_record()["architectures"]["tiny"], "layers": DEPTH}
    cheap = {
        "languages": ["l1"],
        "chains": {"none": []},
        "targets": ["world/retrieval"],
        "random_init": False,
        "architectures": {"tiny": shape},
    }
    with same_catalogue():
        plan = compile_study(tiny_study(**cheap, retrieval=retrieval))
        assert not execute(plan, store, workers=1).errors
        stage = next(stage for stage in plan.stages if stage.kind == "score")
        page = render_markdown(build_document(compute_findings(gather(plan, store), 10)))
    scores = read_json(store.folder(stage.kind, stage.slug, stage.key) / "out" / "scores.json")
    return scores, next(line for line in page.splitlines() if "Retrieval: " in line)


@pytest.mark.parametrize("sweep", [True, False])
@pytest.mark.parametrize(("word", "number"), [("last", DEPTH), ("first", 1)])
def test_the_last_and_the_first_layer_are_those_of_these_numbers(store: Store, word: str, number: int, sweep: bool) -> None:
    (worded, said), (numbered, said_of_number) = (run(store, layer=layer, sweep=sweep) for layer in (word, number))
    assert worded["layer"] == numbered["layer"] == number
    assert worded["languages"] == numbered["languages"] and worded["layers"] == numbered["layers"]
    assert f"Retrieval: the {word} layer ({number} of {DEPTH}); mean over all tokens" in said
    assert f"Retrieval: layer {number} ({number} of {DEPTH}); mean over all tokens" in said_of_number


def test_the_layer_of_a_published_rule_is_said_as_a_number(store: Store) -> None:
    scores, said = run(store, layer="jiant")
    assert scores["layer"] == 2
    assert f"scaled to the encoder's depth (2 of {DEPTH}); " in said


def test_a_prefix_changes_the_vectors_and_is_said(store: Store) -> None:
    plain, said = run(store)
    prefixed, said_of_prefix = run(store, prefix="query: ")
    assert plain["layers"] != prefixed["layers"]
    assert "before every sentence" not in said and '; "query: " before every sentence; ' in said_of_prefix


def embed_config(**retrieval: Any) -> tuple[str, EmbedConfig]:
    stage = next(s for s in compile_study(tiny_study(retrieval=retrieval)).stages if s.kind == "embed")
    assert isinstance(stage.config, EmbedConfig)
    return stage.key, stage.config


def test_no_prefix_is_no_part_of_the_key() -> None:
    assert embed_config(prefix="") == embed_config()
    assert embed_config(prefix="query: ")[0] != embed_config()[0]
    assert embed_config(prefix="query: ")[1].prefix == "query: "


def test_a_trained_ranker_has_a_setting_of_its_own(tmp_path: Path) -> None:
    study = tiny_study(
        pretrain=[],
        chains={"none": []},
        targets=["lareqa"],
        languages=["de"],
        retrieval={"layer": 1, "prefix": "query: ", "pooling": "mean"},
    )
    plan = compile_study(study, tmp_path, draft=True)
    for stage in plan.stages:
        if isinstance(stage.config, EmbedConfig):
            assert (stage.config.layers, stage.config.poolings, stage.config.prefix) == ("last", ("cls",), "")
    assert gather(plan, Store(tmp_path)).retrieval == "lareqa by the last layer's first token, as trained; cosine"
