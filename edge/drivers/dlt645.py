"""Reads DL/T 645 meters (2007 and 1997) on one line: block by block, and singly what a meter refuses.

An answer is taken only for the question it answers: address, function and data identifier are checked,
whatever else arrives is counted and waited past, and after a time-out the line is not trusted any more.
"""

import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from edge.drivers import nobody_waits
from edge.drivers.parts import Part, Refusals, gather
from edge.drivers.patience import Patience
from edge.drivers.talk import GAP_S, listen, say
from edge.drivers.trace import shown
from edge.links import Interrupted, Link, LinkDown, NoReply, link_of
from edge.settings import LineSettings, MeterSettings
from protocols.dlt645.conversations import ReadConversation, address_matches
from protocols.dlt645.frame import MAX_DATA, OVERHEAD, Decoder, Frame, encode
from protocols.dlt645.identifiers import lookup, lookup_1997
from protocols.errors import FrameError, Refused
from protocols.models import MeterModel, values_from_dlt645
from protocols.readings import Value

log = logging.getLogger(__name__)

LONGEST_FRAME: Final = MAX_DATA + OVERHEAD
SETTLE_S: Final = 0.1
"""Meters need a moment to obey what they do not answer."""
_LASTING_REFUSAL: Final = 0x06  # no such data, not authorised; the other bits may be a passing trouble


@dataclass(frozen=True, slots=True)
class _Answer:
    """`data` is None when the conversation goes on with a follow-up."""

    data: bytes | None


class Dlt645Driver:
    def __init__(
        self,
        line: LineSettings,
        models: Mapping[str, MeterModel],
        *,
        link: Link | None = None,
    ) -> None:
        self._link = link or link_of(line)
        self._name, self._models, self._retries = line.name, models, line.retries
        self._parts = {name: parts_of(model) for name, model in models.items()}
        self._line = line
        floor_s = GAP_S if line.kind == "serial" else min(GAP_S, line.timeout_s)
        self._patience = Patience(floor_s, line.timeout_s)
        self._refusals: Refusals[str] = Refusals()
        self.between = nobody_waits
        self._decoder = Decoder()
        self._discarded = self.strays = 0
        self._spoke = False  # the meter that is being asked, though not in answer to what it was asked

    @property
    def connected(self) -> bool:
        return self._link.connected

    @property
    def noise_bytes(self) -> int:
        return self._discarded + self._decoder.noise_bytes

    @property
    def bad_frames(self) -> int:
        """Corrupt frames, and sound ones that answered another question."""
        return self._decoder.bad_frames + self.strays

    @property
    def garbled(self) -> int:
        return self._decoder.bad_frames

    def open(self) -> None:
        self._link.open()

    def close(self) -> None:
        self._link.close()

    def interrupt(self) -> None:
        self._link.interrupt()

    def read(self, meter: MeterSettings) -> dict[str, Value]:
        model = self._models[meter.model]
        blocks = {block.di for block in model.blocks}

        def ask(di: str) -> Mapping[str, Value]:
            data = self.ask(meter, di)
            try:
                return values_from_dlt645(model, di, data)
            except FrameError as unfit:
                # The frame is sound and its content is not: no value; of a block the singles may be better.
                log.info("%s %s: %s: %s", self._name, meter.id, di, unfit)
                if di in blocks:
                    raise Refused(0, str(unfit)) from None
                return {}

        return gather(meter.id, self._parts[meter.model], ask, self._refusals, _is_lasting)

    def probe(self, meter: MeterSettings) -> None:
        di = cheapest(self._models[meter.model])
        try:
            self._converse(meter, di, b"", self._patience.wait_s(meter.id))
        except Refused:
            log.debug("%s %s: refuses %s, so it is there", self._name, meter.id, di)

    def talk(self, meter: MeterSettings) -> "Dlt645Talk":
        return Dlt645Talk(self, meter, self._models[meter.model])

    def ask(self, meter: MeterSettings, di: str, extra: bytes = b"") -> bytes:
        """The data behind the DI. A second try waits as long as may be, on a line that was made quiet."""
        wait_s = self._patience.wait_s(meter.id)
        for _ in range(self._retries):
            try:
                return self._converse(meter, di, extra, wait_s)
            except (NoReply, FrameError) as failure:
                log.debug("%s %s: %s, asking again", self._name, meter.id, failure)
                self._link.distrust()
                wait_s = self._patience.ceiling_s
        try:
            return self._converse(meter, di, extra, wait_s)
        except (NoReply, FrameError):
            self._link.distrust()
            raise

    def order(self, meter: MeterSettings, request: Frame) -> Frame:
        """Send once, and give the answer, a refusal too. NoReply: nobody knows whether it was obeyed."""
        self._check(meter, request)
        self.between(meter)
        raw = self._begin(meter, encode(request), once=True)
        try:
            for frame in self._frames(raw, self._patience.ceiling_s, self._line.byte_s(meter)):
                if frame.from_meter and frame.function == request.function:
                    if address_matches(request.address, frame.address):
                        return frame
                    self.strays += 1
        except Interrupted:
            raise
        except LinkDown as down:
            raise NoReply(f"meter {meter.id}: sent, and then {down}") from None
        self._link.distrust()
        raise NoReply(f"meter {meter.id}: sent, and no sound answer within {self._patience.ceiling_s:.2f} s")

    def tell(self, meter: MeterSettings, request: Frame) -> None:
        """Send once, and give the wire the time that it takes."""
        self.between(meter)
        raw = self._begin(meter, encode(request), once=True)
        self.strays += sum(
            frame.from_meter for frame in self._frames(raw, SETTLE_S, self._line.byte_s(meter))
        )

    def _check(self, meter: MeterSettings, request: Frame) -> None:
        if request.address != meter.address:
            raise ValueError(f"an order to {request.address} is none to meter {meter.id}")

    def _converse(self, meter: MeterSettings, di: str, extra: bytes, wait_s: float) -> bytes:
        assert meter.address is not None, "settings give each meter of such a line an address"
        conversation = ReadConversation(meter.address, di, self._models[meter.model].version, extra)
        self.between(meter)
        data = None
        while data is None:
            data = self._exchange(meter, di, conversation, wait_s)
        return data

    def _exchange(
        self, meter: MeterSettings, di: str, conversation: ReadConversation, wait_s: float
    ) -> bytes | None:
        bad_before, self._spoke = self._decoder.bad_frames, False
        raw = self._begin(meter, encode(conversation.request()))
        began_s = time.monotonic()
        for frame in self._frames(raw, wait_s, self._line.byte_s(meter)):
            answer = self._answer([frame], conversation)
            if answer:
                self._patience.learn(meter.id, time.monotonic() - began_s)
                return answer.data
        if self._spoke or self._decoder.bad_frames > bad_before:
            raise FrameError("no_sound_answer", f"{di} of meter {meter.id}")
        raise NoReply(f"meter {meter.id}: no answer to {di} within {wait_s:.2f} s")

    def _begin(self, meter: MeterSettings, raw: bytes, *, once: bool = False) -> bytes:
        self._decoder.reset()
        self._discarded += say(self._link, raw, self._models[meter.model].pause_ms / 1000, once=once)
        self._trace(">", raw)
        return raw

    def _frames(self, raw: bytes, wait_s: float, byte_s: float) -> Iterator[Frame]:
        """What comes after a request, frame by frame, until the line has nothing more to say."""
        for chunk in listen(self._link, wait_s + len(raw) * byte_s, LONGEST_FRAME * byte_s):
            self._trace("<", chunk)
            yield from self._decoder.feed(chunk)
        yield from self._decoder.idle()

    def _answer(self, frames: Iterable[Frame], conversation: ReadConversation) -> _Answer | None:
        for frame in frames:
            if frame.from_meter:
                try:
                    return _Answer(conversation.accept(frame))
                except FrameError as wrong:
                    log.debug("%s: not the answer: %s", self._name, wrong)
                    self.strays += 1
                    self._spoke |= wrong.reason != "other_address"
        return None

    def _trace(self, way: str, raw: bytes) -> None:
        if log.isEnabledFor(logging.DEBUG):
            log.debug("%s %s %s", self._name, way, shown(raw))


class Dlt645Talk:
    """A meter of this driver, for a job."""

    def __init__(self, driver: Dlt645Driver, meter: MeterSettings, model: MeterModel) -> None:
        self._driver, self.meter, self.model = driver, meter, model

    def ask(self, di: str, extra: bytes = b"") -> bytes:
        return self._driver.ask(self.meter, di, extra)

    def order(self, request: Frame) -> Frame:
        return self._driver.order(self.meter, request)

    def tell(self, request: Frame) -> None:
        self._driver.tell(self.meter, request)

    def registers(self, fc: int, address: int, count: int) -> list[int]:
        del fc, address, count
        raise ValueError(f"meter {self.meter.id} speaks DL/T 645: it has no registers")

    def values(self) -> dict[str, Value]:
        return self._driver.read(self.meter)


def _is_lasting(code: int) -> bool:
    return bool(code & _LASTING_REFUSAL)


def parts_of(model: MeterModel) -> tuple[Part[str], ...]:
    """The DIs that bring all of a model: its blocks, each with its singles to fall back to, and the rest."""
    blocks = (Part(block.di, tuple(Part(point.di) for point in block.points)) for block in model.blocks)
    return *blocks, *(Part(point.di) for point in model.singles)


def cheapest(model: MeterModel) -> str:
    """The DI with the shortest answer."""
    look = lookup if model.version == "2007" else lookup_1997
    items = [item for point in model.points if (item := look(point.di))]
    return min(items, key=lambda item: item.size).di
