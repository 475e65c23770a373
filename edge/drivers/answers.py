"""Which bytes are the answer to a Modbus request: unit, function, length and checksum must all be right."""

from protocols.errors import FrameError
from protocols.modbus.rtu import crc


class Answers:
    """Finds the one answer to one request in what arrives; everything else is counted and passed over."""

    def __init__(self, rtu: bool, request: bytes, count: int) -> None:
        self._rtu, self._request, self._size = rtu, request, 2 * count
        self._buffer = b""
        self.strays = 0
        self.spoke = False

    @property
    def noise_bytes(self) -> int:
        """What came besides frames; a local echo of the request is no noise."""
        return len(self._buffer) - self._echo

    @property
    def _echo(self) -> int:
        """How many bytes, perhaps not all of them yet, are the request come back."""
        if self._request.startswith(self._buffer):
            return len(self._buffer)
        return len(self._request) if self._buffer.startswith(self._request) else 0

    def feed(self, chunk: bytes) -> bytes:
        """The answer's own bytes, or nothing yet. FrameError when a TCP stream is out of step."""
        self._buffer += chunk
        return self._find_rtu() if self._rtu else self._find_tcp()

    def _find_rtu(self) -> bytes:
        """At any offset: noise, a local echo or another meter's answer may come first."""
        unit, function = self._request[:2]
        for start in range(self._echo, len(self._buffer) - 4):
            head = self._buffer[start : start + 3]
            if head[:2] == bytes((unit, function | 0x80)):
                length = 5
            elif head == bytes((unit, function, self._size & 0xFF)):
                length = 5 + self._size
            else:
                continue
            self.spoke = True
            frame = self._buffer[start : start + length]
            if len(frame) == length and crc(frame[:-2]) == frame[-2:]:
                self._buffer = self._buffer[:start] + self._buffer[start + len(frame) :]
                return frame
        return b""

    def _find_tcp(self) -> bytes:
        """Nothing but whole frames may stand behind the answer: what was put in or lost shifts all values."""
        found = b""
        while len(self._buffer) >= 8:
            length = int.from_bytes(self._buffer[4:6], "big")
            if self._buffer[2:4] != b"\0\0" or not 3 <= length <= 254:
                raise FrameError("no_mbap_header", self._buffer[:8].hex(" "))
            if len(self._buffer) < 6 + length:
                break
            frame, self._buffer = self._buffer[: 6 + length], self._buffer[6 + length :]
            if not found and self._is_answer(frame):
                found = frame
            else:
                self.strays += 1
        if found and self._buffer:
            raise FrameError("out_of_step", f"{self._buffer.hex(' ')} behind the answer")
        return found

    def _is_answer(self, frame: bytes) -> bool:
        if frame[:2] != self._request[:2] or frame[6] != self._request[6]:
            return False
        self.spoke = True
        function = self._request[7]
        if frame[7] == function | 0x80:
            return len(frame) == 9
        return frame[7] == function and frame[8] == self._size and len(frame) == 9 + self._size
