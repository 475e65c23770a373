"""A made-up village as scenario TOML: areas, their meters and how they are wired, all from a seed."""

from collections.abc import Iterator

from firmware_sim.draws import draw
from firmware_sim.draws import key as key_of
from firmware_sim.kinds import KINDS

_MIX = (("household", 0.64), ("shop", 0.16), ("farm", 0.12), ("factory", 0.08))
_MODBUS_MODELS = ("eastron-sdm630", "chint-dtsu666")
_MOST_AREAS, _MOST_METERS = 500, 200


def village(areas: int, meters: int, seed: int, broker: str | None = None) -> str:
    """Scenario TOML of `areas` areas with `meters` meters each, the area meter among them.

    Most areas are on DL/T 645 over TCP; with three areas or more the last speaks Modbus TCP and the one
    before it is on a serial line. ValueError outside 1..500 areas and 2..200 meters.
    """
    if not 1 <= areas <= _MOST_AREAS or not 2 <= meters <= _MOST_METERS:
        raise ValueError(f"a village has 1..{_MOST_AREAS} areas of 2..{_MOST_METERS} meters")
    return "\n".join(_lines(areas, meters, seed, broker)) + "\n"


def _lines(areas: int, meters: int, seed: int, broker: str | None) -> Iterator[str]:
    yield "# A made-up village: no such place, no such customers."
    yield f"seed = {seed}"
    yield from (
        "",
        "[station]",
        'name = "示例供电所"',
        'timezone = "Asia/Shanghai"',
        "installed = 2024-01-01",
    )
    for number in range(1, areas + 1):
        yield from _area(number, _wiring(number, areas), meters, seed, broker)


def _wiring(number: int, areas: int) -> str:
    if areas < 3:
        return "dlt645-tcp"
    return {areas: "modbus-tcp", areas - 1: "dlt645-serial"}.get(number, "dlt645-tcp")


def _area(number: int, wiring: str, meters: int, seed: int, broker: str | None) -> Iterator[str]:
    area = f"A{number:02d}"
    gateway = f"gw-{area.lower()}"
    feeder = f"F{(number - 1) // 3 + 1}"
    yield from ("", "[[area]]", f'id = "{area}"', f'name = "示例台区 {area}"', f'feeder = "{feeder}"')
    yield from ("", "[[line]]", f'name = "line-{area.lower()}"', f'kind = "{wiring}"')
    if wiring == "dlt645-serial":
        yield f'link = "tty-{area.lower()}"'
    yield from (
        "",
        "[[gateway]]",
        f'id = "{gateway}"',
        f'area = "{area}"',
        f'supply_file = "{gateway}.supply"',
    )
    if broker:
        yield f'broker = "{broker}"'
    for place in range(meters):
        yield from _meter(number, area, place, wiring, seed)


def _meter(number: int, area: str, place: int, wiring: str, seed: int) -> Iterator[str]:
    meter = f"{area}-{place:02d}"
    yield from ("", "[[meter]]", f'id = "{meter}"')
    yield f"unit = {place + 1}" if wiring == "modbus-tcp" else f'address = "2026{number:04d}{place:04d}"'
    kind = _kind(seed, meter, place)
    three_phase = place == 0 or draw(key_of(seed, meter, "phases"), 0) < KINDS[kind].three_phase
    model = _model(wiring, number, place, three_phase)
    yield from (f'model = "{model}"', f'area = "{area}"', f'line = "line-{area.lower()}"')
    if place == 0:
        yield from ('role = "area"', "aux_supply = true")
        return
    if model.endswith("-1p"):
        yield f'phase = "{"ABC"[place % 3]}"'
    yield from (f'load = "{kind}"', f'customer = "示例户 {meter}"')


def _kind(seed: int, meter: str, place: int) -> str:
    if 1 <= place <= len(_MIX):
        return _MIX[place - 1][0]  # every area shows every kind, when it has room
    chance = draw(key_of(seed, meter, "kind"), 0)
    for kind, share in _MIX:
        chance -= share
        if chance < 0:
            return kind
    return "household"


def _model(wiring: str, number: int, place: int, three_phase: bool) -> str:
    if wiring == "modbus-tcp":
        return _MODBUS_MODELS[place % 2]
    if three_phase:
        return "dlt645-2007-3p"
    return "dlt645-1997-1p" if (number, place) == (2, 5) else "dlt645-2007-1p"
