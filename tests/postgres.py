"""A PostgreSQL of our own, as a child of the test."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from tests.programs import free_port, require_program

READY_S = 60


class PostgresCluster:
    """In a temporary folder; our child is the listener, and is ended by its pid."""

    def __init__(self, folder: Path, *, fsync: str = "off") -> None:
        self.port = free_port()
        initdb, postgres = require_program("initdb"), require_program("postgres")
        data = folder / "data"
        as_owner = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if as_owner:
            shutil.chown(folder, "postgres")
        subprocess.run(
            [*as_owner, initdb, "-D", data, "-U", "wattpost", "-A", "trust", "--no-sync", "-E", "UTF8"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        options = {"listen_addresses": "127.0.0.1", "port": self.port, "fsync": fsync, "max_connections": 50}
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        self._command: list[str | Path] = [*as_owner, postgres, "-D", data, "-k", data, *settings]
        self._log, self._pidfile = folder / "log", data / "postmaster.pid"
        self.pid = 0
        self.start()

    def start(self) -> None:
        """Return once it answers; a pid file that a kill left is not taken for its own."""
        with self._log.open("ab") as log:
            self._started = subprocess.Popen(self._command, stdout=log, stderr=log)
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            assert self._started.poll() is None, f"postgres ended at once: {self._log.read_text()}"
            if self._is_ready():
                return
            time.sleep(0.02)
        pytest.fail(f"postgres was not ready within {READY_S} s: {self._log.read_text()}")

    def _is_ready(self) -> bool:
        lines = self._pidfile.read_text().split("\n") if self._pidfile.exists() else []
        if len(lines) < 8 or lines[7].strip() != "ready":
            return False
        family = {self._started.pid, *(each.pid for each in psutil.Process(self._started.pid).children())}
        self.pid = int(lines[0])
        return self.pid in family

    @property
    def running(self) -> bool:
        return self._started.poll() is None

    def told(self) -> str:
        return f"postgres: {self._log.read_text()[-500:]}"

    def url(self, database: str) -> str:
        return f"postgresql://wattpost@127.0.0.1:{self.port}/{database}"

    def kill(self) -> None:
        """End it as a power cut would; its own children see that and end; then it can be started again."""
        children = psutil.Process(self.pid).children()
        os.kill(self.pid, signal.SIGKILL)
        self._started.wait(30)
        _, left = psutil.wait_procs(children, timeout=30)
        assert not left, "children of a killed postgres live on"

    def stop(self) -> None:
        os.kill(self.pid, signal.SIGINT)
        self._started.wait(30)
