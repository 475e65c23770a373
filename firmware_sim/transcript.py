"""Who said what on which line and when: kept as bytes, decoded when somebody looks.

Times are seconds of the wire since the fleet began (`start_s`, `end_s`) and the simulated instant (`at_ms`).
"""

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from firmware_sim.wire_forms import Form
from protocols.dlt645.explain import explain
from protocols.modbus.rtu import exception_meaning

KEPT = 10_000
_READS = (3, 4)


@dataclass(frozen=True, slots=True)
class Entry:
    """`who` speaks: "master" (a client of the line), a second master's name, a meter's id, or "wire".

    `to`: whom a master asks, as the wire names it. `fate`: the faults that struck, and what became of it.
    """

    line: str
    form: Form
    what: str
    who: str
    raw: bytes
    start_s: float
    end_s: float
    at_ms: int
    fate: str = ""

    @property
    def hex(self) -> str:
        return self.raw.hex(" ").upper()

    @property
    def decoded(self) -> dict[str, Any]:
        """The fields of the bytes in plain values; passwords masked."""
        return explain(self.raw) if self.form == "dlt645" else _modbus(self)

    def told(self) -> dict[str, Any]:
        """The entry for a line of JSON."""
        raw = asdict(self) | {"raw": self.raw.hex().upper()}
        return raw | {"start_s": round(self.start_s, 6), "end_s": round(self.end_s, 6)}

    def __str__(self) -> str:
        mark = {"request": "→", "reply": "←", "jammed": "↯"}.get(self.what, "~")
        fate = f"  [{self.fate}]" if self.fate else ""
        return f"{self.start_s:9.3f} {self.line} {mark} {self.who:<12} {self.hex}  {_short(self)}{fate}"


class Transcript:
    """The newest entries of a fleet, oldest first. Reading it is safe from any thread."""

    def __init__(self, kept: int = KEPT) -> None:
        self._entries: deque[Entry] = deque(maxlen=kept)
        self.told: Callable[[Entry], None] | None = None
        self.origin_s = 0.0
        """The event loop's time when the fleet began."""

    def add(self, entry: Entry) -> None:
        self._entries.append(entry)
        if self.told is not None:
            self.told(entry)

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    def clear(self) -> None:
        self._entries.clear()

    def of(self, line: str | None = None, who: str | None = None, what: str | None = None) -> list[Entry]:
        """Those of a line, of a speaker, of a kind: "request", "reply", "jammed" (said out of turn)."""
        return [
            entry
            for entry in self
            if line in (None, entry.line) and who in (None, entry.who) and what in (None, entry.what)
        ]

    def __str__(self) -> str:
        return "\n".join(map(str, self))

    def json_lines(self) -> str:
        return "".join(json.dumps(entry.told(), ensure_ascii=False) + "\n" for entry in self)


def from_json_lines(lines: Iterable[str]) -> list[Entry]:
    """Entries as `json_lines` wrote them. ValueError names the first line that is none."""
    entries = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            told = json.loads(line)
            entries.append(Entry(**{**told, "raw": bytes.fromhex(told["raw"])}))
        except (ValueError, KeyError, TypeError):
            raise ValueError(f"line {number} is no entry of a transcript") from None
    return entries


def _modbus(entry: Entry) -> dict[str, Any]:
    head = 6 if entry.form == "tcp" else 0
    body = entry.raw[head:] if entry.form == "tcp" else entry.raw[:-2]
    if len(body) < 3:
        return {"valid": False, "reason": "incomplete"}
    told: dict[str, Any] = {"valid": True, "unit": body[0], "function": body[1] & 0x7F}
    if body[1] & 0x80:
        return told | {"exception": body[2], "meaning": exception_meaning(body[2])}
    if body[1] in _READS and entry.what == "request" and len(body) >= 6:
        address, count = int.from_bytes(body[2:4], "big"), int.from_bytes(body[4:6], "big")
        return told | {"address": address, "count": count}
    if body[1] in _READS:
        words = [int.from_bytes(body[at : at + 2], "big") for at in range(3, len(body) - 1, 2)]
        return told | {"registers": words}
    return told | {"data": body[2:].hex().upper()}


def _short(entry: Entry) -> str:
    """The decoded entry in a few words."""
    told = entry.decoded
    if not told.get("valid"):
        return f"({told.get('reason', 'no frame')})"
    wanted = ("di", "name", "value", "unit", "address", "count", "registers", "exception", "meaning", "error")
    words = [f"{name}={told[name]}" for name in wanted if told.get(name) is not None]
    return " ".join(words)
