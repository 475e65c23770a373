"""The judge of the demo and of the proof: it must see a loss and a double count when there is one."""

from pathlib import Path

from cloud.demo.tally import Accepted, Tally, accepted, tally
from cloud.metering.store import Kept
from protocols.readings import Quality, Source


def taken(seq: int, meter: str, at_ms: int) -> Accepted:
    return Accepted("gw-1", "e", seq, meter, at_ms)


def kept(meter: str, at_ms: int, source: Source = Source.POLLED) -> Kept:
    return Kept(meter, at_ms, source, "power_w", 1.0, Quality.GOOD, "gw-1", "e", 1)


def nothing_accounted(gateway: str, epoch: str, seq: int) -> bool:
    return False


def test_what_is_accepted_and_stored_is_neither_lost_nor_doubled() -> None:
    log = [taken(1, "m1", 10), taken(1, "m2", 10)]
    assert tally(log, [kept("m1", 10), kept("m2", 10)], nothing_accounted) == Tally(2, 2, 0, 0)


def test_a_reading_missing_from_the_store_is_lost() -> None:
    assert tally([taken(1, "m1", 10)], [kept("m1", 20)], nothing_accounted) == Tally(1, 0, 1, 0)


def test_a_reading_of_another_source_does_not_stand_for_a_polled_one() -> None:
    assert tally([taken(1, "m1", 10)], [kept("m1", 10, Source.IMPORT)], nothing_accounted).lost == 1


def test_a_dead_lettered_or_dropped_batch_is_accounted_for_and_not_lost() -> None:
    counted = tally([taken(1, "m1", 10)], [], lambda *batch: batch == ("gw-1", "e", 1))
    assert counted == Tally(1, 0, 0, 0)


def test_a_value_stored_twice_is_counted_twice() -> None:
    assert tally([taken(1, "m1", 10)], [kept("m1", 10), kept("m1", 10)], nothing_accounted).counted_twice == 1


def test_a_reading_accepted_in_two_batches_is_counted_twice() -> None:
    log = [taken(1, "m1", 10), taken(2, "m1", 10)]
    assert tally(log, [kept("m1", 10)], nothing_accounted).counted_twice == 1


def test_a_line_cut_off_by_a_kill_is_no_accepted_reading(tmp_path: Path) -> None:
    log = tmp_path / "accepted.jsonl"
    log.write_bytes(b'{"epoch": "e", "seq": 1, "meter": "m1", "at_ms": 10}\n{"epoch": "e", "se')
    assert list(accepted("gw-1", log)) == [taken(1, "m1", 10)]


def test_no_log_is_no_reading(tmp_path: Path) -> None:
    assert list(accepted("gw-1", tmp_path / "none")) == []


def register(meter: str, at_ms: int, wh: int) -> Kept:
    return Kept(meter, at_ms, Source.POLLED, "energy_import_wh", wh, Quality.GOOD, "gw-1", "e", 1)


def test_a_meter_whose_stored_registers_are_another_energy_is_told() -> None:
    log = [taken(seq, meter, seq)._replace(wh=100 * seq) for meter in ("m1", "m2") for seq in (3, 1, 2)]
    rows = [register(meter, seq, 100 * seq) for meter in ("m1", "m2") for seq in (1, 2, 3)]
    assert tally(log, rows, nothing_accounted) == Tally(6, 6, 0, 0, ())
    rows[-1] = register("m2", 3, 301)
    assert tally(log, rows, nothing_accounted).uneven == ("m2",)


def test_energy_between_readings_that_are_lost_is_not_that_of_the_store() -> None:
    log = [taken(seq, "m1", seq)._replace(wh=seq) for seq in (1, 2, 3)]
    rows = [register("m1", seq, seq) for seq in (1, 2)]
    assert tally(log, rows, nothing_accounted).uneven == ("m1",)
    assert tally(log, rows, lambda *batch: batch[2] == 3).uneven == (), "it was declared dropped"
