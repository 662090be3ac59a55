from __future__ import annotations

import errno
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from xstilts.errors import InputError
from xstilts.store import store as stores
from xstilts.store.store import DamagedArtefact, Store, read_json, write_json


def publish(folder: Path, text: str = "result") -> None:
    attempt = folder / ".attempt-1"
    (attempt / "deep").mkdir(parents=True)
    (attempt / "deep" / "a.txt").write_text(text)
    Store.publish(folder, attempt, {"key": "k"})


def test_published_outputs_verify(tmp_path: Path) -> None:
    publish(tmp_path)
    assert Store.is_done(tmp_path)
    Store.verify(tmp_path)
    assert (tmp_path / "out" / "deep" / "a.txt").read_text() == "result"


@pytest.mark.parametrize("harm", ["bytes", "size", "missing", "mark"])
def test_damage_is_noticed(tmp_path: Path, harm: str) -> None:
    publish(tmp_path)
    victim = tmp_path / "out" / "deep" / "a.txt"
    match harm:
        case "bytes":
            victim.write_text("resulT")
        case "size":
            victim.write_text("more than before")
        case "missing":
            victim.unlink()
        case "mark":
            (tmp_path / "done.json").write_text('{"files"')
    with pytest.raises(DamagedArtefact):
        Store.verify(tmp_path, thorough=True)


def test_a_file_newer_than_the_mark_is_hashed_even_in_a_quick_look(tmp_path: Path) -> None:
    publish(tmp_path)
    victim = tmp_path / "out" / "deep" / "a.txt"
    victim.write_text("resulT")
    later = (tmp_path / "done.json").stat().st_mtime_ns + 10**9
    os.utime(victim, ns=(later, later))
    with pytest.raises(DamagedArtefact, match="sha256"):
        Store.verify(tmp_path, thorough=False)


def test_undo_takes_the_mark_first_and_publishing_again_works(tmp_path: Path) -> None:
    publish(tmp_path)
    Store.undo(tmp_path)
    assert not Store.is_done(tmp_path)
    assert not (tmp_path / "out").exists()
    publish(tmp_path, "second")
    Store.verify(tmp_path)


def test_a_stage_is_found_by_key_under_any_slug(tmp_path: Path) -> None:
    store = Store(tmp_path)
    folder = store.folder("train", "a name/with: odd signs", "ab" * 32)
    folder.mkdir(parents=True)
    write_json(folder / "stage.json", {"key": "ab" * 32, "slug": "x"})
    assert store.folder("train", "another name", "ab" * 32) == folder
    assert store.find("train", "ab" * 6 + "cd" * 26) is None, "same first digits, another key"


def test_a_cut_off_record_reads_as_none(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"a": 1')
    assert read_json(path) is None
    assert read_json(tmp_path / "absent.json") is None


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="a file stands where a folder is expected"):
        Store(tmp_path / "file").prepare()
    with pytest.raises(InputError, match="a file stands where a folder is expected"):
        Store(tmp_path / "file" / "below").prepare()


@pytest.mark.parametrize("address", ["s3://bucket/x", "gs://bucket/x", "hf://datasets/me/x", "abfs://c@a/x", "file:///tmp/x"])
def test_an_object_store_is_refused(address: str) -> None:
    """As text, and as a path, which keeps one slash of two."""
    for root in (address, Path(address)):
        with pytest.raises(InputError, match=r"no hard links .* a folder that all machines share") as refused:
            Store(root)
        scheme, _, rest = address.partition("://")
        assert str(refused.value).startswith(f"store {scheme}://{rest.lstrip('/')}: ")


def test_a_folder_with_a_colon_is_no_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for root in ("a:b/c", "a:/c", "10:30/store", tmp_path / "s3:" / "x"):
        Store(root).prepare()
    assert (tmp_path / "s3:" / "x").is_dir()


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV])
def test_a_store_without_hard_links_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(stores.os, "link", refuse)
    with pytest.raises(InputError, match="this file system has no hard links"):
        Store(tmp_path / "store").prepare()
    assert not any((tmp_path / "store").iterdir())


def test_preparing_a_store_leaves_nothing(tmp_path: Path) -> None:
    Store(tmp_path / "store").prepare()
    assert not any((tmp_path / "store").iterdir())


def test_runs_are_numbered(tmp_path: Path) -> None:
    paths = [Store.new_run(tmp_path) for _ in range(3)]
    assert [p.name for p in paths] == ["run-000.json", "run-001.json", "run-002.json"]


def test_of_a_copied_stage_the_one_whose_files_are_there_is_taken(tmp_path: Path) -> None:
    store, key = Store(tmp_path), "ab" * 32
    folders = [store.folder("train", "x", key), tmp_path / "train" / f"copy-{key[:12]}"]
    for folder in folders:
        folder.mkdir(parents=True)
        write_json(folder / "stage.json", {"key": key})
        publish(folder)
    for damaged, whole in (folders, reversed(folders)):
        (damaged / "out").rename(damaged / "gone")
        named = SimpleNamespace(kind="train", slug="x", key=key)
        assert store.folder("train", "x", key) == store.find("train", key) == store.folders([named])[key] == whole
        (damaged / "gone").rename(damaged / "out")


@pytest.mark.parametrize("kind", ["folder", "pipe", "loop", "nested", "digits", "bytes", "file below"])
def test_what_is_no_json_reads_as_none(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.json"
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "loop":
            path.symlink_to("x.json")
        case "file below":
            path.write_text("{}")
            path = path / "y.json"
        case _:
            path.write_bytes({"nested": b"[" * 100_000, "digits": b"9" * 5000, "bytes": b"\xff"}[kind])
    assert read_json(path) is None


def test_the_number_of_a_run_is_never_given_again(tmp_path: Path) -> None:
    for name in ("run-007.json", "run-1000.json"):
        (tmp_path / name).write_text("[]")
    assert Store.new_run(tmp_path).name == "run-1001.json"
    assert Store.runs(tmp_path) == []
