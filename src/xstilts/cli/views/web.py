"""Serve: the status of a study as a page on this machine, for a browser beside a run.

It reads and never writes: GET and HEAD of `/` and `/status.json`, on 127.0.0.1. A `Host` that is not this machine's own name
is refused, since a foreign page could otherwise point its name here and read along (DNS rebinding); any port is taken, for
people who come through an SSH tunnel. The page loads nothing from elsewhere, and refreshes itself without a script too.
"""

from __future__ import annotations

import errno
import json
import re
import secrets
import time
from functools import cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import Any, ClassVar

import jinja2

from xstilts.cli.views.live import counted, facts, outlook, running, trouble
from xstilts.errors import InputError
from xstilts.execution.status import STATUSES, StudyStatus, Watch, number
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


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    return environment.from_string((resources.files("xstilts.cli") / "status.html.j2").read_text(encoding="utf-8"))


def render_status(look: StudyStatus, nonce: str) -> str:
    """The page. `nonce` marks its one script as its own."""
    shown = [status for status in STATUSES if look.counts[status]]
    kinds = {
        kind: [sum(r["kind"] == kind and r["status"] == status for r in look.records) for status in shown]
        for kind in KINDS
        if any(r["kind"] == kind for r in look.records)
    }
    return _template().render(
        name=look.plan.study.name,
        question=look.plan.study.question,
        look=look,
        total=len(look.records),
        counted=counted(look),
        outlook=outlook(look),
        running=[(kind, slug, facts(live, seconds), _share(live)) for kind, slug, live, seconds in running(look)],
        trouble=trouble(look),
        shown=shown,
        kinds=kinds,
        at=time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(look.at)),
        refresh=REFRESH_SECONDS,
        nonce=nonce,
    )


def _share(live: dict[str, Any]) -> float | None:
    """How far a stage is, of 100."""
    step, steps = number(live.get("step")), number(live.get("steps"))
    return min(100 * step / steps, 100.0) if step is not None and steps else None


class _Request(BaseHTTPRequestHandler):
    """One request to a `StatusServer`."""

    server: StatusServer
    timeout: ClassVar[int] = 10  # seconds for a client to say what it wants

    def parse_request(self) -> bool:
        """Refuse, before anything is looked at, what is no request to read or comes under a foreign name."""
        if not super().parse_request():
            return False
        if self.command not in ("GET", "HEAD"):
            self._answer(HTTPStatus.METHOD_NOT_ALLOWED, "This page can only be read.\n", {"Allow": "GET, HEAD"})
        elif not _OWN_HOST.fullmatch(self.headers.get("Host", "")):
            self._answer(HTTPStatus.FORBIDDEN, f"This page is served under http://{ADDRESS} and http://localhost only.\n")
        else:
            return True
        return False

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path not in ("/", "/status.json"):
            return self._answer(HTTPStatus.NOT_FOUND, "There is only / and /status.json.\n")
        try:
            look = self.server.watch.look()
        except InputError as error:
            return self._answer(HTTPStatus.INTERNAL_SERVER_ERROR, f"{error}\n")
        if path == "/status.json":
            return self._answer(
                HTTPStatus.OK, json.dumps(look.record(), ensure_ascii=False), {"Content-Type": "application/json"}
            )
        nonce = secrets.token_urlsafe(16)
        policy = (
            "default-src 'none'; connect-src 'self'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; "
            f"form-action 'none'; frame-ancestors 'none'; script-src 'nonce-{nonce}'"
        )
        headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy}
        return self._answer(HTTPStatus.OK, render_status(look, nonce), headers)

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
        """Nothing: the terminal belongs to whoever started the server."""


class StatusServer(ThreadingHTTPServer):
    """`serve_forever()` until told to end. Raises InputError if the port cannot be had; port 0 is any free one."""

    daemon_threads = True

    def __init__(self, watch: Watch, port: int):
        self.watch = watch
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
        """Nothing: a browser that goes away in the middle is no news."""
