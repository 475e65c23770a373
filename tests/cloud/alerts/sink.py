"""A real HTTP server that takes what is posted to it, or refuses as often as it is told."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Sink:
    """`refusals` is how many posts are refused with 503 before one is taken."""

    def __init__(self) -> None:
        self.refusals = 0
        self.received: list[dict[str, Any]] = []
        self.asked = 0
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                sink.asked += 1
                refuse = sink.refusals > 0
                sink.refusals -= int(refuse)
                if not refuse:
                    sink.received.append(json.loads(body) | {"path": self.path})
                self.send_response(503 if refuse else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]

    @property
    def channel(self) -> str:
        return f"json://127.0.0.1:{self.port}/inbox"

    @contextmanager
    def open(self) -> Iterator["Sink"]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()
