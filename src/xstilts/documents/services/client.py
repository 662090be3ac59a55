"""A polite client of one public service: a pause between requests, more tries where that helps, and a cache on the disk.

An answer is kept in the folder of the cache under the hash of its request (keys and addresses of users are no part of it), once
it was read to its end and understood. The same request is then answered from the disk, so a second run needs no network. To ask
anew, delete the folder.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from xstilts.documents.reading.files import squeeze
from xstilts.errors import InputError
from xstilts.reading import parse_json as parse
from xstilts.store.store import read_json, write_json

if TYPE_CHECKING:
    import httpx2

T = TypeVar("T")

TRIES = 5
CONNECT_SECONDS = 15.0
SILENCE_SECONDS = 60.0
LONGEST_WAIT_SECONDS = 120.0
MAX_BYTES = 512 * 2**20

_last: dict[str, float] = {}  # host -> when it was last asked
_turn = threading.Lock()


class NotThere(InputError):
    """The service answers that there is no such thing (404)."""


class Retry(Exception):
    """An attempt that failed and may succeed later. `wait`: the seconds that the service asks for."""

    def __init__(self, text: str, wait: float = 0.0):
        super().__init__(text)
        self.wait = wait


@dataclass
class Client:
    """`name` of the service, its address `base`, the folder `cache`, `interval` in seconds between two requests to its host.
    `headers` and `secret` (parameters) are sent, but are no part of a request's name in the cache. `requests`: how many were."""

    name: str
    base: str
    cache: Path
    interval: float
    headers: Mapping[str, str] = field(default_factory=dict)
    secret: Mapping[str, str] = field(default_factory=dict)
    sleep: Callable[[float], None] = time.sleep
    requests: int = 0

    def ask(
        self, path: str, parse: Callable[[Path], T], params: Mapping[str, str] | None = None, body: Any = None, suffix: str = ""
    ) -> tuple[T, str]:
        """What `parse` makes of the file of the answer, and when it was fetched (ISO 8601). `parse` raises Retry for an answer
        that seems cut off. With `body`, its JSON is posted. Raises InputError if there is no good answer."""
        place = self.locate(path, params, body, suffix)
        known = read_json(place.with_name(f"{place.name}.json"))
        if isinstance(known, dict) and place.is_file():
            try:
                return parse(place), str(known["date"])
            except (Retry, KeyError):
                pass  # the file in the cache is damaged: ask again
        return self._fetch(path, parse, params or {}, body, place)

    def locate(self, path: str, params: Mapping[str, str] | None = None, body: Any = None, suffix: str = "") -> Path:
        """Where the answer to a request is kept."""
        request = json.dumps([self.name, path, sorted((params or {}).items()), body])
        return self.cache / f"{hashlib.sha256(request.encode()).hexdigest()[:32]}{suffix}"

    def _fetch(self, path: str, parse: Callable[[Path], T], params: Mapping[str, str], body: Any, place: Path) -> tuple[T, str]:
        import httpx2

        url = f"{self.base}{path}"
        temporary = place.with_name(f".{place.name}.{uuid.uuid4().hex}{place.suffix}")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            timeout = httpx2.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS)
            with httpx2.Client(
                follow_redirects=True, timeout=timeout, headers={"User-Agent": "xstilts", **self.headers}
            ) as client:
                for attempt in range(1, TRIES + 1):
                    try:
                        self._wait_turn(httpx2.URL(url).host)
                        self._receive(client, url, {**params, **self.secret}, body, temporary)
                        parsed = parse(temporary)
                        break
                    except (Retry, httpx2.TransportError, httpx2.DecodingError) as error:
                        self._wait_or_give_up(error, attempt, url)
            date = datetime.now(UTC).isoformat(timespec="seconds")
            temporary.replace(place)
            write_json(place.with_name(f"{place.name}.json"), {"url": url, "params": dict(params), "body": body, "date": date})
            return parsed, date
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise InputError(f"{self.name}: {url}: {error}") from None
        except OSError as error:
            raise InputError(f"{place}: the cache cannot be written ({error.strerror}); choose another folder for it") from None
        finally:
            if temporary.exists():
                temporary.unlink()

    def _wait_turn(self, host: str) -> None:
        """Wait until the host may be asked again: one request in `interval` seconds from all threads of this process."""
        with _turn:
            now = time.monotonic()
            turn = max(now, _last.get(host, now - self.interval) + self.interval)
            _last[host] = turn
        if turn > now:
            self.sleep(turn - now)

    def _receive(self, client: httpx2.Client, url: str, params: Mapping[str, str], body: Any, place: Path) -> None:
        self.requests += 1
        method = "GET" if body is None else "POST"
        with client.stream(method, url, params=dict(params), json=body) as response:
            status = response.status_code
            if status in (408, 425, 429) or status >= 500:
                raise Retry(
                    f"the service answers {status} {response.reason_phrase}", read_wait(response.headers.get("Retry-After"))
                )
            if status == 404:
                raise NotThere(f"{self.name}: {url}: there is nothing (404)")
            if status != 200:
                said = squeeze(response.read()[:300].decode("utf-8", "replace"))
                key = "; check the key in the environment" if status in (401, 403) else ""
                raise InputError(f"{self.name}: {url}: the service answers {status} {response.reason_phrase}{key} ({said})")
            size = 0
            with place.open("wb") as file:
                for chunk in response.iter_bytes():
                    size += file.write(chunk)
                    if size > MAX_BYTES:
                        raise InputError(f"{self.name}: {url}: an answer of more than {MAX_BYTES // 2**20} MiB; ask for less")

    def _wait_or_give_up(self, error: Exception, attempt: int, url: str) -> None:
        import httpx2

        reason = str(error) or type(error).__name__
        asked = error.wait if isinstance(error, Retry) else 0.0
        if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.UnsupportedProtocol):
            advice = "is this machine online? What was asked before is answered from the cache"
            if attempt >= 2 or isinstance(error, httpx2.UnsupportedProtocol):
                raise InputError(f"{self.name}: {url} cannot be reached ({reason}); {advice}") from None
        if asked > LONGEST_WAIT_SECONDS:
            raise InputError(
                f"{self.name}: {reason}, and asks to wait {asked:.0f} seconds; run again then, to continue"
            ) from None
        if attempt == TRIES:
            raise InputError(f"{self.name}: {url}: {reason}, after {TRIES} tries; run again later, to continue") from None
        self.sleep(max(asked, 2.0 ** (attempt - 1)))


def read_wait(value: str | None) -> float:
    """The seconds of a Retry-After header, which gives seconds or a date (RFC 9110, section 10.2.3)."""
    if value and value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value or "") - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return 0.0


def parse_json(path: Path, name: str) -> dict[str, Any] | list[Any]:
    """The JSON object or list of an answer. Raises Retry if it is cut off, InputError if it is a web page or another value."""
    raw = path.read_bytes()
    _refuse_page(raw, name, "JSON")
    try:
        value = parse(raw.decode("utf-8", "replace"), name)
    except InputError:
        raise Retry(f"the answer is cut off, or no JSON ({len(raw):,} bytes)") from None
    if not isinstance(value, dict | list):
        raise InputError(f"{name}: the service answers {type(value).__name__}; expected an object: its format may have changed")
    return value


def refuse_page(path: Path, name: str, expected: str) -> None:
    """Raise an InputError if an answer is a web page."""
    with path.open("rb") as file:
        _refuse_page(file.read(512), name, expected)


def _refuse_page(raw: bytes, name: str, expected: str) -> None:
    start = raw[:512].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        raise InputError(
            f"{name}: the service answers a web page, not {expected}: a login page of the network, or an error; try later"
        )


def get_list(value: Any, key: str, name: str) -> list[dict[str, Any]]:
    """The list of objects in a field of an answer, without nulls. Raises InputError for another shape."""
    found = value.get(key) if isinstance(value, dict) else value
    if not isinstance(found, list) or not all(x is None or isinstance(x, dict) for x in found):
        raise InputError(f"{name}: the answer has no list '{key}': its format may have changed; report it")
    return [x for x in found if x]


def get_text(value: Any, *keys: str) -> str:
    """The text at a path of fields, squeezed; "" if a field is missing or null."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return squeeze(str(value)) if isinstance(value, str | int) else ""
