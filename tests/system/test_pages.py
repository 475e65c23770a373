"""The pages in a real browser, on a phone and on a desk, in both languages, in light and dark."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.cloud.web import village as villages
from tests.cloud.web.load.analysed import analysed_village, listed
from tests.cloud.web.village import NOW, Village, reading
from tests.programs import require_program
from tests.system.browsing import Visit, chromium, served, visit

SCREENS = Path(__file__).parents[2] / "artifacts" / "pages"
DESK, PHONE = (1440, 900), (360, 740)
ORDER = "WO-20261123-0001"
CONSOLE = (
    "/console",
    "/console/areas",
    "/console/areas/A03",
    "/console/meters",
    "/console/meters/A02-00",
    "/console/alerts",
    "/console/work-orders",
    f"/console/work-orders/{ORDER}",
    "/console/gateways",
)
LOAD = (
    "/console/load",
    "/console/load/points/A01-03",
    "/console/load/forecast",
    "/console/load/forecast/transformer/A01",
    "/console/load/loss",
    "/console/load/loss/A01",
    "/console/load/inspections",
    "/console/load/inspections/1",
    "/console/load/transformers",
    "/console/load/transformers/A01",
)
PORTAL = ("/portal", "/portal/load", "/portal/notices", "/portal/report")


@dataclass(frozen=True)
class World:
    village: Village
    base: str
    browser: Browser

    def open(
        self, login: str | None, size: tuple[int, int] = DESK, language: str = "zh_CN", scheme: str = "light"
    ) -> Visit:
        opened = visit(self.browser, self.base, size, language, scheme)
        if login is not None:
            opened.sign_in(login, self.village.passwords[login])
        return opened


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    path = require_program("chromium")
    SCREENS.mkdir(parents=True, exist_ok=True)
    folder = tmp_path_factory.mktemp("village")
    pattern, passwords = analysed_village(tmp_path_factory)
    shutil.copytree(pattern, folder, dirs_exist_ok=True)
    made = villages.opened(folder)
    made.passwords = passwords
    listed(made)
    with sync_playwright() as playwright, served(made) as base:
        browser = chromium(playwright, str(path))
        yield World(made, base, browser)
        browser.close()
    made.application.stop()


LOOKS = [
    (DESK, "zh_CN", "light"),
    (DESK, "en", "dark"),
    (PHONE, "zh_CN", "dark"),
    (PHONE, "en", "light"),
]


@pytest.mark.parametrize(("size", "language", "scheme"), LOOKS)
@pytest.mark.parametrize(
    ("login", "pages"),
    [("operator", CONSOLE), ("operator", LOAD), ("c-0302", PORTAL), ("c-0103", PORTAL), (None, ("/login",))],
)
def test_every_page_is_quiet_ours_fits_and_can_be_read(
    world: World,
    login: str | None,
    pages: tuple[str, ...],
    size: tuple[int, int],
    language: str,
    scheme: str,
) -> None:
    seen = world.open(login, size, language, scheme)
    for address in pages:
        seen.go(address)
        name = f"{login or 'door'}{address.replace('/', '-')}-{size[0]}-{language}-{scheme}.png"
        seen.page.screenshot(path=SCREENS / name, full_page=True)
        assert seen.complaints == [], address
        assert seen.check("overflow") <= 0, f"{address} scrolls sideways"
        assert seen.check("lowContrast") == [], address
        if size == PHONE and login != "operator":
            assert seen.check("smallTargets") == [], address
    seen.page.context.close()


def test_a_stored_reading_shows_at_once_and_a_pause_holds_it_back(world: World) -> None:
    seen = world.open("operator", language="en")
    seen.go("/console")
    rows = seen.page.locator("#stream-rows tr")
    at = NOW + timedelta(seconds=1)
    world.village.store(1, [reading(1, 8, at)])
    expect(rows.first).to_contain_text("14:20:01")

    seen.page.click("#pause")
    world.village.store(1, [reading(1, 7, at + timedelta(seconds=1))])
    expect(seen.page.locator("#held")).to_have_text("1 new while paused")
    expect(rows.first).to_contain_text("14:20:01")

    seen.page.click("#pause")
    world.village.store(1, [reading(1, 6, at + timedelta(seconds=2))])
    expect(rows.first).to_contain_text("14:20:03")
    for number in range(9):
        world.village.store(2, [reading(2, house, at + timedelta(seconds=number)) for house in range(9)])
    expect(rows.first).to_contain_text("A02-08")
    assert rows.count() <= 60
    assert seen.complaints == []
    seen.page.context.close()


def test_what_another_operator_does_shows_without_a_reload(world: World) -> None:
    watching, acting = world.open("operator", language="en"), world.open("operator", language="en")
    watching.go("/console")
    watching.page.evaluate("window.sameDocument = true")
    acting.go("/console/alerts")
    acting.page.get_by_role("button", name=re.compile("^Acknowledge")).first.click()
    expect(watching.page.locator("#now")).to_contain_text("acknowledged by operator")
    expect(watching.page.locator("[aria-live=polite]")).to_have_text("1 alert not acknowledged")
    assert watching.page.evaluate("window.sameDocument")
    assert watching.complaints == acting.complaints == []
    watching.page.context.close()
    acting.page.context.close()


def test_meters_are_found_while_typing_after_a_slash(world: World) -> None:
    seen = world.open("operator", language="en")
    seen.go("/console/meters")
    seen.page.keyboard.press("/")
    seen.page.keyboard.type("A04-0")
    expect(seen.page.locator("#found")).to_contain_text("9 meters")
    expect(seen.page).to_have_url(re.compile(r"q=A04-0"))
    seen.page.select_option("#only", "silent")
    expect(seen.page.locator("#found")).to_contain_text("No meter fits")
    assert seen.complaints == []
    seen.page.context.close()


def test_the_keyboard_reaches_the_content_past_the_navigation(world: World) -> None:
    seen = world.open("operator")
    seen.go("/console/areas")
    seen.page.keyboard.press("Tab")
    expect(seen.page.locator(".skip")).to_be_focused()
    seen.page.keyboard.press("Enter")
    assert seen.page.evaluate("document.activeElement.id") == "main"
    seen.page.context.close()


def test_a_customer_reports_a_fault_and_an_operator_sees_it(world: World) -> None:
    customer, operator = world.open("c-0103", PHONE), world.open("operator")
    operator.go("/console")
    customer.go("/portal")
    customer.page.get_by_role("link", name="报修").click()
    customer.page.get_by_role("button", name="提交报修").click()
    number = customer.page.locator("strong.mono").inner_text()
    assert re.fullmatch(r"WO-20261123-\d{4}", number)
    expect(operator.page.locator("#now")).to_contain_text(number)
    assert customer.complaints == operator.complaints == []
    customer.page.context.close()
    operator.page.context.close()


def test_everything_works_without_javascript(world: World) -> None:
    context = world.browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 740})
    seen = Visit(context.new_page(), world.base)
    seen.sign_in("operator", world.village.passwords["operator"])
    seen.page.goto(f"{world.base}/console/work-orders/{ORDER}")
    seen.page.get_by_role("button", name="确认", exact=True).click()
    expect(seen.page.get_by_role("status")).to_have_text("工单已更新。")
    seen.page.get_by_role("button", name="English").click()
    expect(seen.page.get_by_role("heading", name="Next step")).to_be_visible()
    seen.page.goto(f"{world.base}/console/load/forecast/area/A01")
    expect(seen.page.locator("svg.plot.for-phone").first).to_be_visible()
    context.close()


def test_on_a_desk_the_values_of_a_day_show_under_the_pointer(world: World) -> None:
    seen = world.open("operator", language="en")
    seen.go("/console/load/forecast/area/A01")
    lines = seen.page.locator("watt-lines").first
    expect(lines.locator("canvas")).to_be_visible()
    expect(lines.locator("svg.plot").first).to_be_hidden()
    lines.locator(".u-over").hover()
    expect(lines.locator(".u-legend")).to_contain_text(re.compile(r"1\d:\d\d.*kW"))
    assert seen.complaints == []
    seen.page.context.close()
