"""Errors of the wire, named for the decision they call for."""


class ProtocolError(Exception):
    """Anything a peer's bytes can do to us; never raised itself."""


class FrameError(ProtocolError):
    """The bytes are no frame, or not the frame asked for: count it and ask again.

    `reason` is a short stable word such as ``checksum`` or ``length_mismatch``.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class Refused(ProtocolError):
    """The meter answered and said no: do not retry. `code` is its error byte or exception code."""

    def __init__(self, code: int, meaning: str) -> None:
        super().__init__(f"refused with {code:02X}H ({meaning})")
        self.code = code
        self.meaning = meaning


class ModelError(ProtocolError):
    """A meter model file is wrong; each mistake says in one line which file, which key and what to do."""

    def __init__(self, *mistakes: str) -> None:
        more = f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
        super().__init__(f"{mistakes[0]}{more}")
        self.mistakes = mistakes


class MessageError(ProtocolError):
    """An MQTT payload or topic is not one of ours: it goes to the dead letters with this reason."""
