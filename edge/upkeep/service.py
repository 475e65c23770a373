"""The service manager's side of the agent: systemd is told when it is ready, alive and stopping.

`alive` is said only by a program whose every part moves, so that one which hangs is started anew.
"""

import logging
import socket
from contextlib import suppress
from typing import Final

log = logging.getLogger(__name__)

MICROSECONDS: Final = 1_000_000


class ServiceManager:
    """sd_notify(3) over its datagram socket; without one every word falls silently away."""

    def __init__(self, notify_socket: str = "", watchdog_usec: int = 0) -> None:
        self._address = "\0" + notify_socket[1:] if notify_socket.startswith("@") else notify_socket
        self._every_s = watchdog_usec / MICROSECONDS / 2
        self._next_s = 0.0

    @property
    def watches(self) -> bool:
        return self._every_s > 0

    def ready(self, status: str) -> None:
        self._say(f"READY=1\nSTATUS={status}")

    def stopping(self) -> None:
        self._say("STOPPING=1")

    def alive(self, now_s: float) -> None:
        """Twice in each watchdog interval; call it as often as you like."""
        if self.watches and now_s >= self._next_s:
            self._next_s = now_s + self._every_s
            self._say("WATCHDOG=1")

    def _say(self, words: str) -> None:
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.sendto(words.encode(), self._address)
