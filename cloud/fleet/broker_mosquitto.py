"""A mosquitto of our own: on loopback, watched, and its stored state set aside when it is broken.

What it keeps proves nothing (the gateways' outboxes do), so a store that it cannot read is no loss.
"""

import logging
import os
import pwd
import signal
import subprocess
import threading
import time
from pathlib import Path

from cloud.fleet.broker import BROKER_MAX_PACKET, HOST, BrokerAddress, Users, acl_file, free_port, passwd_file
from cloud.kit.errors import Conflict

log = logging.getLogger(__name__)

START_S = 10.0
_STOP_S = 5.0
_RESTART_S = 1.0
_CONFIG = """\
per_listener_settings false
listener {port} {host}
user {owner}
allow_anonymous false
password_file {folder}/passwd
acl_file {folder}/acl
use_username_as_clientid true
persistence true
persistence_location {folder}/
autosave_interval 300
persistent_client_expiration 1d
max_inflight_messages 64
max_queued_messages 10000
max_packet_size {max_packet}
sys_interval 0
log_dest stderr
log_type error
log_type warning
"""


class ManagedMosquitto:
    def __init__(self, program: Path, folder: Path, port: int = 0) -> None:
        """Its files live in `folder`; port 0 is any free one."""
        self._program, self._folder, self._port = program, folder.resolve(), port
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._watch: threading.Thread | None = None

    @property
    def pid(self) -> int | None:
        return None if self._child is None else self._child.pid

    def start(self, users: Users) -> BrokerAddress:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._end_orphan()
        self._port = free_port(self._port)
        self._write_users(users)
        self._write("mosquitto.conf", self._config())
        self._child = self._start_child()
        self._stopping.clear()
        self._watch = threading.Thread(target=self._keep_alive, name="mosquitto", daemon=True)
        self._watch.start()
        return BrokerAddress(HOST, self._port, "5")

    def reload(self, users: Users) -> None:
        self._write_users(users)
        if self._child is not None:
            self._child.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        self._stopping.set()
        if self._child is not None:
            _end(self._child)
        if self._watch is not None:
            self._watch.join()
        self._child = self._watch = None
        (self._folder / "pid").unlink(missing_ok=True)

    def _config(self) -> str:
        return _CONFIG.format(
            port=self._port,
            host=HOST,
            folder=self._folder,
            owner=pwd.getpwuid(os.geteuid()).pw_name,
            max_packet=BROKER_MAX_PACKET,
        )

    def _write_users(self, users: Users) -> None:
        self._write("passwd", passwd_file(users))
        self._write("acl", acl_file())

    def _write(self, name: str, text: str) -> None:
        """Whole or not at all, and for this user's eyes only."""
        new = self._folder / f"{name}.new"
        new.touch(mode=0o600)
        new.write_text(text, encoding="utf-8")
        new.replace(self._folder / name)

    def _start_child(self) -> subprocess.Popen[bytes]:
        try:
            return self._launch()
        except Conflict:
            if not self._set_aside_store():
                raise
            return self._launch()

    def _launch(self) -> subprocess.Popen[bytes]:
        log_path = self._folder / "mosquitto.log"
        with log_path.open("wb") as output:
            child = subprocess.Popen(
                [self._program, "-c", self._folder / "mosquitto.conf"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C is for us; we end it in our own time
            )
        self._write("pid", str(child.pid))
        deadline = time.monotonic() + START_S
        while not _listens(child.pid, self._port):
            ended = _wait(child, 0.02)
            if ended is not None or time.monotonic() > deadline:
                _end(child)
                said = log_path.read_text(encoding="utf-8", errors="replace").strip() or "it said nothing"
                raise Conflict(f"mosquitto does not start on port {self._port} ({said[-300:]})")
        return child

    def _set_aside_store(self) -> bool:
        store = self._folder / "mosquitto.db"
        if not store.exists():
            return False
        aside = self._folder / f"mosquitto.db.unreadable-{time.monotonic_ns()}"
        store.replace(aside)
        log.warning(
            "mosquitto did not start on its stored state: set aside as %s, starting empty", aside.name
        )
        return True

    def _keep_alive(self) -> None:
        """Start it again whenever it ends and we did not end it."""
        while self._child is not None:
            code = self._child.wait()
            while not self._stopping.is_set():
                log.error("mosquitto ended with %s: starting it again", code)
                try:
                    self._child = self._start_child()
                    break
                except (Conflict, OSError) as error:
                    log.error("%s", error)  # noqa: TRY400 - one line says it all
                    self._stopping.wait(_RESTART_S)
            if self._stopping.is_set():
                _end(self._child)
                return

    def _end_orphan(self) -> None:
        """A child outlives a killed parent: end it, when it is surely ours."""
        try:
            pid = int((self._folder / "pid").read_text(encoding="ascii"))
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return
        if os.fsencode(self._folder / "mosquitto.conf") not in command:
            return
        log.warning("ending the mosquitto that an earlier run left behind (pid %d)", pid)
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_S
        while _alive(pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        if _alive(pid):
            os.kill(pid, signal.SIGKILL)


def _listens(pid: int, port: int) -> bool:
    """Whether that very process has the listening socket of `port`."""
    inodes = set()
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
            inodes.add(f"socket:[{fields[9]}]")
    try:
        return any(str(each.readlink()) in inodes for each in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:  # it has ended, or a file was closed while we looked
        return False


def _wait(child: subprocess.Popen[bytes], seconds: float) -> int | None:
    try:
        return child.wait(seconds)
    except subprocess.TimeoutExpired:
        return None


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.terminate()
        if _wait(child, _STOP_S) is None:
            child.kill()
    child.wait()


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
