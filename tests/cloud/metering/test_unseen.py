"""A long reading passes over what was written after it had begun, and over nothing else."""

from cloud.metering.influx.unseen import Unseen
from protocols.readings import Source

POLLED, PROFILE = Source.POLLED, Source.PROFILE


def test_what_is_being_written_when_a_reading_begins_stays_hidden_from_it() -> None:
    unseen = Unseen()
    with unseen.writing([("m1", 10, POLLED)], []), unseen.reading() as hidden:
        pass
    assert [hidden.hides(("m1", at, POLLED)) for at in (9, 10, 11)] == [False, True, True]
    assert not hidden.hides(("m1", 10, PROFILE))


def test_what_is_written_while_a_reading_lasts_is_hidden_from_it_and_seen_by_the_next() -> None:
    unseen = Unseen()
    with unseen.reading() as hidden:
        with unseen.writing([("m1", 20, POLLED)], [("m1", 5, POLLED)]):
            pass
        with unseen.writing([("m1", 30, POLLED)], []):
            pass
        assert [hidden.hides(("m1", at, POLLED)) for at in (4, 5, 6, 20, 30)] == [
            False,
            True,
            False,
            True,
            True,
        ]
        with unseen.reading() as later:
            assert not later.hides(("m1", 30, POLLED))
