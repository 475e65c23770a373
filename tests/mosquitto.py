"""A mosquitto of our own: a child on a free loopback port, with passwords and the station's access list."""

import subprocess
import time
from pathlib import Path

import psutil
import pytest

CONFIG = """\
listener {port} 127.0.0.1
user root
allow_anonymous false
password_file {folder}/passwords
acl_file {folder}/acl
persistence false
max_queued_messages 0
"""
ACL = """\
pattern write wattpost/v1/%u/up/#
pattern read wattpost/v1/%u/down/#
user cloud
topic read wattpost/v1/+/up/#
topic write wattpost/v1/+/down/#
topic write wattpost/v1/_cloud/up/probe
"""


class Mosquitto:
    """`start`, `stop` and `kill` may be called again and again: the port stays, nothing else does."""

    def __init__(
        self,
        folder: Path,
        program: Path,
        passwd: Path,
        port: int,
        users: tuple[str, ...],
        *,
        more: str = "",
    ) -> None:
        """`more`: further lines of mosquitto.conf, such as the listener's certificate."""
        self.folder, self.port, self.host = folder, port, "127.0.0.1"
        self._program = program
        (folder / "mosquitto.conf").write_text(CONFIG.format(port=port, folder=folder) + more)
        (folder / "acl").write_text(ACL)
        (folder / "acl").chmod(0o600)
        (folder / "passwords").touch(0o600)
        for user in users:
            words: list[str | Path] = [passwd, "-b", folder / "passwords", user, self.password(user)]
            subprocess.run(words, check=True, capture_output=True)
            self.password_file(user).write_text(self.password(user) + "\n")
            self.password_file(user).chmod(0o600)
        self._child: subprocess.Popen[bytes] | None = None
        self.start()

    def password(self, user: str) -> str:
        return f"word-of-{user}"

    def password_file(self, user: str) -> Path:
        return self.folder / f"{user}.password"

    def start(self) -> None:
        """Start it and see that our child, and nobody else, is the listener."""
        with (self.folder / "log").open("ab") as log:
            self._child = subprocess.Popen(
                [self._program, "-c", self.folder / "mosquitto.conf"], stdout=log, stderr=log
            )
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            told = (self.folder / "log").read_text()
            assert self._child.poll() is None, f"mosquitto ended at once: {told}"
            if self.port in _listening(self._child.pid):
                return
            time.sleep(0.02)
        pytest.fail("mosquitto did not listen within 20 s")

    def stop(self) -> None:
        if self._child:
            self._child.terminate()
        self._reap()

    def kill(self) -> None:
        if self._child:
            self._child.kill()
        self._reap()

    def _reap(self) -> None:
        if self._child:
            self._child.wait(20)
            self._child = None


def _listening(pid: int) -> set[int]:
    connections = psutil.Process(pid).net_connections("tcp")
    return {each.laddr.port for each in connections if each.status == psutil.CONN_LISTEN}
