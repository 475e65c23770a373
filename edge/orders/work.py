"""What orders do on the line, in the line's thread: a few exchanges each, and nothing is sent twice.

Every rule is looked at again right before the wire, and `begun` is on disk before the first byte leaves.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Final

from edge.clock import Clock, can_date
from edge.drivers import MeterTalk
from edge.jobs import Expired
from edge.orders import rules
from edge.orders.asking import clock_offset_s, identity_of, probed, relay_state
from edge.orders.ledger import Ledger
from edge.orders.states import ClockSetting, Event, Limit, LimitReached, Outcome
from edge.settings import MeterSettings, Settings
from protocols.dlt645.conversations import time_sync_request
from protocols.dlt645.frame import Frame
from protocols.dlt645.orders import (
    Password,
    RelayAction,
    check_reply,
    clock_request,
    freeze_request,
    relay_request,
)
from protocols.dlt645.passwords import masked_data_hex
from protocols.errors import Refused
from protocols.mqtt.messages import MAX_VALUES, ClockState
from protocols.mqtt.orders import Capability, Order, OrderKind, RelayState

CAPABILITY_MS: Final = 7 * 86_400_000
REFUSED_MS: Final = 86_400_000
"""A meter that refused a password is not tried again for so long: some lock themselves after three."""
_WRONG_PASSWORD: Final = 0x04


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the work ended, when not with an exception. ANSWER: the meter said yes, and is to be read back."""

    event: Event
    outcome: Outcome


class No(Exception):
    """Refused before anything was sent; the text is the reason."""


class HalfDone(Exception):
    """The meter took the first part and refused the next."""


class LineWork:
    """`settings` is replaced as a whole when the cloud changes them."""

    def __init__(self, settings: Settings, clock: Clock, ledger: Ledger) -> None:
        self.settings, self._clock, self._ledger = settings, clock, ledger

    def refusal(self, order: Order) -> str | None:
        """Why this order is not carried out here; None when it may be tried."""
        now_ms = self._clock.now_ms()
        return rules.refusal(
            order,
            rules.Site(
                orders=self.settings.orders,
                meter=self.meter(order.meter),
                now_ms=now_ms,
                clock_valid=can_date(now_ms) and self._clock.state() is not ClockState.UNSYNCED,
                zone=self._zone(),
                ledger_begun_at_ms=self._ledger.begun_at_ms,
                newest_relay_ms=self._ledger.newest_issued_ms(order, rules.RELAY),
            ),
        )

    def probe(self, talk: MeterTalk) -> Capability:
        """Ask the meter and keep the answer."""
        capability, why = probed(talk)
        self._ledger.note_capability(talk.meter.id, identity_of(talk), capability, why)
        return capability

    def seen(self, order: Order, talk: MeterTalk) -> RelayState | float:
        """What the order was about, read back: the relay, or by how many seconds the clock is off."""
        if order.kind in rules.RELAY:
            return relay_state(talk)
        return clock_offset_s(talk, self._clock, self._known_zone())

    def do(self, order: Order, talk: MeterTalk) -> Verdict:
        """Everything is looked at once more here: time has passed since the order was taken."""
        try:
            self._check(order, talk)
            if order.expires_at_ms <= self._clock.now_ms():
                raise Expired
            return _WORK[order.kind](self, order, talk)
        except (No, LimitReached) as no:
            return Verdict(Event.REFUSE, Outcome(str(no)))

    def _check(self, order: Order, talk: MeterTalk) -> None:
        if reason := self.refusal(order) or self._incapable(order, talk):
            raise No(reason)

    def _incapable(self, order: Order, talk: MeterTalk) -> str | None:
        if order.kind not in rules.NEEDS:
            return None
        known = self._ledger.capability(order.meter, identity_of(talk))
        now_ms = self._clock.now_ms()
        if known and known[1].startswith("refused") and now_ms - known[2] < REFUSED_MS:
            return rules.lacks(order.kind, known[0], known[1])
        if known is None or now_ms - known[2] > CAPABILITY_MS or rules.lacks(order.kind, *known[:2]):
            self.probe(talk)
            known = self._ledger.capability(order.meter, identity_of(talk))
        return rules.lacks(order.kind, *known[:2]) if known else "its capability is not known"

    def _read(self, order: Order, talk: MeterTalk) -> Verdict:
        self._ledger.move(order.id, Event.BEGIN)
        values = dict(list(talk.values().items())[:MAX_VALUES])
        return Verdict(Event.FINISH, Outcome(values=values))

    def _freeze(self, order: Order, talk: MeterTalk) -> Verdict:
        frame = freeze_request(_address(talk))
        self._ledger.move(order.id, Event.BEGIN, frame=_shown(frame))
        self._send(order, talk, frame)
        return Verdict(Event.FINISH, Outcome("the meter has frozen its registers"))

    def _relay(self, order: Order, talk: MeterTalk) -> Verdict:
        zone = self._known_zone()
        now_ms = self._clock.now_ms()
        off = order.kind is OrderKind.RELAY_OFF
        action = RelayAction.TRIP if off else RelayAction.CLOSE_PERMITTED
        expires = rules.frame_expiry(order, now_ms, zone)
        operator = self.settings.orders.operator
        frame = relay_request(_address(talk), action, expires, self._password("02"), operator)
        self._ledger.move(order.id, Event.BEGIN, limit=self._cap(zone) if off else None, frame=_shown(frame))
        self._send(order, talk, frame)
        self._ledger.move(order.id, Event.ANSWER)
        return Verdict(Event.ANSWER, Outcome())

    def _cap(self, zone: tzinfo) -> Limit:
        most = self.settings.orders.relay_per_day
        text = f"this gateway switches off at most {most} meters a day (orders.relay_per_day)"
        return Limit(most, rules.day_begin_ms(self._clock.now_ms(), zone), text, kind=OrderKind.RELAY_OFF)

    def _set_clock(self, order: Order, talk: MeterTalk) -> Verdict:
        zone = self._known_zone()
        offset_s = clock_offset_s(talk, self._clock, zone)
        now = datetime.fromtimestamp(self._clock.now_ms() / 1000, zone)
        if abs(offset_s) <= rules.RIGHT_WITHIN_S:
            self._ledger.move(order.id, Event.BEGIN)
            return Verdict(Event.FINISH, Outcome(f"off by {offset_s:+.0f} s: right, nothing was set"))
        if reason := rules.clock_refusal(order, self.settings.orders, now, offset_s):
            raise No(reason)
        at = (now + timedelta(milliseconds=500)).replace(microsecond=0, tzinfo=None)
        line = self._line_of(order.meter)
        if abs(offset_s) <= rules.BROADCAST_UP_TO_S:
            self._broadcast_time(order, talk, at, ClockSetting(line, True, offset_s), zone)
        else:
            operator = self.settings.orders.operator
            frames = clock_request(_address(talk), at, self._password("04"), operator)
            setting = ClockSetting(line, False, offset_s)
            self._ledger.move(order.id, Event.BEGIN, setting=setting, frame=" ".join(map(_shown, frames)))
            self._send(order, talk, *frames)
        self._ledger.move(order.id, Event.ANSWER, Outcome(f"was off by {offset_s:+.0f} s"))
        return Verdict(Event.ANSWER, Outcome())

    def _broadcast_time(
        self, order: Order, talk: MeterTalk, at: datetime, setting: ClockSetting, zone: tzinfo
    ) -> None:
        frame = time_sync_request(at)
        since_ms = rules.day_begin_ms(self._clock.now_ms(), zone)
        text = f"line {setting.line} has had its one time broadcast today"
        limit = Limit(1, since_ms, text, line=setting.line)
        self._ledger.move(order.id, Event.BEGIN, limit=limit, setting=setting, frame=_shown(frame))
        talk.tell(frame)

    def _send(self, order: Order, talk: MeterTalk, *frames: Frame) -> None:
        try:
            for frame in frames:
                check_reply(frame, talk.order(frame))
        except Refused as no:
            if frame is not frames[0]:
                raise HalfDone(f"part of it was done, then {no}") from None
            if no.code & _WRONG_PASSWORD and order.kind in rules.NEEDS:
                found = Capability.CLOCK if order.kind in rules.RELAY else Capability.READ
                why = f"refused {order.kind} of order {order.id}: {no.meaning}"
                self._ledger.note_capability(order.meter, identity_of(talk), found, why)
            raise

    def meter(self, meter: str) -> MeterSettings | None:
        return next((each for each in self.settings.meters if each.id == meter), None)

    def _line_of(self, meter: str) -> str:
        return next(line.name for line in self.settings.lines if any(m.id == meter for m in line.meters))

    def _zone(self) -> tzinfo | None:
        return rules.zone_of(self.settings.memory.timezone)

    def _known_zone(self) -> tzinfo:
        zone = self._zone()
        if zone is None:
            raise No("memory.timezone is not known on this gateway")
        return zone

    def _password(self, level: str) -> Password:
        """Read anew each time and kept nowhere."""
        file = self.settings.orders.passwords[level]  # type: ignore[index]
        try:
            return Password(level, file.read_text().strip())
        except (OSError, ValueError) as error:
            raise No(f"the password of level {level} cannot be used ({type(error).__name__})") from None


_WORK: Final[Mapping[OrderKind, Callable[[LineWork, Order, MeterTalk], Verdict]]] = {
    OrderKind.READ: LineWork._read,
    OrderKind.FREEZE: LineWork._freeze,
    OrderKind.CLOCK: LineWork._set_clock,
    OrderKind.RELAY_OFF: LineWork._relay,
    OrderKind.RELAY_ON: LineWork._relay,
}
"""All that an order can have done on a line. What is not here does not exist."""


def _address(talk: MeterTalk) -> str:
    if talk.meter.address is None:
        raise No("the meter has no DL/T 645 address")
    return talk.meter.address


def _shown(frame: Frame) -> str:
    """For the audit: the password's bytes are masked."""
    return f"{frame.address} {frame.control:02X}H {masked_data_hex(frame)}"
