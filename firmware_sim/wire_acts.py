"""What a fault of the wire makes of an answer: bytes in, what goes over the wire out; seeded."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from firmware_sim.wire_forms import Form, di_width, lead_in, mended, parts, refused, sound, with_data

LATE_S = 1.5


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


def one(data: bytes, after_s: float = 0.0) -> list[Emission]:
    return [Emission(data, after_s)] if data else []


def reply(change: Callable[[Happening], bytes]) -> Act:
    return lambda happening: one(change(happening))


def lost(_happening: Happening) -> list[Emission]:
    return []


def flip(name: str) -> Act:
    """One bit of that part of the frame."""

    def act(happening: Happening) -> list[Emission]:
        places = happening.part(name)
        if not places:
            return one(happening.reply)
        changed = bytearray(happening.reply)
        changed[happening.pick(0, places)] ^= 1 << int(happening.draw(1) * 8)
        return one(bytes(changed))

    return act


def patched(name: str, value: Callable[[int, Happening], int]) -> Act:
    """The last byte of a part changed and the frame made sound again."""

    def act(happening: Happening) -> list[Emission]:
        places = happening.part(name)
        if not places:
            return []
        changed = bytearray(happening.reply)
        changed[places[-1]] = value(changed[places[-1]], happening) & 0xFF
        raw = bytes(changed)
        # The length of Modbus TCP is not mended where the length itself is the lie.
        return one(raw if happening.form == "tcp" else mended(happening.form, raw))

    return act


def spoiled(name: str, value: Callable[[bytes], bytes]) -> Act:
    """A part replaced, nothing mended."""

    def act(happening: Happening) -> list[Emission]:
        places = happening.part(name)
        if not places:
            return one(happening.reply)
        first, behind = places[0], places[-1] + 1
        old = happening.reply[first:behind]
        return one(happening.reply[:first] + value(old) + happening.reply[behind:])

    return act


def late(happening: Happening) -> list[Emission]:
    return one(happening.reply, happening.delay_s)


def held(happening: Happening) -> list[Emission]:
    return [Emission(happening.reply, 0.0, held=True)] if happening.reply else []


def doubled(happening: Happening) -> list[Emission]:
    return one(happening.reply) * 2


def doubled_late(happening: Happening) -> list[Emission]:
    return [*one(happening.reply), *one(happening.reply, happening.delay_s)]


def slow(happening: Happening) -> list[Emission]:
    return one(happening.reply, 0.4)


def split(pieces: int, gap_s: float) -> Act:
    def act(happening: Happening) -> list[Emission]:
        size = max(1, -(-len(happening.reply) // pieces))
        cut = [happening.reply[at : at + size] for at in range(0, len(happening.reply), size)]
        return [Emission(piece, gap_s if at else 0.0) for at, piece in enumerate(cut)]

    return act


def half(happening: Happening) -> bytes:
    return happening.reply[: len(happening.reply) // 2]


def truncated(happening: Happening) -> bytes:
    return happening.reply[: -1 - int(happening.draw(0) * 3)]


def first_lost(happening: Happening) -> bytes:
    """The first byte of the frame itself, not of the lead-in that is there to be lost."""
    at = lead_in(happening.reply) if happening.form == "dlt645" else 0
    return happening.reply[:at] + happening.reply[at + 1 :]


def lead_in_lost(happening: Happening) -> bytes:
    return happening.reply[lead_in(happening.reply) :]


def dropped(happening: Happening) -> bytes:
    """One byte of the frame; never one of a row of equals, which would hide which one it was."""
    at = inside(happening)
    return unsound(happening, happening.reply[:at] + happening.reply[at + 1 :])


def inserted(happening: Happening) -> bytes:
    at = inside(happening)
    return unsound(happening, happening.reply[:at] + happening.noise(1) + happening.reply[at:])


def inside(happening: Happening) -> int:
    first = lead_in(happening.reply) + 1 if happening.form == "dlt645" else 1
    return first + int(happening.draw(0) * (len(happening.reply) - first - 1))


def unsound(happening: Happening, raw: bytes) -> bytes:
    """What chance made sound is cut short, so that a garbled reply never carries a value."""
    while raw and sound(happening.form, raw):
        raw = raw[:-1]
    return raw


def noise_before(happening: Happening) -> bytes:
    return happening.noise(3 + int(happening.draw(0) * 6)) + happening.reply


def noise_after(happening: Happening) -> bytes:
    return happening.reply + happening.noise(3 + int(happening.draw(0) * 6))


def false_start(happening: Happening) -> bytes:
    """68H with another seven bytes on and a length that promises more than will come."""
    return b"\x68\x11\x22\x33\x44\x55\x66\x68\x91\xc0" + happening.reply


def storm(happening: Happening) -> bytes:
    return b"\xfe" * 300 + happening.reply


def zeros_before(happening: Happening) -> bytes:
    return b"\x00" * 8 + happening.reply


def zeros(happening: Happening) -> bytes:
    return b"\x00" * max(4, len(happening.reply))


def ones(happening: Happening) -> bytes:
    return b"\xff" * max(4, len(happening.reply))


def babble(happening: Happening) -> bytes:
    return happening.noise(400, 1000)


def echo_only(happening: Happening) -> bytes:
    return happening.request


def echo_first(happening: Happening) -> bytes:
    return happening.request + happening.reply


def echo_twice(happening: Happening) -> bytes:
    return happening.request * 2 + happening.reply


def stranger(happening: Happening) -> bytes:
    """The same answer from the address next to it: sound, and not of the meter that was asked."""
    places = happening.part("address")
    changed = bytearray(happening.reply)
    if happening.form == "dlt645":
        changed[places[0]] = next_bcd(changed[places[0]])
    else:
        changed[places[0]] = changed[places[0]] % 247 + 1
    return mended(happening.form, bytes(changed))


def next_bcd(byte: int) -> int:
    return byte + 1 if byte & 0x0F < 9 else byte & 0xF0


def stranger_first(happening: Happening) -> bytes:
    return stranger(happening) + happening.reply


def before(happening: Happening) -> bytes:
    return happening.before


def before_first(happening: Happening) -> bytes:
    return happening.before + happening.reply


def collided(happening: Happening) -> bytes:
    """Ours and a neighbour's with other data, a byte apart, laid over one another."""
    other = bytes(byte ^ 0x5A for byte in stranger(happening))
    pairs = zip(happening.reply, happening.reply[:1] + other, strict=False)
    return unsound(happening, bytes(one & two for one, two in pairs))


def wrong_speed(happening: Happening) -> bytes:
    """What a receiver at twice the rate makes of it: about twice the bytes, none right."""
    doubled = b"".join(
        bytes((0xE6 ^ (byte & 0x0F) << 3 & 0xFF, 0x80 | byte >> 3)) for byte in happening.reply
    )
    return unsound(happening, doubled.replace(b"\x68", b"\x78"))


def wrong_parity(happening: Happening) -> bytes:
    """Every byte with an odd number of ones is taken with its highest bit wrong."""
    return unsound(
        happening,
        bytes(byte ^ 0x80 if byte.bit_count() % 2 else byte for byte in happening.reply),
    )


def inverted(happening: Happening) -> bytes:
    return unsound(happening, bytes(byte ^ 0xFF for byte in happening.reply))


def wrong_di(value: int, happening: Happening) -> int:
    return value + 1 + int(happening.draw(0) * 9)


def wrong_function(value: int, happening: Happening) -> int:
    if happening.form == "dlt645":
        return (value & 0xE0) | (0x11 if value & 0x1F != 0x11 else 0x14)
    return 4 if value == 3 else 3


def as_request(happening: Happening) -> bytes:
    """A frame with our address, our DI and data, but the direction of a master."""
    changed = bytearray(happening.reply)
    changed[happening.part("control")[0]] &= 0x7F
    return mended(happening.form, bytes(changed))


def letters(happening: Happening) -> bytes:
    """Digits A to F where a number has 0 to 9, in a sound frame."""
    data = bytearray(happening.reply[at] for at in happening.part("data"))
    if refused(happening.form, happening.reply) or not data:
        return happening.reply
    for at in range(len(data)):
        data[at] = (0xAB + at % 4 + 0x33) & 0xFF
    return with_data(happening.form, happening.reply, bytes(data))


def all_ff(happening: Happening) -> bytes:
    count = len(happening.part("data"))
    if refused(happening.form, happening.reply):
        return happening.reply
    return with_data(happening.form, happening.reply, b"\x32" * count)


def short(happening: Happening) -> bytes:
    """One byte (two in Modbus) less than was asked for, counted rightly, in a sound frame."""
    data = bytes(happening.reply[at] for at in happening.part("data"))
    less = 1 if happening.form == "dlt645" else 2
    return with_data(happening.form, happening.reply, data[:-less]) if len(data) > less else b""


def long(happening: Happening) -> bytes:
    data = bytes(happening.reply[at] for at in happening.part("data"))
    return with_data(happening.form, happening.reply, data + happening.noise(3 if data else 0))


def empty(happening: Happening) -> bytes:
    return with_data(happening.form, happening.reply, b"")


def more(happening: Happening) -> bytes:
    """It promises a follow-up that the meter then has not."""
    if refused(happening.form, happening.reply) or not di_width(happening.reply):
        return happening.reply
    changed = bytearray(happening.reply)
    changed[happening.part("control")[0]] |= 0x20
    return mended(happening.form, bytes(changed))


def refusal(code: int) -> Act:
    """A meter that says no: an error byte of DL/T 645, an exception code of Modbus."""

    def act(happening: Happening) -> list[Emission]:
        raw, form = happening.reply, happening.form
        if form == "dlt645":
            at = lead_in(raw)
            body = raw[: at + 8] + bytes((raw[at + 8] & 0x9F | 0xC0, 1, (code + 0x33) & 0xFF, 0, 0x16))
            return one(mended(form, body))
        head = raw[: 2 if form == "rtu" else 8]
        head = head[:-1] + bytes((head[-1] | 0x80,))
        return one(mended(form, head + bytes((code,)) + (b"\0\0" if form == "rtu" else b"")))

    return act


def swapped(old: bytes) -> bytes:
    return old[::-1] if old[0] != old[1] else bytes((old[0] ^ 1, old[1]))


def plus_one(value: int, _happening: Happening) -> int:
    return value + 1
