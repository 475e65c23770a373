"""Whose each series of a file is: by meter, by address, or by an account that one meter serves."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import Connection, select

from cloud.customers.store import service_table
from cloud.exchange.said import Side
from cloud.fleet import topology
from cloud.fleet.registry import meter_table
from cloud.fleet.topology import Installation
from cloud.kit.errors import Invalid
from cloud.metering import primary
from cloud.metering.vee.days import Channel

LATEST = datetime(2300, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Names:
    """What meters of the registry are called in files → their id."""

    known: Mapping[str, str]

    def __contains__(self, name: str) -> bool:
        return self.meter(name) is not None

    def meter(self, name: str) -> str | None:
        return self.known.get(name) or (self.known.get(name.lstrip("0")) if name.isdigit() else None)


def names(connection: Connection) -> Names:
    """An address or account that would be two meters' is nobody's."""
    rows = connection.execute(select(meter_table.c.id, meter_table.c.address)).all()
    by_address = [(row.address.lstrip("0"), row.id) for row in rows]
    served = select(service_table.c.account, service_table.c.meter).distinct()
    by_account = [(row.account, row.meter) for row in connection.execute(served)]
    return Names(_single(by_account) | _single(by_address) | {row.id: row.id for row in rows})


def _single(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    found = list(pairs)
    times = Counter(name for name, _ in found)
    return {name: meter for name, meter in found if name and times[name] == 1}


def divisor(installed: Sequence[Installation], meter: str, channel: Channel, side: Side | None) -> float:
    """What a file's value is divided by to be what this meter's register shows: no ratio is applied twice."""
    factors = {
        primary.ratio_of(each.model, float(each.ct_ratio), float(each.pt_ratio)).factor(channel.value)
        for each in installed
    }
    if factors <= {Decimal(1)} or side is Side.SECONDARY:
        return 1.0
    if side is None:
        raise Invalid(
            f"{meter} is behind transformers: say --side primary if the values have the ratio in them, "
            "else secondary"
        )
    if len(factors) > 1:
        raise Invalid(f"{meter}: its ratio changed within the file: split the file there")
    return float(factors.pop())


def installed(connection: Connection, start: datetime, end: datetime) -> dict[str, list[Installation]]:
    """Of each meter where it was within the time; a meter that came later, as it is known at all."""
    found: dict[str, list[Installation]] = defaultdict(list)
    for each in topology.installations(connection, start, end):
        found[each.meter].append(each)
    for each in topology.installations(connection, topology.BEGINNING, LATEST):
        if each.meter not in found:
            found[each.meter] = [each]
    return found
