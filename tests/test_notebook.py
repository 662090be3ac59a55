"""The Python interface, on a tiny finished study; and the notebook of the docs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

import xstilts
from tests.conftest import tiny_record
from tests.forking import run_forked
from xstilts import InputError, Store, Study, cells, compare, confusion, examples, gains, predict, run, scores, write_report
from xstilts.cli import app
from xstilts.metrics.tag import find_chunks
from xstilts.notebook import Cells

pytestmark = pytest.mark.tiny
NOTEBOOK = Path(__file__).parents[1] / "docs" / "notebook.ipynb"
Place = tuple[str, str]  # study and store, as a person names them


@pytest.fixture(scope="module")
def place(forked_workers: None, tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("notebook")
    targets = ["world/tydiqa", "world/pos", "world/ner", "world/choice", "world/paraphrase", "world/retrieval"]
    (folder / "tiny.yaml").write_text(yaml.safe_dump(tiny_record(targets=targets, controls=["placebo"])))
    study, store = str(folder / "tiny.yaml"), str(folder / "store")
    assert not run(study, store, workers=2).errors
    return study, store


@pytest.fixture
def made(place: Place) -> Cells:
    return cells(*place)


def test_a_name_a_path_and_a_record_are_the_same(place: Place) -> None:
    frame = scores(*place)
    for study in (Path(place[0]), Study.load(place[0])):
        for store in (Path(place[1]), Store(place[1])):
            pd.testing.assert_frame_equal(scores(study, store), frame)
    assert set(frame["chain"]) == {"none", "squad"}
    assert frame["score"].between(0, 1).all()
    assert set(scores(*place, controls=True)["chain"]) == {"none", "squad", "squad~placebo", "random-init"}


def test_paths_of_encoders_are_relative_to_the_file(tiny_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "encoder").symlink_to(tiny_folder / "encoder")
    record = tiny_record(encoders=["./encoder"], pretrain=[], targets=["world/pos"])
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(record))
    for study in (tmp_path / "own.yaml", Study.load(tmp_path / "own.yaml")):
        (start,) = {cell.planned.start.context.folder for cell in cells(study, tmp_path / "store").values()}
        assert Path(start).is_dir()


def test_gains(place: Place) -> None:
    found = gains(*place)
    assert list(found["chain"]) == ["squad"] * 6
    assert set(found["over"]) == {"none"}
    assert set(gains(*place, over="placebo")["over"]) == {"squad~placebo"}
    assert set(gains(*place, controls=True)["chain"]) == {"squad", "squad~placebo"}
    assert {"en", "l1"} == set(gains(*place, languages=True)["language"])
    with pytest.raises(InputError, match="over: expected 'none'"):
        gains(*place, over="nothing")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="metrics: expected"):
        scores(*place, metrics="f1")  # type: ignore[arg-type]


def test_cells_by_name(made: Cells) -> None:
    assert made["squad/pos/0"] == made["squad/world/pos/0"]
    assert set(made._ipython_key_completions_()) == set(made)
    assert all(cell.done for cell in made.values())
    with pytest.raises(InputError, match="did you mean"):
        made["sqad/world/pos/0"]


def test_examples_add_up_to_the_score(place: Place, made: Cells) -> None:
    frame = scores(*place).set_index(["chain", "target", "language"]).score
    for task in ("world/tydiqa", "world/choice", "world/paraphrase", "world/retrieval"):
        found = examples(made[f"squad/{task}/0"])
        assert list(found.columns) == ["id", "language", "text", "gold", "prediction", "score"]
        for language, score in found.groupby("language").score.mean().items():
            assert score == pytest.approx(frame["squad", task, language])
    alone = examples(made["squad/choice/0"], "l1")
    assert set(alone["language"]) == {"l1"}
    assert ((alone.gold == alone.prediction) == (alone.score == 1)).all()
    with pytest.raises(InputError, match="no language 'xx'"):
        examples(made["squad/choice/0"], "xx")


def test_retrieved_sentences_are_shown_and_nothing_to_count_is_no_score(made: Cells) -> None:
    found = examples(made["none/retrieval/0"])
    assert ((found.gold == found.prediction) == (found.score == 1)).all()
    assert set(found.prediction) <= set(found.gold), "the sentences of one language"
    names = examples(made["none/ner/0"])
    empty = [not find_chunks(gold) and not find_chunks(said) for gold, said in zip(names.gold, names.prediction, strict=True)]
    assert list(names.score.isna()) == empty


def test_two_chains_compared_on_examples(made: Cells) -> None:
    none, squad = made["none/pos/0"], made["squad/pos/0"]
    found = compare(none, squad)
    assert len(found) == len(examples(none))
    assert ((found.prediction_a != found.prediction_b) == found.disagree).all()
    assert (found.difference == found.score_b - found.score_a).all()
    assert found.disagree.is_monotonic_decreasing
    assert not compare(none, none).disagree.any()
    with pytest.raises(InputError, match="different targets"):
        compare(none, made["none/ner/0"])


def test_confusions_count_examples_or_words(made: Cells) -> None:
    choices = examples(made["squad/choice/0"])
    table = confusion(made["squad/choice/0"])
    assert int(table.to_numpy().sum()) == len(choices)
    assert int(table.to_numpy().trace()) == int(choices.score.sum())
    tags = confusion(made["squad/pos/0"], "l1")
    assert int(tags.to_numpy().sum()) == sum(map(len, examples(made["squad/pos/0"], "l1").gold))
    with pytest.raises(InputError, match="no closed set"):
        confusion(made["squad/tydiqa/0"])


@pytest.mark.parametrize("task", ["tydiqa", "pos", "choice", "paraphrase"])
def test_a_cell_answers_its_own_test_data_as_before(task: str, made: Cells) -> None:
    cell = made[f"squad/{task}/0"]
    (gold,) = [stage for name, stage in cell.planned.score.inputs.gold.items() if name == "l1"]
    records = [json.loads(line) for line in (cell.store.outputs(gold.kind, gold.slug, gold.key) / "examples.jsonl").open()]
    inputs = [{name: value for name, value in record.items() if name not in ("kind", "answer")} for record in records]
    assert predict(cell, inputs) == list(examples(cell, "l1").prediction)


def test_what_cannot_be_predicted(place: Place, made: Cells, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="input 1: no field 'words'; expected"):
        predict(made["squad/pos/0"], [["a"], {"texts": ["a", "b"]}])
    with pytest.raises(InputError, match="found a text; expected a list"):
        predict(made["squad/pos/0"], "a b")
    with pytest.raises(InputError, match="has no head that predicts"):
        predict(made["squad/retrieval/0"], ["a"])
    with pytest.raises(InputError, match="run the study first"):
        predict(cells(place[0], tmp_path)["squad/pos/0"], [["a"]])


def test_the_verb_writes_what_python_gives(place: Place, made: Cells, tmp_path: Path) -> None:
    inputs = [{"question": "who ?", "context": "ana feed the cat .", "mine": 1}, {"question": "what ?", "context": "the cat ."}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in inputs))
    words = ["predict", place[0], "squad/tydiqa/0", "in.jsonl", "--store", place[1]]
    to_file = run_forked(*words, "-o", "out.jsonl", cwd=tmp_path, env=os.environ)
    assert (to_file.returncode, to_file.stdout) == (0, "2 predictions written to out.jsonl\n"), to_file.stderr
    expected = [
        {**row, "prediction": answer} for row, answer in zip(inputs, predict(made["squad/tydiqa/0"], inputs), strict=True)
    ]
    assert [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()] == expected
    (tmp_path / "in.jsonl").write_text('["a", "b"]\n{"words": ["a"]}\n')
    wrong = run_forked(*words, cwd=tmp_path, env=os.environ)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert 'in.jsonl:2: no field \'question\'; expected {"question": "...", "context": "..."}' in wrong.stderr


def test_records_show_themselves_in_a_line(place: Place, made: Cells) -> None:
    study, state = Study.load(place[0]), run(*place)
    assert repr(study) == str(study) == "Study('tiny': 1 encoder x 2 chains x 6 targets x 1 seed)"
    assert re.fullmatch(r"State\('tiny': \d+ done\)", repr(state))
    assert repr(Store("/somewhere")) == "Store('/somewhere')"
    assert re.fullmatch(r"Cells\('tiny': (\d+), \1 done\)", repr(made))
    assert repr(made["squad/pos/0"]) == "Cell('squad/world/pos/0')"
    for shown in (study, state, made):
        assert len(repr(shown)) < 100
        html = shown._repr_html_()
        assert "tiny" in html
        assert html.count("<tr>") == html.count("</tr>") > 0


def test_a_run_shows_how_far_it_is_unless_quiet(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    count = run(*place).count("done")
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", f"tiny: {count}/{count} stages, {count} from the store\n")
    run(*place, quiet=True)
    assert capsys.readouterr() == ("", "")


def test_names_are_completed_and_nothing_heavy_is_imported() -> None:
    assert dir(xstilts) == sorted(xstilts.__all__)
    assert all(hasattr(xstilts, name) for name in xstilts.__all__)
    with pytest.raises(AttributeError, match="no attribute 'score'"):
        xstilts.score  # noqa: B018
    heavy = "{'torch', 'pandas', 'numpy', 'matplotlib', 'pydantic'}"
    code = f"import sys, xstilts; dir(xstilts); print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    assert (Path(xstilts.__file__).parent / "py.typed").is_file()


def test_the_report_is_that_of_the_command(place: Place, tmp_path: Path) -> None:
    page = write_report(*place, tmp_path / "python")
    called = CliRunner().invoke(app, ["report", place[0], "--store", place[1], "-o", str(tmp_path / "command")])
    assert called.exit_code == 0
    assert page.read_bytes() == (tmp_path / "command" / "report.html").read_bytes()


def code_cells() -> list[str]:
    found: list[dict[str, Any]] = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in found if cell["cell_type"] == "code"]


def test_the_notebook_of_the_docs_runs(forked_workers: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With ten steps for each training and few examples, so that it takes seconds."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XSTILTS_STORE", raising=False)
    scope: dict[str, Any] = {}
    for number, code in enumerate(code_cells()):
        fewer = f"seeds: [0]\nworld: {json.dumps(tiny_record()['world'])}"
        quick = re.sub(r"steps: \d+", "steps: 10", code).replace("seeds: [0, 1, 2]", fewer)
        exec(compile(quick, f"notebook cell {number}", "exec"), scope)


def test_the_notebook_of_the_docs_was_executed_in_order_without_errors() -> None:
    found = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    ran = [cell for cell in found if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in ran] == list(range(1, len(ran) + 1))
    kinds = [output["output_type"] for cell in ran for output in cell["outputs"]]
    assert "error" not in kinds
    assert sum("image/png" in output.get("data", {}) for cell in ran for output in cell["outputs"]) == 2
    assert not re.search(r"/(home|root|tmp|work)\b", NOTEBOOK.read_text(encoding="utf-8"))
