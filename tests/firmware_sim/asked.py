"""Meters asked by frames, without a wire between."""

from firmware_sim import fleet, scenario
from firmware_sim.clock import ManualClock
from firmware_sim.dlt645_meter import Dlt645Meter
from firmware_sim.noise import collide
from protocols.dlt645.conversations import ReadConversation, read_request
from protocols.dlt645.frame import Frame, decode, encode
from protocols.dlt645.identifiers import lookup
from protocols.dlt645.values import decode_value
from tests.firmware_sim.texts import NOON_MS, ONE_LINE


class Line:
    """All meters of a scenario on one line, and the one who asks on it."""

    def __init__(self, text: str = ONE_LINE, now_ms: int = NOON_MS) -> None:
        self.clock = ManualClock(now_ms)
        self.meters = fleet.build(scenario.parse(text))
        self._faces = [Dlt645Meter(meter) for meter in self.meters.values()]

    @property
    def now_ms(self) -> int:
        return self.clock.now_ms()

    def hear(self, request: Frame) -> bytes:
        self.meters.life.catch_up(self.now_ms)
        answers = [face.answer(request, self.now_ms) for face in self._faces]
        replies = [encode(answer) for answer in answers if answer is not None]
        return collide(replies) if len(replies) > 1 else b"".join(replies)

    def hear_read(self, address: str) -> bytes:
        """What comes back when its total is asked for; nothing when nobody has that address."""
        return self.hear(read_request(address, "00010000"))

    def answer(self, request: Frame) -> Frame:
        return decode(self.hear(request))

    def read(self, address: str, di: str, version: str = "2007", extra: bytes = b"") -> bytes:
        conversation = ReadConversation(address, di, version, extra)
        while True:
            data = conversation.accept(self.answer(conversation.request()))
            if data is not None:
                return data

    def value(self, address: str, di: str) -> object:
        item = lookup(di)
        assert item is not None
        return decode_value(self.read(address, di), item)
