"""The status of a study as a web page on this machine.

The server answers GET and HEAD of `/` and `/status.json` on 127.0.0.1, and writes nothing. It refuses a `Host` header other than
127.0.0.1 or localhost: otherwise a foreign page could point its own name to this machine and read the status (DNS rebinding).
Any port is accepted in that header, for SSH tunnels. The page loads nothing else, and refreshes itself even without a script.
"""

from __future__ import annotations

import errno
import json
import re
import secrets
import time
from collections import Counter
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import jinja2

from xstilts.cli.views.loss_curve import draw_losses
from xstilts.cli.views.progress import describe_progress
from xstilts.cli.views.status import count_states, describe_outlook, list_problems, list_running
from xstilts.errors import InputError
from xstilts.execution.status import STATES, StatusReader, StudyStatus, read_number
from xstilts.stages.stage import KINDS

ADDRESS = "127.0.0.1"
REFRESH_SECONDS = 2
_OWN_HOST = re.compile(r"(127\.0\.0\.1|localhost)(:\d{1,5})?", re.IGNORECASE)
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}

_PAGES = jinja2.Environment(
    loader=jinja2.PackageLoader("xstilts.cli", "views"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)


def render_status(status: StudyStatus, nonce: str) -> str:
    """The page. Its script carries the `nonce` that the Content-Security-Policy allows."""
    by_kind = {kind: Counter(stage.state for stage in status.stages if stage.kind == kind) for kind in KINDS}
    return _PAGES.get_template("status.html.j2").render(
        status=status,
        name=status.plan.study.name,
        question=status.plan.study.question,
        counts=count_states(status),
        outlook=describe_outlook(status),
        running=[
            (s, describe_progress(s.report, s.seconds), _percentage(s.report), draw_losses(s.losses))
            for s in list_running(status)
        ],
        problems=list_problems(status),
        states=[state for state in STATES if status.counts[state]],
        by_kind={kind: found for kind, found in by_kind.items() if found},
        at=time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(status.at)),
        refresh=REFRESH_SECONDS,
        nonce=nonce,
    )


def _percentage(report: Mapping[str, Any]) -> float | None:
    """The percentage of its steps that a stage has done; None if it did not report them."""
    step, steps = read_number(report.get("step")), read_number(report.get("steps"))
    return min(100 * step / steps, 100.0) if step is not None and steps else None


class _Request(BaseHTTPRequestHandler):
    """One request to a `StatusServer`."""

    server: StatusServer
    timeout: ClassVar[int] = 10  # seconds that a client has to send its request

    def parse_request(self) -> bool:
        """Refuses a request that is not for reading, or that has a foreign host name, before it is handled."""
        if not super().parse_request():
            return False
        if self.command not in ("GET", "HEAD"):
            self._answer(HTTPStatus.METHOD_NOT_ALLOWED, "This page can only be read.\n", {"Allow": "GET, HEAD"})
        elif not _OWN_HOST.fullmatch(self.headers.get("Host", "")):
            self._answer(HTTPStatus.FORBIDDEN, f"This page has the addresses http://{ADDRESS} and http://localhost only.\n")
        else:
            return True
        return False

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path not in ("/", "/status.json"):
            return self._answer(HTTPStatus.NOT_FOUND, "There is only / and /status.json.\n")
        try:
            status = self.server.reader.read()
        except InputError as error:
            return self._answer(HTTPStatus.INTERNAL_SERVER_ERROR, f"{error}\n")
        if path == "/status.json":
            text = json.dumps(status.record(), ensure_ascii=False)
            return self._answer(HTTPStatus.OK, text, {"Content-Type": "application/json"})
        nonce = secrets.token_urlsafe(16)
        policy = (
            "default-src 'none'; connect-src 'self'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; "
            f"form-action 'none'; frame-ancestors 'none'; script-src 'nonce-{nonce}'"
        )
        headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy}
        return self._answer(HTTPStatus.OK, render_status(status, nonce), headers)

    do_HEAD = do_GET

    def _answer(self, status: HTTPStatus, text: str, headers: dict[str, str] | None = None) -> None:
        body = text.encode("utf-8", errors="replace")
        self.send_response(status)
        for name, value in ({"Content-Type": "text/plain; charset=utf-8"} | _HEADERS | (headers or {})).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def version_string(self) -> str:
        return "xstilts"

    def log_message(self, format: str, *args: Any) -> None:
        """Prints nothing: requests do not concern the user of the terminal."""


class StatusServer(ThreadingHTTPServer):
    """Answers with what `reader` reads. Port 0 is any free one. Raises InputError if the port cannot be opened."""

    daemon_threads = True

    def __init__(self, reader: StatusReader, port: int):
        self.reader = reader
        try:
            super().__init__((ADDRESS, port), _Request)
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            why = "is in use by another program" if taken else f"cannot be opened ({error.strerror})"
            raise InputError(f"port {port} of {ADDRESS} {why}; name another with --port") from None

    @property
    def url(self) -> str:
        return f"http://{ADDRESS}:{self.server_port}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Prints nothing: it is no error when a browser closes the connection early."""
