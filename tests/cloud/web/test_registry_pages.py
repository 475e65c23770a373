"""What an operator sees of the registry over time, and writes down there, on the real service."""

import pytest

from cloud.customers.points import registry as registry_import
from cloud.fleet import events
from cloud.fleet.owners import owners
from cloud.kit.errors import Invalid
from cloud.web import point_forms
from tests.cloud.web.markup import Page
from tests.cloud.web.village import NOW, Village, browser, csrf

POINT = "/console/data/registry/points/A01-03"
PHOTO = b"\x89PNG\r\n\x1a\n" + b"\x00" * 50 + b"\x00\x00\x00\x00IEND\xaeB`\x82"
AT = "2026-11-23T10:00"


def imported(village: Village) -> int:
    path = village.application.settings.data_dir / "points.csv"
    path.write_text("计量点,台区经理,台区\nA01-03,staff-07,A01\nA09-01,,A09\n", encoding="gbk")
    order = registry_import.Order("import", NOW, village.application.settings.station.zone)
    for _ in range(2):
        registry_import.from_table(village.application.database, path, order, owners(None, "sole"))
        path.write_text("point,manager,area\nA01-03,staff-07,A01\n", encoding="utf-8")
    return 2


def written(village: Village, form: str, **fields: object) -> tuple[int, str]:
    client = browser(village, "operator", "zh_CN")
    files = {"photo": ("a.png", fields.pop("photo"))} if "photo" in fields else None
    data = {"at": AT, "why": "示例", "csrf_token": csrf(client)} | fields
    answer = client.post(f"{POINT}/{form}", data=data, files=files, follow_redirects=False)
    return answer.status_code, answer.text


@pytest.mark.parametrize("language", ["zh_CN", "en"])
def test_every_page_is_whole_in_both_languages(village: Village, language: str) -> None:
    imported(village)
    written(village, "ratio", ct="100/5", pt="1", read=["", "", "", "", ""], despite="x")
    client = browser(village, "operator", language)
    for address in ("", "?q=A01", "?q=%25", "/imports/1", "/imports/2", "/points/A01-03"):
        answer = client.get("/console/data/registry" + address)
        assert answer.status_code == 200, address
        assert Page(answer.text).problems == [], address


def test_the_diff_report_names_the_refused_row_and_the_old_value(village: Village) -> None:
    imported(village)
    client = browser(village, "operator", "zh_CN")
    assert "A09" in client.get("/console/data/registry/imports/1").text
    shown = client.get("/console/data/registry/imports/2").text
    assert "台区经理" in shown
    assert "staff-07" in shown


def test_an_exchange_is_written_down_and_waits_for_its_first_reading(village: Village) -> None:
    fields = {"meter": "N-1", "address": "900000000001", "despite": "示例"}
    status, _ = written(
        village, "exchange", removed=["99999", "", "", "", ""], installed=["0.5"] + [""] * 4, **fields
    )
    assert status == 303
    client = browser(village, "operator", "zh_CN")
    page = client.get(POINT).text
    assert "N-1" in page
    assert "尚未采到新表示数" in page
    assert "N-1" in client.get("/console/data/registry").text
    assert POINT in client.get("/console/meters/N-1").text


def test_what_is_hard_to_believe_comes_back_with_the_form_as_it_was(village: Village) -> None:
    fields = {"meter": "N-1", "address": "900000000001", "installed": ["0", "", "", "", ""]}
    status, text = written(village, "exchange", removed=["0.01", "", "", "", ""], **fields)
    assert status == 409
    assert "低于上次已知示数" in text
    assert 'value="900000000001"' in text
    with village.application.database.read() as connection:
        assert events.events(connection) == []


def test_a_photo_comes_along_and_is_shown_as_an_image_only(village: Village) -> None:
    status, _ = written(village, "field-reads", read=["99999", "", "", "", ""], despite="示例", photo=PHOTO)
    assert status == 303
    with village.application.database.read() as connection:
        [row] = events.reads(connection, "A01-03")
    answer = browser(village, "operator", "zh_CN").get(f"/console/data/registry/photos/{row.photo}")
    assert (answer.content, answer.headers["content-type"]) == (PHOTO, "image/png")
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("kwh", ["-1", "1.2345", "abc", "NaN", "1e99", "Infinity"])
def test_a_register_value_that_is_none_is_refused(kwh: str) -> None:
    with pytest.raises(Invalid):
        point_forms.registers([kwh])


@pytest.mark.parametrize("text", ["", "0001-13-01", "yesterday"])
def test_a_time_that_is_none_is_refused(village: Village, text: str) -> None:
    with pytest.raises(Invalid):
        point_forms.instant(text, village.application.settings.station.zone)
