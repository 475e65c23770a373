"""What a person may say about a file, so that nothing has to be guessed."""

from dataclasses import dataclass
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cloud.exchange.figures import Mark
from cloud.exchange.headings import Unit
from cloud.exchange.moments import Order
from cloud.exchange.walls import Meaning, Repeated
from cloud.kit.errors import Invalid


class Values(StrEnum):
    """Energy of an interval, mean power over it, or a register that counts up."""

    ENERGY = "energy"
    POWER = "power"
    REGISTER = "register"


class Negative(StrEnum):
    """What a value below zero is: energy fed back."""

    EXPORT = "export"


class Side(StrEnum):
    """Whether values of a meter behind transformers have its ratio in them (primary) or not."""

    PRIMARY = "primary"
    SECONDARY = "secondary"


@dataclass(frozen=True, slots=True)
class Said:
    """None is: find out, and refuse where the file does not tell. `zone` is the station's unless said."""

    zone: ZoneInfo
    zone_said: bool = False
    meter: str | None = None
    labels: Meaning | None = None
    values: Values | None = None
    unit: Unit | None = None
    dates: Order | None = None
    decimal: Mark | None = None
    repeated_hour: Repeated | None = None
    negative: Negative | None = None
    side: Side | None = None
    encoding: str | None = None
    separator: str | None = None
    skip_unknown: bool = False

    def key(self) -> str:
        """What of it changes the meaning of a file: part of the file's digest."""
        parts = (
            self.zone.key, self.meter, self.labels, self.values, self.unit, self.dates, self.decimal,
            self.repeated_hour, self.negative, self.side, self.encoding, self.separator, self.skip_unknown,
        )  # fmt: skip
        return "|".join(str(part or "") for part in parts)


def zone_of(name: str) -> ZoneInfo:
    """A zone such as Europe/Berlin, or a fixed UTC+01:00 of whole hours; Invalid when there is none."""
    sign, hours = name[3:4], name[4:].removesuffix(":00").lstrip("0") or "0"
    if name.upper().startswith("UTC") and sign in {"+", "-"} and hours.isdigit():
        name = f"Etc/GMT{'-' if sign == '+' else '+'}{hours}" if hours != "0" else "UTC"
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid(f"no time zone is called {name!r}: say it as Asia/Shanghai or UTC+08:00") from None
