"""Stands before an influxd 1.6.7 so that it can be spoken to as an InfluxDB 2.x, for tests and benches only.

Debian's engine stores and answers InfluxQL like 2.x, but has no `/api/v2/write` (1.8 and later have it). This
gives that one route: bucket → database, gzip and precision passed on as they are, the token checked, an error
told as {"code", "message"}. `/ping`, `/health` and `/query` are passed through. Bodies are never looked into.
What it does not stand for: of a malformed body 2.x stores nothing, this engine the good lines.
"""

import contextlib
import json
import socket
import sys
import threading
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

CODES = {
    400: "invalid",
    401: "unauthorized",
    404: "not found",
    413: "request too large",
    422: "unprocessable entity",
    503: "unavailable",
}
PASSED = ("Content-Type", "Content-Encoding", "Accept")
TOLD = ("Content-Type", "X-Influxdb-Version", "Retry-After")


class Gateway(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int, engine_port: int, token: str) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.engine_port, self.token = engine_port, token
        self.kept = threading.local()

    def engine(self) -> HTTPConnection:
        """This thread's own connection to the engine; a thread lives as long as its client's connection."""
        held: HTTPConnection | None = getattr(self.kept, "engine", None)
        if held is None:
            held = self.kept.engine = HTTPConnection("127.0.0.1", self.engine_port, timeout=120)
            held.connect()
            held.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return held

    def lost(self) -> None:
        held: HTTPConnection | None = getattr(self.kept, "engine", None)
        if held is not None:
            held.close()
        self.kept.engine = None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    server: Gateway

    def do_GET(self) -> None:
        self._take()

    def do_POST(self) -> None:
        self._take()

    def _take(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        address = urlsplit(self.path)
        if address.path in ("/ping", "/health"):
            self._pass("/ping", b"", health=address.path == "/health")
        elif self.headers.get("Authorization") != f"Token {self.server.token}":
            self._say(401, "unauthorized access")
        elif address.path == "/query":
            self._pass(self.path, body)
        elif address.path == "/api/v2/write":
            asked = parse_qs(address.query)
            if not asked.get("org") or not asked.get("bucket"):
                self._say(400, "org and bucket are needed")
                return
            there = {"db": asked["bucket"][0], "precision": asked.get("precision", ["ns"])[0]}
            self._pass(f"/write?{urlencode(there)}", body)
        else:
            self._say(404, "path not found")

    def _pass(self, path: str, body: bytes, *, health: bool = False) -> None:
        sent = {name: self.headers[name] for name in PASSED if name in self.headers}
        try:
            engine = self.server.engine()
            engine.request(self.command, path, body, sent)
            answer = engine.getresponse()
            if health:
                answer.read()
                self._answer(200, json.dumps({"name": "influxdb", "status": "pass"}).encode())
            elif path.startswith("/write") and answer.status >= 400:
                self._translate(answer)
            else:
                self._hand_on(answer)
        except (OSError, HTTPException) as error:
            self.server.lost()
            with contextlib.suppress(OSError):
                self._say(503, f"the engine does not answer: {error}")
            self.close_connection = True

    def _translate(self, answer: HTTPResponse) -> None:
        """2.x tells a partial write (types in conflict, beyond the retention) as 422, and names a bucket."""
        told = str(json.loads(answer.read() or b"{}").get("error", answer.reason))
        partial = told.startswith("partial write") and "unable to parse" not in told
        self._say(422 if partial else answer.status, told.replace("database not found", "bucket not found"))

    def _hand_on(self, answer: HTTPResponse) -> None:
        self.send_response(answer.status)
        for name in TOLD:
            if value := answer.getheader(name):
                self.send_header(name, value)
        if answer.length is not None or answer.status == HTTPStatus.NO_CONTENT:
            body = answer.read()
            if answer.status != HTTPStatus.NO_CONTENT:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        else:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            while chunk := answer.read1(1 << 18):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def _say(self, status: int, message: str) -> None:
        code = CODES.get(status, "internal error")
        self._answer(status, json.dumps({"code": code, "message": message}).encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


if __name__ == "__main__":
    port, engine_port, token = sys.argv[1:]
    Gateway(int(port), int(engine_port), token).serve_forever()
