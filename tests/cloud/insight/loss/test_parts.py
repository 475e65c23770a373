"""The search's rows of four hours each out of the archive: the same energies as the days, cut finer."""

from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from cloud.analysis.loss.balance import CUSTOMER, SUPPLY, Bounded
from cloud.insight.loss import area_history, searching
from cloud.insight.loss.energies import History
from cloud.insight.loss.policy import loss_policy
from tests.cloud.insight.archived_station import ZONE, ArchivedStation, Place

FIRST = date(2026, 3, 1)
CUSTOMERS, DAYS, SLOTS = 6, 20, 96


def station(folder: Path, url: str, wh: np.ndarray) -> tuple[ArchivedStation, area_history.Area]:
    """`wh` (customers + 1, days, 96): the last is the area meter; the same days as the nights kept them."""
    place = Place("A01", "F1", wh[:-1].reshape(CUSTOMERS, -1), wh[-1].ravel())
    made = ArchivedStation(folder, [place], FIRST, DAYS, url=url)
    return made, area_history.area_of(history_of(wh), loss_policy())


def history_of(wh: np.ndarray) -> History:
    kwh = wh.astype(np.float64).sum(axis=2) / 1000
    bounds, nothing = Bounded(kwh, kwh, kwh), Bounded(*[np.zeros_like(kwh)] * 3)
    role = np.tile(np.array([[CUSTOMER]] * CUSTOMERS + [[SUPPLY]], np.int8), (1, DAYS))
    days = tuple(FIRST + timedelta(days=number) for number in range(DAYS))
    square = (wh[-1].astype(np.float64) ** 2).sum(axis=1) / 1e6
    points = (*(f"A01-{number:03}" for number in range(CUSTOMERS)), "A01-T")
    return History("A01", days, points, role, np.ones(CUSTOMERS + 1), bounds, nothing, square)


def curves() -> np.ndarray:
    wh = np.random.default_rng(1).gamma(2.0, 200.0, (CUSTOMERS + 1, DAYS, SLOTS)).astype(np.float32)
    wh[-1] = wh[:-1].sum(axis=0) * 1.04
    return wh


def test_parts_of_a_day_add_up_to_it(tmp_path: Path, sqlite_url: str) -> None:
    made, area = station(tmp_path, sqlite_url, curves())
    with closing(made.database), made.database.read() as connection:
        fine = searching._by_parts(area, connection, made.folder, ZONE)
    whole = searching._by_days(area)
    assert fine is not None
    assert fine.energies.shape == (DAYS * 6, CUSTOMERS)
    assert (fine.days, whole.days) == (DAYS, DAYS)
    for name in ("energies", "loss", "supply", "square"):
        parts = getattr(fine, name)
        added = parts.reshape(DAYS, 6, *parts.shape[1:]).sum(axis=1)
        np.testing.assert_allclose(added, getattr(whole, name), rtol=1e-4, atol=1e-3)


def test_where_the_archive_lacks_too_many_slots_the_days_are_used(tmp_path: Path, sqlite_url: str) -> None:
    wh = curves()
    holed = wh.copy()
    holed[0, : DAYS // 2, 7] = np.nan
    made, _ = station(tmp_path, sqlite_url, holed)
    area = area_history.area_of(history_of(wh), loss_policy())
    with closing(made.database), made.database.read() as connection:
        assert searching._by_parts(area, connection, made.folder, ZONE) is None


def test_where_a_file_is_damaged_the_days_that_were_kept_are_used(
    tmp_path: Path, sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    made, area = station(tmp_path, sqlite_url, curves())
    for file in (made.folder / "final" / "A01").rglob("*.parquet"):
        file.write_bytes(b"not a file of ours")
    with closing(made.database), made.database.read() as connection:
        assert searching._by_parts(area, connection, made.folder, ZONE) is None
    assert "A01 is searched by whole days" in caplog.text


@pytest.mark.parametrize(("after", "moved"), [(30, False), (100, True)])
def test_the_window_begins_behind_an_inspection_once_enough_days_have_passed(after: int, moved: bool) -> None:
    day = FIRST
    seen = day - timedelta(days=after)
    first = area_history.window(120, [seen], day, 60)
    assert first == (seen + timedelta(days=1) if moved else day - timedelta(days=119))
