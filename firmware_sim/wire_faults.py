"""The named faults of a wire, as one table: what each makes of a reply on its way to the master.

All chance is seeded. No fault of this table makes a sound answer to the question asked with another value
in it: what a master must refuse, it can refuse. (Two swapped data bytes would pass the sum of DL/T 645; bytes
lost or added inside Modbus TCP, which has no sum, would pass too, and TCP lets neither happen.)
"""

from collections.abc import Mapping
from dataclasses import dataclass

from firmware_sim import wire_acts as acts
from firmware_sim.wire_acts import LATE_S, Act, Emission, Happening
from firmware_sim.wire_forms import Form

__all__ = ["LATE_S", "WIRE_FAULTS", "Emission", "Happening", "WireFault"]
_BOTH: frozenset[Form] = frozenset(("dlt645", "rtu"))
_ALL: frozenset[Form] = frozenset(("dlt645", "rtu", "tcp"))
_645: frozenset[Form] = frozenset(("dlt645",))
_RTU: frozenset[Form] = frozenset(("rtu",))
_TCP: frozenset[Form] = frozenset(("tcp",))
_MODBUS: frozenset[Form] = frozenset(("rtu", "tcp"))


@dataclass(frozen=True, slots=True)
class WireFault:
    """`deaf`: the meters do not hear the request either. `answers`: it acts only where a meter answers."""

    name: str
    says: str
    act: Act
    forms: frozenset[Form] = _ALL
    deaf: bool = False
    answers: bool = True


def _table() -> Mapping[str, WireFault]:
    faults = (
        WireFault("lost-request", "the request never reaches the meter", acts.lost, deaf=True, answers=False),
        WireFault("lost-reply", "the meter answers and nothing arrives", acts.lost),
        WireFault("silence", "nobody hears and nobody speaks", acts.lost, deaf=True, answers=False),
        WireFault("late-reply", "the answer comes after the time-out", acts.late),
        WireFault("slow-reply", "the answer takes 400 ms longer, which the standard allows", acts.slow),
        WireFault(
            "reply-after-next-request", "the answer waits for the next request and comes first", acts.held
        ),
        WireFault("doubled-reply", "the answer comes twice at once", acts.doubled),
        WireFault("doubled-late", "the answer comes again after the time-out", acts.doubled_late),
        WireFault("split-reply", "the answer comes in three pieces, 60 ms apart", acts.split(3, 0.06)),
        WireFault("split-bytes", "the answer comes byte by byte", acts.split(400, 0.002)),
        WireFault("split-too-long", "the answer pauses for 700 ms in the middle", acts.split(2, 0.7)),
        WireFault("half-frame", "the first half of the answer, then silence", acts.reply(acts.half)),
        WireFault("truncated-reply", "the last one to three bytes are missing", acts.reply(acts.truncated)),
        WireFault(
            "first-byte-lost", "the first byte of the frame is missing", acts.reply(acts.first_lost), _BOTH
        ),
        WireFault("lead-in-lost", "no FE before the frame", acts.reply(acts.lead_in_lost), _645),
        WireFault("dropped-byte", "one byte in the frame is missing", acts.reply(acts.dropped), _BOTH),
        WireFault("inserted-byte", "one stray byte stands in the frame", acts.reply(acts.inserted), _BOTH),
        WireFault("flip-start", "one bit of a 68H", acts.flip("start"), _645),
        WireFault("flip-address", "one bit of the address or unit", acts.flip("address")),
        WireFault("flip-control", "one bit of the control or function byte", acts.flip("control")),
        WireFault("flip-length", "one bit of the length or byte count", acts.flip("length")),
        WireFault("flip-di", "one bit of the data identifier", acts.flip("di"), _645),
        WireFault("flip-data", "one bit of the data", acts.flip("data"), _BOTH),
        WireFault("flip-checksum", "one bit of the checksum", acts.flip("checksum"), _BOTH),
        WireFault("flip-end", "one bit of the 16H", acts.flip("end"), _645),
        WireFault(
            "echo-only", "the request comes back and nothing else", acts.reply(acts.echo_only), answers=False
        ),
        WireFault("echo-first", "the request comes back, then the answer", acts.reply(acts.echo_first)),
        WireFault("echo-twice", "the request comes back twice, then the answer", acts.reply(acts.echo_twice)),
        WireFault("neighbours-answer", "a sound answer of another meter", acts.reply(acts.stranger)),
        WireFault(
            "neighbour-first", "another meter's answer, then the right one", acts.reply(acts.stranger_first)
        ),
        WireFault(
            "previous-answer", "the last answer to another question", acts.reply(acts.before), _645 | _TCP
        ),
        WireFault(
            "previous-first", "that one, then the right one", acts.reply(acts.before_first), _645 | _TCP
        ),
        WireFault("collision", "two meters answer at once", acts.reply(acts.collided), _BOTH),
        WireFault("noise-before", "stray bytes before the FE", acts.reply(acts.noise_before), _BOTH),
        WireFault("noise-after", "stray bytes behind the answer", acts.reply(acts.noise_after), _BOTH),
        WireFault(
            "false-start",
            "a frame's start that promises too much, then the answer",
            acts.reply(acts.false_start),
            _645,
        ),
        WireFault("lead-in-storm", "three hundred FE before the answer", acts.reply(acts.storm), _645),
        WireFault("zeros-before", "a break: 00H before the answer", acts.reply(acts.zeros_before), _BOTH),
        WireFault("zeros", "00H instead of the answer", acts.reply(acts.zeros), answers=False),
        WireFault("ones", "FFH instead of the answer", acts.reply(acts.ones), answers=False),
        WireFault("babble", "four hundred stray bytes and no answer", acts.reply(acts.babble), answers=False),
        WireFault("wrong-speed", "the answer at another baud rate", acts.reply(acts.wrong_speed), _BOTH),
        WireFault("wrong-parity", "the answer with another parity", acts.reply(acts.wrong_parity), _BOTH),
        WireFault("inverted", "the answer with A and B swapped", acts.reply(acts.inverted), _BOTH),
        WireFault("wrong-address", "a sound answer from an address next to it", acts.reply(acts.stranger)),
        WireFault("wrong-di", "a sound answer with another DI", acts.patched("di", acts.wrong_di), _645),
        WireFault(
            "wrong-function", "an answer of another function", acts.patched("control", acts.wrong_function)
        ),
        WireFault(
            "wrong-direction", "the answer with a request's control byte", acts.reply(acts.as_request), _645
        ),
        WireFault(
            "wrong-length", "a length one too long, sum or CRC right", acts.patched("length", acts.plus_one)
        ),
        WireFault(
            "wrong-checksum",
            "a checksum one too high",
            acts.spoiled("checksum", lambda old: bytes(((old[0] + 1) & 0xFF, *old[1:]))),
            _BOTH,
        ),
        WireFault(
            "wrong-end", "another byte where 16H must be", acts.spoiled("end", lambda _: b"\x17"), _645
        ),
        WireFault("crc-swapped", "the CRC's high byte first", acts.spoiled("checksum", acts.swapped), _RTU),
        WireFault("bcd-letters", "digits A to F in a sound frame", acts.reply(acts.letters), _645),
        WireFault("all-ff", "FFH for every data byte in a sound frame", acts.reply(acts.all_ff), _645),
        WireFault("short-data", "less data than was asked for, sound", acts.reply(acts.short)),
        WireFault("long-data", "more data than was asked for, sound", acts.reply(acts.long), _645),
        WireFault("empty-data", "an answer without data, sound", acts.reply(acts.empty)),
        WireFault("false-more", "a follow-up is promised and not there", acts.reply(acts.more), _645),
        WireFault("refused-other", "error bit 0, or exception 1", acts.refusal(1)),
        WireFault("refused-no-data", "error bit 1, or exception 2", acts.refusal(2)),
        WireFault("refused-password", "error bit 2, or exception 4", acts.refusal(4)),
        WireFault("refused-busy", "exception 6: device busy", acts.refusal(6), _MODBUS),
        WireFault(
            "wrong-transaction", "another transaction id", acts.patched("transaction", acts.plus_one), _TCP
        ),
        WireFault("wrong-protocol", "another protocol id", acts.patched("protocol", acts.plus_one), _TCP),
        WireFault(
            "wrong-frame-length",
            "a frame length that is too short",
            acts.patched("frame_length", lambda value, _: value - 1),
            _TCP,
        ),
    )
    return {fault.name: fault for fault in faults}


WIRE_FAULTS: Mapping[str, WireFault] = _table()
