"""The gateway's own machine: disk, clock, secrets, the service around the agent."""

import os
import shutil
import stat
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from edge.clock import Clock, can_date
from edge.doctor.findings import Finding, bad, good, warn
from edge.settings import Settings, warnings
from protocols.mqtt.messages import ClockState

UNIT = "wattpost-edge.service"
VOLATILE = ("tmpfs", "ramfs", "overlay")
_MIB = 1 << 20


def disk(settings: Settings) -> Iterator[Finding]:
    """The outbox must fit below its cap, on a disk that outlives a power cut."""
    folder, about = settings.data_dir, f"data_dir {settings.data_dir}"
    if not folder.is_dir():
        yield bad(about, "is not there", f"run: mkdir -p {folder}")
        return
    if not os.access(folder, os.W_OK | os.X_OK):
        yield bad(about, f"cannot be written by {_me()}", f"run: chown {_me()} {folder}")
        return
    kind = filesystem(folder)
    if kind in VOLATILE:
        yield warn(about, f"is on {kind}, which a restart may empty", "choose a folder on disk or flash")
    yield _room(settings, about)


def _room(settings: Settings, about: str) -> Finding:
    free = shutil.disk_usage(settings.data_dir).free
    used = sum(file.stat().st_size for file in settings.data_dir.glob("outbox.db*"))
    seen = f"{free // _MIB} MiB free, outbox {used // _MIB} of {settings.outbox.max_bytes // _MIB} MiB"
    if free + used < settings.outbox.max_bytes:
        return warn(about, seen, "free some space, or set outbox.max_bytes to what there is")
    return good(about, seen)


def filesystem(path: Path) -> str:
    """The kind of file system a path is on, as mount(8) names it; empty where that cannot be told."""
    try:
        mounts = Path("/proc/self/mounts").read_text().splitlines()
    except OSError:
        return ""
    rows = (line.split() for line in mounts)
    fitting = [(row[1], row[2]) for row in rows if path.resolve().is_relative_to(row[1])]
    return max(fitting, key=lambda each: len(each[0]), default=("", ""))[1]


def time(clock: Clock) -> Iterator[Finding]:
    """Readings are dated with it."""
    shown = f"{clock.now():%Y-%m-%d %H:%M:%S} UTC"
    if not can_date(clock.now_ms()):
        yield bad("clock", f"shows {shown}", "set it, and install chrony; until then readings wait undated")
    elif clock.state() is ClockState.UNSYNCED:
        yield warn(
            "clock", f"{shown}, and no time server vouches for it", "install chrony, or ask for its server"
        )
    else:
        yield good("clock", f"{shown}, {clock.state()}")
    if not list(Path("/sys/class/rtc").glob("rtc*")):
        yield warn(
            "clock", "this machine has no battery clock", "after a power cut it waits for a time server"
        )


def secrets(settings: Settings) -> Iterator[Finding]:
    told = warnings(settings)
    for line in told:
        seen, _, todo = line.partition("; ")
        yield warn("secrets", seen, todo)
    if not told:
        yield good("secrets", "can be read by their owner only")


def service() -> Iterator[Finding]:
    """Whether somebody starts the agent after a power cut, and again when it hangs."""
    if shutil.which("systemctl") is None or not Path("/run/systemd/system").is_dir():
        yield warn("service", "no systemd runs here", "see to it that something restarts the agent")
        return
    shown = _properties(("LoadState", "UnitFileState", "ActiveState", "WatchdogUSec"))
    if shown.get("LoadState") != "loaded":
        yield warn("service", f"{UNIT} is not installed", "run: wattpost edge install")
    elif shown.get("UnitFileState") != "enabled":
        yield warn("service", f"{UNIT} does not start by itself", f"run: systemctl enable {UNIT}")
    else:
        yield good("service", f"{UNIT} is enabled and {shown.get('ActiveState')}")


def _properties(names: Iterable[str]) -> dict[str, str]:
    wanted = [f"--property={name}" for name in names]
    done = subprocess.run(
        ["systemctl", "show", UNIT, *wanted], capture_output=True, text=True, check=False, timeout=10
    )
    pairs = (line.partition("=") for line in done.stdout.splitlines())
    return {name: value for name, _, value in pairs}


def permissions(settings: Settings) -> Iterator[Finding]:
    """Serial devices belong to a group; who is not in it gets no line."""
    for line in settings.lines:
        if line.is_network:
            continue
        device, about = Path(line.endpoint), f"line {line.name}"
        if not device.exists():
            yield bad(about, f"there is no {device}", f"plug the adapter in; present: {_devices()}")
        elif not stat.S_ISCHR(device.stat().st_mode):
            yield bad(about, f"{device} is no serial device", f"correct endpoint; present: {_devices()}")
        elif not os.access(device, os.R_OK | os.W_OK):
            yield bad(about, f"{_me()} may not use {device}", f"run: usermod -aG {device.group()} {_me()}")
        elif device.name.startswith("ttyUSB") and not device.is_symlink():
            link = "/dev/serial/by-id/…"
            yield warn(about, f"{device} may get another number at the next start", f"use {link} instead")
        else:
            yield good(about, f"{device} can be used")


def _devices() -> str:
    found = [
        str(each)
        for folder in ("/dev/serial/by-id", "/dev")
        for each in sorted(Path(folder).glob("tty[UA]*"))
    ]
    named = sorted(map(str, Path("/dev/serial/by-id").glob("*")))
    return ", ".join((named or found)[:6]) or "none"


def _me() -> str:
    done = subprocess.run(["id", "-un"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or str(os.geteuid())
