"""Topic names. A gateway writes only below its own `up`, and reads only below its own `down`."""

import re

from protocols.errors import MessageError

PREFIX = "wattpost/v1"
GATEWAY_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,30}[a-z0-9]")
PROBE_GATEWAY = "_cloud"
"""No gateway can bear this name: the cloud proves its own subscription with it."""

_WHAT = re.compile(r"[a-z]{1,32}")

ALL_UP = f"{PREFIX}/+/up/+"


def up(gateway: str, what: str) -> str:
    """The topic on which `gateway` says `what`: readings, dropped, status or health."""
    return f"{PREFIX}/{gateway}/up/{what}"


def down(gateway: str, what: str) -> str:
    """The topic on which the cloud tells `gateway` `what`: stored."""
    return f"{PREFIX}/{gateway}/down/{what}"


def parse_up(topic: str) -> tuple[str, str]:
    """(gateway, what) of an upward topic; MessageError for any other."""
    parts = topic.split("/")
    if len(parts) != 5 or "/".join(parts[:2]) != PREFIX or parts[3] != "up":
        raise MessageError(f"not an upward topic of ours: {topic[:120]!r}")
    gateway = parts[2]
    if gateway != PROBE_GATEWAY and not GATEWAY_ID.fullmatch(gateway):
        raise MessageError(f"not a gateway name: {gateway[:64]!r}")
    if not _WHAT.fullmatch(parts[4]):
        raise MessageError(f"not something a gateway says: {parts[4][:64]!r}")
    return gateway, parts[4]
