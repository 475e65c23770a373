"""The rates of a port, as the one-byte code of 17H and 040007xx has them: one bit for each."""

BAUD_RATES = {0x02: 600, 0x04: 1200, 0x08: 2400, 0x10: 4800, 0x20: 9600, 0x40: 19200}


def baud_of(code: int) -> int | None:
    """Bits a second; None for a code that names no rate."""
    return BAUD_RATES.get(code)


def code_of(baud: int) -> int:
    """The code of a rate; ValueError for one the standard has not."""
    for code, rate in BAUD_RATES.items():
        if rate == baud:
            return code
    raise ValueError(f"{baud} is no rate of DL/T 645: {', '.join(map(str, BAUD_RATES.values()))}")
