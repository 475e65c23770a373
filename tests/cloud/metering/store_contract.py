"""What every ReadingStore is held to; an engine's own test file subclasses it and says how one is opened."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.kit.errors import Conflict
from cloud.kit.scope import WHOLE_STATION, Scope, Window
from cloud.metering.store import BatchOfReadings, ReadingStore, instant, ms
from protocols.readings import Quality, Reading, Source, Value

Open = Callable[[str], ReadingStore]
"""Opens the store that lives in a folder; opening it again gives the same readings."""

T0 = datetime(2026, 11, 1, tzinfo=UTC)
T0_MS = int(T0.timestamp() * 1000)
MINUTE_MS = 60_000


def reading(minute: int = 0, meter: str = "m1", source: Source = Source.POLLED, **values: Value) -> Reading:
    return Reading(meter, T0_MS + minute * MINUTE_MS, source, values or {"energy_import_wh": 1000 + minute})


def batch(*readings: Reading, seq: int = 1, gateway: str = "gw-1", epoch: str = "e1") -> BatchOfReadings:
    return BatchOfReadings(gateway, epoch, seq, readings)


def minute(number: int) -> datetime:
    return T0 + timedelta(minutes=number)


def scope(*windows: tuple[str, int, int | None]) -> Scope:
    return Scope(
        tuple(
            Window(meter, minute(start), None if end is None else minute(end))
            for meter, start, end in windows
        )
    )


def dump(store: ReadingStore) -> bytes:
    """Everything a store holds, as bytes that are equal when and only when the stores are."""
    parts = (list(store.rows(WHOLE_STATION)), store.conflicts(WHOLE_STATION), store.latest(WHOLE_STATION))
    return repr(parts).encode()


def at_minutes(
    store: ReadingStore, within: Scope, meter: str = "m1", quantity: str = "energy_import_wh"
) -> list[int]:
    found = store.series(within, meter, quantity, minute(-999), minute(999))
    return [(at - T0_MS) // MINUTE_MS for at in found.at_ms]


# few meters, instants, values and batches: so that keys meet often, whole and in part
_values = st.dictionaries(
    st.sampled_from(["energy_import_wh", "power_w", "voltage_l1_v"]), st.none(), min_size=1
).flatmap(
    lambda names: st.fixed_dictionaries(
        {
            name: st.integers(0, 2) if name == "energy_import_wh" else st.sampled_from([0, -0.0, 1.5, 2])
            for name in names
        }
    )
)
_readings = st.builds(
    lambda meter, at, source, quality, values: Reading(meter, T0_MS + at, source, values, quality),
    st.sampled_from(["m1", "m2"]),
    st.sampled_from([0, 1, 30 * MINUTE_MS, 60 * MINUTE_MS, 121 * MINUTE_MS]),
    st.sampled_from([Source.POLLED, Source.PROFILE]),
    st.sampled_from(list(Quality)),
    _values,
)
_batches = st.builds(
    BatchOfReadings,
    st.sampled_from(["gw-1", "gw-2"]),
    st.sampled_from(["e1", "e2"]),
    st.integers(1, 3),
    st.lists(_readings, min_size=1, max_size=3),
)


class ReadingStoreContract:
    opened: Open

    @pytest.fixture
    def store(self, tmp_path: object) -> Iterator[ReadingStore]:
        store = type(self).opened(str(tmp_path))
        yield store
        store.close()

    def test_counters_stay_whole_and_gauges_become_floats(self, store: ReadingStore) -> None:
        store.write(batch(reading(energy_import_wh=2**53 - 1, power_w=230, voltage_l1_v=-0.0)))
        found = {each.quantity: repr(each.value) for each in store.latest(WHOLE_STATION)}
        assert found == {"energy_import_wh": "9007199254740991", "power_w": "230.0", "voltage_l1_v": "0.0"}
        assert store.series(WHOLE_STATION, "m1", "energy_import_wh", T0, minute(1)).values.typecode == "q"
        assert store.series(WHOLE_STATION, "m1", "power_w", T0, minute(1)).values.typecode == "d"

    def test_a_value_that_is_none_is_refused_before_anything_is_written(self, store: ReadingStore) -> None:
        with pytest.raises(ValueError):
            store.write(batch(reading(0), reading(1, power_w=float("nan"))))
        assert list(store.rows(WHOLE_STATION)) == []

    def test_what_was_written_is_there_after_it_is_opened_again(self, tmp_path: object) -> None:
        store = type(self).opened(str(tmp_path))
        store.write(batch(reading(0), reading(1)))
        before = dump(store)
        store.close()
        again = type(self).opened(str(tmp_path))
        assert dump(again) == before
        again.close()

    def test_a_batch_written_twice_is_there_once(self, store: ReadingStore) -> None:
        store.write(batch(reading(0), reading(1)))
        before = dump(store)
        store.write(batch(reading(0), reading(1)))
        assert dump(store) == before
        assert at_minutes(store, WHOLE_STATION) == [0, 1]

    def test_the_lower_gateway_epoch_and_seq_wins_and_the_other_is_kept_as_a_conflict(
        self, store: ReadingStore
    ) -> None:
        store.write(batch(reading(energy_import_wh=7), seq=2))
        store.write(batch(reading(energy_import_wh=5), seq=1))
        store.write(batch(reading(energy_import_wh=9), seq=3))
        assert [each.value for each in store.rows(WHOLE_STATION)] == [5]
        assert [(each.value, each.seq) for each in store.conflicts(WHOLE_STATION)] == [(7, 2), (9, 3)]

    def test_a_late_reading_of_the_past_does_not_become_the_latest(self, store: ReadingStore) -> None:
        store.write(batch(reading(10), seq=2))
        store.write(batch(reading(3), seq=1))
        assert [each.value for each in store.latest(WHOLE_STATION)] == [1010]
        assert store.newest_at(WHOLE_STATION, "m1") == minute(10)
        assert store.newest_at(WHOLE_STATION, "unknown") is None

    def test_a_quantity_that_was_read_once_stays_the_latest_of_its_kind(self, store: ReadingStore) -> None:
        store.write(batch(reading(0, power_w=5, energy_import_wh=1), reading(1, energy_import_wh=2)))
        assert {each.quantity: each.at_ms - T0_MS for each in store.latest(WHOLE_STATION)} == {
            "energy_import_wh": MINUTE_MS,
            "power_w": 0,
        }

    def test_a_series_is_half_open_and_in_order_of_time(self, store: ReadingStore) -> None:
        store.write(batch(reading(2), reading(0), reading(3), reading(1)))
        found = store.series(WHOLE_STATION, "m1", "energy_import_wh", minute(1), minute(3))
        assert list(found.values) == [1001, 1002]
        assert len(store.series(WHOLE_STATION, "m1", "power_w", minute(0), minute(9))) == 0
        assert len(store.series(WHOLE_STATION, "unknown", "power_w", minute(0), minute(9))) == 0

    def test_of_one_instant_polled_is_preferred_and_a_named_source_is_told_apart(
        self, store: ReadingStore
    ) -> None:
        store.write(
            batch(
                reading(0, source=Source.PROFILE, energy_import_wh=7),
                reading(0, source=Source.POLLED, energy_import_wh=8),
                reading(1, source=Source.PROFILE, energy_import_wh=9),
            )
        )
        ask = (WHOLE_STATION, "m1", "energy_import_wh", minute(0), minute(2))
        assert list(store.series(*ask).values) == [8, 9]
        assert list(store.series(*ask, source=Source.PROFILE).values) == [7, 9]

    def test_the_new_tenant_does_not_see_the_old_ones_curve(self, store: ReadingStore) -> None:
        store.write(batch(*(reading(each) for each in range(6))))
        assert at_minutes(store, scope(("m1", 3, None))) == [3, 4, 5]
        assert at_minutes(store, scope(("m1", 0, 3))) == [0, 1, 2]
        assert at_minutes(store, scope(("m1", 0, 2), ("m1", 4, None))) == [0, 1, 4, 5]
        assert at_minutes(store, scope(("m2", 0, None))) == []
        assert at_minutes(store, Scope(())) == []

    def test_the_latest_of_a_former_tenant_is_from_their_own_time(self, store: ReadingStore) -> None:
        store.write(batch(*(reading(each) for each in range(6))))
        store.write(batch(*(reading(each, source=Source.FREEZE) for each in range(3)), seq=2))
        found = store.latest(scope(("m1", 0, 3)))
        assert [(each.value, each.source) for each in found] == [(1002, Source.POLLED)]
        assert [each.value for each in store.latest(scope(("m1", 2, None)))] == [1005]
        assert store.latest(scope(("m1", 6, None))) == []
        assert store.newest_at(scope(("m1", 0, 3)), "m1") == minute(2)

    def test_no_way_of_asking_leaves_the_scope(self, store: ReadingStore) -> None:
        store.write(batch(*(reading(0, meter) for meter in ("m1", "m2", "m3"))))
        store.write(batch(*(reading(0, meter, energy_import_wh=1) for meter in ("m1", "m2", "m3")), seq=2))
        mine = scope(("m2", 0, 1))
        assert {each.meter for each in store.latest(mine)} == {"m2"}
        assert {each.meter for each in store.latest(mine, ["m1", "m2"])} == {"m2"}
        assert store.latest(mine, ["m1"]) == []
        assert store.newest_at(mine, "m1") is None
        assert {each.meter for each in store.rows(mine)} == {"m2"}
        assert {each.meter for each in store.conflicts(mine)} == {"m2"}
        assert {each.meter for each in store.latest(WHOLE_STATION, ["m3"])} == {"m3"}

    def test_rows_in_scope_are_those_of_all_rows_that_its_windows_hold(self, store: ReadingStore) -> None:
        store.write(batch(*(reading(at, meter) for meter in ("m2", "m1", "m3") for at in range(9))))
        mine = scope(("m2", 6, None), ("m1", 1, 3), ("m1", 2, 5), ("m1", 7, 8), ("m9", 0, None))
        held = [each for each in store.rows(WHOLE_STATION) if mine.holds(each.meter, instant(each.at_ms))]
        assert list(store.rows(mine)) == held
        assert len(held) == 8

    def test_readers_see_whole_batches_while_one_is_written(self, store: ReadingStore) -> None:
        def write() -> None:
            for seq in range(1, 40):
                store.write(batch(*(reading(seq, meter) for meter in ("m1", "m2")), seq=seq))

        def read() -> list[int]:
            return [len(list(store.rows(WHOLE_STATION))) % 2 for _ in range(20)]

        with ThreadPoolExecutor() as pool:
            written, *read_results = [pool.submit(write), *(pool.submit(read) for _ in range(3))]
            assert written.result() is None
            assert all(not any(each.result()) for each in read_results)

    def test_what_is_kept_elsewhere_is_let_go_with_its_conflicts_and_nothing_else(
        self, store: ReadingStore
    ) -> None:
        for seq in (1, 2):
            store.write(batch(*(reading(n, m, power_w=seq) for n in range(4) for m in ("m1", "m2")), seq=seq))
        store.write(batch(reading(1, "m1", voltage_l1_v=230.0), seq=3))
        values = 2 + 2 + 1  # of m1: power at two instants, what lost to it, and the voltage
        before = dump(store)
        with pytest.raises(Conflict, match=f"{values} values where {values + 1} were counted"):
            store.let_go(["m1"], minute(1), minute(3), values + 1)
        assert dump(store) == before
        assert store.let_go(["m1"], minute(1), minute(3), values) == values
        assert at_minutes(store, WHOLE_STATION, quantity="power_w") == [0, 3]
        assert at_minutes(store, WHOLE_STATION, "m2", quantity="power_w") == [0, 1, 2, 3]
        gone = {each.at_ms for each in store.conflicts(WHOLE_STATION) if each.meter == "m1"}
        assert gone == {ms(minute(0)), ms(minute(3))}
        assert store.let_go(["m1"], minute(1), minute(3), 0) == 0
        store.write(batch(reading(1, power_w=7), seq=4))
        assert at_minutes(store, WHOLE_STATION, quantity="power_w") == [0, 1, 3]

    @settings(max_examples=150, deadline=None)
    @given(data=st.data(), batches=st.lists(_batches, min_size=1, max_size=6))
    def test_any_order_and_duplication_of_batches_gives_the_same_store(
        self, data: st.DataObject, batches: Sequence[BatchOfReadings]
    ) -> None:
        again = data.draw(st.permutations([*batches, *data.draw(st.lists(st.sampled_from(batches)))]))
        assert _dump_of(type(self).opened, batches) == _dump_of(type(self).opened, again)


def _dump_of(opened: Open, batches: Sequence[BatchOfReadings]) -> bytes:
    with TemporaryDirectory() as folder:
        store = opened(folder)
        for each in batches:
            store.write(each)
        found = dump(store)
        store.close()
        return found
