"""The client: pauses, tries, the cache, and answers that are none."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from tests.documents.server import serve

from xstilts.documents.services import client as module
from xstilts.documents.services.client import Client, parse_json, read_wait
from xstilts.errors import InputError


def make(base: str, folder: Path, waits: list[float] | None = None, **more: Any) -> Client:
    return Client("Forest", base, folder, 0.0, sleep=(waits if waits is not None else []).append, **more)


def ask(client: Client, query: str = "trees") -> Any:
    params = {"query": query, "offset": "0", "limit": "10", "fields": "title"}
    return client.ask("/graph/v1/paper/search", lambda path: parse_json(path, "Forest"), params)


@pytest.mark.parametrize("mode", ["500", "429", "cut", "half"])
def test_what_may_pass_is_tried_again(tmp_path: Path, mode: str) -> None:
    waits: list[float] = []
    with serve() as services:
        services.fail(mode, mode)
        client = make(services.base, tmp_path, waits)
        answer, _ = ask(client)
        assert answer["total"] == 4
        assert client.requests == len(services.requests) == 3
    assert waits == ([7.0, 7.0] if mode == "429" else [1.0, 2.0])


def test_it_gives_up_after_some_tries_and_says_why(tmp_path: Path) -> None:
    with serve() as services:
        services.fail(*["500"] * 9)
        client = make(services.base, tmp_path)
        with pytest.raises(
            InputError, match=r"Forest: .*/paper/search: the service answers 500 .*after 5 tries; run again later"
        ):
            ask(client)
        assert len(services.requests) == 5
    assert not list(tmp_path.iterdir()), "nothing half-read is left"


def test_a_long_wait_is_said_and_not_waited_for(tmp_path: Path) -> None:
    waits: list[float] = []
    with serve() as services:
        services.fail("429 3600")
        with pytest.raises(InputError, match="asks to wait 3600 seconds"):
            ask(make(services.base, tmp_path, waits))
    assert waits == []


def test_retry_after_may_be_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert 25 < read_wait(later) <= 30
    assert read_wait("12") == 12
    assert read_wait("soon") == read_wait(None) == read_wait("-1") == 0


def test_a_web_page_is_named_and_not_tried_again(tmp_path: Path) -> None:
    with serve() as services:
        services.fail("html")
        with pytest.raises(InputError, match="answers a web page, not JSON"):
            ask(make(services.base, tmp_path))
        assert len(services.requests) == 1
        assert ask(make(services.base, tmp_path))[0]["total"] == 4, "the page was not kept"


def test_the_second_time_is_offline(tmp_path: Path) -> None:
    with serve() as services:
        first = ask(make(services.base, tmp_path))
        ask(make(services.base, tmp_path), "leaves")
    again = make(services.base, tmp_path)  # the server is gone
    assert ask(again) == first
    assert again.requests == 0
    with pytest.raises(InputError, match=r"cannot be reached .*answered from the cache"):
        ask(again, "new")


def test_keys_are_sent_but_are_no_part_of_the_cache(tmp_path: Path) -> None:
    with serve() as services:
        ask(make(services.base, tmp_path, headers={"x-api-key": "s3cret"}, secret={"api_key": "t0psecret"}))
        _, params, _, headers = services.requests[0]
        assert (headers["x-api-key"], params["api_key"]) == ("s3cret", "t0psecret")
        kept = make(services.base, tmp_path)
        ask(kept)
        assert kept.requests == 0
    assert all("cret" not in path.read_text() for path in tmp_path.iterdir())


def test_a_damaged_cache_is_asked_anew(tmp_path: Path) -> None:
    with serve() as services:
        client = make(services.base, tmp_path)
        ask(client)
        (place,) = [path for path in tmp_path.iterdir() if path.suffix != ".json"]
        place.write_text('{"total"')
        assert ask(client)[0]["total"] == 4
        assert client.requests == 2


def test_hosts_are_not_asked_too_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_last", {})
    waits: list[float] = []
    with serve() as services:
        client = Client("Forest", services.base, tmp_path, 3.0, sleep=waits.append)
        for query in ("a", "b", "c"):
            ask(client, query)
    assert len(waits) == 2 and 2 < waits[0] <= 3 and 5 < waits[1] <= 6, "sleep does nothing here, so the turns add up"


def test_threads_take_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_last", {})
    starts: list[float] = []
    with serve() as services:

        def run(i: int) -> None:
            client = Client("Forest", services.base, tmp_path / str(i), 0.1)
            ask(client)
            starts.append(time.monotonic())

        begin = time.monotonic()
        threads = [threading.Thread(target=run, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert max(starts) - begin >= 0.3


def test_a_slow_answer_is_waited_for_and_a_silent_one_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve() as services:
        services.fail("slow")
        assert ask(make(services.base, tmp_path))[0]["total"] == 4
        monkeypatch.setattr(module, "SILENCE_SECONDS", 0.1)
        services.fail("slow")
        client = make(services.base, tmp_path)
        assert ask(client, "leaves")[0]["total"] == 1
        assert client.requests == 2


def test_other_answers_are_errors_with_what_was_said(tmp_path: Path) -> None:
    with serve() as services:
        client = make(services.base, tmp_path)
        with pytest.raises(module.NotThere, match="there is nothing"):
            client.ask("/nowhere", lambda path: parse_json(path, "Forest"))
    with pytest.raises(InputError, match="cannot be reached"):
        make("ftp://nowhere", tmp_path).ask("/x", lambda path: None)


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with serve() as services, pytest.raises(InputError, match="the cache cannot be written"):
        ask(make(services.base, tmp_path / "file" / "cache"))
