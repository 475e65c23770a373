"""Runs the service in this process until SIGTERM or SIGINT: the port, then the parts, then the answers."""

import signal
import socket
import threading
from collections.abc import Callable
from types import FrameType

import uvicorn

from cloud.app import Application, build
from cloud.kit.clock import SystemClock
from cloud.kit.errors import Conflict, Invalid
from cloud.settings import HttpSettings, Settings, require_shared

GRACE_S = 5
CONNECTIONS = 500


class _Server(uvicorn.Server):
    """uvicorn, with streams told to end before it waits for them, and a word when it listens."""

    def __init__(
        self, config: uvicorn.Config, application: Application, listening: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._application = application
        self._listening = listening

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._application.live.close()
        super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._listening()


def serve(settings: Settings, ready: Callable[[str], None]) -> None:
    """`ready` is told the address once it is answered."""
    listener = _listener(settings.http)
    host, port = listener.getsockname()[:2]
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, _leave)
    application = build(settings, SystemClock())
    try:
        application.start()
        config = uvicorn.Config(
            application.asgi,
            lifespan="off",  # started above, where a failure can be told in one line
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(settings.http.trusted_proxies),
            forwarded_allow_ips=list(settings.http.trusted_proxies),
            limit_concurrency=CONNECTIONS,
            timeout_graceful_shutdown=GRACE_S,
        )
        _Server(config, application, lambda: ready(f"http://{host}:{port}")).run([listener])
    finally:
        application.stop()
        listener.close()


def take_in(settings: Settings, ready: Callable[[], None]) -> None:
    """Take in what gateways send until SIGTERM or SIGINT, sharing it with `serve` and others like this."""
    require_shared(settings)
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, _leave)
    application = build(settings, SystemClock())
    try:
        application.start_ingest()
        ready()
        threading.Event().wait()
    finally:
        application.stop()


def _leave(_: int, __: FrameType | None) -> None:
    raise SystemExit(0)


def _listener(http: HttpSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in http.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((http.host, http.port))
    except OSError as error:
        listener.close()
        if error.errno == 98:
            raise Conflict(
                f"{http.host}:{http.port} is in use by another program: end that one or change http.port"
            ) from None
        raise Invalid(f"http: cannot listen on {http.host}:{http.port}: {error.strerror}") from None
    return listener
