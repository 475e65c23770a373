"""Devices for the tools' tests: a bus that lays answers over one another, and calls of the command line."""

import json
import re
import termios
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from edge.__main__ import app
from protocols.dlt645.conversations import READ_ADDRESS, address_matches, normal_reply
from protocols.dlt645.frame import Frame, encode
from tests.edge.lines import SINGLE_PHASE, bcd
from tests.edge.wire import Chunks, Meters, PtyWire

ITEMS = {di: bcd(digits) for di, digits in SINGLE_PHASE.items()}


def collided(replies: Sequence[bytes]) -> bytes:
    """A bit is 0 on the wire when anybody sends 0."""
    wire = bytearray(b"\xff" * max(map(len, replies)))
    for reply in replies:
        for at, byte in enumerate(reply):
            wire[at] &= byte
    return bytes(wire)


class MeterBus:
    """Meters by address, `twins` with another register; abbreviated addresses and 13H are understood."""

    def __init__(
        self, addresses: Iterable[str], twins: Iterable[str] = (), muted: Iterable[str] = ()
    ) -> None:
        self.meters = [(each, Meters({each: ITEMS})) for each in addresses]
        other = ITEMS | {"00010000": bcd("00077777")}
        self.meters += [(each, Meters({each: other})) for each in twins]
        self.muted = set(muted)
        self.asked: list[Frame] = []

    def __call__(self, request: Frame) -> Chunks:
        self.asked.append(request)
        replies = [
            encode(reply)
            for address, meter in self.meters
            if address not in self.muted and address_matches(request.address, address)
            if (reply := self._reply(address, meter, request))
        ]
        return [collided(replies)] if replies else []

    @staticmethod
    def _reply(address: str, meter: Meters, request: Frame) -> Frame | None:
        if request.function == READ_ADDRESS:
            return normal_reply(request, address, bytes.fromhex(address)[::-1])
        return (
            meter.reply(Frame(address, request.control, request.data)) if request.function == 0x11 else None
        )


def only_at(baud: int, wire: PtyWire[Frame], react: Callable[[Frame], Chunks]) -> Callable[[Frame], Chunks]:
    """A meter that understands one speed: the terminal knows what the other end is set to."""

    def reaction(request: Frame) -> Chunks:
        speed = termios.tcgetattr(wire._slave)[5]
        return react(request) if speed == getattr(termios, f"B{baud}") else []

    return reaction


def gateway_file(folder: Path, line: str, meters: Iterable[str], *, more: str = "", top: str = "") -> Path:
    """gateway.toml with one line; `meters` are the inner lines of the tables."""
    tables = "\n".join(f"[[line.meter]]\n{each}\n" for each in meters)
    file = folder / "gateway.toml"
    file.write_text(
        f'gateway = "gw-a01"\ndata_dir = "data"\ninterval_s = 900\n{top}\n'
        f'[broker]\nhost = "127.0.0.1"\nport = 9\n{more}\n[[line]]\nname = "north"\n{line}\n{tables}',
        encoding="utf-8",
    )
    return file


def meter_table(name: str, address: str, model: str = "dlt645-2007-1p") -> str:
    return f'id = "{name}"\naddress = "{address}"\nmodel = "{model}"'


def tcp(endpoint: str, timeout_s: float = 0.1) -> str:
    return f'kind = "tcp"\nendpoint = "{endpoint}"\ntimeout_s = {timeout_s}\nbaud = 115200'


def call(*words: object) -> Result:
    return CliRunner().invoke(app, [str(each) for each in words])


def called(*words: object) -> dict[str, Any]:
    """The JSON of a call that went well."""
    result = call(*words)
    assert result.exit_code == 0, (result.output, result.exception)
    found: dict[str, Any] = json.loads(re.sub(r"\A[^{]*", "", result.stdout))
    return found
