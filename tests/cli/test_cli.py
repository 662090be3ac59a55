"""The program as a person runs it: real formats from files to report, and what it says when something is wrong."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.forking import Fork, run_forked

from xstilts import cells, examples
from xstilts.study import built_in_studies
from xstilts.tasks.suites import SUITES

pytestmark = [pytest.mark.tiny, pytest.mark.usefixtures("forked_workers")]
FIXTURES = Path(__file__).parents[1] / "fixtures"


Done = subprocess.CompletedProcess[str]


def variables(data: Path | None, **environment: str) -> dict[str, str]:
    return {**os.environ, "COLUMNS": "100", **environment, **({"XSTILTS_DATA": str(data)} if data else {})}


def xstilts(*words: object, data: Path | None = None, cwd: Path, **environment: str) -> Done:
    return run_forked(*words, cwd=cwd, env=variables(data, **environment))


def started(*words: object, data: Path | None = None, cwd: Path, **environment: str) -> Done:
    """The same in a process of its own, without the network."""
    line = [sys.executable, "-m", "xstilts.cli", *map(str, words)]
    env = variables(data, HF_HUB_OFFLINE="1", **environment)
    return subprocess.run(line, capture_output=True, text=True, timeout=300, cwd=cwd, env=env)


def real_formats(encoder: Path, **changes: Any) -> dict[str, Any]:
    """Every task of the catalogue that has a fixture, in one small study."""
    record = {
        "name": "formats",
        "question": "Do the real formats run from file to score?",
        "encoders": [str(encoder / "encoder")],
        "chains": {"none": [], "all": [{"mix": ["anli_plus", "qqp", "squad_v2", "hellaswag", "ud_relations"]}]},
        "targets": ["xtreme", "xcopa", "lareqa", "mewslix"],
        "seeds": [0],
        "recipes": {"default": {"lr": 1e-3, "batch": 4, "steps": 6, "max_length": 64, "evaluations": 3, "average": 2}},
    }
    return {**record, **changes}


def write(path: Path, record: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(record))
    return path


def test_every_real_format_runs_from_file_to_report(tiny_folder: Path, tmp_path: Path) -> None:
    study = write(tmp_path / "formats.yaml", real_formats(tiny_folder))
    done = xstilts("run", study, "--workers", 1, data=FIXTURES, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith("report: reports/formats/report.html")
    with (tmp_path / "reports/formats/scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {r["target"] for r in rows} == set(SUITES["xtreme"].tasks) | set(SUITES["xtreme-r"].tasks)
    assert {r["control"] for r in rows if r["target"] == "tatoeba"} >= {"random-init"}
    page = (tmp_path / "reports/formats/report.html").read_text()
    assert "Do the real formats run" in page
    assert not re.search(r"(src|href)=[\"']?https?://[^\"'>]*\.(js|css)", page)
    made = cells(study, tmp_path / "xstilts-store", data=FIXTURES)
    for cell in made.values():
        assert (examples(cell).text.str.len() > 0).all(), cell
    asked = examples(made["all/lareqa/0"])
    found = [any(one in gold for one in ranked) for gold, ranked in zip(asked.gold, asked.prediction, strict=True)]
    assert list(asked.score > 0) == found, "gold candidates are those of all languages"
    again = xstilts("run", study, data=FIXTURES, cwd=tmp_path)
    assert again.returncode == 0
    assert re.search(r"^0 stages run", again.stdout, re.MULTILINE)
    for suite in ("xtreme", "xtreme-r"):
        out = tmp_path / suite
        words = ("benchmark", "submit", study, "--suite", suite, "--chain", "all", "-o", out)
        submitted = xstilts(*words, data=FIXTURES, cwd=tmp_path)
        assert submitted.returncode == 0, submitted.stdout + submitted.stderr
        scored = xstilts("benchmark", "score", out, "--suite", suite, "--json", data=FIXTURES, cwd=tmp_path)
        assert scored.returncode == 0, scored.stderr
        found = json.loads(scored.stdout)
        ours = [r for r in rows if r["chain"] == "all" and r["value_name"] != "headline" and r["target"] in SUITES[suite].tasks]
        assert {r["target"] for r in ours} == set(SUITES[suite].tasks)
        for r in ours:
            if r["language"] in SUITES[suite].tasks[r["target"]]:
                value = found[r["target"]][r["language"]][r["value_name"]]
                assert value == pytest.approx(100 * float(r["value"])), (r["target"], r["language"], r["value_name"])
    exported = xstilts("export", study, "all/tydiqa/0", "-o", tmp_path / "model", data=FIXTURES, cwd=tmp_path)
    assert "AutoModelForQuestionAnswering" in exported.stdout
    assert (tmp_path / "model" / "model.safetensors").is_file()
    explained = xstilts("explain", study, rows[0]["id"], data=FIXTURES, cwd=tmp_path)
    assert explained.returncode == 0, explained.stderr
    assert re.search(r"^\* score +[0-9a-f]{12}", explained.stdout, re.MULTILINE)
    judged = xstilts("claims", study, "--json", data=FIXTURES, cwd=tmp_path)
    assert judged.returncode == 0, judged.stderr
    ledger = json.loads(judged.stdout)
    assert {int(row["id"].partition("-")[0]) for row in ledger["claims"] + ledger["properties"]} == set(range(1, 21))
    compared = xstilts("diff", study, study, "--set", "limits.test=7", "--json", data=FIXTURES, cwd=tmp_path)
    assert compared.returncode == 0, compared.stderr
    assert json.loads(compared.stdout)["design"] == ["limits.test null -> 7"]


def test_claims_are_checked_by_their_own_sets(tmp_path: Path) -> None:
    """No study, no store, no data."""
    path = tmp_path / "claims.yaml"
    claim = {
        "id": "mine",
        "text": "SQuAD helps TyDiQA.",
        "source": {"document": "a talk", "basis": "recalled"},
        "kind": "comparison",
        "comparisons": [{"treatment": "squad_v1"}],
        "direction": "+",
        "population": {"targets": ["tydiqa"]},
        "sets": [
            {"gives": "supported", "gains": {"squad_v1": 5}},
            {"gives": "refuted", "gains": {"squad_v1": -5}},
            {"gives": "inconclusive", "gains": {"squad_v1": 1}, "noise": 5},
        ],
    }
    path.write_text(yaml.safe_dump({"claims": [claim]}))
    right = xstilts("claims", "--check", "--claims", path, cwd=tmp_path)
    assert (right.returncode, right.stdout) == (0, "3 artefact sets give their verdicts; 0 of 1 claims have none\n")
    path.write_text(yaml.safe_dump({"claims": [{**claim, "sets": [claim["sets"][0], {**claim["sets"][0], "gives": "refuted"}]}]}))
    wrong = xstilts("claims", "--check", "--claims", path, cwd=tmp_path)
    assert wrong.returncode == 2
    assert "mine, set 2: expected refuted" in wrong.stderr
    assert "mine: no set shows that it can be inconclusive" in wrong.stderr
    assert xstilts("claims", cwd=tmp_path).stderr == "Error: claims: expected STUDY or --check\n"


def test_power_says_what_it_takes(tmp_path: Path) -> None:
    done = xstilts("power", "1.25", "--examples", 5010, "--seeds", 1, "--seed-sd", 0, "--json", cwd=tmp_path)
    found = json.loads(done.stdout)
    assert found["detectable_points"] == pytest.approx(1.25, abs=0.02)  # the table of the protocols: XNLI, 10 % discordance
    assert found["power"] == pytest.approx(0.8, abs=0.01)
    wrong = xstilts("power", "1", "--discordance", 0, cwd=tmp_path)
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("Error: power: --discordance 0")


def test_real_data_and_a_real_encoder(real_data: Path, mini_xlmr: Path, tmp_path: Path) -> None:
    """The built-in study `real-small`, cut down to a minute."""
    cuts = ["limits={train: 12, dev: 6, test: 5}", "recipes.default.steps=2", "recipes.default.evaluations=2"]
    cuts += ["recipes.default.average=1", "seeds=[0]", "languages=[en, de, sw]", f"encoders=[{mini_xlmr}]"]
    cuts += ["chains={none: [], multi: [{mix: [snli, commonsenseqa, squad_v1]}]}"]
    cuts += ["targets=[{task: xnli, train: snli}, udpos, tydiqa, tatoeba]"]
    groups = ("snli", "xnli", "tag", "span", "choice", "multi")
    cuts += [f"recipes.{group}.steps=2" for group in groups] + ["recipes.default.batch=4", "recipes.multi.batch=4"]
    cuts += ["recipes.span.batch=4", "recipes.span.max_length=160", "recipes.choice.batch=4"]
    sets = [word for cut in cuts for word in ("--set", cut)]
    done = xstilts("run", "real-small", *sets, "--workers", 1, data=real_data, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "reports/real-small/report.html").read_text()
    assert "reuses target data" in page
    again = xstilts("run", "real-small", *sets, data=real_data, cwd=tmp_path)
    assert re.search(r"^0 stages run", again.stdout, re.MULTILINE), "run again, it trains nothing"


A_LANGUAGE_OR_TWO = re.compile(
    r"snli/|squad/|commonsenseqa/|pawsx/x-final/de|xnli/(test-de|dev-en)|udpos/UD_(German|English)|panx/panx_dataset/(en/(train|dev)|de/test)"
    r"|xquad/xquad\.de|tydiqa/.*(\.en\.train|swahili|russian)|tatoeba/tatoeba\.deu|xcopa/data/sw|lareqa/xquad-r/(de|en)"
    r"|bucc2018_standin/de-en"
)


def test_every_target_that_has_real_data(real_data: Path, mini_xlmr: Path, tmp_path: Path) -> None:
    """The built-in study `targets-mini`, cut down: every task with real test files runs, and its submissions validate."""
    data = tmp_path / "data"
    for path in real_data.rglob("*"):
        name = str(path.relative_to(real_data))
        if path.is_file() and A_LANGUAGE_OR_TWO.match(name):
            link = data / name.replace("bucc2018_standin", "bucc2018")
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path)
    cuts = ["limits={train: 16, dev: 6, test: 8}", "recipes.default.steps=2", "recipes.default.evaluations=1"]
    cuts += ["recipes.default.average=1", f"encoders=[{mini_xlmr}]", "chains={none: []}"]
    cuts += ["recipes.default.batch=4", "recipes.span={batch: 4, max_length: 160}", "recipes.rank.batch=4"]
    cuts += ["retrieval={sweep: false}", "random_init=false"]
    sets = [word for cut in cuts for word in ("--set", cut)]
    done = xstilts("run", "targets-mini", *sets, "--workers", 1, data=data, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for suite, tasks in (("xtreme", "8 of 9 tasks, 10 of 162 files"), ("xtreme-r", "8 of 10 tasks")):
        words = ("benchmark", "submit", "targets-mini", *sets, "--suite", suite, "-o", tmp_path / suite)
        written = xstilts(*words, data=data, cwd=tmp_path)
        assert written.returncode == 0, written.stdout + written.stderr
        assert "PARTIAL" in written.stdout
        checked = xstilts("benchmark", "validate", tmp_path / suite, "--suite", suite, data=data, cwd=tmp_path)
        assert checked.returncode == 0, checked.stdout
        assert tasks in " ".join(checked.stdout.split())


def test_a_damaged_data_file_is_named_and_the_rest_goes_on(tiny_folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(FIXTURES, data)
    victim = next(data.rglob("tatoeba.deu-eng.deu"))
    victim.write_bytes(victim.read_bytes() + "gar nicht übersetzt\n".encode("latin-1"))
    study = write(
        tmp_path / "x.yaml", real_formats(tiny_folder, chains={"none": []}, targets=["udpos", "tatoeba"], random_init=False)
    )
    done = xstilts("run", study, data=data, cwd=tmp_path)
    assert done.returncode == 2
    assert re.search(r"Error: fetch tatoeba-test-de: .*tatoeba\.deu-eng\.deu:\d+: not UTF-8", done.stderr)
    assert "Traceback" not in done.stderr
    status = json.loads(xstilts("status", study, "--json", data=data, cwd=tmp_path).stdout)
    by_slug = {(s["kind"], s["slug"]): s["state"] for s in status["stages"]}
    assert by_slug["score", "encoder+udpos-s0@udpos"] == "done"
    assert by_slug["fetch", "tatoeba-test-de"] == "failed"
    assert by_slug["score", "encoder@tatoeba"] == "blocked"
    watched = xstilts("status", study, "--watch", data=data, cwd=tmp_path)  # ends by itself: nothing is left to run
    assert (watched.returncode, watched.stderr) == (0, "")
    assert re.search(r"failed  fetch tatoeba-test-de: .*not UTF-8", watched.stdout)
    assert "run the study again to retry them" in watched.stdout
    shutil.copyfile(next(FIXTURES.rglob("tatoeba.deu-eng.deu")), victim)
    mended = xstilts("run", study, data=data, cwd=tmp_path)
    assert mended.returncode == 0, mended.stderr


def test_missing_data_says_which_file_and_where_to_get_it(tiny_folder: Path, tmp_path: Path) -> None:
    study = write(tmp_path / "x.yaml", real_formats(tiny_folder, chains={"none": []}, targets=["tydiqa"]))
    (tmp_path / "empty").mkdir()
    done = started("run", study, data=tmp_path / "empty", cwd=tmp_path, HF_HUB_CACHE=str(tmp_path / "hub"))
    assert done.returncode == 2
    assert "no file for train in en; looked below" in done.stderr
    assert "Get it from https://" in done.stderr
    assert "not in the local cache" in done.stderr
    assert "Traceback" not in done.stderr


def test_data_and_encoder_come_from_the_hub_cache(tiny_folder: Path, tmp_path: Path) -> None:
    """A stand-in in the Hub's own layout: refs, snapshots, parquet. The code that reads it is the code that downloads."""
    from tests.tasks.files.test_hub import put_for

    from xstilts.tasks.catalogue import nli

    rows = [{"premise": f"bo {i}", "hypothesis": "ka", "label": i % 3} for i in range(12)]
    hub = tmp_path / "hub"
    put_for(hub, "snli", "train", "plain_text/train-00000-of-00001.parquet", rows)
    put_for(hub, "snli", "dev", "plain_text/validation-00000-of-00001.parquet", rows)
    for language in ("en", "sw"):
        put_for(hub, "xnli", "test", f"{language}/test-00000-of-00001.parquet", rows)
        put_for(hub, "xnli", "dev", f"{language}/validation-00000-of-00001.parquet", rows)
    commit = "89abcdef" * 5
    shutil.copytree(tiny_folder / "encoder", hub / "models--org--tiny" / "snapshots" / commit)
    (hub / "models--org--tiny" / "refs").mkdir()
    (hub / "models--org--tiny" / "refs" / "main").write_text(commit)
    target = {"task": "xnli", "train": "snli"}
    record = real_formats(tiny_folder, encoders=["org/tiny@main"], chains={"none": []}, targets=[target], languages=["en", "sw"])
    study = write(tmp_path / "x.yaml", record)
    (tmp_path / "none").mkdir()
    done = started("run", study, data=tmp_path / "none", cwd=tmp_path, HF_HUB_CACHE=str(hub))
    assert done.returncode == 0, done.stderr
    assert "it comes from the Hub data set facebook/xnli" in done.stdout.replace("\n", " ")
    runs = [json.loads(p.read_text()) for p in (tmp_path / "xstilts-store" / "fetch").glob("*/run-*.json")]
    assert {r["facts"]["commit"] for r in runs} == {nli.SNLI.splits["train"].hub.revision, nli.XNLI.splits["test"].hub.revision}
    (encoder,) = (tmp_path / "xstilts-store" / "encoder").glob("*/stage.json")
    assert json.loads(encoder.read_text())["config"]["source"] == {"kind": "hub", "id": "org/tiny", "revision": commit}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "dmeo"], "no such file and no built-in study (did you mean 'demo'?)"),
        (["plan", "demo", "--set", "seeds=x"], "seeds"),
        (["status", "demo", "--watch", "--json"], "--watch, --serve and --json exclude each other"),
        (["plan", "demo", "--set", "chains.none=[world/squad]"], "'none' names the empty chain, and no other"),
        (["run", "demo", "--set", "encoders=[./nowhere]"], "encoder ./nowhere: no such folder"),
        (["data", "list", "xnil"], "no task 'xnil' (did you mean 'xnli'?)"),
        (["data", "download", "xnli", "--lang", "xx"], "unknown language 'xx'"),
        (["tasks", "xnli"], "xstilts tasks is now: xstilts data list"),
        (["run", "demo", "--set", "world.textt=5"], "--set world.textt=5: unknown field 'world.textt' (did you mean 'text'?)"),
        (["run", "demo", "--set", "architecture.hidden=8"], "architecture: give the shape under the encoder's name"),
        (["export", "demo", "squad/tydiqa/30", "-o", "out"], "; run the study first"),
        (["run", "demo", "--store", "/dev/null/x"], "a file stands where a folder is expected"),
    ],
)
def test_one_clear_line_and_exit_code_2(words: list[str], message: str, tmp_path: Path) -> None:
    done = xstilts(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr


def test_the_list_of_an_own_task_ends_with_code_2_if_its_data_cannot_be_read(tmp_path: Path) -> None:
    record = {"name": "asked", "format": "span", "files": {"test": "{lang}.json"}, "languages": "de", "license": "CC0-1.0"}
    task = write(tmp_path / "asked.yaml", {**record, "trains_on": "squad_v1"})
    question = {"id": 3, "question": "Wann?", "answers": [{"text": "im Mai", "answer_start": 4}]}
    (tmp_path / "de.json").write_text(
        json.dumps({"data": [{"paragraphs": [{"context": "Sie sank im\u00a0Mai.", "qas": [question]}]}]})
    )
    done = xstilts("data", "list", task, data=tmp_path, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "test de  1 examples, 1 misplaced" in done.stdout
    (tmp_path / "de.json").write_text('{"data": [')
    done = xstilts("data", "list", task, data=tmp_path, cwd=tmp_path)
    assert done.returncode == 2
    assert "de.json: not JSON" in done.stdout
    assert xstilts("data", "check", task, data=tmp_path, cwd=tmp_path).returncode == 1, "damaged is what a check finds"


@pytest.mark.parametrize("harm", ["cut weights", "other tokenizer", "no tokenizer"])
def test_an_encoder_folder_that_does_not_work(harm: str, tiny_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "encoder"
    shutil.copytree(tiny_folder / "encoder", folder)
    match harm:
        case "cut weights":
            (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:100])
            message = "model.safetensors cannot be read"
        case "other tokenizer":
            record = json.loads((folder / "config.json").read_text())
            (folder / "config.json").write_text(json.dumps({**record, "vocab_size": 5}))
            message = "its weights embed 13 tokens, config.json says 5"
        case _:
            (folder / "tokenizer.json").unlink()
            (folder / "tokenizer_config.json").unlink()
            message = "no tokenizer; expected tokenizer.json"
    study = write(tmp_path / "x.yaml", real_formats(tiny_folder, encoders=[str(folder)], chains={"none": []}, targets=["udpos"]))
    done = xstilts("run", study, data=FIXTURES, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_study_that_changes_while_it_runs(tiny_folder: Path, tmp_path: Path) -> None:
    study = write(tmp_path / "x.yaml", real_formats(tiny_folder, chains={"none": []}, targets=["udpos"]))
    line = [sys.executable, "-m", "xstilts.cli", "run", str(study)]
    with (tmp_path / "errors").open("wb") as errors:
        process = Fork(line, subprocess.PIPE, subprocess.PIPE, errors, env=variables(FIXTURES), cwd=tmp_path)
    process.stdout.readline()  # it has planned and begun
    study.write_text(study.read_text() + "# changed\n")
    assert process.wait() == 0
    assert "changed while the study ran" in (tmp_path / "errors").read_text()


def test_every_verb_has_a_summary_and_an_example() -> None:
    import typer

    from xstilts.cli import app

    groups = {"": typer.main.get_command(app)}
    groups |= {f"{name} ": verb for name, verb in groups[""].commands.items() if hasattr(verb, "commands")}
    verbs = {f"{group}{name}": verb for group, held in groups.items() for name, verb in held.commands.items()}
    assert {"data list", "data check", "data download", "benchmark score", "benchmark validate", "benchmark submit"} <= set(verbs)
    for name, verb in verbs.items():
        if not hasattr(verb, "commands"):
            summary, *rest = verb.help.split("\n\n")
            assert summary.endswith("."), name
            assert f"    xstilts {name}" in rest[-1].replace("XSTILTS_DATA=~/data ", ""), name


@pytest.mark.parametrize("columns", [80, 100])
def test_help_fits_the_terminal(columns: int, tmp_path: Path) -> None:
    for words in ([], ["plan"], ["data", "download"], ["benchmark", "score"]):
        done = xstilts(*words, "--help", cwd=tmp_path, COLUMNS=str(columns))
        assert done.returncode == 0, done.stderr
        assert max(map(len, done.stdout.splitlines())) <= columns


def test_the_built_in_studies_are_there(tmp_path: Path) -> None:
    assert set(built_in_studies()) >= {"demo", "real-small"}
    done = xstilts("plan", "demo", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "how long it takes is not known yet" in done.stdout
