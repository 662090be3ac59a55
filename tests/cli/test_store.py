"""`xstilts store`: what it lists, that cleaning costs no study on the list anything, and that what a run holds stays."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conftest import tiny_record, tiny_study
from tests.execution.fake_store import begin, finish
from typer.testing import CliRunner

from xstilts.cli import app
from xstilts.errors import InputError
from xstilts.execution.execute import execute, inspect
from xstilts.execution.freeze import freeze
from xstilts.plan.compile import Plan, compile_study
from xstilts.stages.stage import Stage
from xstilts.store.cleaning import list_contents, read_sizes, sweep, total_bytes
from xstilts.store.lease import STALE_SECONDS, Lease
from xstilts.store.store import Store


def run(*words: str) -> Any:
    return CliRunner().invoke(app, ["store", *words], catch_exceptions=False)


def said(*words: str) -> str:
    done = run(*words)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Plan, Plan, Store]:
    """Two studies, of which the second has a seed of its own, done as far as a store can tell."""
    monkeypatch.setenv("XSTILTS_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    plans, store = [], Store(tmp_path / "store")
    for name, seeds in (("one", [0]), ("two", [0, 1])):
        Path(f"{name}.yaml").write_text(yaml.safe_dump(tiny_record(name=name, seeds=seeds)))
        plans.append(compile_study(tiny_study(name=name, seeds=seeds)))
    for stage in plans[1].stages:
        finish(store, stage)
    return plans[0], plans[1], store


def folder_of(store: Store, stage: Stage) -> Path:
    return store.folder(stage.kind, stage.slug, stage.key)


def of_kind(plan: Plan, kind: str) -> list[Stage]:
    return [stage for stage in plan.stages if stage.kind == kind]


def files_of(store: Store) -> set[Path]:
    return set(store.root.rglob("*"))


def test_cleaning_keeps_what_the_study_needs_and_nothing_else(both: tuple[Plan, Plan, Store]) -> None:
    one, two, store = both
    frozen = store.root / "frozen" / "one-0123.json"
    frozen.parent.mkdir()
    frozen.write_text("{}")
    before = files_of(store)
    listed = said("gc", "one.yaml")
    assert files_of(store) == before, "without --yes nothing is deleted"
    own = {stage.key for stage in one.stages}
    for kind in ("encoder", "train", "score"):
        extra = sum(stage.key not in own for stage in of_kind(two, kind))
        assert any(line.split()[:3] == [kind, "stages", str(extra)] for line in listed.splitlines()), kind
    assert listed.endswith("Nothing is deleted. Add --yes to delete this.\n")
    done = said("gc", "one.yaml", "--yes")
    assert f"Deleted {len(two.stages) - len(one.stages)} stages" in done
    assert {stage.key for stage in two.stages if store.is_done(folder_of(store, stage))} == own
    assert frozen.is_file()
    assert not [path for path in files_of(store) if path.name.startswith(".trash")]
    assert "There is nothing to delete." in said("gc", "one.yaml", "--yes")


def test_all_studies_that_are_named_are_kept(both: tuple[Plan, Plan, Store]) -> None:
    before = files_of(both[2])
    assert "There is nothing to delete." in said("gc", "one.yaml", "two.yaml", "--yes")
    assert files_of(both[2]) == before
    assert run("gc", "--yes").exit_code == 2, "without a study it would be everything"
    assert files_of(both[2]) == before


def test_leftovers_of_dead_attempts_go_and_those_of_live_ones_stay(both: tuple[Plan, Plan, Store]) -> None:
    one, _, store = both
    dead, live, open_ = (folder_of(store, stage) for stage in of_kind(one, "train")[:3])
    hexadecimal = "0123456789abcdef" * 2
    Store.undo(open_)
    for folder in (dead, live, open_):
        for name in ("checkpoint", f".attempt-{hexadecimal}", f".trash-{hexadecimal}"):
            (folder / name).mkdir()
            (folder / name / "weights").write_text("w")
        (folder / f".done.json.{hexadecimal}").write_text("{")
        (folder / f".stage.json.{hexadecimal}").write_text("{")
        long_ago = time.time() - STALE_SECONDS - 1
        os.utime(folder / f".done.json.{hexadecimal}", (long_ago, long_ago))
    Store.undo(live)
    held = files_of(Store(live))
    with Lease(live):
        done = said("gc", "two.yaml", "--yes")
    assert held <= files_of(Store(live))
    assert {path.name for path in dead.iterdir()} == {
        "stage.json",
        "run-000.json",
        "out",
        "done.json",
        f".stage.json.{hexadecimal}",
    }
    assert (open_ / "checkpoint" / "weights").is_file(), "a stage that is not done goes on from it"
    for why in ("of an attempt that was killed", "was being deleted", "its stage is done", "a file that was being written"):
        assert why in done


def test_the_next_run_removes_leftovers_but_no_attempt_and_nothing_that_is_held(both: tuple[Plan, Plan, Store]) -> None:
    one, _, store = both
    done, live, open_ = (folder_of(store, stage) for stage in of_kind(one, "train")[:3])
    hexadecimal, long_ago = "0123456789abcdef" * 2, time.time() - STALE_SECONDS - 1
    Store.undo(open_)
    for folder in (done, live, open_):
        for name in ("checkpoint", f".attempt-{hexadecimal}", f".trash-{hexadecimal}"):
            (folder / name).mkdir()
        (folder / f".done.json.{hexadecimal}").write_text("{")
        os.utime(folder / f".done.json.{hexadecimal}", (long_ago, long_ago))
    (store.root / "train" / f".trash-{hexadecimal}").mkdir()
    (store.root / f".probe-{hexadecimal}").write_text("x")
    os.utime(store.root / f".probe-{hexadecimal}", (long_ago, long_ago))
    (store.root / "of-somebody").mkdir()
    (store.root / "of-somebody" / "checkpoint").mkdir()
    (store.root / "of-somebody" / "done.json").write_text("{}")
    held = files_of(Store(live))
    with Lease(live):
        sweep(store)
    assert held <= files_of(Store(live))
    assert {path.name for path in done.iterdir()} == {"stage.json", "run-000.json", "out", "done.json", f".attempt-{hexadecimal}"}
    assert (open_ / "checkpoint").is_dir() and not (open_ / f".done.json.{hexadecimal}").exists()
    assert not list(store.root.glob("**/.probe-*")) and not (store.root / "train" / f".trash-{hexadecimal}").exists()
    assert (store.root / "of-somebody" / "checkpoint").is_dir(), "what the program does not know is never touched"


def test_what_jobs_of_a_cluster_printed_goes_after_a_month(both: tuple[Plan, Plan, Store]) -> None:
    _, _, store = both
    old, new = (store.root / "jobs" / name / "1" for name in ("old", "new"))
    for folder in (old, new):
        folder.mkdir(parents=True)
        (folder / "0.log").write_text("x")
    for path in (old / "0.log", old, old.parent):
        os.utime(path, (0, 0))
    assert "jobs of a run that ended more than 30 days ago" in said("gc", "one.yaml", "two.yaml", "--yes")
    assert [path.name for path in (store.root / "jobs").iterdir()] == ["new"]


def test_the_age_of_a_leftover_is_by_the_clock_of_the_disk(
    both: tuple[Plan, Plan, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine whose clock is an hour fast, a file that another run is just writing is no leftover."""
    plan, _, store = both
    writing = folder_of(store, plan.stages[0]) / f".stage.json.{'0' * 32}"
    writing.touch()
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 3600)
    sweep(store)
    assert writing.exists()
    os.utime(writing, (0, 0))
    sweep(store)
    assert not writing.exists()


def test_a_probe_that_goes_while_it_is_looked_at_stops_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda path: iter([*listed(path), path / f".probe-{'0' * 32}"]))
    sweep(Store(tmp_path))


def test_a_run_that_is_not_on_the_list_stops_the_cleaning(both: tuple[Plan, Plan, Store]) -> None:
    one, two, store = both
    own = {stage.key for stage in one.stages}
    other = next(stage for stage in of_kind(two, "train") if stage.key not in own)
    Store.undo(folder_of(store, other))
    with Lease(folder_of(store, other)):
        before = files_of(store)
        for words in ([], ["--yes"]):
            with pytest.raises(InputError, match=rf"{os.getpid()}\) works on train .* name the study of that run too"):
                run("gc", "one.yaml", *words)
        assert files_of(store) == before
        said("gc", "one.yaml", "two.yaml", "--yes")
    assert folder_of(store, other).is_dir()


def test_what_is_not_of_a_store_is_named_and_stays(both: tuple[Plan, Plan, Store]) -> None:
    one, two, store = both
    own = {stage.key for stage in one.stages}
    mine = next(stage for stage in of_kind(two, "train") if stage.key not in own)
    foreign = [store.root / "notes.txt", store.root / "photos" / "a.jpg", store.root / "train" / "copy-of-mine" / "weights"]
    foreign += [folder_of(store, mine) / "README.md"]
    for path in foreign:
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    listed = said("gc", "one.yaml", "--yes")
    assert all(path.is_file() for path in foreign)
    assert store.is_done(folder_of(store, mine)), "a folder with something of the user's own stays whole"
    (line,) = [line for line in listed.splitlines() if line.startswith("not of a store, never touched: ")]
    for path in ("notes.txt", "photos", "copy-of-mine", "README.md"):
        assert path in line
    assert "photos" in said("ls")


def test_a_study_of_which_nothing_is_here_is_probably_another_setting(both: tuple[Plan, Plan, Store]) -> None:
    before = files_of(both[2])
    with pytest.raises(InputError, match=r"has no score of it; give --set and \$XSTILTS_DATA as in its runs"):
        run("gc", "one.yaml", "--set", "limits.test=7", "--yes")
    assert files_of(both[2]) == before


def test_the_same_names_made_in_another_way_are_pointed_out(both: tuple[Plan, Plan, Store]) -> None:
    """Two of three targets as in the run, the third with another recipe: its old scores would go."""
    listed = said("gc", "two.yaml", "--set", "recipes.world/pos.steps=5")
    assert "have names of stages that these studies lack" in " ".join(listed.split())


def test_what_is_there_and_how_much_of_it_a_study_needs(both: tuple[Plan, Plan, Store]) -> None:
    _, two, store = both
    begin(store, of_kind(two, "train")[0])
    Store.undo(folder_of(store, of_kind(two, "train")[0]))
    rows = {row["kind"]: row for row in json.loads(said("ls", "--json"))}
    assert rows["train"]["stages"] == len(of_kind(two, "train"))
    assert rows["train"]["unfinished"] == 1
    assert len(json.loads(said("ls", "score", "--json"))) == len(of_kind(two, "score"))
    with pytest.raises(InputError, match=r"no stages of kind 'trian'.*'train'"):
        run("ls", "trian")
    use = json.loads(said("du", "one.yaml", "two.yaml", "--json"))["all"]
    assert use["in the store"] == use["two.yaml"] > use["one.yaml"] > 0 == use["none of these"]
    linked = folder_of(store, of_kind(two, "score")[0]) / "out"
    (linked / "again.json").hardlink_to(linked / "result.json")
    assert json.loads(said("du", "--json"))["all"]["in the store"] == use["in the store"], "two names, one file"
    with pytest.raises(InputError, match="no such folder"):
        run("ls", "--store", str(store.root / "nowhere"))


def test_the_size_of_a_store_is_that_of_all_its_files(both: tuple[Plan, Plan, Store]) -> None:
    store = both[2]
    (store.root / "notes.txt").write_text("mine")
    (store.root / "fetch" / "mine").mkdir()
    (store.root / "fetch" / "mine" / "x").write_bytes(b"x" * 1000)
    (store.root / "fetch" / "elsewhere").symlink_to(store.root / "train", target_is_directory=True)
    folder = folder_of(store, of_kind(both[1], "train")[0])
    (folder / "out" / "deep").mkdir()
    (folder / "out" / "deep" / "y").write_bytes(b"y" * 500)
    os.link(folder / "out" / "deep" / "y", folder / "again")
    whole = {path.stat().st_ino: path.stat().st_size for path in store.root.rglob("*") if path.is_file()}
    assert list_contents(store).bytes == sum(whole.values())
    assert total_bytes([read_sizes(folder)]) == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) - 500


def test_every_damaged_file_is_found(both: tuple[Plan, Plan, Store]) -> None:
    one, two, store = both
    assert f"{len(two.stages)} artefacts, " in said("verify")
    victim = folder_of(store, of_kind(one, "score")[0]) / "out" / "result.json"
    was = victim.stat()
    victim.write_text("[]")
    os.utime(victim, ns=(was.st_atime_ns, was.st_mtime_ns))
    found = run("verify")
    assert found.exit_code == 2
    assert "1 damaged" in found.output
    assert str(victim) in found.stderr.replace("\n", "")
    assert list(json.loads(run("verify", "--json").stdout)["damaged"]) == [str(victim.parents[1])]


def test_a_study_is_copied_to_another_store(both: tuple[Plan, Plan, Store]) -> None:
    one, two, store = both
    other = Store("other")
    freeze(one, store)
    open_ = of_kind(one, "score")[0]
    Store.undo(folder_of(store, open_))
    listed = said("sync", "one.yaml", "--to", "other")
    assert listed.startswith(f"Copied {len(one.stages) - 1} stages (")
    assert listed.endswith(") and 1 frozen design; 1 is not done yet.\n")
    assert inspect(one, other).status.of("pending") == (open_.key,)
    assert len(list_contents(other).stages) == len(one.stages) - 1
    finish(store, open_)
    found = json.loads(said("sync", "--from", str(store.root), "--to", "other", "--json"))
    assert (found["copied"], found["there"]) == (len(two.stages) - len(one.stages) + 1, len(one.stages) - 1)
    assert inspect(two, other).count("done") == len(two.stages)
    assert "There is nothing to delete." in said("gc", "two.yaml", "--store", "other")


def test_what_is_damaged_is_not_copied_and_the_code_says_so(both: tuple[Plan, Plan, Store]) -> None:
    one, _, store = both
    damaged = folder_of(store, of_kind(one, "score")[0])
    (damaged / "out" / "result.json").write_text("[1]")
    nameless = folder_of(store, of_kind(one, "train")[0])
    (nameless / "stage.json").unlink()
    done = run("sync", "--to", "other")
    assert done.exit_code == 2
    assert f"Error: not copied: {damaged}/out/result.json: 3 bytes, expected 2; delete the folder {damaged} and" in done.stderr
    assert f"{nameless}: no stage.json that names it" in done.stderr
    assert json.loads(run("sync", "--to", "other", "--json").stdout)["copied"] == 0


def test_what_cannot_be_copied_is_refused(both: tuple[Plan, Plan, Store]) -> None:
    _, _, store = both
    for words, why in (
        (["--to", "s3://bucket/x"], "an object store has no hard links"),
        (["--to", str(store.root)], "name two folders"),
        (["--from", "nowhere", "--to", "other"], "no such folder"),
        (["one.yaml", "--set", "world.text=61", "--to", "other"], "has nothing of it; give --set"),
    ):
        with pytest.raises(InputError, match=why):
            run("sync", *words)
    assert not Path("other").exists()


@pytest.mark.tiny
@pytest.mark.usefixtures("forked_workers")
def test_after_cleaning_a_study_trains_nothing_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = Store(tmp_path / "store")
    changes: dict[str, Any] = {"targets": ["world/pos", "world/retrieval"]}
    two = compile_study(tiny_study(seeds=[0, 1], **changes))
    assert not execute(two, store, workers=2).errors
    Path("one.yaml").write_text(yaml.safe_dump(tiny_record(**changes)))
    said("gc", "one.yaml", "--yes", "--store", str(store.root))
    one = compile_study(tiny_study(**changes))
    state = execute(one, store, workers=1)
    assert state.cached == {stage.key for stage in one.stages}
    assert all(len(store.runs(folder_of(store, stage))) == 1 for stage in one.stages)
    again = execute(two, store, workers=2)
    assert not again.errors
    assert again.count("done") == len(two.stages), "what was deleted is made again"
