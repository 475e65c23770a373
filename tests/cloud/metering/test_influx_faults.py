"""What the InfluxDB store makes of every answer a server can give, and of none."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.kit.db import Database
from cloud.kit.errors import Conflict, Invalid
from cloud.kit.scope import WHOLE_STATION
from cloud.metering.influx import conflicts
from cloud.metering.influx.faults import FIRST_PAUSE_S, SETTLE_S, Pause
from cloud.metering.influx.store import InfluxStore
from cloud.metering.points import Point
from cloud.metering.store import Refused, StoreFault
from cloud.settings import InfluxSettings
from protocols.readings import Reading
from tests.certificates import Certificates
from tests.cloud.metering.influx_between import Between, Ticks, Told
from tests.cloud.metering.store_contract import T0, batch, dump, minute, reading
from tests.influx import Influx

BEYOND = 2**53 - 1
"""An instant in ms that no engine can hold in ns."""
REFUSED: Told = (400, {}, b'{"code": "invalid", "message": "a line is wrong"}')


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    made = Database(sqlite_url)
    yield made
    made.close()


@pytest.fixture
def between(influx: Influx) -> Iterator[Between]:
    made = Between(influx.url)
    yield made
    made.close()


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def store(
    influx: Influx, between: Between, database: Database, ticks: Ticks, request: pytest.FixtureRequest
) -> Iterator[InfluxStore]:
    # the first write makes a shard, which takes a while on a busy machine: only who waits for it waits little
    settings = influx.settings(url=between.url, timeout_s=1 if "silence" in request.node.name else 10)
    made = InfluxStore(settings, database, pause=Pause(ticks))
    between.lines.clear()
    yield made
    made.close()


def quarantined(database: Database) -> list[tuple[str, str, int]]:
    with database.read() as connection:
        return [(row.meter, row.reason, row.times) for row in conflicts.quarantined(connection, limit=99)]


def test_the_engine_refuses_some_lines_and_the_rest_is_durable(
    store: InfluxStore, database: Database
) -> None:
    first, last = (Reading(f"m{n}", BEYOND, reading().source, {"energy_import_wh": 1}) for n in (7, 8))
    sent = batch(first, *(reading(each) for each in range(20)), last)
    with pytest.raises(Refused) as told:
        store.write(sent)
    refused = [(each.meter, "time" in why) for _, each, why in told.value.readings]
    assert refused == [("m7", True), ("m8", True)]
    assert len(list(store.rows(WHOLE_STATION))) == 20
    with pytest.raises(Refused):
        store.write(sent)
    assert [(meter, times) for meter, _, times in quarantined(database)] == [("m8", 2), ("m7", 2)]
    assert store.facts().quarantined == 2


def test_a_type_in_conflict_is_quarantined_with_the_servers_words_and_taken_once_it_is_mended(
    store: InfluxStore, influx: Influx, database: Database
) -> None:
    influx.write(f"reading,meter=other,source=polled power_w=1i {int(T0.timestamp() * 1000)}")
    sent = batch(reading(0), reading(1, power_w=1.5), reading(2))
    with pytest.raises(Refused, match="conflict"):
        store.write(sent)
    assert [each.value for each in store.rows(WHOLE_STATION) if each.meter == "m1"] == [1000, 1002]
    influx.query("DROP MEASUREMENT reading")
    store.write(sent)
    assert quarantined(database) == []
    assert [each.value for each in store.rows(WHOLE_STATION)] == [1000, 1.5, 1002]


def test_a_body_that_is_too_large_is_halved_until_it_is_not(store: InfluxStore, between: Between) -> None:
    too_large: Told = (413, {}, b'{"code": "request too large", "message": "cannot read data: too large"}')
    between.writes.extend([too_large] * 3)
    store.write(batch(*(reading(each) for each in range(8))))
    assert len(between.lines) == 7  # 8; 4 and its halves; 4 and its halves
    assert len(list(store.rows(WHOLE_STATION))) == 8


def test_a_server_that_says_all_were_dropped_is_not_asked_line_by_line(
    store: InfluxStore, between: Between, database: Database
) -> None:
    message = "partial write: points beyond retention policy dropped=8"
    between.writes.append(
        (422, {}, json.dumps({"code": "unprocessable entity", "message": message}).encode())
    )
    with pytest.raises(Refused):
        store.write(batch(*(reading(each) for each in range(8))))
    assert len(between.lines) == 1
    assert len(quarantined(database)) == 8


@pytest.mark.parametrize(
    ("status", "remedy"),
    [(401, "token_file"), (403, "token_file"), (404, "influx bucket create --org wattpost --name t")],
)
def test_a_wrong_setting_pauses_writing_longer_each_time(
    store: InfluxStore, between: Between, ticks: Ticks, influx: Influx, status: int, remedy: str
) -> None:
    answer: Told = (status, {}, b'{"code": "x", "message": "said the server"}')
    between.writes.extend([answer, answer])
    for pause_s in (FIRST_PAUSE_S, 2 * FIRST_PAUSE_S):
        with pytest.raises(StoreFault, match=remedy.replace("wattpost", influx.org)):
            store.write(batch(reading(0)))
        before = len(between.lines)
        with pytest.raises(StoreFault, match="asked again in"):
            store.write(batch(reading(0)))
        assert len(between.lines) == before
        ticks.now += pause_s
    store.write(batch(reading(0)))
    assert len(list(store.rows(WHOLE_STATION))) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_says_when_to_come_back_is_left_alone_until_then(
    store: InfluxStore, between: Between, ticks: Ticks, status: int
) -> None:
    between.writes.append((status, {"Retry-After": "7"}, b'{"message": "busy"}'))
    with pytest.raises(StoreFault, match="busy"):
        store.write(batch(reading(0)))
    ticks.now += 6.9
    with pytest.raises(StoreFault, match="busy"):
        store.write(batch(reading(0)))
    assert len(between.lines) == 1
    ticks.now += 0.1
    store.write(batch(reading(0)))


def test_a_server_error_promises_nothing_and_is_tried_again_at_once(
    store: InfluxStore, between: Between
) -> None:
    between.writes.append((500, {}, b"not even JSON"))
    with pytest.raises(StoreFault, match="500: not even JSON"):
        store.write(batch(reading(0)))
    assert list(store.rows(WHOLE_STATION)) == []
    store.write(batch(reading(0)))


@pytest.mark.parametrize("how", ["silence", "cut", "half", "lost"])
def test_without_a_whole_answer_nothing_is_promised_and_what_comes_again_counts_once(
    store: InfluxStore, between: Between, ticks: Ticks, how: Told
) -> None:
    store.write(batch(reading(0, energy_import_wh=5), seq=2))
    between.writes.append(how)
    contest = batch(reading(0, energy_import_wh=4), reading(1), seq=1)
    with pytest.raises(StoreFault, match="does not answer"):
        store.write(contest)
    with pytest.raises(StoreFault, match="asked again"):  # what was sent may still be on its way in
        store.write(contest)
    ticks.now += SETTLE_S
    store.write(contest)
    assert [(each.value, each.seq) for each in store.rows(WHOLE_STATION)] == [(4, 1), (1001, 1)]
    assert [(each.value, each.seq) for each in store.conflicts(WHOLE_STATION)] == [(5, 2)]


@pytest.mark.parametrize("how", ["cut", "half", (200, {}, b'{"results": [{"error": "too many"}]}'), REFUSED])
def test_a_question_without_a_whole_answer_is_a_fault_and_never_a_part_of_it(
    store: InfluxStore, between: Between, how: Told
) -> None:
    store.write(batch(reading(0)))
    before = dump(store)
    between.queries.append(how)
    with pytest.raises(StoreFault):
        store.series(WHOLE_STATION, "m1", "energy_import_wh", T0, minute(9))
    assert dump(store) == before


def opened(influx: Influx, database: Database, **other: object) -> None:
    InfluxStore(influx.settings(**other), database).close()


def test_a_server_that_is_not_there_is_told_in_one_line(
    influx: Influx, database: Database, unused_port: int
) -> None:
    with pytest.raises(
        Conflict, match=r"does not answer .*: start it, or mend readings.influxdb.url"
    ) as told:
        opened(influx, database, url=f"http://127.0.0.1:{unused_port}")
    assert "\n" not in str(told.value)


def test_over_https_the_stations_own_ca_is_believed_and_no_other(
    influx: Influx, database: Database, certificates: Certificates
) -> None:
    between = Between(influx.url, certificates.cert("127.0.0.1"), certificates.key("127.0.0.1"))
    store = InfluxStore(influx.settings(url=between.url, ca_file=certificates.ca), database)
    store.write(batch(reading(0)))
    assert len(list(store.rows(WHOLE_STATION))) == 1
    with pytest.raises(Conflict, match=r"does not answer .*certificate verify failed"):
        opened(influx, database, url=between.url)
    store.close()
    between.close()


def test_a_wrong_token_is_told_in_one_line(influx: Influx, database: Database, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("no token of ours\n")
    with pytest.raises(Invalid, match=r"readings\.influxdb\.token_file should hold one that may") as told:
        opened(influx, database, token_file=tmp_path / "wrong")
    assert "\n" not in str(told.value)
    assert "no token of ours" not in str(told.value)


def test_no_token_at_all_is_told_before_anything_is_asked(database: Database) -> None:
    with pytest.raises(Invalid, match=r"readings\.influxdb\.token_file"):
        InfluxStore(InfluxSettings(), database)


def test_a_bucket_without_its_mapping_for_influxql_is_told_with_the_command(
    between: Between, influx: Influx, database: Database
) -> None:
    between.queries.append((404, {}, b'{"code": "not found", "message": "no dbrp mapping found"}'))
    with pytest.raises(Invalid, match=f"influx v1 dbrp create --db {influx.bucket} .*no dbrp mapping found"):
        opened(influx, database, url=between.url)


def test_a_token_that_may_write_and_not_read_is_told_before_anything_is_written(
    between: Between, influx: Influx, database: Database
) -> None:
    said = {"results": [{"statement_id": 0, "error": f"database not found: {influx.bucket}"}]}
    between.queries.append((200, {}, json.dumps(said).encode()))
    with pytest.raises(Invalid, match=r"token that may read it .*database not found"):
        opened(influx, database, url=between.url)


def test_a_token_for_this_bucket_alone_does_all_that_a_store_does(
    influx: Influx, database: Database, tmp_path: Path
) -> None:
    tokens = influx.tokens_for_this_bucket_alone() or {"both": influx.token}  # 1.x: one for everything
    token_file = tmp_path / "token"
    narrow = {"read": "should hold one that may", "write": "token that may read it"}
    for rights, told in narrow.items() if "read" in tokens else ():
        token_file.write_text(tokens[rights])
        with pytest.raises(Invalid, match=told):
            opened(influx, database, token_file=token_file)
    token_file.write_text(tokens["both"])
    store = InfluxStore(influx.settings(token_file=token_file), database)
    store.write(batch(reading(0), reading(1)))
    store.write(batch(reading(0, energy_import_wh=5), seq=0))
    store.write_points("area_15min", [Point({"area": "A01"}, T0, {"power_w": 5.0})])
    assert [each.value for each in store.rows(WHOLE_STATION)] == [5, 1001]
    assert [each.value for each in store.latest(WHOLE_STATION)] == [1001]
    counted = store.facts()
    assert (counted.series, counted.fields) == (2, 5)
    assert store.let_go(["m1"], T0, minute(9), 3) == 3
    assert list(store.rows(WHOLE_STATION)) == []
    store.close()


def test_a_bucket_that_is_missing_is_not_made_but_the_command_is_told(
    influx: Influx, database: Database
) -> None:
    with pytest.raises(Invalid, match=f"influx bucket create --org {influx.org} --name nowhere"):
        opened(influx, database, bucket="nowhere")


def test_a_thread_left_over_neither_writes_into_nor_reads_from_a_closed_store(store: InfluxStore) -> None:
    store.close()
    with pytest.raises(StoreFault, match="closed"):
        store.write(batch(reading(0)))
    with pytest.raises(StoreFault, match="closed"):
        store.latest(WHOLE_STATION)
