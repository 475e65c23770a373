"""The seven status words of a meter of 2007 (04000501..07) by the names of their bits."""

from protocols.dlt645.parameters import bit_names

_WORDS = range(1, 8)
_RELAY_OPEN = 0x0010


def di(word: int) -> str:
    """The identifier of status word 1 to 7; 040005FF has all seven."""
    if word not in _WORDS:
        raise ValueError(f"there is no status word {word}: 1 to 7")
    return f"040005{word:02X}"


def status_names(word: int, value: int) -> list[str]:
    """The names of the bits that are set in word 1 to 7; one that nobody has described is "bit9" or so."""
    return bit_names(di(word), value)


def relay_open(word3: int) -> bool:
    """Whether the relay itself is open; the command to open it is another bit and may not be obeyed."""
    return bool(word3 & _RELAY_OPEN)
