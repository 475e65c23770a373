"""A real Chromium on the real service: starts both, and collects what a browser complains of."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from playwright.sync_api import Browser, Page, Playwright

from tests.cloud.web.village import Village

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_S = 20.0

CHECKS = (Path(__file__).parent / "page_checks.js").read_text()


@contextmanager
def served(village: Village) -> Iterator[str]:
    """The village's service on a free port of this machine."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(village.application.asgi, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    until(lambda: server.started)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        village.application.live.close()
        server.should_exit = True
        thread.join(PATIENCE_S)
        listener.close()
        assert not thread.is_alive(), "an open stream kept the server from ending"


def until(condition: object, patience_s: float = PATIENCE_S) -> None:
    """Ask until it is so, for a bounded time."""
    assert callable(condition)
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


def chromium(playwright: Playwright, path: str) -> Browser:
    return playwright.chromium.launch(executable_path=path, args=ARGUMENTS)


@dataclass
class Visit:
    """One browser window and whatever it complained of."""

    page: Page
    base: str
    complaints: list[str] = field(default_factory=list)

    def watch(self) -> None:
        self.page.on("console", lambda said: self.complaints.append(f"{said.type}: {said.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        self.page.on("request", lambda asked: self._ours(asked.url))

    def _ours(self, url: str) -> None:
        if not url.startswith((self.base, "data:")):
            self.complaints.append(f"foreign: {url}")

    def go(self, address: str) -> None:
        self.page.goto(self.base + address, wait_until="load")
        if self.page.locator("#line").count():
            self.page.locator("#line.good").wait_for()
        if self.page.locator("watt-chart").count():
            self.page.locator("watt-chart canvas").wait_for()

    def check(self, name: str) -> Any:
        """What that function of page_checks.js finds."""
        return self.page.evaluate(f"({CHECKS}).{name}()")

    def sign_in(self, login: str, password: str) -> None:
        self.page.goto(self.base + "/login")
        self.page.locator("#login:focus").wait_for()  # before it, Chromium remarks on the focus taken from it
        self.page.fill("#login", login)
        self.page.fill("#password", password)
        self.page.click('form[action="/login"] button')
        self.page.wait_for_url("**/" + ("console" if login == "operator" else "portal"))


def visit(browser: Browser, base: str, size: tuple[int, int], language: str, scheme: str = "light") -> Visit:
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if scheme == "dark" else "light",
        has_touch=size[0] < 500,
    )
    context.set_default_timeout(PATIENCE_S * 1000)
    context.add_cookies([{"name": "wattpost_language", "value": language, "url": base}])
    opened = Visit(context.new_page(), base)
    opened.watch()
    return opened
