"""Downloads of official files. They are resumed, checked, and put into place as a whole.

A file grows as `<name>.part`. Beside it, `<name>.part.json` keeps what the server said about the file, so that a later attempt
asks only for the rest of the same file (Range with If-Range; RFC 9110, sections 13 and 14). If a server ignores these, the file
starts again. Dropped connections, timeouts and server errors are tried again, at most TRIES times without a new byte. A file
with another sha256 than declared is deleted. Existing files are never changed.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from xstilts.errors import InputError
from xstilts.store.store import read_json, sha256_file, write_json
from xstilts.tasks.files.locate import find_parts, hash_contents, resolve_split
from xstilts.tasks.registry import find_task
from xstilts.tasks.suites import SUITES
from xstilts.tasks.task import SPLITS, Task

if TYPE_CHECKING:
    import httpx2

TRIES = 5
CONNECT_SECONDS = 15.0
SILENCE_SECONDS = 60.0
LONGEST_WAIT_SECONDS = 60.0
MOST_BYTES = 4 << 30  # of a file whose length the server does not say

OnBytes = Callable[[int, int | None], None]  # bytes received, bytes of the whole file if the server says it


@dataclass(frozen=True)
class OfficialFile:
    """An official file: its address, its path below the data folder, and its sha256 as served, if known."""

    task: str
    url: str
    path: str
    sha256: str | None


class UnreachableServer(InputError):
    """The server cannot be reached, so its other files cannot be downloaded now either."""


class _Retry(Exception):
    """An attempt that failed and may succeed later. `wait`: the seconds that the server asks for."""

    def __init__(self, text: str, wait: float = 0.0):
        super().__init__(text)
        self.wait = wait


TaskLanguages = tuple[Task, tuple[str, ...] | None]  # a task and the languages asked for (None: all)


def select_tasks(names: Iterable[str], languages: Iterable[str] = ()) -> list[TaskLanguages]:
    """Tasks by name, in the languages asked for. The name of a suite gives its tasks in its languages and English, and the
    tasks whose English training data it needs."""
    asked = tuple(languages)
    found: dict[str, TaskLanguages] = {}
    for name in names:
        if name in SUITES:
            trained = {find_task(task).trains_on for task in SUITES[name].tasks} - {"", *SUITES[name].tasks}
            offered = dict(SUITES[name].tasks) | dict.fromkeys(sorted(trained), ("en",))
            for task, codes in offered.items():
                found.setdefault(task, (find_task(task), asked or tuple(dict.fromkeys((*codes, "en")))))
        else:
            found[name] = (find_task(name), asked or None)
    return list(found.values())


def select_files(choices: Iterable[TaskLanguages], splits: Iterable[str] = SPLITS) -> list[OfficialFile]:
    """The official files of these tasks, languages and splits, each once."""
    files: dict[str, OfficialFile] = {}
    for task, split, languages in _select_sources(choices, tuple(splits)):
        for language in languages:
            for entry in (d for d in task.splits[split].downloads if not d.languages or language in d.languages):
                path = task.fill(entry.path, language)
                sha256 = entry.sha256.get(language) or entry.sha256.get("")
                files.setdefault(path, OfficialFile(task.name, task.fill(entry.url, language), path, sha256))
    return list(files.values())


def find_manual_pages(choices: Iterable[TaskLanguages], splits: Iterable[str] = SPLITS) -> dict[str, str]:
    """Task -> the page where people get its data, for tasks with a split that has no file to download."""
    pages: dict[str, str] = {}
    for task, split, _ in _select_sources(choices, tuple(splits)):
        if not task.splits[split].downloads and not task.synthetic:
            pages.setdefault(task.name, task.splits[split].url or task.url)
    return pages


def _select_sources(choices: Iterable[TaskLanguages], splits: tuple[str, ...]) -> Iterator[tuple[Task, str, tuple[str, ...]]]:
    """The declared splits of tasks, and of the parts of composite ones, with those of their languages that were asked for."""
    for task, asked in choices:
        yield from _select_sources(((part, asked) for part in find_parts(task)), splits)
        declared = {resolve_split(task, s) for s in splits if s in task.splits or (s == "dev" and task.heldout)}
        for split in task.splits if not task.parts else ():
            languages = tuple(x for x in task.splits[split].languages if asked is None or x in asked)
            if split in declared and languages:
                yield task, split, languages


def download(file: OfficialFile, root: Path, progress: OnBytes = lambda *_: None) -> bool:
    """Download one file below `root`. False if it was there already. Raises InputError; the bytes received so far are kept for
    the next attempt."""
    path = root / file.path
    if not Path(os.path.normpath(path)).is_relative_to(os.path.normpath(root)):
        raise InputError(f"task {file.task}: {file.path} lies outside of the data folder; expected a path below it")
    try:
        if _is_there(path, file):
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.part")
        with _open_part(part) as sink:
            _lock(sink, path)
            try:
                _receive(file, sink, _notes_path(path), progress)
            except BaseException:
                if not sink.tell():
                    part.unlink()
                    _notes_path(path).unlink(missing_ok=True)
                raise
            sink.flush()
            os.fsync(sink.fileno())
        found = sha256_file(part) if file.sha256 else None
        _notes_path(path).unlink(missing_ok=True)
        if found != file.sha256:
            part.unlink()
            raise InputError(
                f"{file.url}: sha256 is {found}, expected {file.sha256}: not the official file, or damaged in transit;"
                " the received bytes were deleted"
            )
        part.replace(path)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({error.strerror}); free some space or choose another folder with --to, then run again"
            " to continue"
        ) from None
    return True


def _open_part(part: Path) -> BinaryIO:
    """The file that grows. A link would write to another file, and a pipe would wait for its reader."""
    try:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(part, flags, 0o666)
    except OSError as error:
        if part.is_symlink() or part.is_fifo():
            raise InputError(f"{part}: this is no file (a link or a pipe); remove it and run again") from None
        raise error
    return os.fdopen(descriptor, "ab")


def _notes_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.part.json")


def _is_there(path: Path, file: OfficialFile) -> bool:
    """Whether the file is there, plain or packed. An existing file that is not the official one is an error."""
    packed = path.with_name(f"{path.name}.gz")
    if not path.is_file() and not packed.is_file():
        return False
    if file.sha256:
        there = path if path.is_file() else packed
        found = sha256_file(there) if there == path else hash_contents([there])
        if found != file.sha256:
            raise InputError(
                f"{there}: not the official file (sha256 {found}, expected {file.sha256}); move it away and run again"
            )
    return True


def _lock(sink: BinaryIO, path: Path) -> None:
    try:
        fcntl.flock(sink, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InputError(f"{path}: another process is downloading it") from None
    except OSError:
        pass  # a file system without locks


def _receive(file: OfficialFile, sink: BinaryIO, notes: Path, progress: OnBytes) -> None:
    import httpx2

    timeout = httpx2.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS)
    failures, most = 0, sink.tell()
    with httpx2.Client(follow_redirects=True, timeout=timeout, headers={"Accept-Encoding": "identity"}) as client:
        while True:
            try:
                return _request_rest(client, file, sink, notes, progress)
            except (_Retry, httpx2.TransportError) as error:
                here = sink.tell()
                failures, most = (1 if here > most else failures + 1), max(here, most)
                reason = str(error) or type(error).__name__
                if failures >= TRIES or isinstance(error, httpx2.UnsupportedProtocol):
                    kind = UnreachableServer if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout) else InputError
                    raise kind(f"{file.url}: {reason}; run again to continue after {here:,} bytes") from None
                asked = error.wait if isinstance(error, _Retry) else 0.0
                time.sleep(min(LONGEST_WAIT_SECONDS, max(asked, 2.0 ** (failures - 1))))
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                raise InputError(f"{file.url}: {error}") from None


def _request_rest(client: httpx2.Client, file: OfficialFile, sink: BinaryIO, notes: Path, progress: OnBytes) -> None:
    """One request for the missing bytes. Returns when the file is complete."""
    here = sink.seek(0, os.SEEK_END)
    known = _read_notes(notes)
    resumable = here > 0 and known.get("url") == file.url and known.get("validator")
    if resumable and known.get("total") == here:
        return progress(here, here)
    headers = {"Range": f"bytes={here}-", "If-Range": known["validator"]} if resumable else {}
    with client.stream("GET", file.url, headers=headers) as response:
        if resumable and response.status_code == 416:
            _restart(sink, notes, "more bytes are here than the file has")
        _check_answer(file, response)
        total = _parse_total(response)
        validator = _get_validator(response)
        if response.status_code == 206:
            said = {"begin": _parse_begin(response), "total": total, "validator": validator}
            if said != {"begin": here, "total": known.get("total"), "validator": known.get("validator")}:
                _restart(sink, notes, "the server has another file now, or ignores ranges")
        else:
            here = _empty(sink)
            write_json(notes, {"url": file.url, "validator": validator, "total": total})
        for chunk in response.iter_raw():
            here += sink.write(chunk)
            if total is None and here > MOST_BYTES:
                _empty(sink)
                raise InputError(
                    f"{file.url}: more than {MOST_BYTES >> 30} GiB, and the server does not say how long the file is"
                )
            progress(here, total)
    if total is not None and here != total:
        raise _Retry(f"the connection ended after {here:,} of {total:,} bytes")


def _read_notes(notes: Path) -> dict[str, Any]:
    """What the server said about the file; nothing of what cannot be sent back to it."""
    known = read_json(notes)
    return known if isinstance(known, dict) and _can_be_sent(known.get("validator")) else {}


def _can_be_sent(validator: Any) -> bool:
    """Whether this can stand in a header."""
    return isinstance(validator, str) and validator.isascii() and validator.isprintable()


def _empty(sink: BinaryIO) -> int:
    """Begin the file anew, also in its count of bytes."""
    sink.seek(0)
    return sink.truncate()


def _restart(sink: BinaryIO, notes: Path, reason: str) -> None:
    _empty(sink)
    notes.unlink(missing_ok=True)
    raise _Retry(reason)


def _check_answer(file: OfficialFile, response: httpx2.Response) -> None:
    """Raise an error unless the answer has the file or its rest."""
    if file.url.startswith("https:") and any(one.url.scheme != "https" for one in (*response.history, response)):
        raise InputError(f"{file.url}: the server sends on to {response.url}, which is not encrypted; see the task's page")
    if (packed := response.headers.get("Content-Encoding", "identity")) != "identity":
        raise InputError(f"{file.url}: the server packs the file ({packed}), which was not asked for; see the task's page")
    status = response.status_code
    if status in (408, 429) or status >= 500:
        wait = response.headers.get("Retry-After", "")
        raise _Retry(f"the server answers {status} {response.reason_phrase}", float(wait) if wait.isdecimal() else 0.0)
    if status not in (200, 206):
        raise InputError(
            f"{file.url}: the server answers {status} {response.reason_phrase}; see the task's page for another source"
        )
    kind = response.headers.get("Content-Type", "")
    if kind.startswith("text/html") and not file.path.endswith((".html", ".htm")):
        raise InputError(f"{file.url}: the server sends a web page, not the file; open it in a browser, save as {file.path}")


def _parse_begin(response: httpx2.Response) -> int | None:
    found = re.match(r"bytes (\d{1,18})-\d+/", response.headers.get("Content-Range", ""))
    return int(found[1]) if found else None


def _parse_total(response: httpx2.Response) -> int | None:
    """The size of the whole file in bytes, if the server says it."""
    if response.status_code == 206:
        _, _, total = response.headers.get("Content-Range", "").rpartition("/")
    else:
        total = response.headers.get("Content-Length", "")
    return int(total) if re.fullmatch(r"\d{1,18}", total) else None


def _get_validator(response: httpx2.Response) -> str:
    """What identifies this version of the file in If-Range: a strong ETag, else the time of its last change; "" if neither can
    be sent back."""
    etag: str = response.headers.get("ETag", "")
    validator = etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified", "")
    return validator if _can_be_sent(validator) else ""
