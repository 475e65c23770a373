"""The gateway's own page for a phone beside it: read-only, without script, bounded in all it takes.

It answers GET and HEAD and nothing else; what another part has to show comes in as a handler.
"""

import json
import logging
import socket
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import resources
from socketserver import ThreadingMixIn
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from edge.pages import status
from edge.pages.snapshot import Board as Board
from edge.pages.snapshot import Snapshot as Snapshot
from edge.pages.words import LANGUAGES, Words, wanted

log = logging.getLogger(__name__)

AT_ONCE: Final = 8
"""Requests served at the same time; the next ones are told to come back."""
PATIENCE_S: Final = 5.0
"""Who says nothing for so long is hung up on."""
HTML: Final = "text/html; charset=utf-8"
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

Handler = Callable[[Snapshot], tuple[str, bytes]]
"""A snapshot in, content type and bytes out."""


class Page:
    """`listen` is host:port, port 0 for any free one. `handlers`: path → what it shows, as "/metrics"."""

    def __init__(
        self, listen: str, report: Callable[[], Snapshot], handlers: Mapping[str, Handler] | None = None
    ) -> None:
        self._listen, self._report, self._handlers = listen, report, dict(handlers or {})
        self._server: _Server | None = None

    @property
    def url(self) -> str:
        assert self._server is not None, "started"
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}/"

    def start(self) -> None:
        """A place that cannot be listened at costs the page and not the agent."""
        host, _, port = self._listen.rpartition(":")
        try:
            self._server = _Server((host.strip("[]"), int(port)), self._report, self._handlers)
        except OSError as error:
            log.warning("no page: page.listen %s cannot be used (%s); give another", self._listen, error)
            return
        threading.Thread(target=self._server.serve_forever, args=(0.2,), name="page", daemon=True).start()
        log.info("page: %s", self.url)

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class _Server(ThreadingMixIn, HTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 16

    def __init__(
        self, at: tuple[str, int], report: Callable[[], Snapshot], handlers: Mapping[str, Handler]
    ) -> None:
        self.report, self.handlers = report, handlers
        self.address_family = socket.AF_INET6 if ":" in at[0] else socket.AF_INET
        self.places = threading.BoundedSemaphore(AT_ONCE)
        super().__init__(at, _Request)

    def server_bind(self) -> None:
        """Without the look-up of a name that HTTPServer makes: it can take seconds where no DNS is."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self.places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        del request
        log.debug("page: a request from %s broke", client_address, exc_info=True)


class _Request(BaseHTTPRequestHandler):
    server: _Server
    timeout = PATIENCE_S
    server_version, sys_version = "wattpost", ""
    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        told = parse_qs(split.query, max_num_fields=4).get("lang", [""])[0] if len(split.query) < 200 else ""
        language = told if told in LANGUAGES else wanted(self.headers.get("Accept-Language", ""))
        code, kind, body = self._found(split.path, Words(language))
        self._answer(code, kind, body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def _found(self, path: str, words: Words) -> tuple[HTTPStatus, str, bytes]:
        if path == "/page.css":
            return HTTPStatus.OK, "text/css; charset=utf-8", _style()
        if path in self.server.handlers:
            return HTTPStatus.OK, *self.server.handlers[path](self.server.report())
        if path == "/state.json":
            return HTTPStatus.OK, "application/json", as_json(self.server.report())
        text = None
        if path == "/":
            text = status.overview(self.server.report(), words)
        elif path.startswith("/meter/"):
            text = status.meter(self.server.report(), words, unquote(path.removeprefix("/meter/")))
        if text is None:
            return HTTPStatus.NOT_FOUND, HTML, status.lost(words).encode()
        return HTTPStatus.OK, HTML, text.encode()

    def _answer(self, code: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(code)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the name is the library's)
        log.debug("page: %s %s", self.address_string(), format % args)


def _style() -> bytes:
    """The sheet, and the widths of its bars: a page without inline styles needs a class for each."""
    sheet = (resources.files("edge.pages") / "page.css").read_bytes()
    return sheet + "".join(f".bar .w{step} {{ width: {step * 5}%; }}\n" for step in range(21)).encode()


def as_json(shot: Snapshot) -> bytes:
    """What the page shows, for programs; `wattpost edge handover` reads it."""
    facts = {
        "health": json.loads(msgspec.json.encode(shot.health)),
        "connected": shot.connected,
        "plan": dict(shot.plan),
        "outbox": {
            "bytes": shot.outbox_bytes, "cap_bytes": shot.outbox_cap_bytes, "days": round(shot.outbox_days, 1)
        },
        "month": {"bytes": shot.month_bytes, "cap_bytes": shot.month_cap_bytes},
        "latest_at_ms": {meter: reading.at_ms for meter, reading in shot.latest.items()},
    }  # fmt: skip
    return json.dumps(facts, ensure_ascii=False).encode()
