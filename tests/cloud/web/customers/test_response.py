"""The pages of load response: from too much load to an event, and a customer's own answer."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from cloud.app import Application, build
from cloud.customers import protection
from cloud.customers.file.actions import PORTAL
from cloud.customers.file.consents import consents_of
from cloud.customers.protection import Protection
from cloud.kit.auth import Role
from cloud.kit.days import DAY
from cloud.settings import ArchiveSettings, BrokerSettings, HttpSettings, Settings
from cloud.tiers.response import curtailment
from tests.clients import TestClient
from tests.clocks import ManualClock
from tests.cloud.tiers.response import place
from tests.cloud.tiers.response.place import BEFORE, END, EVENT_DAY, START
from tests.cloud.web import village
from tests.cloud.web.village import Village

HERE = "/console/customers/response"
HOURS = f"subject=A1&day={EVENT_DAY.isoformat()}&first=72&last=80"
LIST = """文号,批准机关,生效日期,截止日期,户号,压限负荷(kW),序位
示例发改〔2026〕1号,示例县发改局,2026-07-01,2026-09-30,7001,12.5,2
,,,,7003,4,1
"""


@dataclass(frozen=True)
class Stage:
    application: Application
    clock: ManualClock
    village: Village

    def browser(self, login: str, language: str = "en") -> TestClient:
        return village.browser(self.village, login, language)

    def archived(self) -> None:
        place.archived(self.application.database, EVENT_DAY + DAY, self.clock.now())


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One for all: whoever moves the clock puts it back, and the one that goes to the end comes last."""
    folder = tmp_path_factory.mktemp("response")
    place.made(folder, {0: 0.4}, gap=7)
    clock = ManualClock(BEFORE)
    settings = Settings(
        data_dir=folder,
        http=HttpSettings(base_url="http://127.0.0.1:8080"),
        broker=BrokerSettings(port=0),
        archive=ArchiveSettings(folder=folder / "archive"),
    )
    application = build(settings, clock, PasswordHash((Argon2Hasher(time_cost=1, memory_cost=64),)))
    made = Village(application, clock, application.watch)
    for login in ("li", "wang"):
        made.passwords[login] = application.accounts.add(login, Role.OPERATOR, None)
    for number in (0, 1):
        made.passwords[f"c{number}"] = application.accounts.add(f"c{number}", Role.CUSTOMER, f"C{number}")
    yield Stage(application, clock, made)
    application.stop()


def sent(client: TestClient, address: str, **values: object) -> str:
    """A form of ours; the page it leads to."""
    answer = client.post(address, data={"csrf_token": village.csrf(client), **values}, follow_redirects=True)
    assert answer.status_code == 200, answer.text
    return str(answer.text)


def test_a_late_event_is_not_offered_and_nonsense_is_no_error(stage: Stage) -> None:
    stage.clock.set(START - timedelta(hours=2))
    page = stage.browser("li").get(f"{HERE}/plan?{HOURS}").text
    stage.clock.set(BEFORE)
    assert "too late to ask" in page
    assert "Propose an event</button>" not in page
    for hours in ("first=80&last=72", "first=-5&last=900"):
        answer = stage.browser("li").get(f"{HERE}/plan?subject=A1&day={EVENT_DAY.isoformat()}&{hours}")
        assert answer.status_code == 422
    assert stage.browser("li").get(f"{HERE}/events/99").status_code == 404
    assert stage.browser("li").get(f"{HERE}/events/{10**30}").status_code == 422


def test_a_day_without_a_forecast_is_not_known_and_not_called_well(stage: Stage) -> None:
    day = EVENT_DAY + 5 * DAY
    page = stage.browser("li").get(f"{HERE}?day={day.isoformat()}").text
    assert "nothing can be said" in page
    assert "No transformer is expected" not in page


def test_a_curtailment_list_is_read_with_its_contradictions(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(LIST, encoding="utf-8")
    with stage.application.database.write() as connection:
        protection.protect(connection, "7003", Protection.IMPORTANT, "test", "op", BEFORE)
        curtailment.keep(connection, curtailment.read(tmp_path / "list.csv"), "op", BEFORE)
    page = stage.browser("li", "zh_CN").get(HERE).text
    assert "示例发改〔2026〕1号" in page
    assert "名单中有受保护或重要客户：7003" in page
    assert "软件只展示，不自动执行" in page
    assert "今日有序用电名单有效" in page


def test_a_customer_agrees_says_a_figure_and_takes_it_back(stage: Stage) -> None:
    customer = stage.browser("c1")
    assert "You may ask me" in sent(customer, "/portal/offers/response/consent", agree="false")
    assert "you may be asked" in sent(customer, "/portal/offers/response/consent", agree="true")
    with stage.application.database.read() as connection:
        assert PORTAL in [each.how for each in consents_of(connection, "C1")]  # as in their own file
    assert "saved" in sent(customer, "/portal/offers/response/offered", account="7001", kw="2,5")
    assert 'value="2.500"' in customer.get("/portal/offers/response").text
    assert "not saved" in sent(customer, "/portal/offers/response/offered", account="7000", kw="2.5")
    assert "not saved" in sent(customer, "/portal/offers/response/offered", account="7001", kw="much")
    sent(customer, "/portal/offers/response/offered", account="7001", kw="")
    assert 'value="2.500"' not in customer.get("/portal/offers/response").text


def test_nobody_else_sees_these_pages(stage: Stage) -> None:
    customer = stage.browser("c0")
    for address in (HERE, f"{HERE}/plan?{HOURS}", f"{HERE}/events/1"):
        assert customer.get(address).status_code == 403
    assert stage.browser("li").get("/portal/offers/response").status_code == 403


def test_from_too_much_load_to_what_the_customer_is_paid(stage: Stage) -> None:
    li, wang, customer = stage.browser("li"), stage.browser("wang"), stage.browser("c0")
    page = li.get(HERE).text
    assert "1 transformer may go above its limit" in page
    assert "subject=A1" in page
    page = li.get(f"{HERE}/plan?{HOURS}").text
    assert "not enough" in page
    assert "Tell dispatch" in page
    assert "no consent to be asked 1" in page
    hours = {"subject": "A1", "day": EVENT_DAY.isoformat(), "first": 72, "last": 80}
    page = sent(li, f"{HERE}/events", account=["7000", "7001"], **hours)
    assert "You proposed it: a second person approves." in page
    assert "does not follow" in sent(li, f"{HERE}/events/1/step", step="approve")
    assert "Ask the customers" in sent(wang, f"{HERE}/events/1/step", step="approve")
    assert "customers are asked" in sent(li, f"{HERE}/events/1/step", step="invite")

    page = customer.get("/portal/offers/response").text
    assert "Draw 1.1 kW less than usual then." in page
    assert "Up to 5.50 CNY" in page
    assert "Your answer is saved." in sent(
        customer, "/portal/offers/response/1/reply", reply="accept", kw="1.1"
    )
    assert "not saved" in sent(stage.browser("c1"), "/portal/offers/response/1/reply", reply="accept")
    assert "Invitation to shift load" in customer.get("/portal/notices").text

    stage.clock.set(END)
    stage.application.tiers.responses.tick()
    stage.archived()
    li, customer = stage.browser("li"), stage.browser("c0")
    assert "effect measured" in sent(li, f"{HERE}/events/1/step", step="measure")
    page = sent(li, f"{HERE}/events/1/step", step="settle")
    assert "Shifted:" in page
    assert "would have been drawn" in page
    assert "up to what was accepted" in page
    page = customer.get("/portal/offers/response").text
    assert "You shifted" in page
    assert "Paid: 5.50 CNY" in page
    assert "7001" not in page
