"""A small server between a store and its engine: it passes all on, but answers as it is told."""

import socket
import ssl
import threading
import time
from collections import deque
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

Told = tuple[int, dict[str, str], bytes] | Literal["lost", "cut", "half", "silence", "held"]
"""An answer; or: written and not said so, not written and cut off, half an answer, none, a late one."""


class Between(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, engine_url: str, cert: Path | None = None, key: Path | None = None) -> None:
        """With a certificate it speaks https."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.engine = urlsplit(engine_url).netloc
        self.url = f"http{'s' if cert else ''}://127.0.0.1:{self.server_address[1]}"
        if cert:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(cert, key)
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.writes: deque[Told] = deque()
        """What the next writes are answered; behind them all are passed on."""
        self.queries: deque[Told] = deque()
        self.lines: list[int] = []
        """How many bytes each write had that came."""
        self.asked = 0
        """How many questions came."""
        self.holding, self.released = threading.Event(), threading.Event()
        """What is `held` is on its way from the one to the other."""
        self.ended = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self.ended.set()
        self.released.set()
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a client that had enough of waiting


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Between

    def do_GET(self) -> None:
        self._take()

    def do_POST(self) -> None:
        self._take()

    def _take(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urlsplit(self.path).path
        waiting = {"/api/v2/write": self.server.writes, "/query": self.server.queries}.get(path)
        if path == "/api/v2/write":
            self.server.lines.append(len(body))
        self.server.asked += path == "/query"
        told = waiting.popleft() if waiting else None
        if isinstance(told, tuple):
            self._answer(*told)
        elif told == "half":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1f\r\n" + b'{"results":[')
            self._cut()
        elif told == "silence":
            self.server.ended.wait(20)
            self._cut()
        elif told == "cut":
            self._cut()
        else:
            if told == "held":
                self.server.holding.set()
                self.server.released.wait(20)
            status, headers, answer = self._pass_on(body)
            if told == "lost":
                self._cut()
            else:
                self._answer(status, headers, answer)

    def _pass_on(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        engine = HTTPConnection(self.server.engine, timeout=20)
        engine.request(self.command, self.path, body, dict(self.headers))
        with engine.getresponse() as answer:
            kept = ("Content-Type", "X-Influxdb-Version")
            headers = {name: value for name in kept if (value := answer.getheader(name))}
            found = answer.status, headers, answer.read()
        engine.close()
        return found

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _cut(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


class Ticks:
    """A monotonic clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = time.monotonic()

    def __call__(self) -> float:
        return self.now
