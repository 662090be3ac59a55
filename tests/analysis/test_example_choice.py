"""The examples of a report: few, the same for all chains, half of them where chains disagree; texts only under free licences."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.analysis.fake_results import chain, make_results, target
from tests.conftest import tiny_record
from xstilts.analysis import example_choice
from xstilts.analysis.example_choice import PER_TARGET, TargetExamples, allows_text, choose_examples
from xstilts.execution.execute import execute
from xstilts.formats.classify import ClassifyExample
from xstilts.formats.jsonl import read_jsonl, read_predictions, write_jsonl, write_predictions
from xstilts.formats.prediction import Prediction
from xstilts.plan.compile import Plan, compile_study
from xstilts.report.document import build_document
from xstilts.report.findings import compute_findings
from xstilts.report.render.html import render_html
from xstilts.report.render.markdown import render_markdown
from xstilts.report.render.pdf import render_pdf
from xstilts.store.store import Store
from xstilts.study import Study
from xstilts.tasks.registry import CATALOGUE


def test_only_free_licences_allow_text() -> None:
    assert all(
        map(allows_text, ("CC-BY-4.0", "CC-BY-SA-3.0", "CC-BY-2.0-FR", "Apache-2.0", "free use with attribution (PAWS-X)"))
    )
    closed = ("", "not stated", "CC-BY-NC-4.0", "CC-BY-ND-4.0", "per treebank; many CC-BY-SA-4.0, some non-commercial")
    assert not any(map(allows_text, closed))
    assert not allows_text(CATALOGUE["xnli"].license) and not allows_text(CATALOGUE["panx"].license)
    assert allows_text(CATALOGUE["tatoeba"].license)


def test_only_the_lines_that_are_wanted_are_read(tmp_path: Path) -> None:
    examples = [ClassifyExample(id, ('"id": "b"', "text"), "yes") for id in ("a", 'quo"te\\', "b")]
    write_jsonl(tmp_path / "examples.jsonl", examples)
    write_predictions(tmp_path / "predictions.jsonl", [Prediction(one.id, "no") for one in examples])
    for wanted in ({"a"}, {'quo"te\\'}, {"b", "c"}):
        assert {one.id for one in read_jsonl(tmp_path / "examples.jsonl", wanted)} == wanted - {"c"}
        assert {one.id for one in read_predictions(tmp_path / "predictions.jsonl", wanted)} == wanted - {"c"}


@pytest.fixture(scope="module")
def made(forked_workers: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, Store]:
    store = Store(tmp_path_factory.mktemp("store"))
    record = tiny_record(targets=["world/pos", "world/paraphrase", "world/retrieval"], controls=["placebo"])
    plan = compile_study(Study.model_validate(record))
    assert not execute(plan, store, 2).errors
    return plan, store


@pytest.mark.tiny
def test_the_examples_are_few_and_those_of_all_chains(made: tuple[Plan, Store], monkeypatch: pytest.MonkeyPatch) -> None:
    found = choose_examples(*made)
    assert [one.target for one in found] == ["world/pos", "world/paraphrase", "world/retrieval"]
    for one in found:
        assert one.chains == ("none", "squad")  # a control is no chain of the study
        assert 0 < len(one.examples) <= min(PER_TARGET, one.total)
        assert not one.hidden and all(row.text and row.gold and row.answers[0].prediction for row in one.examples)
        assert all(len(row.answers) == len(one.chains) for row in one.examples)
    assert choose_examples(*made) == found
    monkeypatch.setattr(example_choice, "allows_text", lambda licence: False)
    for one in choose_examples(*made):
        assert one.hidden == "its licence (Apache-2.0) is no free one"
        assert not any(row.text or row.gold or row.answers[0].prediction for row in one.examples)


def test_half_are_those_on_which_chains_disagree() -> None:
    ids = [f"{number:02d}" for number in range(40)]
    right = dict.fromkeys(ids, 1.0)
    wrong = right | {"07": 0.0, "21": 0.0, "33": 0.0}
    assert {"07", "21", "33"} < set(example_choice._choose_ids([right, wrong], 6))
    assert len(example_choice._choose_ids([right, dict.fromkeys(ids, 0.0)], 6)) == 6
    assert len({"07", "21", "33"} & set(example_choice._choose_ids([right, wrong], 2))) == 1


def test_the_page_has_a_browser_and_print_has_none() -> None:
    results = make_results(chains=(chain("none"),), targets=(target("xnli"),), skill={("none", "xnli"): 0.5})
    answered = example_choice.Answered("yes", float("nan"))
    row = example_choice.ChosenExample("1", "de", "</script><b>", "no", (answered,))
    examples = (
        TargetExamples("mini", "xnli", 0, ("none",), 100, "", (row,)),
        TargetExamples("mini", "panx", 0, ("none",), 100, "its licence (not stated) is no free one", (replace(row, text=""),)),
    )
    document = build_document(replace(compute_findings(results, 50), examples=examples))
    html = render_html(document)
    data = html.partition('<div class="examples">')[2].partition('<script type="application/json">')[2].partition("</script>")[0]
    first, second = json.loads(data)
    assert first["rows"] == [["de", "1", "</script><b>", "no", [["yes", None]]]]
    assert (first["hidden"], second["hidden"], first["languages"]) == (False, True, {"de": "German"})
    assert "panx: ids only, since its licence (not stated) is no free one." in html
    assert "needs the page's script" in html
    assert "## Examples" in render_markdown(document)
    assert render_pdf(document).startswith(b"%PDF")
    assert np.isnan(answered.score)
