"""Scanning a line: it listens before it speaks, reads only, and tells found from missing and strange."""

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest

from edge.links import SerialLink, TcpLink
from edge.settings import load
from edge.tools.hearing import Master, understand
from edge.tools.scanning import Expected, Scanning, Speed, Wish
from protocols.dlt645.conversations import read_request
from protocols.dlt645.frame import Frame, encode
from protocols.modbus import rtu
from tests.edge.tools.buses import MeterBus, call, called, gateway_file, meter_table, only_at, tcp
from tests.edge.wire import Ask, Chunks, PtyWire, TcpWire, dlt645_ear, rtu_ear

if TYPE_CHECKING:
    from firmware_sim.pytest_plugin import MeterFleet

A, B, C = "202107072529", "202107073029", "000000000017"
READS = {0x11, 0x13, 0x01}


def rows(found: dict[str, object]) -> dict[str, str]:
    meters = found["meters"]
    assert isinstance(meters, list)
    return {each["address"]: each["status"] for each in meters}


def test_expected_meters_are_found_or_missing_and_strangers_are_told(tmp_path: Path) -> None:
    bus = MeterBus([A, B, C])
    with TcpWire(bus, dlt645_ear) as wire:
        file = gateway_file(
            tmp_path, tcp(wire.endpoint, 0.008), [meter_table("m1", A), meter_table("m2", "000000000099")]
        )
        found = called("scan", "--config", file, "--listen", "0", "--json")
    assert rows(found) == {A: "found", "000000000099": "missing", B: "stranger", C: "stranger"}
    assert {each.function for each in bus.asked} <= READS
    assert found["refused"] is None
    assert found["asked"] > 200  # the pair that ends in 29 was split once more


def test_one_meter_alone_is_found_by_few_questions() -> None:
    bus = MeterBus([C])
    with TcpWire(bus, dlt645_ear) as wire:
        found = called("scan", "--endpoint", wire.endpoint, "--listen", "0", "--wait", "0.03", "--json")
    assert rows(found) == {C: "stranger"}
    assert found["asked"] < 10


def test_a_simulated_line_is_searched_to_its_last_meter(meter_fleet: "MeterFleet") -> None:
    addresses = ["202107072511", "202107072512"]
    meters = "\n".join(
        f'[[meter]]\nid = "M-{n}"\naddress = "{each}"\nmodel = "dlt645-2007-1p"\narea = "A01"\nline = "l"\n'
        for n, each in enumerate(addresses)
    )
    fleet = meter_fleet(
        f'[[area]]\nid = "A01"\n[[line]]\nname = "l"\nkind = "dlt645-tcp"\ndelay_ms = 1\n{meters}'
    )
    words = ("--baud", 115200, "--listen", 0, "--wait", 0.01, "--json")
    found = called("scan", "--endpoint", fleet.endpoint("l"), *words)
    assert rows(found) == dict.fromkeys(addresses, "stranger")


def test_two_meters_with_one_address_are_told() -> None:
    with TcpWire(MeterBus([C], twins=[C]), dlt645_ear) as wire:
        wish = Wish((Speed(115200, "none"),), (Expected("m1", C),), 0.02, tree=False)
        found = Scanning(wish, lambda _: load_link(wire.endpoint)).run()
    assert [(row.status, row.address, row.id) for row in found] == [("two meters", C, "m1")]
    assert found[0].proof.startswith("> FE FE FE FE 68")


def test_two_that_answer_one_behind_the_other_are_two_meters() -> None:
    first, second = MeterBus([C]), MeterBus([], twins=[C])
    with TcpWire(lambda request: [*first(request), *second(request)], dlt645_ear) as wire:
        wish = Wish((Speed(115200, "none"),), (Expected("m1", C),), 0.05, tree=False)
        found = Scanning(wish, lambda _: load_link(wire.endpoint)).run()
    assert [row.status for row in found] == ["two meters"]


def test_twins_are_found_by_the_head_of_their_garbled_answers() -> None:
    with TcpWire(MeterBus([A, C], twins=[C]), dlt645_ear) as wire:
        wish = Wish((Speed(115200, "none"),), (), 0.01)
        scanning = Scanning(wish, lambda _: load_link(wire.endpoint))
        found = {row.address: row.status for row in scanning.run()}
    assert found == {A: "stranger", C: "two meters"}
    assert scanning.asked < 120


def test_meters_that_always_answer_late_are_found_all_the_same() -> None:
    bus, held = MeterBus([B, C]), []  # type: tuple[MeterBus, list[bytes]]

    def react(request: Frame) -> Chunks:
        """The answer to the question before."""
        now, held[:] = list(held), list(bus(request))
        return now

    with TcpWire(react, dlt645_ear) as wire:
        wish = Wish((Speed(115200, "none"),), (), 0.008)
        found = Scanning(wish, lambda _: load_link(wire.endpoint)).run()
    assert {row.address for row in found if row.status == "stranger"} == {B, C}


def load_link(endpoint: str) -> TcpLink:
    host, _, port = endpoint.rpartition(":")
    return TcpLink(host, int(port))


def test_a_meter_at_another_speed_is_told_with_it(tmp_path: Path) -> None:
    bus = MeterBus([C])
    with PtyWire(lambda request: react(request), dlt645_ear) as wire:
        react = only_at(9600, wire, bus)
        line = f'kind = "serial"\nendpoint = "{wire.endpoint}"\ntimeout_s = 0.1\nbaud = 2400'
        file = gateway_file(tmp_path, line, [meter_table("m1", C)])
        found = called("scan", "--config", file, "--listen", "0", "--speeds", "9600N", "--no-tree", "--json")
    (row,) = found["meters"]
    assert (row["status"], row["speed"], row["id"]) == ("wrong speed", "9600 8N1", "m1")


class ForeignMaster:
    """Asks for `addresses` on the wire, over and over."""

    def __init__(self, wire: TcpWire[Frame], addresses: list[str], pause_s: float) -> None:
        self._wire, self._addresses, self._pause_s = wire, addresses, pause_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(5)

    def _run(self) -> None:
        while not self._stop.is_set():
            for address in self._addresses:
                if self._wire._held is not None and self._wire.connections:
                    try:
                        self._wire.push(encode(read_request(address, "00010000")))
                    except OSError:
                        return
                self._stop.wait(self._pause_s)


def test_beside_another_master_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.tools.hearing.RETRY_S", 0.01)
    with TcpWire(MeterBus([C]), dlt645_ear) as wire, ForeignMaster(wire, [A, B], 0.05):
        result = call("scan", "--endpoint", wire.endpoint, "--listen", "0.8", "--json")
        assert result.exit_code == 1
        assert "another master asks here (DL/T 645" in result.stderr
        assert "--beside-master" in result.stderr
        assert wire.requests == []


def test_beside_another_master_it_can_be_told_to_ask() -> None:
    bus = MeterBus([C])
    with TcpWire(bus, dlt645_ear) as wire, ForeignMaster(wire, [A], 0.1):
        words = ("--listen", "0.3", "--wait", "0.05", "--no-tree", "--beside-master", "--json")
        found = called("scan", "--endpoint", wire.endpoint, *words)
    assert found["masters"][0]["addresses"] == [A]
    assert bus.asked


def chunks(*timed: tuple[float, bytes]) -> list[tuple[float, bytes]]:
    return list(timed)


def test_the_cycle_of_a_master_is_told_with_its_regularity() -> None:
    asks = [
        (n * 15.0 + at, encode(read_request(address, "00010000")))
        for n in range(4)
        for at, address in ((0, A), (1, B))
    ]
    (master,) = understand(chunks(*asks), 60).masters
    assert master == Master("DL/T 645", 8, (A, B), 15.0, 1.0, encode(read_request(A, "00010000"))[4:])
    assert "one round every 15.0 s (100% regular)" in master.told()


def test_masters_of_other_protocols_are_known_by_their_frames() -> None:
    ask = bytes.fromhex("6817004345AAAAAAAAAAAA005B4F0501004001020000ED0316")
    heard = understand(chunks((0.0, rtu.read_request(7, 3, 0, 2)), (1.0, ask)), 5)
    assert [(each.protocol, each.addresses) for each in heard.masters] == [
        ("Modbus RTU", ("7",)), ("DL/T 698.45", ("AAAAAAAAAAAA",)),
    ]  # fmt: skip
    assert heard.noise_bytes == 0


def test_a_refusal_of_the_security_module_is_told_by_name() -> None:
    raw = encode(Frame(C, 0xC3, b"\x04\x00"))
    (each,) = understand(chunks((0.0, raw)), 5).heard
    assert each.refusal == "C3H: security module (ESAM) refuses: esam_check_failed"
    assert not understand(chunks((0.0, raw)), 5).masters


def test_noise_is_no_master() -> None:
    heard = understand(chunks((0.0, bytes(range(256)))), 5)
    assert (heard.masters, heard.noise_bytes) == ((), 255)  # one FEH counts as lead-in


def test_modbus_units_are_found_where_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.tools.scanning.UNITS", range(12, 20))

    def react(ask: Ask) -> Chunks:
        return [ask.answer([1])] if ask.unit == 17 else []

    with PtyWire(react, rtu_ear) as wire:
        wish = Wish((Speed(115200, "none"),), (), 0.002, tree=False, units=True, dlt645=False)
        found = Scanning(wish, lambda _: SerialLink(wire.endpoint, 115200, "none")).run()
    assert [(row.status, row.protocol, row.address) for row in found] == [("stranger", "Modbus RTU", "17")]


def test_what_was_found_can_be_pasted_into_the_settings(tmp_path: Path) -> None:
    written = tmp_path / "found.toml"
    with TcpWire(MeterBus([C]), dlt645_ear) as wire:
        words = ("--listen", "0", "--wait", "0.03", "--json", "--write", written)
        called("scan", "--endpoint", wire.endpoint, *words)
        tables = written.read_text().replace("[[line.meter]]\n", "")
        file = gateway_file(tmp_path, tcp(wire.endpoint), [tables])
    assert [each.address for each in load(file).meters] == [C]
    again = call("scan", "--endpoint", "127.0.0.1:9", "--write", written)
    assert (again.exit_code, "is there already" in again.stderr) == (1, True)


def test_the_expected_list_may_be_a_csv_file(tmp_path: Path) -> None:
    listed = tmp_path / "expected.csv"
    listed.write_bytes("id,address,model\n示例户 A01-03,17,dlt645-2007-1p\n".encode("gb18030"))
    with TcpWire(MeterBus([C]), dlt645_ear) as wire:
        words = ("--listen", "0", "--wait", "0.03", "--no-tree", "--expect", listed, "--json")
        found = called("scan", "--endpoint", wire.endpoint, *words)
    assert [(each["id"], each["status"]) for each in found["meters"]] == [("示例户 A01-03", "found")]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--endpoint", "nowhere"), "is no line"),
        (("--endpoint", "127.0.0.1:9", "--speeds", "9600N"), "one speed"),
        (("--endpoint", "/dev/ttyS1", "--speeds", "fast"), "is no speed"),
        ((), "give either --config or --endpoint"),
    ],
)
def test_wrong_words_are_refused_with_what_to_write(words: tuple[str, ...], told: str) -> None:
    result = call("scan", *words, "--listen", "0") if words else call("scan", "--listen", "0")
    assert result.exit_code == 2
    assert told in " ".join(result.stderr.replace("│", " ").split())


def test_the_time_is_told_beforehand() -> None:
    wish = Wish((Speed(2400, "even"),), tuple(Expected(str(n), C) for n in range(10)), 0.5)
    least_s, usual_s, round_s = wish.seconds()
    assert least_s == pytest.approx(15 * (0.5 + 40 * 11 / 2400))
    assert usual_s == pytest.approx(least_s + round_s)
    assert round_s == pytest.approx(100 * (0.5 + 40 * 11 / 2400))


def test_help_of_all_verbs_is_there_at_once() -> None:
    began_s = time.monotonic()
    result = call("--help")
    assert time.monotonic() - began_s < 0.5
    for verb in ("scan", "read", "why", "identify", "handover", "plan", "model"):
        assert verb in result.stdout
