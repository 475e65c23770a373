"""Every named fault of a wire, on every kind of line: our driver, poller and second line against a meter.

Virtual time: what is accepted is held against what the meter showed in the very exchange.
"""

import logging
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from types import SimpleNamespace

import pytest

from edge.settings import LineSettings
from firmware_sim.wire_faults import WIRE_FAULTS
from firmware_sim.wire_forms import Form
from protocols.dlt645.conversations import read_request
from protocols.dlt645.frame import encode
from protocols.modbus import rtu
from protocols.readings import Quality, Value
from tests.system.virtual_line import BUS, START_MS, Ends, Played, Seen

INTERVAL_S = 300
FAULT_S, ALL_S, OVER_S, END_S = 310.0, 950.0, 1250.0, 1860.0
"""From when on the fault strikes some exchanges, all of them, none; and the end."""
SHARE = 0.5
LONGEST_READ_MS = 30_000
LEAVE_AN_ANSWER = frozenset(
    {
        "slow-reply", "doubled-reply", "doubled-late", "split-reply", "split-bytes", "lead-in-lost",
        "echo-first", "echo-twice", "neighbour-first", "previous-first", "noise-before", "noise-after",
        "false-start", "lead-in-storm", "zeros-before", "late-reply", "reply-after-next-request",
        "previous-answer", "split-too-long", "long-data",
    }
)  # fmt: skip
"""What may let a value through, or does in some exchanges; with every other fault there is none to take."""
KINDS: dict[str, tuple[Form, str]] = {
    "dlt645-tcp": ("dlt645", "tcp"),
    "dlt645-serial": ("dlt645", "serial"),
    "rtu-tcp": ("rtu", "tcp"),
    "rtu-serial": ("rtu", "serial"),
    "modbus-tcp": ("tcp", "modbus-tcp"),
}
METERS: dict[Form, list[dict[str, object]]] = {
    "dlt645": [
        {"id": "shop", "model": "dlt645-2007-3p", "address": "202600010001"},
        {"id": "house", "model": "dlt645-1997-1p", "address": "000000060507"},
    ],
    "rtu": [
        {"id": "shop", "model": "eastron-sdm630", "unit": 3},
        {"id": "house", "model": "chint-dtsu666", "unit": 4},
    ],
}
METERS["tcp"] = METERS["rtu"]
CASES = [
    pytest.param(kind, name, id=f"{kind}-{name}")
    for name, fault in WIRE_FAULTS.items()
    for kind, (form, _) in KINDS.items()
    if form in fault.forms
]


def world(kind: str) -> Ends:
    form, line = KINDS[kind]
    head = f'seed = 7\n[[area]]\nid = "A01"\n[[line]]\nname = "{BUS}"\nkind = "{line}"\ndelay_ms = 20\n'
    common = f'area = "A01"\nline = "{BUS}"\n'
    meters = ("".join(f"{key} = {told!r}\n" for key, told in each.items()) for each in METERS[form])
    return Ends(head + "".join(f"[[meter]]\n{meter}{common}" for meter in meters))


def settings(kind: str) -> LineSettings:
    form, line = KINDS[kind]
    endpoint = "/dev/ttyS9" if line == "serial" else "127.0.0.1:1"
    meters = [{**each, "interval_s": INTERVAL_S} for each in METERS[form]]
    return LineSettings.model_validate(
        {"name": BUS, "kind": line, "endpoint": endpoint, "baud": 9600, "meter": meters}
    )


class Exchanges:
    """What every meter showed whenever somebody was asked."""

    def __init__(self, ends: Ends) -> None:
        self._ends = ends
        self._at_ms = [entry.at_ms for entry in ends.transcript if entry.what == "request"]
        self._truth: dict[tuple[str, int], Mapping[str, Value]] = {}

    def hold(self, meter: str, from_ms: int, to_ms: int, values: Mapping[str, Value]) -> None:
        """Each of these values was shown at an exchange of that time."""
        there = self._at_ms[bisect_left(self._at_ms, from_ms) : bisect_right(self._at_ms, to_ms)]
        shown = [self._shown(meter, at_ms) for at_ms in there]
        for name, value in values.items():
            assert any(each.get(name) == value for each in shown), (meter, name, value, from_ms, to_ms)

    def _shown(self, meter: str, at_ms: int) -> Mapping[str, Value]:
        if (meter, at_ms) not in self._truth:
            self._truth[meter, at_ms] = self._ends.truth(meter, at_ms)
        return self._truth[meter, at_ms]


@pytest.fixture
def ends(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ends]:
    made = world(request.param)
    monkeypatch.setattr("edge.poller.LOOK_AGAIN_S", 15.0)
    for module in ("talk", "dlt645", "modbus"):
        monkeypatch.setattr(f"edge.drivers.{module}.time", SimpleNamespace(monotonic=made.loop.time))
    yield made
    made.close()


def asked(form: Form) -> list[bytes]:
    """Two questions to the same meter."""
    if form == "dlt645":
        return [encode(read_request("202600010001", di)) for di in ("0201FF00", "0202FF00")]
    two = [rtu.read_request(3, 4, 0, 12), rtu.read_request(3, 4, 0x34, 4)]
    return two if form == "rtu" else [bytes((0, at, 0, 0, 0, 6)) + two[at][:-2] for at in (0, 1)]


def arrivals(kind: str, fault: str) -> list[tuple[int, bytes]]:
    """All that comes in answer to two questions, and when (ms)."""
    ends, heard = world(kind), list[tuple[int, bytes]]()
    take = ends.connect(lambda data: heard.append((ends.clock.now_ms(), bytes(data))))
    if fault:
        ends.book.give(fault, BUS, {})
    for question in asked(KINDS[kind][0]):
        ends.loop.create_task(take(question))
        ends.loop.wait(3.0)
    ends.close()
    return heard


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.endswith("serial")])
def test_every_fault_of_the_table_changes_what_arrives(kind: str) -> None:
    well = arrivals(kind, "")
    assert len(well) == 2
    form = KINDS[kind][0]
    names = [name for name, fault in WIRE_FAULTS.items() if form in fault.forms]
    assert [name for name in names if arrivals(kind, name) == well] == []
    assert len(names) >= 38


@pytest.mark.parametrize(("ends", "fault"), CASES, indirect=["ends"])
def test_no_fault_stops_the_line_or_brings_a_wrong_value(
    ends: Ends, fault: str, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    kind = request.node.callspec.params["ends"]
    on = settings(kind)
    driver = Seen(ends, on, anew=not kind.endswith("serial"))
    book = ends.book
    poller = Played(
        ends, on, driver,
        {
            FAULT_S: lambda: book.give(fault, BUS, {"share": SHARE}),
            ALL_S: lambda: book.give(fault, BUS, {}),
            OVER_S: lambda: book.clear(fault, BUS),
        },
    )  # fmt: skip
    poller.play(END_S)
    assert not [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert driver.longest_ms <= LONGEST_READ_MS
    assert len([entry for entry in ends.transcript if entry.what == "request" and fault in entry.fate]) > 5
    exchanges = Exchanges(ends)
    for meter, began_ms, ended_ms, values in driver.reads:
        exchanges.hold(meter, began_ms, ended_ms, values)
    if fault not in LEAVE_AN_ANSWER:
        taken = [(began_ms - START_MS) / 1000 for _, began_ms, *_ in driver.reads]
        assert not [at_s for at_s in taken if ALL_S <= at_s < OVER_S]
    for began_ms, reading in poller.readings:
        exchanges.hold(reading.meter, began_ms, reading.at_ms, reading.values)
        assert reading.quality is Quality.GOOD
    for each in on.meters:
        of_it = [reading for _, reading in poller.readings if reading.meter == each.id]
        assert len({frozenset(reading.values.items()) for reading in of_it}) > 1
        at_s = [(reading.at_ms - START_MS) / 1000 for reading in of_it]
        assert min(at_s) < FAULT_S
        assert len([when_s for when_s in at_s if when_s > OVER_S]) >= 2
