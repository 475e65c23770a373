"""Commands in a real browser: pages fit and can be read, and a second person's approval shows by itself."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.cloud.web import village as villages
from tests.cloud.web.commanded import GATEWAY, METER, OTHER, SECOND, Asked, command
from tests.cloud.web.village import Village
from tests.programs import require_program
from tests.system.browsing import Visit, chromium, served, visit

SCREENS = Path(__file__).parents[2] / "artifacts" / "pages"
DESK, PHONE = (1440, 900), (360, 740)


@dataclass(frozen=True)
class World:
    village: Village
    asked: Asked
    base: str
    browser: Browser

    def open(
        self, login: str, size: tuple[int, int] = DESK, language: str = "en", scheme: str = "light"
    ) -> Visit:
        opened = visit(self.browser, self.base, size, language, scheme)
        opened.page.goto(self.base + "/login")
        opened.page.fill("#login", login)
        opened.page.fill("#password", self.village.passwords[login])
        opened.page.click('form[action="/login"] button')
        opened.page.wait_for_url("**/console")
        return opened


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    path = require_program("chromium")
    SCREENS.mkdir(parents=True, exist_ok=True)
    made = villages.found(tmp_path_factory.mktemp("village"))
    asked = command(made)
    with sync_playwright() as playwright, served(made) as base:
        browser = chromium(playwright, str(path))
        yield World(made, asked, base, browser)
        browser.close()
    made.application.stop()


@pytest.mark.parametrize(
    ("size", "language", "scheme"),
    [(DESK, "zh_CN", "light"), (PHONE, "en", "dark"), (PHONE, "zh_CN", "light")],
)
def test_every_page_is_quiet_ours_fits_and_can_be_read(
    world: World, size: tuple[int, int], language: str, scheme: str
) -> None:
    seen = world.open(SECOND, size, language, scheme)
    asked = world.asked
    for name, address in {
        "list": "/console/commands",
        "read": f"/console/commands/{asked.read}",
        "waiting": f"/console/commands/{asked.waiting}",
        "unknown": f"/console/commands/{asked.unknown}",
        "meter": f"/console/meters/{METER}",
        "other": f"/console/meters/{OTHER}",
        "gateway": f"/console/gateways/{GATEWAY}",
    }.items():
        seen.go(address)
        for closed in seen.page.locator("details:not([open]) > summary").all():
            if closed.is_visible():
                closed.click()
        seen.page.screenshot(
            path=SCREENS / f"commands-{name}-{size[0]}-{language}-{scheme}.png", full_page=True
        )
        assert seen.complaints == [], address
        assert seen.check("overflow") <= 0, f"{address} scrolls sideways"
        assert seen.check("lowContrast") == [], address
    seen.page.context.close()


def test_the_second_approval_issues_it_and_the_first_persons_page_follows(world: World) -> None:
    first, second = world.open("operator"), world.open(SECOND)
    for each in (first, second):
        each.go(f"/console/commands/{world.asked.waiting}")
    expect(first.page.get_by_text("Somebody else has to approve it as well")).to_be_visible()
    expect(first.page.get_by_role("button", name=re.compile("^Approve"))).to_have_count(0)
    expect(second.page.get_by_text("Back-feed risk is not recorded")).to_be_visible()
    second.page.get_by_role("button", name=re.compile("^Approve")).click()
    expect(first.page.get_by_text("issued, on its way")).to_be_visible()
    assert first.complaints == second.complaints == []
    first.page.context.close()
    second.page.context.close()
