"""Official archives: found, unpacked once, and refused when they are not what they should be."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import stat
import subprocess
import sys
import tarfile
import threading
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from xstilts.errors import InputError
from xstilts.formats.classify import Classify, ClassifyExample
from xstilts.metrics.classify import ACCURACY
from xstilts.store.lease import Lease
from xstilts.tasks.files import archive as module
from xstilts.tasks.files.archive import unpack
from xstilts.tasks.files.locate import find_languages, locate, locate_with_archives, read_examples
from xstilts.tasks.files.read import check_label, read_lines, split_columns
from xstilts.tasks.task import ReadRequest, Source, Task

KINDS = ("x.zip", "x.tar", "x.tar.gz", "x.tgz", "x.tar.bz2")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "xstilts"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def pack(path: Path, members: list[tuple[str, bytes]]) -> Path:
    """An archive of the kind that its name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of names that come twice
            for name, content in members:
                file.writestr(name, content)
        return path
    mode = {".gz": "w:gz", ".tgz": "w:gz", ".bz2": "w:bz2", ".tar": "w"}[path.suffix]
    with tarfile.open(path, mode) as file:  # type: ignore[call-overload]
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


MEMBERS = [("set/en/test", b"one\n" * 1000), ("set/de/test", b""), ("readme", bytes(range(256)))]


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_is_unpacked_whole_and_once(name: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = pack(root / "below" / name, MEMBERS)
    folder = unpack(archive, root)
    assert folder.is_relative_to(root / ".xstilts")
    assert contents(folder) == dict(MEMBERS)
    monkeypatch.setattr(module, "_write_members", None)
    assert unpack(archive, root) == folder


def test_an_archive_that_changed_is_unpacked_anew(root: Path) -> None:
    folder = unpack(pack(root / "x.zip", MEMBERS), root)
    again = unpack(pack(root / "x.zip", [("set/en/test", b"two")]), root)
    assert again != folder
    assert contents(again) == {"set/en/test": b"two"}


def test_where_the_data_folder_cannot_be_written_the_cache_is_used(root: Path, cache: Path) -> None:
    (root / ".xstilts").write_bytes(b"a file where a folder is expected, as nobody may write to a folder but the superuser")
    archive = pack(root / "x.tgz", MEMBERS)
    folder = unpack(archive, root)
    assert folder.is_relative_to(cache)
    assert contents(folder) == dict(MEMBERS)
    assert unpack(archive, root) == folder


def test_where_nothing_can_be_written_that_is_said(root: Path, cache: Path) -> None:
    (root / ".xstilts").write_bytes(b"")
    cache.parent.write_bytes(b"")
    with pytest.raises(InputError, match=r"x\.zip: cannot be unpacked, neither in .*\.xstilts.* nor in .*cache"):
        unpack(pack(root / "x.zip", MEMBERS), root)


def refused(root: Path, name: str, members: list[tuple[str, bytes]], message: str) -> None:
    archive = pack(root / name, members)
    with pytest.raises(InputError, match=message) as error:
        unpack(archive, root)
    assert str(archive) in str(error.value)
    left = [path for path in root.rglob("*") if path.is_file() and path != archive]
    assert left == [], "nothing of a refused archive is kept, inside its folder or out of it"


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("member", ["../outside", "set/../../outside", "/outside", "//outside"])
def test_a_member_that_leaves_the_folder(name: str, member: str, root: Path) -> None:
    refused(root, name, [("in", b"x"), (member, b"x")], r"member '.*outside' would be written outside its folder")
    assert not any(path.name == "outside" for path in root.parent.rglob("*"))


@pytest.mark.parametrize("name", KINDS)
def test_two_members_with_one_name(name: str, root: Path) -> None:
    message = r"member 'set/\./test': another member has the same name"
    refused(root, name, [("set/test", b"x"), ("set/./test", b"x")], message)


def test_a_file_where_another_member_needs_a_folder(root: Path) -> None:
    refused(root, "x.tar", [("set", b"x"), ("set/test", b"x")], "member 'set/test': another member has the same name")


@pytest.mark.parametrize("type", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_of_a_tar(type: bytes, root: Path) -> None:
    path = root / "x.tar.gz"
    with tarfile.open(path, "w:gz") as file:
        info = tarfile.TarInfo("set/link")
        info.type, info.linkname = type, "../../elsewhere"
        file.addfile(info)
    with pytest.raises(InputError, match=r"x\.tar\.gz: member 'set/link' is a link or a device"):
        unpack(path, root)


def test_a_link_of_a_zip(root: Path) -> None:
    path = root / "x.zip"
    with zipfile.ZipFile(path, "w") as file:
        info = zipfile.ZipInfo("set/link")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(info, "../../elsewhere")
    with pytest.raises(InputError, match="member 'set/link' is a link"):
        unpack(path, root)


@pytest.mark.parametrize("name", KINDS)
def test_absurd_sizes(name: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RATIO_FROM", 1 << 16)
    monkeypatch.setattr(module, "MAX_BYTES", 1 << 22)
    huge = (1 << 22) + 1 if name == "x.tar" else 1 << 21  # a tar without compression can only break the limit itself
    refused(root, name, [("small", b"x"), ("zeros", bytes(huge))], "it would unpack to more than .* times its .* bytes")
    monkeypatch.setattr(module, "RATIO_FROM", 1 << 22)
    unpack(pack(root / f"allowed-{name}", [("zeros", bytes(1 << 21))]), root)
    monkeypatch.setattr(module, "MAX_MEMBERS", 3)
    refused(root / "many", name, [(str(number), b"") for number in range(4)], "more than 3 members")


def test_zeros_without_end_after_the_end_of_a_tar(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RATIO_FROM", 1 << 20)
    archive = pack(root / "x.tar", [("in", b"x")])
    (root / "y.tar.gz").write_bytes(gzip.compress(archive.read_bytes() + bytes(1 << 23)))
    with pytest.raises(InputError, match="it would unpack to more than"):
        unpack(root / "y.tar.gz", root)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("share", [0.0, 0.03, 0.5, 0.97])
def test_an_archive_that_is_cut_short(name: str, share: float, root: Path) -> None:
    noise = os.urandom(3000)
    archive = pack(root / name, [(f"set/{number}", noise) for number in range(9)])
    whole = archive.read_bytes()
    whole = whole.rstrip(b"\0") + bytes(1024) if name == "x.tar" else whole  # the mark of the end without the padding
    archive.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(InputError, match=rf"{name}.* (damaged|cut short)"):
        unpack(archive, root)


@pytest.mark.parametrize("name", KINDS)
def test_a_tar_that_is_cut_between_its_members(name: str, root: Path) -> None:
    """Python's tarfile takes this for the end."""
    whole = pack(root / "whole.tar", [("a", bytes(512)), ("b", b"x" * 512)]).read_bytes()
    for end in (1024, 1024 + 100):
        match name:
            case "x.zip":
                return
            case "x.tar":
                content = whole[: end + 512] if end == 1024 else whole[:end]
            case "x.tar.bz2":
                content = bz2.compress(whole)[:-5]
            case _:
                content = gzip.compress(whole)[:-9]
        (root / name).write_bytes(content)
        with pytest.raises(InputError, match="damaged or cut short"):
            unpack(root / name, root)


@pytest.mark.parametrize("name", ["x.zip", "x.tar.gz", "x.tar.bz2"])
def test_damage_in_the_middle_names_the_member(name: str, root: Path) -> None:
    archive = pack(root / name, [(f"set/{number}", os.urandom(100_000)) for number in range(5)])
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 0xFF
    archive.write_bytes(content)
    with pytest.raises(InputError, match=r"(member 'set/\d': )?the archive is damaged"):
        unpack(archive, root)


def test_an_encrypted_zip_and_an_unknown_kind(root: Path) -> None:
    archive = pack(root / "x.zip", [("set", b"x")])
    content = archive.read_bytes()
    for begin, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = content.index(begin) + offset
        content = content[:place] + bytes([content[place] | 1]) + content[place + 1 :]
    archive.write_bytes(content)
    with pytest.raises(InputError, match=r"x\.zip: member 'set' cannot be read \(.*encrypted"):
        unpack(archive, root)
    (root / "x.rar").write_bytes(b"x")
    with pytest.raises(InputError, match=r"x\.rar: unknown kind of archive; expected zip, "):
        unpack(root / "x.rar", root)


def test_what_a_killed_unpacking_left_is_not_taken_for_whole(root: Path) -> None:
    archive = pack(root / "x.tar", [(f"set/{number}", b"x" * 1000) for number in range(50)])
    killed = (
        "import os, shutil, sys; from pathlib import Path; from xstilts.tasks.files import archive;"
        "copy, left = shutil.copyfileobj, [20]\n"
        "def some(*rest):\n"
        "    left[0] -= 1\n"
        "    copy(*rest) if left[0] else os.kill(os.getpid(), 9)\n"
        "shutil.copyfileobj = some\n"
        "archive.unpack(Path(sys.argv[1]), Path(sys.argv[2]))"
    )
    assert subprocess.run([sys.executable, "-c", killed, str(archive), str(root)], check=False).returncode == -9
    assert any(root.glob(".xstilts/*/.attempt-*/files/set/7")), "the test has to leave something"
    folder = unpack(archive, root)
    assert folder.is_relative_to(root)
    assert len(contents(folder)) == 50
    assert not any(root.glob(".xstilts/*/.attempt-*"))


@pytest.mark.parametrize("step", ["_write_members", "write_json"])
def test_an_interrupted_unpacking_leaves_nothing_and_is_done_again(
    step: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    archive = pack(root / "x.zip", MEMBERS)
    with monkeypatch.context() as patch:
        patch.setattr(module, step, interrupted)
        with pytest.raises(KeyboardInterrupt):
            unpack(archive, root)
    assert not any(root.glob(".xstilts/*/done.json"))
    assert contents(unpack(archive, root)) == dict(MEMBERS)


def test_another_process_that_unpacks_the_same_archive_is_waited_for(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = pack(root / "x.zip", MEMBERS)
    folder = unpack(archive, root)
    (folder.parent / "done.json").unlink()
    waits: list[float] = []
    lease = Lease(folder.parent)
    lease.__enter__()

    def end_of_the_other(seconds: float) -> None:
        waits.append(seconds)
        (folder.parent / "done.json").write_text("{}")
        lease.__exit__(None, None, None)

    monkeypatch.setattr(module.time, "sleep", end_of_the_other)
    monkeypatch.setattr(module, "_write_members", None)
    assert unpack(archive, root) == folder
    assert len(waits) == 1
    assert capsys.readouterr().err == f"{archive}: waiting until it is unpacked: {lease.holder} works on it\n"


def test_two_that_begin_at_once_do_the_work_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = pack(root / "x.tar.gz", MEMBERS)
    original: Callable[[Path, Path], dict[str, int]] = module._write_members
    calls: list[Path] = []

    def counted(path: Path, folder: Path) -> dict[str, int]:
        calls.append(folder)
        return original(path, folder)

    monkeypatch.setattr(module, "_write_members", counted)
    folders: list[Path] = []
    threads = [threading.Thread(target=lambda: folders.append(unpack(archive, root))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(folders) == 4
    assert len(set(folders)) == len(calls) == 1


# -- as a task's data ------------------------------------------------------------------------------------------------


LANGUAGES = ("en", "de", "fr")


def read_toy(request: ReadRequest) -> Iterator[ClassifyExample]:
    """`language<TAB>text<TAB>label`; the name of a file is in the ids, so that several make up one split."""
    for path in request.files:
        for number, (where, line) in enumerate(read_lines(path), start=1):
            language, text, label = split_columns(line, 3, where, "language, text, label")
            if language == request.language:
                id = f"{request.task.name}-{path.name.split('.')[0]}-{number}"
                yield ClassifyExample(id, (text,), check_label(label, request.task.format.labels, where))  # type: ignore[union-attr]


def toy(name: str = "toy", **changes: Any) -> Task:
    """A task of nothing but declarations, with `<name>/train.tsv` and `<name>/test-<language>.tsv`."""
    train = Source((f"{name}/train.tsv",), ("en",), url="https://example.org/toy.html")
    test = Source((f"{name}/test-{{lang}}.tsv", f"{name}/tests.tsv"), LANGUAGES, url="https://example.org/toy.html")
    fields: dict[str, Any] = {
        "name": name,
        "version": 1,
        "format": Classify(labels=("yes", "no"), texts=1),
        "metric": ACCURACY,
        "languages": LANGUAGES,
        "splits": {split: replace(source, **changes) for split, source in (("train", train), ("test", test))},
        "read": read_toy,
        "license": "CC0-1.0",
        "cite": "made2026toy",
        "url": "https://example.org",
        "description": "Invented.",
        "trains_on": name,
    }
    return Task(**fields)


TESTS = b"en\tIt snows.\tyes\nfr\tIl neige.\tyes\nen\tIt burns.\tno\n"


@pytest.mark.parametrize("place", ["toy-1.0.zip", "anywhere/toy-1.0.zip"])
def test_a_task_is_read_out_of_its_official_archive(place: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = toy(archives=("toy-1.0.zip",))
    archive = pack(root / place, [("toy/tests.tsv", TESTS), ("toy/train.tsv.gz", gzip.compress(b"en\tA boat.\tyes\n"))])
    assert find_languages(task, "test", root) == ("en", "fr")
    monkeypatch.setattr(module, "_write_members", None)  # not a second time
    assert [e.id for e in read_examples(task, "test", "en", root)] == ["toy-tests-1", "toy-tests-3"]
    assert [e.id for e in read_examples(task, "train", "en", root)] == ["toy-train-1"]
    assert locate_with_archives(task, "test", "fr", root).archives == (archive,)


def test_what_the_folder_has_goes_before_what_an_archive_has(root: Path) -> None:
    task = toy(archives=("toy-1.0.zip",))
    (root / "toy-1.0.zip").write_bytes(b"not even opened")
    (root / "toy").mkdir()
    (root / "toy" / "test-en.tsv").write_bytes(TESTS)
    assert [path.name for path in locate(task, "test", "en", root)] == ["test-en.tsv"]
    with pytest.raises(InputError, match=r"toy-1\.0\.zip: the archive is damaged"):
        locate(task, "test", "fr", root)


def test_only_the_archive_of_the_language_is_opened(root: Path) -> None:
    task = toy(archives=("toy-{lang}.tar.bz2",))
    pack(root / "toy-en.tar.bz2", [("toy/test-en.tsv", TESTS)])
    (root / "toy-de.tar.bz2").write_bytes(b"damaged")
    assert locate(task, "test", "en", root)
    assert locate(task, "test", "fr", root) == ()
    with pytest.raises(InputError, match=r"toy-de\.tar\.bz2: the archive is damaged"):
        find_languages(task, "test", root)


def test_one_archive_a_language_inside_one_of_all(root: Path) -> None:
    task = toy(archives=("photos.zip", "{lang}.tar.gz"), paths=("tests.tsv",))
    inner = [(f"panx/{code}.tar.gz", pack(root / f"{code}.tar.gz", [("tests.tsv", TESTS)])) for code in ("en", "fr")]
    pack(root / "photos.zip", [(name, path.read_bytes()) for name, path in inner])
    for _, path in inner:
        path.unlink()
    assert find_languages(task, "test", root) == ("en", "fr")
    assert [path.name for path in locate_with_archives(task, "test", "fr", root).archives] == ["photos.zip", "fr.tar.gz"]
    assert [e.id for e in read_examples(task, "test", "fr", root)] == ["toy-tests-2"]


def test_what_is_not_in_the_archive_either_is_said(root: Path) -> None:
    pack(root / "toy-1.0.zip", [("readme", b"x")])
    task = toy(archives=("toy-1.0.zip",))
    assert locate(task, "test", "fr", root) == ()
    message = (
        r"looked below .* for toy/test-fr\.tsv\[\.gz\], .*, also inside toy-1\.0\.zip\. Get it from https://example\.org/toy"
    )
    with pytest.raises(InputError, match=message):
        read_examples(task, "test", "fr", root)


def test_a_member_without_a_name(root: Path) -> None:
    info = zipfile.ZipInfo("Q")
    info.filename = ""
    with zipfile.ZipFile(root / "x.zip", "w") as file:
        file.writestr(info, b"q")
    with pytest.raises(InputError, match=r"x\.zip: a member has no name"):
        unpack(root / "x.zip", root)


def test_a_member_with_a_nul_in_its_name(root: Path) -> None:
    info = tarfile.TarInfo("ab")
    with tarfile.open(root / "x.tar", "w", format=tarfile.PAX_FORMAT, pax_headers={"path": "a\0b"}) as file:
        file.addfile(info, io.BytesIO(b""))
    with pytest.raises(InputError, match=r"x\.tar: member 'a\\x00b' has a NUL character in its name"):
        unpack(root / "x.tar", root)
