"""Downloads against a server on this machine that does what servers do: ranges, dropped connections, errors, changed files."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from rich.console import Console
from tests.tasks.files.test_archive import toy

from xstilts.cli.views.data import download_all
from xstilts.errors import InputError
from xstilts.tasks.files import download as module
from xstilts.tasks.files.download import (
    TRIES,
    OfficialFile,
    TaskLanguages,
    UnreachableServer,
    download,
    find_manual_pages,
    select_files,
    select_tasks,
)
from xstilts.tasks.registry import CATALOGUE
from xstilts.tasks.suites import SUITES
from xstilts.tasks.task import SPLITS, Download

CONTENT = bytes(range(256)) * 4096  # 1 MiB


class Server:
    """Serves `content` at every path, as the next of `answers` says: a number of bytes after which the connection drops, a
    status, or a word ("deaf": does not know ranges; "stubborn": keeps to Range but not to If-Range; "slip": sends the
    wrong range; "web page"). An iterator that is used up means a server that does all as it should."""

    def __init__(self) -> None:
        self.content = CONTENT
        self.headers: dict[str, str] = {"ETag": '"one"', "Last-Modified": "Fri, 21 Nov 2025 10:00:00 GMT"}
        self.answers: Iterator[int | str] = iter(())
        self.asked: list[tuple[str, str | None, str | None]] = []  # path, Range, If-Range
        outer = self

        class Answer(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.answer(self)

            def handle(self) -> None:
                try:
                    super().handle()
                except ConnectionError:
                    pass  # the other side left in the middle of an answer

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        asked, condition = request.headers.get("Range"), request.headers.get("If-Range")
        self.asked.append((request.path, asked, condition))
        how = next(self.answers, "well")
        if isinstance(how, int) and how in range(300, 600):
            request.send_response(how)
            if how == 302:
                request.send_header("Location", f"{self.url}/moved")
            request.send_header("Retry-After", "7")
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        begin = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked else 0  # type: ignore[index]
        same = condition in (self.headers.get("ETag"), self.headers.get("Last-Modified")) or how == "stubborn"
        partial = asked is not None and same and how != "deaf"
        if partial and begin >= len(self.content):
            request.send_response(416)
            request.send_header("Content-Range", f"bytes */{len(self.content)}")
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        begin = (begin + 1 if how == "slip" else begin) if partial else 0
        body = self.content[begin:]
        request.send_response(206 if partial else 200)
        if partial:
            request.send_header("Content-Range", f"bytes {begin}-{len(self.content) - 1}/{len(self.content)}")
        request.send_header("Content-Length", str(len(body)))
        request.send_header("Content-Type", "text/html; charset=utf-8" if how == "web page" else "application/zip")
        for name, value in self.headers.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body[:how] if isinstance(how, int) else body)
        if isinstance(how, int):
            request.wfile.flush()
            request.connection.close()
            request.close_connection = True


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long it would have waited before each new attempt, seconds."""
    asked: list[float] = []
    monkeypatch.setattr(module.time, "sleep", asked.append)
    return asked


def a_file(server: Server, content: bytes | None = CONTENT) -> OfficialFile:
    return OfficialFile("toy", f"{server.url}/toy.zip", "toy/toy.zip", hashlib.sha256(content).hexdigest() if content else None)


def names(root: Path) -> list[str]:
    return sorted(path.name for path in root.rglob("*") if path.is_file())


def test_a_file_is_put_into_place_whole_and_not_had_again(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    assert download(a_file(server), tmp_path, lambda here, total: seen.append((here, total)))
    assert (tmp_path / "toy" / "toy.zip").read_bytes() == CONTENT
    assert names(tmp_path) == ["toy.zip"]
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert seen == sorted(seen)
    assert not download(a_file(server), tmp_path)
    assert server.asked == [("/toy.zip", None, None)]


def test_a_dropped_connection_is_resumed_where_it_dropped(server: Server, tmp_path: Path, waits: list[float]) -> None:
    server.answers = iter([100_000, 200_000])
    assert download(a_file(server, None), tmp_path)
    assert (tmp_path / "toy" / "toy.zip").read_bytes() == CONTENT
    assert server.asked == [
        ("/toy.zip", None, None),
        ("/toy.zip", "bytes=100000-", '"one"'),
        ("/toy.zip", "bytes=300000-", '"one"'),
    ]
    assert waits == [1.0, 1.0], "a new byte resets the wait"


def test_a_download_that_was_given_up_goes_on_the_next_time(server: Server, tmp_path: Path, waits: list[float]) -> None:
    server.answers = iter([5_000, *[503] * (TRIES - 1)])
    with pytest.raises(InputError, match=r"toy\.zip: the server answers 503 .*; run again to continue after 5,000 bytes"):
        download(a_file(server), tmp_path)
    assert names(tmp_path) == ["toy.zip.part", "toy.zip.part.json"]
    assert waits == [1.0, 7.0, 7.0, 8.0], "growing, and no less than the server asks for"
    server.asked.clear()
    assert download(a_file(server), tmp_path)
    assert server.asked == [("/toy.zip", "bytes=5000-", '"one"')]
    assert (tmp_path / "toy" / "toy.zip").read_bytes() == CONTENT
    assert names(tmp_path) == ["toy.zip"]


def test_a_server_that_never_sends_anything_new_is_given_up(server: Server, tmp_path: Path) -> None:
    server.answers = iter([5_000, *[0] * TRIES])
    with pytest.raises(InputError, match="continue after 5,000 bytes"):
        download(a_file(server), tmp_path)
    assert len(server.asked) == TRIES


def interrupted(server: Server, root: Path, bytes_here: int = 5_000) -> None:
    """Leave a download that broke off."""
    server.answers = iter([bytes_here, *[500] * (TRIES - 1)])
    with pytest.raises(InputError):
        download(a_file(server, None), root)
    server.asked.clear()


@pytest.mark.parametrize("how", ["well", "stubborn"])
@pytest.mark.parametrize("size", [3_000, len(CONTENT), len(CONTENT) + 10])
def test_a_file_that_changed_meanwhile_is_not_glued_to_the_old_one(how: str, size: int, server: Server, tmp_path: Path) -> None:
    interrupted(server, tmp_path)
    server.content = (b"new " * len(CONTENT))[:size]
    server.headers = {"ETag": '"two"'}
    server.answers = iter([how])
    assert download(a_file(server, None), tmp_path)
    assert (tmp_path / "toy" / "toy.zip").read_bytes() == server.content
    assert server.asked[0] == ("/toy.zip", "bytes=5000-", '"one"')


@pytest.mark.parametrize("how", ["deaf", "slip"])
def test_a_server_that_does_not_keep_to_ranges(how: str, server: Server, tmp_path: Path) -> None:
    interrupted(server, tmp_path)
    server.answers = iter([how])
    assert download(a_file(server, None), tmp_path)
    assert (tmp_path / "toy" / "toy.zip").read_bytes() == CONTENT


@pytest.mark.parametrize("headers", [{}, {"ETag": 'W/"weak"'}, {"ETag": '"\u00e9"'}, {"Last-Modified": "\u00e9t\u00e9"}])
def test_without_a_strong_validator_a_download_begins_anew(headers: dict[str, str], server: Server, tmp_path: Path) -> None:
    server.headers = headers
    interrupted(server, tmp_path)
    assert download(a_file(server, None), tmp_path)
    assert server.asked == [("/toy.zip", None, None)]
    assert (tmp_path / "toy" / "toy.zip").read_bytes() == CONTENT


def test_the_time_of_the_last_change_serves_where_there_is_no_strong_etag(server: Server, tmp_path: Path) -> None:
    server.headers = {"ETag": 'W/"weak"', "Last-Modified": "Fri, 21 Nov 2025 10:00:00 GMT"}
    interrupted(server, tmp_path)
    assert download(a_file(server), tmp_path)
    assert server.asked == [("/toy.zip", "bytes=5000-", "Fri, 21 Nov 2025 10:00:00 GMT")]


def test_a_part_of_another_address_is_not_gone_on_with(server: Server, tmp_path: Path) -> None:
    interrupted(server, tmp_path)
    assert download(replace(a_file(server), url=f"{server.url}/other.zip"), tmp_path)
    assert server.asked == [("/other.zip", None, None)]


@pytest.mark.parametrize("notes", ["[1]", "5", '{"url": "%s", "validator": "a\\r\\nHost: b"}', '{"url": "%s", "validator": 5}'])
def test_notes_that_are_not_what_was_written_begin_it_anew(notes: str, server: Server, tmp_path: Path) -> None:
    interrupted(server, tmp_path)
    (tmp_path / "toy" / "toy.zip.part.json").write_text(notes.replace("%s", a_file(server).url), encoding="utf-8")
    assert download(a_file(server), tmp_path)
    assert server.asked == [("/toy.zip", None, None)]
    assert names(tmp_path) == ["toy.zip"]


def test_a_whole_part_is_put_into_place_without_asking(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "sha256_file", killed)
        with pytest.raises(KeyboardInterrupt):
            download(a_file(server), tmp_path)
    assert names(tmp_path) == ["toy.zip.part", "toy.zip.part.json"]
    assert download(a_file(server), tmp_path)
    assert len(server.asked) == 1


def test_wrong_bytes_are_named_and_deleted(server: Server, tmp_path: Path) -> None:
    server.content = CONTENT[:-1] + b"!"
    expected, found = (hashlib.sha256(content).hexdigest() for content in (CONTENT, server.content))
    with pytest.raises(InputError, match=rf"toy\.zip: sha256 is {found}, expected {expected}: .* were deleted"):
        download(a_file(server), tmp_path)
    assert names(tmp_path) == []


@pytest.mark.parametrize("status", [404, 403, 410])
def test_what_is_not_there_is_not_asked_for_again(status: int, server: Server, tmp_path: Path, waits: list[float]) -> None:
    server.answers = iter([status])
    with pytest.raises(InputError, match=rf"{server.url}/toy\.zip: the server answers {status}"):
        download(a_file(server), tmp_path)
    assert waits == []


def test_a_file_that_moved_is_followed(server: Server, tmp_path: Path) -> None:
    server.answers = iter([302])
    assert download(a_file(server), tmp_path)
    assert [path for path, _, _ in server.asked] == ["/toy.zip", "/moved"]


def test_a_web_page_in_place_of_the_file(server: Server, tmp_path: Path) -> None:
    server.answers = iter(["web page"])
    with pytest.raises(InputError, match=r"sends a web page, not the file; open it in a browser, save as toy/toy\.zip"):
        download(a_file(server, None), tmp_path)


def test_a_server_that_is_not_there(server: Server, tmp_path: Path) -> None:
    file = a_file(server)
    server.http.shutdown()
    server.http.server_close()
    with pytest.raises(UnreachableServer, match=re.escape(file.url)):
        download(file, tmp_path)


def test_an_address_that_is_none(tmp_path: Path, waits: list[float]) -> None:
    with pytest.raises(InputError, match="gopher://example"):
        download(OfficialFile("toy", "gopher://example/x", "x", None), tmp_path)
    assert waits == []


def test_a_file_that_is_there_is_never_touched(server: Server, tmp_path: Path) -> None:
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "toy.zip").write_bytes(b"my own")
    assert not download(a_file(server, None), tmp_path)
    with pytest.raises(InputError, match=r"toy\.zip: not the official file \(sha256 .*\); move it away"):
        download(a_file(server), tmp_path)
    assert (tmp_path / "toy" / "toy.zip").read_bytes() == b"my own"
    assert server.asked == []


def test_a_packed_double_counts_as_the_file(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "test.tsv.gz").write_bytes(gzip.compress(CONTENT))
    file = replace(a_file(server), path="test.tsv")
    assert not download(file, tmp_path)
    with pytest.raises(InputError, match=r"test\.tsv\.gz: not the official file"):
        download(replace(file, sha256="0" * 64), tmp_path)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_disk_that_cannot_be_written(code: int, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(code, "No room or no right")

    monkeypatch.setattr(module, "write_json", full)
    with pytest.raises(InputError, match=r"toy\.zip: cannot be written \(No room or no right\); .* another folder with --to"):
        download(a_file(server), tmp_path)


def test_a_folder_where_a_file_stands(server: Server, tmp_path: Path) -> None:
    (tmp_path / "toy").write_bytes(b"")
    with pytest.raises(InputError, match="cannot be written"):
        download(a_file(server), tmp_path)


def test_two_at_once_do_not_write_into_one_file(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original: Callable[[OfficialFile, BinaryIO, Path, module.OnBytes], None] = module._receive
    errors: list[InputError] = []

    def meanwhile(file: OfficialFile, sink: BinaryIO, notes: Path, progress: module.OnBytes) -> None:
        with pytest.raises(InputError) as error:
            download(file, tmp_path)
        errors.append(error.value)
        original(file, sink, notes, progress)

    monkeypatch.setattr(module, "_receive", meanwhile)
    assert download(a_file(server), tmp_path)
    assert "another process is downloading it" in str(errors[0])
    assert (tmp_path / "toy" / "toy.zip").read_bytes() == CONTENT


# -- many files ------------------------------------------------------------------------------------------------------


def test_one_file_that_fails_stops_no_other(server: Server, tmp_path: Path) -> None:
    served = tuple(Download(f"{server.url}/{name}", name, {"": hashlib.sha256(CONTENT).hexdigest()}) for name in ("a", "b", "c"))
    server.answers = iter(["well", 404, "well"])
    console = Console(record=True, width=200, file=io.StringIO())
    errors = download_all(console, [(toy(downloads=served), None), (toy("other"), None)], ["train"], tmp_path)
    assert [re.sub(r"http://[^/]+", "", error) for error in errors] == [
        "/b: the server answers 404 Not Found; see the task's page for another source"
    ]
    text = console.export_text()
    assert "a: downloaded (sha256 as published)" in text
    assert "c: downloaded" in text
    assert "other: no file to download is known; see https://example.org/toy.html" in text
    assert names(tmp_path) == ["a", "c"]
    assert download_all(console, [(toy(downloads=served), None)], ["train"], tmp_path) == []
    assert "a: already there (sha256 as published)" in console.export_text()


def test_a_server_that_is_not_there_is_asked_once(server: Server, tmp_path: Path, waits: list[float]) -> None:
    server.http.shutdown()
    server.http.server_close()
    served = tuple(Download(f"{server.url}/{name}", name) for name in ("a", "b"))
    first, second = download_all(Console(file=io.StringIO()), [(toy(downloads=served), None)], ["train"], tmp_path)
    assert "run again" in first
    assert "not tried" in second
    assert len(waits) == TRIES - 1


def test_nothing_to_download_is_an_error(tmp_path: Path) -> None:
    for choice in ((toy(), ("sw",)), (CATALOGUE["world/nli"], None)):
        with pytest.raises(InputError, match=r"nothing to download: (toy|world/nli) has no such split or language"):
            download_all(Console(file=io.StringIO()), [choice], ["train"], tmp_path)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["xnil"], "no task 'xnil' (did you mean 'xnli'?)"),
        (["xnli", "--split", "tset"], "unknown split 'tset' (did you mean 'test'?)"),
        (["xnli", "--lang", "xx"], "unknown language 'xx'"),
        (["xnli", "--lang", "german"], "unknown language 'german' (did you mean 'de', German?)"),
        (["world/nli"], "nothing to download"),
    ],
)
def test_mistakes_on_the_command_line(words: list[str], message: str, tmp_path: Path) -> None:
    line = [sys.executable, "-m", "xstilts.cli", "data", "download", "--to", str(tmp_path), *words]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert message in done.stderr


# -- what is to be had -----------------------------------------------------------------------------------------------


def paths(*choices: TaskLanguages, splits: tuple[str, ...] = SPLITS) -> list[str]:
    return [file.path for file in select_files(choices, splits)]


def test_each_file_once_with_the_checksum_of_its_language() -> None:
    one = Download("https://example.org/toy.zip", "toy.zip", {"": "a" * 64})
    each = Download("https://example.org/{lang}.tsv", "toy/test-{lang}.tsv", {"de": "b" * 64})
    task = toy(downloads=(one, each))
    assert [(f.path, f.sha256) for f in select_files([(task, None)])] == [
        ("toy.zip", "a" * 64),
        ("toy/test-en.tsv", None),
        ("toy/test-de.tsv", "b" * 64),
        ("toy/test-fr.tsv", None),
    ]
    assert paths((task, ("de",)), splits=("test",)) == ["toy.zip", "toy/test-de.tsv"]
    assert paths((task, ("de",)), splits=("train",)) == []
    assert paths((task, None), splits=("train",)) == ["toy.zip", "toy/test-en.tsv"]
    assert paths((task, None), splits=("dev",)) == []
    assert paths((replace(task, heldout=5), None), splits=("dev",)) == ["toy.zip", "toy/test-en.tsv"]


def test_where_the_rest_can_be_had() -> None:
    assert find_manual_pages([(toy(), None)]) == {"toy": "https://example.org/toy.html"}
    assert find_manual_pages([(toy(url=""), None)]) == {"toy": "https://example.org"}
    assert find_manual_pages([(toy(downloads=(Download("https://example.org/x", "x"),)), None)]) == {}
    assert find_manual_pages((task, None) for name, task in CATALOGUE.items() if name.startswith("world/")) == {}


def test_a_suite_is_its_tasks_in_its_languages_and_what_they_train_on() -> None:
    choices = {task.name: languages for task, languages in select_tasks(["xtreme"])}
    suite = SUITES["xtreme"]
    assert set(choices) == {*suite.tasks, *(CATALOGUE[name].trains_on for name in suite.tasks)} - {""}
    assert choices["mnli"] == choices["squad_v1"] == ("en",)
    assert all(set(choices[name] or ()) == {*codes, "en"} for name, codes in suite.tasks.items())
    assert [(task.name, languages) for task, languages in select_tasks(["xnli", "snli"], ["de"])] == [
        ("xnli", ("de",)),
        ("snli", ("de",)),
    ]
    with pytest.raises(InputError, match="did you mean 'xnli'"):
        select_tasks(["xnil"])


def test_a_composite_task_is_its_parts() -> None:
    parts = [f for name in ("anli", "mnli", "snli") for f in select_files([(CATALOGUE[name], None)], ["train", "dev"])]
    assert select_files(select_tasks(["anli_plus"]), ["train", "dev"]) == parts


def test_the_catalogue_declares_files_that_can_be_put_below_a_folder() -> None:
    files = select_files((task, None) for task in CATALOGUE.values())
    for file in files:
        assert file.url.startswith(("https://", "http://"))
        assert not {"{", "}", ".."} & {*file.path, *file.url, *file.path.split("/")}
        assert not file.path.startswith("/")
        assert file.sha256 is None or re.fullmatch("[0-9a-f]{64}", file.sha256)
    assert len({file.path for file in files}) == len(files)


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_what_grows_is_a_file_and_no_way_to_another(kind: str, server: Server, tmp_path: Path) -> None:
    (tmp_path / "toy").mkdir()
    (tmp_path / "precious").write_text("precious")
    part = tmp_path / "toy" / "toy.zip.part"
    part.symlink_to(tmp_path / "precious") if kind == "link" else os.mkfifo(part)
    with pytest.raises(InputError, match=r"toy\.zip\.part: this is no file \(a link or a pipe\); remove it"):
        download(a_file(server), tmp_path)
    assert (tmp_path / "precious").read_text() == "precious" and not server.asked


def test_bytes_are_counted_anew_when_the_file_begins_anew(server: Server, tmp_path: Path) -> None:
    interrupted(server, tmp_path)
    server.headers = {"ETag": '"two"'}
    server.answers = iter([2_000, *[500] * TRIES])
    with pytest.raises(InputError, match="run again to continue after 2,000 bytes"):
        download(a_file(server, None), tmp_path)
    assert (tmp_path / "toy" / "toy.zip.part").stat().st_size == 2_000


def test_a_file_whose_length_nobody_says_has_a_limit(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 100_000)
    assert download(a_file(server), tmp_path / "with length")
    monkeypatch.setattr(module, "_parse_total", lambda _: None)
    with pytest.raises(InputError, match="the server does not say how long the file is"):
        download(a_file(server), tmp_path)
    assert names(tmp_path / "toy") == []


@pytest.mark.parametrize(("headers", "message"), [({"Content-Encoding": "gzip"}, "the server packs the file")])
def test_a_file_comes_as_it_is(headers: dict[str, str], message: str, server: Server, tmp_path: Path) -> None:
    server.headers |= headers
    with pytest.raises(InputError, match=message):
        download(a_file(server), tmp_path)


def test_an_encrypted_way_stays_one() -> None:
    import httpx2

    def answer(url: str, *before: str) -> httpx2.Response:
        made = httpx2.Response(200, request=httpx2.Request("GET", url))
        made.history = [answer(one) for one in before]
        return made

    file = OfficialFile("toy", "https://a.example/toy.zip", "toy.zip", None)
    module._check_answer(file, answer("https://b.example/toy.zip", "https://a.example/toy.zip"))
    for url, *before in (("http://b.example/x",), ("https://c.example/x", "http://b.example/x")):
        with pytest.raises(InputError, match="not encrypted"):
            module._check_answer(file, answer(url, *before))


def test_no_file_is_written_outside_of_the_data_folder(server: Server, tmp_path: Path) -> None:
    for path in ("../x", str(tmp_path / "elsewhere"), "a/../../x"):
        with pytest.raises(InputError, match="lies outside of the data folder"):
            download(OfficialFile("toy", f"{server.url}/x", path, None), tmp_path / "data")
    assert not server.asked
