"""`wattpost edge install`: makes this installation release one of a gateway, with its service around it.

What is there already stays as it is: settings above all.
"""

import os
import shutil
import subprocess
import sys
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from edge.tools.screen import refuse, show
from edge.upkeep.releases import Releases

UNIT = "wattpost-edge.service"
USER = "wattpost"
NO_ENVIRONMENT = (
    "wattpost is not in an environment of its own; run: python3 -m venv /opt/wattpost/releases/VERSION, "
    "and pip install wattpost there"
)
EXAMPLE = """\
# See `wattpost edge check`. Everything else has a default.
gateway = "gw-a01"
data_dir = "/var/lib/wattpost"

[broker]
host = "broker.example"
port = 8883
password_file = "/etc/wattpost/broker.password"
tls = { ca_file = "/etc/wattpost/ca.pem" }

[[line]]
name = "north"
kind = "serial"
endpoint = "/dev/serial/by-id/…"
[[line.meter]]
id = "A01-001"
address = "000000000001"
model = "dlt645-2007-1p"
"""


app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(epilog="Example: sudo /opt/wattpost/releases/0.1.0/bin/wattpost edge install")
def install(
    root: Annotated[Path, typer.Option(help="Where the system's folders are.")] = Path("/"),
) -> None:
    """Install the service: user, folders, release and systemd unit; as root, from its own environment."""
    if root == Path("/") and os.geteuid() != 0:
        refuse("install", ["this changes the system; run it as root (sudo)"])
    if sys.prefix == sys.base_prefix:
        refuse("install", [NO_ENVIRONMENT])
    if root == Path("/"):
        _make_user()
    folder = root / "opt" / "wattpost"
    folder.mkdir(parents=True, exist_ok=True)
    _place(folder / "guard", mode=0o755)
    _place(root / "etc" / "systemd" / "system" / UNIT, mode=0o644)
    _settings(root / "etc" / "wattpost")
    _release(folder)
    _command(root / "usr" / "local" / "bin" / "wattpost")
    if root == Path("/"):
        _own(folder)
    show(f"installed; now edit {root / 'etc' / 'wattpost' / 'gateway.toml'}, then:")
    show(f"  wattpost doctor && systemctl daemon-reload && systemctl enable --now {UNIT}")


def _place(target: Path, mode: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes((resources.files("edge.upkeep") / "systemd" / target.name).read_bytes())
    target.chmod(mode)


def _settings(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "gateway.toml").exists():
        (folder / "gateway.toml").write_text(EXAMPLE)


def _release(folder: Path) -> None:
    """This environment becomes `current`; from elsewhere it is led to by a link in `releases`."""
    releases, name = Releases(folder), version("wattpost")
    place = releases.path(name)
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(Path(sys.prefix))
    releases.use(name)


def _command(link: Path) -> None:
    """`wattpost` on everybody's PATH is whatever release is in use."""
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.exists() or link.is_symlink():
        link.unlink(missing_ok=True)
        link.symlink_to("/opt/wattpost/current/bin/wattpost")


def _make_user() -> None:
    known = subprocess.run(["id", USER], capture_output=True, check=False).returncode == 0
    if not known:
        words = [
            "useradd",
            "--system",
            "--home-dir",
            "/var/lib/wattpost",
            "--shell",
            "/usr/sbin/nologin",
            USER,
        ]
        subprocess.run(words, check=True)


def _own(folder: Path) -> None:
    for path in (folder, *folder.iterdir()):
        if path.name != "guard" and not path.is_symlink():
            shutil.chown(path, USER, USER)
