"""The test engine itself: a bucket of one's own, and what the gateway before it passes on or translates."""

import pytest

from tests.influx import Influx, Refused


def test_what_is_written_is_found_again_in_ones_own_bucket(influx: Influx) -> None:
    influx.write("power,meter=m1 w=1.5 1000\npower,meter=m1 w=2.5 2000")
    assert influx.query('SELECT "w" FROM "power"')[0]["values"] == [[1000, 1.5], [2000, 2.5]]


def test_a_line_that_is_none_is_told_as_2x_tells_it(influx: Influx) -> None:
    with pytest.raises(Refused) as told:
        influx.write("power w=1 1\nno line at all")
    assert told.value.status == 400
    assert b'"code"' in told.value.body


def test_types_in_conflict_are_told_as_2x_tells_them(influx: Influx) -> None:
    influx.write("power w=1i 1000")
    with pytest.raises(Refused) as told:
        influx.write("power w=1.5 2000")
    assert told.value.status == 422
