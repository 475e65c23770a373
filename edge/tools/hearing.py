"""What was heard on a line where we said nothing: frames of three protocols, and who asks there.

Pure: bytes with the time of their arrival in, findings out. Only sound frames count; the rest is noise.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Final

from edge.tools import dlt698
from edge.tools.refusals import named
from protocols.dlt645.frame import LEAD_IN, START, Frame, frames_in
from protocols.modbus.rtu import crc

DLT645, MODBUS, DLT698 = "DL/T 645", "Modbus RTU", "DL/T 698.45"
RETRY_S: Final = 2.0
"""The same question again so soon is a retry, not the next round."""
_READS: Final = (1, 2, 3, 4)
_DI_BYTES: Final = {0x11: 4, 0x12: 4, 0x01: 2, 0x02: 2}


@dataclass(frozen=True, slots=True)
class Heard:
    """One sound frame. `what` is the DI or the registers; `refusal` the reason a meter gave, by name."""

    at_s: float
    protocol: str
    request: bool
    address: str
    what: str
    raw: bytes
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Master:
    """Somebody else who asks on this line. `cycle_s` is None when no question came twice."""

    protocol: str
    requests: int
    addresses: tuple[str, ...]
    cycle_s: float | None
    regularity: float
    example: bytes

    def told(self) -> str:
        """One line for a person."""
        some = ", ".join(self.addresses[:4]) + (" …" if len(self.addresses) > 4 else "")
        cycle = "no question came twice, so its cycle is longer than the listening"
        if self.cycle_s is not None:
            cycle = f"one round every {self.cycle_s:.1f} s ({self.regularity:.0%} regular)"
        return f"{self.protocol}: {self.requests} requests to {len(self.addresses)} meters ({some}); {cycle}"


@dataclass(frozen=True, slots=True)
class Traffic:
    seconds: float
    total_bytes: int
    noise_bytes: int
    heard: tuple[Heard, ...]

    @property
    def masters(self) -> tuple[Master, ...]:
        found = (_master(protocol, self.heard) for protocol in (DLT645, MODBUS, DLT698))
        return tuple(master for master in found if master)

    @property
    def answering(self) -> tuple[tuple[str, str], ...]:
        """(protocol, address) of the meters that were heard to answer somebody."""
        return tuple(dict.fromkeys((each.protocol, each.address) for each in self.heard if not each.request))


def understand(chunks: Sequence[tuple[float, bytes]], seconds: float) -> Traffic:
    """What `chunks` (arrival in s, bytes) were."""
    raw = b"".join(data for _, data in chunks)
    times = _Times(chunks)
    heard, covered = [], bytearray(len(raw))
    for start, end, each in _frames(raw):
        heard.append(_timed(each, times.at(start)))
        covered[start:end] = b"\x01" * (end - start)
    lead_in = sum(byte == LEAD_IN and not done for byte, done in zip(raw, covered, strict=True))
    return Traffic(seconds, len(raw), len(raw) - sum(covered) - lead_in, tuple(heard))


class _Times:
    """When the byte at an offset arrived."""

    def __init__(self, chunks: Sequence[tuple[float, bytes]]) -> None:
        self._ends: list[tuple[int, float]] = []
        end = 0
        for at_s, data in chunks:
            end += len(data)
            self._ends.append((end, at_s))

    def at(self, offset: int) -> float:
        return next((at_s for end, at_s in self._ends if offset < end), 0.0)


def _timed(each: Heard, at_s: float) -> Heard:
    return Heard(at_s, each.protocol, each.request, each.address, each.what, each.raw, each.refusal)


def _frames(raw: bytes) -> Iterator[tuple[int, int, Heard]]:
    at = 0
    while at < len(raw):
        found = _frame_at(raw, at)
        if found is None:
            at += 1
            continue
        end = at + len(found.raw)
        yield at, end, found
        at = end


def _frame_at(raw: bytes, at: int) -> Heard | None:
    if raw[at] == START:
        return _dlt645_at(raw, at) or _dlt698_at(raw, at)
    return _modbus_at(raw, at)


def _dlt645_at(raw: bytes, at: int) -> Heard | None:
    if len(raw) - at < 12 or raw[at + 7] != START:
        return None
    span = raw[at : at + 12 + raw[at + 9]]
    frame = next(frames_in(span), None)
    if frame is None or raw[at + 8] != frame.control:
        return None
    refusal = named(frame) if frame.from_meter and frame.abnormal else ""
    return Heard(0.0, DLT645, not frame.from_meter, frame.address, _item(frame), span, refusal)


def _item(frame: Frame) -> str:
    width = _DI_BYTES.get(frame.function, 0)
    return frame.data[:width][::-1].hex().upper() or f"{frame.function:02X}H"


def _dlt698_at(raw: bytes, at: int) -> Heard | None:
    found = next(dlt698.frames_in(raw[at:]), None)
    if found is None or found.start:
        return None
    return Heard(0.0, DLT698, not found.from_meter, found.address, "", found.raw)


def _modbus_at(raw: bytes, at: int) -> Heard | None:
    """A read request has 8 bytes; an answer says how many it has, a refusal has 5."""
    head = raw[at : at + 3]
    if len(head) < 3 or not 1 <= head[0] <= 247 or head[1] & 0x7F not in _READS:
        return None
    if head[1] & 0x80:
        return _modbus(raw[at : at + 5], 5, request=False)
    asked = _modbus(raw[at : at + 8], 8, request=True)
    return asked or _modbus(raw[at : at + 5 + head[2]], 5 + head[2], request=False)


def _modbus(span: bytes, size: int, *, request: bool) -> Heard | None:
    if len(span) != size or size < 5 or crc(span[:-2]) != span[-2:]:
        return None
    what = f"FC{span[1] & 0x7F}"
    if request:
        what += f" {int.from_bytes(span[2:4], 'big')}+{int.from_bytes(span[4:6], 'big')}"
    refusal = f"exception {span[2]:02X}H" if span[1] & 0x80 else ""
    return Heard(0.0, MODBUS, request, str(span[0]), what, span, refusal)


def _master(protocol: str, heard: Sequence[Heard]) -> Master | None:
    asked = [each for each in heard if each.protocol == protocol and each.request]
    if not asked:
        return None
    rounds = _rounds(asked)
    cycle_s = median(rounds) if rounds else None
    spread = median(abs(each - cycle_s) for each in rounds) / cycle_s if cycle_s else 0.0
    addresses = tuple(dict.fromkeys(each.address for each in asked))
    return Master(protocol, len(asked), addresses, cycle_s, max(0.0, 1 - spread), asked[0].raw)


def _rounds(asked: Sequence[Heard]) -> list[float]:
    """How long it took until each question came again."""
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    for each in asked:
        seen = times[each.address, each.what]
        if not seen or each.at_s - seen[-1] >= RETRY_S:
            seen.append(each.at_s)
    return [later - earlier for seen in times.values() for earlier, later in pairwise(seen)]
