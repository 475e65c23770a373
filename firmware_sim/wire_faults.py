"""The named faults of a wire, as one table: what each makes of a reply on its way to the master.

All chance is seeded. No fault of this table makes a sound answer to the question asked with another value
in it: what a master must refuse, it can refuse. (Two swapped data bytes would pass the sum of DL/T 645; bytes
lost or added inside Modbus TCP, which has no sum, would pass too, and TCP lets neither happen.)
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from firmware_sim.wire_forms import Form, di_width, lead_in, mended, parts, refused, sound, with_data

LATE_S = 1.5
_BOTH: frozenset[Form] = frozenset(("dlt645", "rtu"))
_ALL: frozenset[Form] = frozenset(("dlt645", "rtu", "tcp"))
_645: frozenset[Form] = frozenset(("dlt645",))
_RTU: frozenset[Form] = frozenset(("rtu",))
_TCP: frozenset[Form] = frozenset(("tcp",))
_MODBUS: frozenset[Form] = frozenset(("rtu", "tcp"))


@dataclass(frozen=True, slots=True)
class Emission:
    """Bytes on the wire, so long after what was there before; `held`: not before the next request."""

    data: bytes
    after_s: float = 0.0
    held: bool = False


@dataclass(frozen=True, slots=True)
class Happening:
    """One exchange as a fault finds it.

    `before`: the last answer on this line to another question. `delay_s`: how late what is late comes.
    `draw(n)`: the n-th number in [0, 1) of this exchange. `char_s`: air time of a byte, or 0.
    """

    form: Form
    request: bytes
    reply: bytes
    before: bytes
    delay_s: float
    char_s: float
    draw: Callable[[int], float]

    def pick(self, n: int, choices: Sequence[int]) -> int:
        return choices[int(self.draw(n) * len(choices))]

    def noise(self, count: int, n: int = 40) -> bytes:
        """Stray bytes; none of them starts a frame."""
        stray = bytes(int(self.draw(n + at) * 256) for at in range(count))
        return stray.replace(b"\x68", b"\x69").replace(b"\xfe", b"\xfd")

    def part(self, name: str) -> list[int]:
        return list(parts(self.form, self.reply).get(name, ()))


Act = Callable[[Happening], list[Emission]]


@dataclass(frozen=True, slots=True)
class WireFault:
    """`deaf`: the meters do not hear the request either. `answers`: it acts only where a meter answers."""

    name: str
    says: str
    act: Act
    forms: frozenset[Form] = _ALL
    deaf: bool = False
    answers: bool = True


def _one(data: bytes, after_s: float = 0.0) -> list[Emission]:
    return [Emission(data, after_s)] if data else []


def _reply(change: Callable[[Happening], bytes]) -> Act:
    return lambda happening: _one(change(happening))


def _lost(_happening: Happening) -> list[Emission]:
    return []


def _flip(name: str) -> Act:
    """One bit of that part of the frame."""

    def act(happening: Happening) -> list[Emission]:
        places = happening.part(name)
        if not places:
            return _one(happening.reply)
        changed = bytearray(happening.reply)
        changed[happening.pick(0, places)] ^= 1 << int(happening.draw(1) * 8)
        return _one(bytes(changed))

    return act


def _patched(name: str, value: Callable[[int, Happening], int]) -> Act:
    """The last byte of a part changed and the frame made sound again."""

    def act(happening: Happening) -> list[Emission]:
        places = happening.part(name)
        if not places:
            return []
        changed = bytearray(happening.reply)
        changed[places[-1]] = value(changed[places[-1]], happening) & 0xFF
        raw = bytes(changed)
        # The length of Modbus TCP is not mended where the length itself is the lie.
        return _one(raw if happening.form == "tcp" else mended(happening.form, raw))

    return act


def _spoiled(name: str, value: Callable[[bytes], bytes]) -> Act:
    """A part replaced, nothing mended."""

    def act(happening: Happening) -> list[Emission]:
        places = happening.part(name)
        if not places:
            return _one(happening.reply)
        first, behind = places[0], places[-1] + 1
        old = happening.reply[first:behind]
        return _one(happening.reply[:first] + value(old) + happening.reply[behind:])

    return act


def _late(happening: Happening) -> list[Emission]:
    return _one(happening.reply, happening.delay_s)


def _held(happening: Happening) -> list[Emission]:
    return [Emission(happening.reply, 0.0, held=True)] if happening.reply else []


def _doubled(happening: Happening) -> list[Emission]:
    return _one(happening.reply) * 2


def _doubled_late(happening: Happening) -> list[Emission]:
    return [*_one(happening.reply), *_one(happening.reply, happening.delay_s)]


def _slow(happening: Happening) -> list[Emission]:
    return _one(happening.reply, 0.4)


def _split(pieces: int, gap_s: float) -> Act:
    def act(happening: Happening) -> list[Emission]:
        size = max(1, -(-len(happening.reply) // pieces))
        cut = [happening.reply[at : at + size] for at in range(0, len(happening.reply), size)]
        return [Emission(piece, gap_s if at else 0.0) for at, piece in enumerate(cut)]

    return act


def _half(happening: Happening) -> bytes:
    return happening.reply[: len(happening.reply) // 2]


def _truncated(happening: Happening) -> bytes:
    return happening.reply[: -1 - int(happening.draw(0) * 3)]


def _first_lost(happening: Happening) -> bytes:
    """The first byte of the frame itself, not of the lead-in that is there to be lost."""
    at = lead_in(happening.reply) if happening.form == "dlt645" else 0
    return happening.reply[:at] + happening.reply[at + 1 :]


def _lead_in_lost(happening: Happening) -> bytes:
    return happening.reply[lead_in(happening.reply) :]


def _dropped(happening: Happening) -> bytes:
    """One byte of the frame; never one of a row of equals, which would hide which one it was."""
    at = _inside(happening)
    return _unsound(happening, happening.reply[:at] + happening.reply[at + 1 :])


def _inserted(happening: Happening) -> bytes:
    at = _inside(happening)
    return _unsound(happening, happening.reply[:at] + happening.noise(1) + happening.reply[at:])


def _inside(happening: Happening) -> int:
    first = lead_in(happening.reply) + 1 if happening.form == "dlt645" else 1
    return first + int(happening.draw(0) * (len(happening.reply) - first - 1))


def _unsound(happening: Happening, raw: bytes) -> bytes:
    """What chance made sound is cut short, so that a garbled reply never carries a value."""
    while raw and sound(happening.form, raw):
        raw = raw[:-1]
    return raw


def _noise_before(happening: Happening) -> bytes:
    return happening.noise(3 + int(happening.draw(0) * 6)) + happening.reply


def _noise_after(happening: Happening) -> bytes:
    return happening.reply + happening.noise(3 + int(happening.draw(0) * 6))


def _false_start(happening: Happening) -> bytes:
    """68H with another seven bytes on and a length that promises more than will come."""
    return b"\x68\x11\x22\x33\x44\x55\x66\x68\x91\xc0" + happening.reply


def _storm(happening: Happening) -> bytes:
    return b"\xfe" * 300 + happening.reply


def _zeros_before(happening: Happening) -> bytes:
    return b"\x00" * 8 + happening.reply


def _zeros(happening: Happening) -> bytes:
    return b"\x00" * max(4, len(happening.reply))


def _ones(happening: Happening) -> bytes:
    return b"\xff" * max(4, len(happening.reply))


def _babble(happening: Happening) -> bytes:
    return happening.noise(400, 1000)


def _echo_only(happening: Happening) -> bytes:
    return happening.request


def _echo_first(happening: Happening) -> bytes:
    return happening.request + happening.reply


def _echo_twice(happening: Happening) -> bytes:
    return happening.request * 2 + happening.reply


def _stranger(happening: Happening) -> bytes:
    """The same answer from the address next to it: sound, and not of the meter that was asked."""
    places = happening.part("address")
    changed = bytearray(happening.reply)
    if happening.form == "dlt645":
        changed[places[0]] = _next_bcd(changed[places[0]])
    else:
        changed[places[0]] = changed[places[0]] % 247 + 1
    return mended(happening.form, bytes(changed))


def _next_bcd(byte: int) -> int:
    return byte + 1 if byte & 0x0F < 9 else byte & 0xF0


def _stranger_first(happening: Happening) -> bytes:
    return _stranger(happening) + happening.reply


def _before(happening: Happening) -> bytes:
    return happening.before


def _before_first(happening: Happening) -> bytes:
    return happening.before + happening.reply


def _collided(happening: Happening) -> bytes:
    """Ours and a neighbour's with other data, a byte apart, laid over one another."""
    other = bytes(byte ^ 0x5A for byte in _stranger(happening))
    pairs = zip(happening.reply, happening.reply[:1] + other, strict=False)
    return _unsound(happening, bytes(one & two for one, two in pairs))


def _wrong_speed(happening: Happening) -> bytes:
    """What a receiver at twice the rate makes of it: about twice the bytes, none right."""
    doubled = b"".join(
        bytes((0xE6 ^ (byte & 0x0F) << 3 & 0xFF, 0x80 | byte >> 3)) for byte in happening.reply
    )
    return _unsound(happening, doubled.replace(b"\x68", b"\x78"))


def _wrong_parity(happening: Happening) -> bytes:
    """Every byte with an odd number of ones is taken with its highest bit wrong."""
    return _unsound(
        happening,
        bytes(byte ^ 0x80 if byte.bit_count() % 2 else byte for byte in happening.reply),
    )


def _inverted(happening: Happening) -> bytes:
    return _unsound(happening, bytes(byte ^ 0xFF for byte in happening.reply))


def _wrong_di(value: int, happening: Happening) -> int:
    return value + 1 + int(happening.draw(0) * 9)


def _wrong_function(value: int, happening: Happening) -> int:
    if happening.form == "dlt645":
        return (value & 0xE0) | (0x11 if value & 0x1F != 0x11 else 0x14)
    return 4 if value == 3 else 3


def _as_request(happening: Happening) -> bytes:
    """A frame with our address, our DI and data, but the direction of a master."""
    changed = bytearray(happening.reply)
    changed[happening.part("control")[0]] &= 0x7F
    return mended(happening.form, bytes(changed))


def _letters(happening: Happening) -> bytes:
    """Digits A to F where a number has 0 to 9, in a sound frame."""
    data = bytearray(happening.reply[at] for at in happening.part("data"))
    if refused(happening.form, happening.reply) or not data:
        return happening.reply
    for at in range(len(data)):
        data[at] = (0xAB + at % 4 + 0x33) & 0xFF
    return with_data(happening.form, happening.reply, bytes(data))


def _all_ff(happening: Happening) -> bytes:
    count = len(happening.part("data"))
    if refused(happening.form, happening.reply):
        return happening.reply
    return with_data(happening.form, happening.reply, b"\x32" * count)


def _short(happening: Happening) -> bytes:
    """One byte (two in Modbus) less than was asked for, counted rightly, in a sound frame."""
    data = bytes(happening.reply[at] for at in happening.part("data"))
    less = 1 if happening.form == "dlt645" else 2
    return with_data(happening.form, happening.reply, data[:-less]) if len(data) > less else b""


def _long(happening: Happening) -> bytes:
    data = bytes(happening.reply[at] for at in happening.part("data"))
    return with_data(happening.form, happening.reply, data + happening.noise(3 if data else 0))


def _empty(happening: Happening) -> bytes:
    return with_data(happening.form, happening.reply, b"")


def _more(happening: Happening) -> bytes:
    """It promises a follow-up that the meter then has not."""
    if refused(happening.form, happening.reply) or not di_width(happening.reply):
        return happening.reply
    changed = bytearray(happening.reply)
    changed[happening.part("control")[0]] |= 0x20
    return mended(happening.form, bytes(changed))


def _refusal(code: int) -> Act:
    """A meter that says no: an error byte of DL/T 645, an exception code of Modbus."""

    def act(happening: Happening) -> list[Emission]:
        raw, form = happening.reply, happening.form
        if form == "dlt645":
            at = lead_in(raw)
            body = raw[: at + 8] + bytes((raw[at + 8] & 0x9F | 0xC0, 1, (code + 0x33) & 0xFF, 0, 0x16))
            return _one(mended(form, body))
        head = raw[: 2 if form == "rtu" else 8]
        head = head[:-1] + bytes((head[-1] | 0x80,))
        return _one(mended(form, head + bytes((code,)) + (b"\0\0" if form == "rtu" else b"")))

    return act


def _swapped(old: bytes) -> bytes:
    return old[::-1] if old[0] != old[1] else bytes((old[0] ^ 1, old[1]))


def _plus_one(value: int, _happening: Happening) -> int:
    return value + 1


def _table() -> Mapping[str, WireFault]:
    faults = (
        WireFault("lost-request", "the request never reaches the meter", _lost, deaf=True, answers=False),
        WireFault("lost-reply", "the meter answers and nothing arrives", _lost),
        WireFault("silence", "nobody hears and nobody speaks", _lost, deaf=True, answers=False),
        WireFault("late-reply", "the answer comes after the time-out", _late),
        WireFault("slow-reply", "the answer takes 400 ms longer, which the standard allows", _slow),
        WireFault("reply-after-next-request", "the answer waits for the next request and comes first", _held),
        WireFault("doubled-reply", "the answer comes twice at once", _doubled),
        WireFault("doubled-late", "the answer comes again after the time-out", _doubled_late),
        WireFault("split-reply", "the answer comes in three pieces, 60 ms apart", _split(3, 0.06)),
        WireFault("split-bytes", "the answer comes byte by byte", _split(400, 0.002)),
        WireFault("split-too-long", "the answer pauses for 700 ms in the middle", _split(2, 0.7)),
        WireFault("half-frame", "the first half of the answer, then silence", _reply(_half)),
        WireFault("truncated-reply", "the last one to three bytes are missing", _reply(_truncated)),
        WireFault("first-byte-lost", "the first byte of the frame is missing", _reply(_first_lost), _BOTH),
        WireFault("lead-in-lost", "no FE before the frame", _reply(_lead_in_lost), _645),
        WireFault("dropped-byte", "one byte in the frame is missing", _reply(_dropped), _BOTH),
        WireFault("inserted-byte", "one stray byte stands in the frame", _reply(_inserted), _BOTH),
        WireFault("flip-start", "one bit of a 68H", _flip("start"), _645),
        WireFault("flip-address", "one bit of the address or unit", _flip("address")),
        WireFault("flip-control", "one bit of the control or function byte", _flip("control")),
        WireFault("flip-length", "one bit of the length or byte count", _flip("length")),
        WireFault("flip-di", "one bit of the data identifier", _flip("di"), _645),
        WireFault("flip-data", "one bit of the data", _flip("data"), _BOTH),
        WireFault("flip-checksum", "one bit of the checksum", _flip("checksum"), _BOTH),
        WireFault("flip-end", "one bit of the 16H", _flip("end"), _645),
        WireFault("echo-only", "the request comes back and nothing else", _reply(_echo_only), answers=False),
        WireFault("echo-first", "the request comes back, then the answer", _reply(_echo_first)),
        WireFault("echo-twice", "the request comes back twice, then the answer", _reply(_echo_twice)),
        WireFault("neighbours-answer", "a sound answer of another meter", _reply(_stranger)),
        WireFault("neighbour-first", "another meter's answer, then the right one", _reply(_stranger_first)),
        WireFault("previous-answer", "the last answer to another question", _reply(_before), _645 | _TCP),
        WireFault("previous-first", "that one, then the right one", _reply(_before_first), _645 | _TCP),
        WireFault("collision", "two meters answer at once", _reply(_collided), _BOTH),
        WireFault("noise-before", "stray bytes before the FE", _reply(_noise_before), _BOTH),
        WireFault("noise-after", "stray bytes behind the answer", _reply(_noise_after), _BOTH),
        WireFault("false-start", "a frame's start that promises too much, then the answer",
                  _reply(_false_start), _645),
        WireFault("lead-in-storm", "three hundred FE before the answer", _reply(_storm), _645),
        WireFault("zeros-before", "a break: 00H before the answer", _reply(_zeros_before), _BOTH),
        WireFault("zeros", "00H instead of the answer", _reply(_zeros), answers=False),
        WireFault("ones", "FFH instead of the answer", _reply(_ones), answers=False),
        WireFault("babble", "four hundred stray bytes and no answer", _reply(_babble), answers=False),
        WireFault("wrong-speed", "the answer at another baud rate", _reply(_wrong_speed), _BOTH),
        WireFault("wrong-parity", "the answer with another parity", _reply(_wrong_parity), _BOTH),
        WireFault("inverted", "the answer with A and B swapped", _reply(_inverted), _BOTH),
        WireFault("wrong-address", "a sound answer from an address next to it", _reply(_stranger)),
        WireFault("wrong-di", "a sound answer with another DI", _patched("di", _wrong_di), _645),
        WireFault("wrong-function", "an answer of another function", _patched("control", _wrong_function)),
        WireFault("wrong-direction", "the answer with a request's control byte", _reply(_as_request), _645),
        WireFault("wrong-length", "a length one too long, sum or CRC right", _patched("length", _plus_one)),
        WireFault("wrong-checksum", "a checksum one too high",
                  _spoiled("checksum", lambda old: bytes(((old[0] + 1) & 0xFF, *old[1:]))), _BOTH),
        WireFault("wrong-end", "another byte where 16H must be", _spoiled("end", lambda _: b"\x17"), _645),
        WireFault("crc-swapped", "the CRC's high byte first", _spoiled("checksum", _swapped), _RTU),
        WireFault("bcd-letters", "digits A to F in a sound frame", _reply(_letters), _645),
        WireFault("all-ff", "FFH for every data byte in a sound frame", _reply(_all_ff), _645),
        WireFault("short-data", "less data than was asked for, sound", _reply(_short)),
        WireFault("long-data", "more data than was asked for, sound", _reply(_long), _645),
        WireFault("empty-data", "an answer without data, sound", _reply(_empty)),
        WireFault("false-more", "a follow-up is promised and not there", _reply(_more), _645),
        WireFault("refused-other", "error bit 0, or exception 1", _refusal(1)),
        WireFault("refused-no-data", "error bit 1, or exception 2", _refusal(2)),
        WireFault("refused-password", "error bit 2, or exception 4", _refusal(4)),
        WireFault("refused-busy", "exception 6: device busy", _refusal(6), _MODBUS),
        WireFault("wrong-transaction", "another transaction id", _patched("transaction", _plus_one), _TCP),
        WireFault("wrong-protocol", "another protocol id", _patched("protocol", _plus_one), _TCP),
        WireFault("wrong-frame-length", "a frame length that is too short",
                  _patched("frame_length", lambda value, _: value - 1), _TCP),
    )  # fmt: skip
    return {fault.name: fault for fault in faults}


WIRE_FAULTS: Mapping[str, WireFault] = _table()
