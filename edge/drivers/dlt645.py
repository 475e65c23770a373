"""Reads DL/T 645 meters (2007 and 1997) on one line: block by block, and singly what a meter refuses.

An answer is taken only for the question it answers: address, function and data identifier are checked,
whatever else arrives is counted and waited past, and after a time-out the line is not trusted any more.
"""

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from edge.drivers.parts import Part, Refusals, gather
from edge.drivers.patience import Patience
from edge.drivers.talk import GAP_S, listen, say
from edge.drivers.trace import shown
from edge.links import Link, NoReply, link_of
from edge.settings import LineSettings, MeterSettings
from protocols.dlt645.conversations import ReadConversation
from protocols.dlt645.frame import MAX_DATA, OVERHEAD, Decoder, Frame, encode
from protocols.dlt645.identifiers import lookup, lookup_1997
from protocols.errors import FrameError, Refused
from protocols.models import MeterModel, values_from_dlt645
from protocols.readings import Value

log = logging.getLogger(__name__)

LONGEST_FRAME: Final = MAX_DATA + OVERHEAD
RETRIES: Final = 1
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
        retries: int = RETRIES,
        link: Link | None = None,
    ) -> None:
        self._link = link or link_of(line)
        self._name, self._models, self._retries = line.name, models, retries
        self._parts = {name: parts_of(model) for name, model in models.items()}
        self._byte_s = (10 if line.parity == "none" else 11) / line.baud
        floor_s = GAP_S if line.kind == "serial" else min(GAP_S, line.timeout_s)
        self._patience = Patience(floor_s, line.timeout_s)
        self._refusals: Refusals[str] = Refusals()
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
            data = self._asked(meter, di)
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
            self._converse(meter, di, self._patience.wait_s(meter.id))
        except Refused:
            log.debug("%s %s: refuses %s, so it is there", self._name, meter.id, di)

    def _asked(self, meter: MeterSettings, di: str) -> bytes:
        """The data behind the DI. A second try waits as long as may be, on a line that was made quiet."""
        wait_s = self._patience.wait_s(meter.id)
        for _ in range(self._retries):
            try:
                return self._converse(meter, di, wait_s)
            except (NoReply, FrameError) as failure:
                log.debug("%s %s: %s, asking again", self._name, meter.id, failure)
                self._link.distrust()
                wait_s = self._patience.ceiling_s
        try:
            return self._converse(meter, di, wait_s)
        except (NoReply, FrameError):
            self._link.distrust()
            raise

    def _converse(self, meter: MeterSettings, di: str, wait_s: float) -> bytes:
        assert meter.address is not None, "settings give each meter of such a line an address"
        conversation = ReadConversation(meter.address, di, self._models[meter.model].version)
        data = None
        while data is None:
            data = self._exchange(meter, di, conversation, wait_s)
        return data

    def _exchange(
        self, meter: MeterSettings, di: str, conversation: ReadConversation, wait_s: float
    ) -> bytes | None:
        request = conversation.request()
        raw = encode(request)
        bad_before, self._spoke = self._decoder.bad_frames, False
        self._decoder.reset()
        self._discarded += say(self._link, raw, self._models[meter.model].pause_ms / 1000)
        self._trace(">", raw)
        began_s = time.monotonic()
        for chunk in listen(self._link, wait_s + len(raw) * self._byte_s, LONGEST_FRAME * self._byte_s):
            self._trace("<", chunk)
            answer = self._answer(self._decoder.feed(chunk), conversation)
            if answer:
                self._patience.learn(meter.id, time.monotonic() - began_s)
                return answer.data
        answer = self._answer(self._decoder.idle(), conversation)
        if answer:
            return answer.data
        if self._spoke or self._decoder.bad_frames > bad_before:
            raise FrameError("no_sound_answer", f"{di} of meter {meter.id}")
        raise NoReply(f"meter {meter.id}: no answer to {di} within {wait_s:.2f} s")

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
