"""What an operator sees of the collection of readings, and leaves out of it, on the real service."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from cloud.web.collection_chart import trend
from cloud.web.collection_views import share
from cloud.web.language import Words
from protocols.readings import Reading, Source
from tests.cloud.web.conftest import copied
from tests.cloud.web.markup import Page
from tests.cloud.web.village import AREAS, HOUSES, MIDNIGHT, NOW, Village, browser, csrf, meter_id

PAGES = (
    "/console/data",
    "/console/data?day=2026-11-22&sort=freeze",
    "/console/data/areas/A03",
    "/console/data/meters/A01-03",
    "/console/data/gaps",
    "/console/data/gaps?day=2026-11-22&cause=line&state=open",
)


def frozen(village: Village) -> None:
    """All but area 06 have told their value of midnight."""
    at_ms = round(MIDNIGHT.timestamp() * 1000)
    for area in range(1, AREAS):
        village.store(
            area,
            [
                Reading(meter_id(area, house), at_ms, Source.FREEZE, {"energy_import_wh": 1})
                for house in range(HOUSES + 1)
            ],
        )


@pytest.fixture(scope="module")
def counted(
    pattern: tuple[Path, dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Village]:
    """The village after its readings were counted; for tests that change nothing."""
    for village in copied(pattern, tmp_path_factory.mktemp("counted")):
        frozen(village)
        for _ in range(4):
            village.application.ledger.tick()
        yield village


@pytest.mark.parametrize("language", ["zh_CN", "en"])
@pytest.mark.parametrize("address", PAGES)
def test_every_page_is_whole_in_both_languages(counted: Village, address: str, language: str) -> None:
    answer = browser(counted, "operator", language).get(address)
    page = Page(answer.text)
    assert answer.status_code == 200
    assert page.problems == []
    assert "%(" not in page.text


def text(village: Village, address: str) -> str:
    return Page(browser(village, "operator").get(address).text).text


def test_each_rate_stands_with_its_denominator_and_what_was_left_out(counted: Village) -> None:
    said = text(counted, "/console/data")
    assert "日冻结采集成功率 83.33% 45 / 54 缺 9" in said
    assert "曲线完整率 99.64% 3,040 / 3,051 缺 11 剔除 27（确认停电）" in said
    assert "召测成功率 – 0 / 0" in said


def test_the_worst_area_comes_first_by_what_is_asked(counted: Village) -> None:
    by_curve, by_freeze = (text(counted, f"/console/data?sort={sort}") for sort in ("curve", "freeze"))
    assert by_curve.index("示例台区 01 村东") < by_curve.index("示例台区 06 水厂")
    assert by_freeze.index("示例台区 06 水厂") < by_freeze.index("示例台区 01 村东")


def test_a_meters_day_is_told_in_words_too(counted: Village) -> None:
    html = browser(counted, "operator").get("/console/data/meters/A01-03").text
    assert 'aria-label="应采 57 点，实采 46 点，其中迟到 0 点"' in html
    assert "<title>03:00–05:45 缺</title>" in html
    assert "A01-03" in text(counted, "/console/data/areas/A01")
    assert "03:00–05:45" in text(counted, "/console/data/gaps?state=ordered")


def test_the_days_of_the_trend_are_told_in_a_sentence(counted: Village) -> None:
    assert "天曲线完整率" in text(counted, "/console/data")


def test_nothing_counted_is_said_as_such(empty_village: Village) -> None:
    assert "该日尚未统计" in text(empty_village, "/console/data")
    assert "尚未统计" in text(empty_village, "/console/data/meters/A01-03")


def test_an_operator_leaves_out_a_planned_outage_and_counts_it_again(village: Village) -> None:
    client = browser(village, "operator")
    form = {
        "csrf_token": csrf(client),
        "reason": "planned_outage",
        "place": "area",
        "key": "A02",
        "start": "2026-11-23T08:00",
        "end": "2026-11-23T10:00",
        "why": "示例检修",
    }
    for wrong in ({"why": " "}, {"end": "2026-11-23T07:00"}, {"start": "soon"}):
        said = client.post("/console/data/exclusions", data=form | wrong)
        assert "没有人工剔除" in Page(said.text).text
    said = client.post("/console/data/exclusions", data=form)
    assert "计划停电 · 台区 A02" in Page(said.text).text
    village.application.ledger.tick()
    assert "剔除 72（计划停电）" in text(village, "/console/data/areas/A02")
    client.post("/console/data/exclusions/1/withdraw", data={"csrf_token": csrf(client)})
    village.application.ledger.tick()
    assert "剔除" not in text(village, "/console/data/areas/A02").split("电能表 9")[0]
    said = client.post("/console/data/exclusions/1/withdraw", data={"csrf_token": csrf(client)})
    assert said.status_code == 200


def test_what_is_nearly_all_is_never_shown_as_all() -> None:
    words = Words("en", NOW.tzinfo)  # type: ignore[arg-type]
    assert share(0.999999, words) == "99.99%"
    assert share(1.0, words) == "100.00%"
    assert share(None, words) == "–"


def test_a_day_without_a_rate_breaks_the_line() -> None:
    days = [date(2026, 11, 1) + timedelta(days=number) for number in range(5)]
    made = trend(days, [("curve", [0.97, 0.98, None, 0.99, 1.0])])
    (line,) = made.lines
    assert [len(part.split()) for part in line.parts] == [2, 2]
    assert len(line.dots) == 4
    assert made.ticks[0][1] == 0.95
