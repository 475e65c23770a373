"""Which bytes of a frame are a meter's password; they are masked wherever a frame is shown."""

from protocols.dlt645.frame import Frame

MASK = "******"
_HIDDEN = "**"
PASSWORD_DI = "04000C"  # noqa: S105  (an identifier)
"""Parameters that begin so are passwords."""
_PASSWORD_PARAMETER = bytes((0x0C, 0x00, 0x04))
"""DI1 DI2 DI3 of 04000C01..0A, as they stand in the data behind DI0."""

_WRITE, _WRITE_1997 = 0x14, 0x04
_SET_PASSWORD, _SET_PASSWORD_1997 = 0x18, 0x0F
_CONTROL = (0x19, 0x1A, 0x1B, 0x1C)
_READS = (0x11, 0x12)


def masked_data_hex(frame: Frame) -> str:
    """The data as hex, with ** for every byte that is (or may be) part of a password."""
    hidden = secret_bytes(frame)
    return "".join(_HIDDEN if at in hidden else f"{byte:02X}" for at, byte in enumerate(frame.data))


def is_masked(data_hex: str) -> bool:
    return _HIDDEN in data_hex


def secret_bytes(frame: Frame) -> frozenset[int]:
    """Positions in `frame.data`; of a frame that should hold a password and has an odd form, all."""
    data, function = frame.data, frame.function
    if frame.abnormal and len(data) <= 1:
        return frozenset()
    if function in _READS:
        return _from(4, data) if data[1:4] == _PASSWORD_PARAMETER else frozenset()
    if function == _WRITE:
        return _write(data)
    if function == _WRITE_1997:
        return frozenset((3, 4, 5)) if len(data) >= 6 else _from(0, data)
    if function == _SET_PASSWORD:
        return _set_password(data)
    if function == _SET_PASSWORD_1997:
        return _from(0, data)
    if function in _CONTROL:
        return frozenset((1, 2, 3)) if len(data) >= 8 else _from(0, data)
    return frozenset()


def _write(data: bytes) -> frozenset[int]:
    if len(data) < 12:
        return _from(0, data)
    if data[1:4] == _PASSWORD_PARAMETER:
        return frozenset((5, 6, 7)) | _from(12, data)
    return frozenset((5, 6, 7))


def _set_password(data: bytes) -> frozenset[int]:
    if len(data) == 12:
        return frozenset((5, 6, 7, 9, 10, 11))
    return frozenset((1, 2, 3)) if len(data) == 4 else _from(0, data)


def _from(start: int, data: bytes) -> frozenset[int]:
    return frozenset(range(start, len(data)))
