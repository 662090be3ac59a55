"""The status as a page: a real server on a free port, asked as a browser and as others ask."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from tests.conftest import mind_ctrl_c, tiny_study
from tests.execution.fake_store import TICK, begin, finish

from xstilts.cli.views.loss_curve import choose_ticks
from xstilts.cli.views.web import StatusServer, render_status
from xstilts.errors import InputError
from xstilts.execution.status import StatusReader
from xstilts.plan.compile import Plan, compile_study
from xstilts.store.lease import Lease
from xstilts.store.store import Store

EVIL = "<script>alert('x')</script>"


@pytest.fixture(scope="module")
def plan() -> Plan:
    return compile_study(tiny_study(name="tiny", question=f"Does {EVIL} run?"))


@pytest.fixture
def server(plan: Plan, tmp_path: Path) -> Iterator[StatusServer]:
    with StatusServer(StatusReader(plan, Store(tmp_path)), 0) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(server: StatusServer, method: str, path: str, host: str | None = None) -> tuple[http.client.HTTPResponse, str]:
    connection = http.client.HTTPConnection(*server.server_address[:2], timeout=20)
    connection.putrequest(method, path, skip_host=host is not None)
    if host:
        connection.putheader("Host", host)
    connection.endheaders()
    answer = connection.getresponse()
    text = answer.read().decode("utf-8")
    connection.close()
    return answer, text


class Elements(HTMLParser):
    """The elements of a page with their attributes; and that each that needs it is closed in order."""

    VOID = ("meta", "link", "br")

    def __init__(self, text: str):
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_it_listens_on_this_machine_only(server: StatusServer) -> None:
    assert server.socket.getsockname()[0] == "127.0.0.1"
    assert server.url == f"http://127.0.0.1:{server.server_port}/"


def test_the_page_shows_what_runs_and_what_failed(server: StatusServer, plan: Plan, tmp_path: Path) -> None:
    store = Store(tmp_path)
    training, fetching = (next(stage for stage in plan.stages if stage.kind == kind) for kind in ("train", "fetch"))
    begin(store, fetching, outcome="failed", error=f"{EVIL} & so on")
    with Lease(begin(store, training, progress={**TICK, "utilisation": None})):
        answer, text = ask(server, "GET", "/")
    assert answer.status == 200
    assert EVIL not in text
    assert "Does &lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; run?" in text
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; so on" in text
    for shown in (training.slug, "step 1,400/2,000", "loss 1.234", "12,346 tokens/s", "1:35 left"):
        assert shown in text
    assert "of peak" not in text
    elements = Elements(text)
    assert not elements.open
    assert [tag for tag, _ in elements.found].count("script") == 1


def test_the_page_draws_the_losses_of_a_running_training(server: StatusServer, plan: Plan, tmp_path: Path) -> None:
    training, other = [stage for stage in plan.stages if stage.kind == "train"][:2]
    losses = [[step, 4 / step] for step in range(1, 500)]
    with Lease(begin(Store(tmp_path), training, progress=TICK, losses=losses)):
        with Lease(begin(Store(tmp_path), other, progress=TICK, losses=[[1, 2.0]])):
            text = ask(server, "GET", "/")[1]
    (line,) = [attributes["points"] for tag, attributes in Elements(text).found if tag == "polyline"]
    points = [tuple(map(float, point.split(","))) for point in (line or "").split()]
    assert len(points) == 200
    assert (points[0][0], points[-1][0]) == (0.0, 100.0)
    assert all(a[1] <= b[1] for a, b in pairwise(points)), "lower is further down"
    assert "to 0.008 at step 499" in text
    assert len(text) < 25_000


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (4.0, 6.5, [4, 5, 6, 7]),
        (0.03, 1.96, [0, 1, 2]),
        (0.5, 0.5, [0.5, 0.502]),
        (0.0, 0.0, [0.0, 0.00005]),
        (-0.2, 3.9, [-2, 0, 2, 4]),
        (1e4, 1e9, [0, 5e8, 1e9]),
    ],
)
def test_ticks_are_round_and_around_all_losses(low: float, high: float, ticks: list[float]) -> None:
    assert choose_ticks(low, high) == ticks


def test_the_page_loads_nothing_and_refreshes_until_the_end(server: StatusServer, plan: Plan, tmp_path: Path) -> None:
    answer, text = ask(server, "GET", "/")
    elements = Elements(text).found
    assert {"http-equiv": "refresh", "content": "2"} in [attributes for tag, attributes in elements if tag == "meta"]
    addresses = [value for _, attributes in elements for name, value in attributes.items() if name in ("src", "href", "action")]
    assert addresses == ["data:,"]
    assert not re.search(r"url\(|@import|https?://", text)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    nonces = [attributes["nonce"] for tag, attributes in elements if tag == "script"]
    assert [f"'nonce-{nonce}'" in policy for nonce in nonces] == [True]
    assert nonces[0] not in ask(server, "GET", "/")[1]
    for stage in plan.stages:
        finish(Store(tmp_path), stage)
    text = ask(server, "GET", "/")[1]
    assert "All stages are done." in text
    assert "http-equiv" not in text
    assert ("main", {"data-ended": None}) in Elements(text).found


def test_json_is_the_status(server: StatusServer, plan: Plan, tmp_path: Path) -> None:
    finish(Store(tmp_path), plan.stages[0])
    answer, text = ask(server, "GET", "/status.json")
    assert answer.headers["Content-Type"] == "application/json"
    found = json.loads(text)
    assert found["counts"] == {"done": 1, "pending": len(plan.stages) - 1}
    assert found["stages"][0]["key"] == plan.stages[0].key
    head, nothing = ask(server, "HEAD", "/status.json")
    assert (head.status, nothing) == (200, "")
    assert head.headers["Content-Length"] == answer.headers["Content-Length"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW"])
def test_it_can_only_be_read(server: StatusServer, method: str) -> None:
    answer, _ = ask(server, method, "/")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["/index.html", "/status", "/../pyproject.toml", "/%2e%2e/x", "//x", "/status.json/", "*"])
def test_there_is_nothing_else(server: StatusServer, path: str) -> None:
    answer, text = ask(server, "GET", path)
    assert answer.status == 404
    assert path not in text.replace("only / and /status.json", "")


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "127.0.0.1@evil", "[::1]"]
)
def test_a_foreign_host_is_refused(server: StatusServer, plan: Plan, host: str) -> None:
    answer, text = ask(server, "GET", "/status.json", host)
    assert answer.status == 403
    assert plan.study.name not in text


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:9000"])
def test_a_tunnels_port_is_no_foreign_host(server: StatusServer, host: str) -> None:
    assert ask(server, "GET", "/", host)[0].status == 200


def test_a_request_without_a_host_is_refused(server: StatusServer) -> None:
    assert ask(server, "GET", "/", "")[0].status == 403


def test_a_store_that_cannot_be_read_is_said(server: StatusServer, tmp_path: Path) -> None:
    (tmp_path / "train").write_text("")
    answer, text = ask(server, "GET", "/")
    assert answer.status == 500
    assert "train cannot be read (Not a directory)" in text


def test_a_port_that_is_taken_is_named(server: StatusServer) -> None:
    with pytest.raises(InputError, match=f"port {server.server_port} of 127.0.0.1 is in use by another program; name another"):
        StatusServer(server.reader, server.server_port)


def test_the_verb_serves_until_ctrl_c(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "xstilts.cli", "status", "demo", "--store", str(tmp_path / "none"), "--serve", "--port", "0"]
    serving = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=mind_ctrl_c)
    try:
        assert serving.stdout is not None
        found = re.match(r"demo: (http://127\.0\.0\.1:\d+/) \(Ctrl-C ends it\)$", serving.stdout.readline())
        assert found
        with urllib.request.urlopen(found[1], timeout=20) as answer:
            assert "No run is active. The store" in answer.read().decode("utf-8")
    finally:
        serving.send_signal(signal.SIGINT)
        complained = serving.communicate(timeout=60)[1]
    assert (serving.returncode, complained) == (0, "")


def test_a_name_that_is_markup_stays_a_name(plan: Plan, tmp_path: Path) -> None:
    reader = StatusReader(plan, Store(tmp_path / EVIL.replace("/", "|")))
    text = render_status(reader.read(), '"><b>')
    assert "<script>alert" not in text
    assert "<b>" not in text
