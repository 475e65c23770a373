"""Whatever a store held comes back out of the archive: every row, every conflict, under its own identity."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from cloud.kit.errors import Conflict
from cloud.metering.archive import raw, rebuild
from cloud.metering.archive.layout import span_ms
from cloud.metering.sqlite.store import SqliteStore
from cloud.metering.store import BatchOfReadings, Kept, ReadingStore, StoreFault
from protocols.readings import Quality, Reading, Source
from tests.cloud.metering.archive.village import DAY, SHANGHAI, Village, everything

NEXT = DAY + timedelta(1)
START, END = span_ms(DAY, NEXT, SHANGHAI)

_readings = st.builds(
    lambda meter, at, source, quality, energy, power: Reading(
        meter,
        at,
        source,
        {"energy_import_wh": energy} | ({} if power is None else {"power_w": power}),
        quality,
    ),
    st.sampled_from(["M-1", "M-3", "somebody else's"]),
    st.sampled_from([START, START + 1, START + 900_000, END - 86_400_000, END - 1]),
    st.sampled_from(list(Source)),
    st.sampled_from(list(Quality)),
    st.sampled_from([0, 1, 2**53 - 1]),
    st.sampled_from([None, -0.0, 1.5, 0.1 + 0.2, 1e300]),
)
PHASES = (Phase.explicit, Phase.generate)
_batches = st.lists(
    st.builds(
        BatchOfReadings,
        st.sampled_from(["gw-1", "gw-2", "import"]),
        st.sampled_from(["e1", "e2"]),
        st.integers(1, 3),
        st.lists(_readings, min_size=1, max_size=4),
    ),
    max_size=8,
)


def rebuilt(village: Village, folder: Path, first: date = DAY, last: date = NEXT) -> SqliteStore:
    store = SqliteStore(folder / "again.db")
    refill(village, store, folder, first, last)
    return store


def refill(
    village: Village, store: ReadingStore, folder: Path, first: date = DAY, last: date = NEXT
) -> list[int]:
    told: list[int] = []
    with village.database.read() as connection:
        rebuild.rebuild(
            connection,
            village.archive.folder,
            store,
            folder / "again.done",
            first,
            last,
            village.zone,
            told.append,
        )
    return told


@settings(max_examples=3, deadline=None, phases=PHASES)
@given(batches=_batches, late=_batches)
def test_any_store_goes_into_the_archive_and_back(
    empty_sqlite: Path, batches: Sequence[BatchOfReadings], late: Sequence[BatchOfReadings]
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "records.db").write_bytes(empty_sqlite.read_bytes())
        with closing(Village(folder)) as village:
            for each in batches:
                village.store.write(each)
            village.archive_days(DAY, NEXT)
            village.compact()
            for each in late:
                village.store.write(each)
            village.archive_days(DAY, NEXT)
            with closing(rebuilt(village, folder)) as again:
                assert everything(again) == everything(village.store)


@settings(max_examples=12, deadline=None, phases=PHASES)
@given(batches=_batches, late=_batches)
def test_two_halves_of_what_came_are_settled_as_one_store_settles_them(
    batches: Sequence[BatchOfReadings], late: Sequence[BatchOfReadings]
) -> None:
    with TemporaryDirectory() as name, closing(SqliteStore(Path(name) / "whole.db")) as whole:
        halves = []
        for number, half in enumerate((batches, late)):
            with closing(SqliteStore(Path(name) / f"{number}.db")) as store:
                store.write_many(half)
                halves.append(raw.table_of(*everything(store)))
        whole.write_many([*batches, *late])
        assert raw.same(raw.merged(*halves), raw.table_of(*everything(whole)))


def test_a_month_comes_back_with_the_same_count_and_hash(village: Village, tmp_path: Path) -> None:
    for meter in ("M-1", "M-2", "M-3"):
        for day in (DAY, NEXT):
            village.poll(meter, day, every_s=300, seq=day.day)
            village.poll(meter, day, every_s=900, seq=1)
    village.exchange("M-1", "M-9", village.zone_instant(NEXT))
    village.archive_days(DAY, NEXT)
    village.compact()
    again = rebuilt(village, tmp_path)
    there, here = everything(village.store), everything(again)
    assert [len(each) for each in here] == [len(each) for each in there]
    assert hashlib.sha256(repr(here).encode()).digest() == hashlib.sha256(repr(there).encode()).digest()
    again.close()


def test_what_the_store_forgot_and_what_came_late_end_as_in_one_store(
    village: Village, tmp_path: Path
) -> None:
    village.poll("M-1", DAY, seq=2)
    whole = SqliteStore(tmp_path / "whole.db")
    for seq in (2, 1):
        start = village.zone_instant(DAY)
        whole.write(
            BatchOfReadings(
                "gw-1",
                "e1",
                seq,
                [village.reading("M-1", start + timedelta(seconds=900 * n), n + 2 - seq) for n in range(96)],
            )
        )
    village.archive_days(DAY)
    village.store.let_go(["M-1"], start, start + timedelta(1), 96 * 3)
    assert everything(village.store) == ([], [])
    late = [village.reading("M-1", start + timedelta(seconds=900 * n), n + 1) for n in range(96)]
    village.read(*late, seq=1)
    assert village.archive_days(DAY)
    again = rebuilt(village, tmp_path)
    assert everything(again) == everything(whole)
    again.close()
    whole.close()


class Breaking:
    """A store whose disk is full after some steps."""

    def __init__(self, store: SqliteStore, steps: int) -> None:
        self._store, self._steps = store, steps

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def write_many(self, batches: Sequence[BatchOfReadings]) -> None:
        if not self._steps:
            raise StoreFault("full")
        self._steps -= 1
        self._store.write_many(batches)


def test_after_an_interruption_it_goes_on_and_a_store_that_is_not_empty_is_refused(
    village: Village, tmp_path: Path
) -> None:
    for meter in ("M-1", "M-3"):
        village.poll(meter, DAY)
    village.archive_days(DAY)
    store = SqliteStore(tmp_path / "again.db")
    with pytest.raises(StoreFault):
        refill(village, Breaking(store, 1), tmp_path)  # type: ignore[arg-type]
    assert refill(village, store, tmp_path) == [288, 288]
    assert everything(store) == everything(village.store)
    assert len((tmp_path / "again.done").read_text().splitlines()) == 3
    (tmp_path / "again.done").unlink()
    with pytest.raises(Conflict, match="holds readings already"):
        refill(village, store, tmp_path)
    store.close()


def test_only_the_days_asked_for_come_back(village: Village, tmp_path: Path) -> None:
    for day in (DAY, NEXT):
        village.poll("M-1", day)
    village.archive_days(DAY, NEXT)
    village.compact()
    store = rebuilt(village, tmp_path, NEXT, NEXT)
    rows, _ = everything(store)
    assert len(rows) == 288
    assert min(each.at_ms for each in rows) == span_ms(NEXT, NEXT, SHANGHAI)[0]
    store.close()


def test_the_order_of_a_table_does_not_depend_on_how_its_rows_came(village: Village) -> None:
    village.poll("M-1", DAY)
    village.poll("M-1", DAY, every_s=300, seq=2)
    rows, conflicts = everything(village.store)
    assert raw.same(raw.table_of(rows, conflicts), raw.table_of(rows[::-1], conflicts[::-1]))
    assert list(raw.kept(raw.table_of(rows, ()))) == sorted(rows, key=lambda each: (each.meter, each.at_ms))


def test_meters_of_which_nothing_came_are_joined_as_tables_and_one_that_is_there_twice_is_settled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A day of 30,000 meters does not fit into memory as rows: a late reading of one costs that one."""

    def of(meter: str, seq: int, *values: int) -> pa.Table:
        rows = [
            Kept(meter, at, Source.POLLED, "energy_import_wh", value, Quality.GOOD, "gw", "e", seq)
            for at, value in enumerate(values)
        ]
        return raw.table_of(rows, ())

    held = pa.concat_tables([of("M-1", 1, 5, 6), of("M-2", 1, 7), of("M-3", 2, 8), of("M-2", 2, 9)])
    seen: list[str] = []
    plain = raw.kept

    def counted(table: pa.Table) -> Iterator[Kept]:
        for each in plain(table):
            seen.append(each.meter)
            yield each

    monkeypatch.setattr(raw, "kept", counted)
    found = list(plain(raw.merged(held, of("M-3", 1, 4))))
    assert set(seen) == {"M-2", "M-3"}
    told = [(each.meter, each.value, each.seq) for each in found]
    assert told == [("M-1", 5, 1), ("M-1", 6, 1), ("M-2", 7, 1), ("M-2", 9, 2), ("M-3", 4, 1), ("M-3", 8, 2)]
