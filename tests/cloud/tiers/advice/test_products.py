"""Products are judged whole: what is wrong is refused with its line, and two versions follow one another."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cloud.__main__ import app
from cloud.kit.errors import Invalid, NotFound
from cloud.policies.current import Current
from cloud.tariffs.documents import CustomerClass
from cloud.tiers.advice import products
from cloud.tiers.advice.product_documents import Aim, Kind, Size

DOCUMENT = """\
id = "lamp"
name = { zh_CN = "灯", en = "Lamp" }
about = { zh_CN = "更省电的灯。", en = "A lamp that needs less." }
kind = "equipment"
from = 2026-01-01
source = "made up"
answers = "lighting"
unit = { zh_CN = "支", en = "pieces" }
price = 45.00
life_years = 8

[for]
classes = ["business"]

[effect]
saved = 0.5
part = { business = 0.25 }

[size]
by = "affected_kwh"
per = 108
least = 10
most = 500

[payback]
years = 4

[[fit]]
fact = "full_hours"
at_least = 1500
otherwise = { zh_CN = "用得少", en = "too few hours" }
"""


def refused(text: str) -> str:
    with pytest.raises(Invalid) as caught:
        products.parsed(text, "lamp.toml")
    return str(caught.value)


def test_what_ships_is_sound_and_marked_as_to_be_checked() -> None:
    found = products.read().in_force(date(2026, 11, 1))
    assert len(found) >= 10
    assert all("checked" in each.source or "station's own" in each.source for each in found)
    assert not any(each.certain for each in found)
    for each in CustomerClass:
        assert any(each in product.for_.classes for product in found if product.kind is Kind.EQUIPMENT)


def test_prices_are_exact_decimals() -> None:
    lamp = products.parsed(DOCUMENT.replace("45.00", "0.10"), "lamp.toml").document
    assert lamp.cost(Decimal(3)) == Decimal("0.30")


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("price = 45.00", "price = 0", 9, "greater than 0"),
        ("price = 45.00", "price = -3", 9, "greater than 0"),
        ("price = 45.00", "", 1, "either a price or free"),
        ("price = 45.00", "price = 45.00\nfree = true", 9, "either a price or free"),
        ('["business"]', '["buisness"]', 13, "business"),
        ('["business"]', '["business"]\nsub_tiers = ["bank.small"]', 14, "is of no class"),
        ('["business"]', '["business"]\nsub_tiers = ["household.large_family"]', 14, "contradict"),
        ('"full_hours"', '"ful_hours"', 29, "did you mean 'full_hours'"),
        ("at_least = 1500", "at_least = 1500\nbelow = 1500", 31, "no number is"),
        ("at_least = 1500", "is = true", 29, "is a number"),
        ("per = 108", "per = 0", 21, "greater than 0"),
        ("most = 500", "most = 5", 22, "above most"),
        ('by = "affected_kwh"', 'by = "kwh"', 20, "nothing is sized by"),
        ("years = 4", "years = 9", 25, "it never pays"),
        ("part = { business = 0.25 }", "part = { farm = 0.25 }", 15, "classes does not"),
        ("part = { business = 0.25 }", "", 15, "says nothing of the energy of business"),
        ("from = 2026-01-01", "from = 2026-01-01\nto = 2025-01-01", 6, "is not after"),
        ("life_years = 8", "lifeyears = 8", 10, "did you mean 'life_years'"),
        ('"lighting"', '"lightning"', 7, "lighting"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(old: str, new: str, line: int, said: str) -> None:
    told = refused(DOCUMENT.replace(old, new))
    assert told.startswith(f"lamp.toml:{line}:"), told
    assert said in told


def test_conditions_that_nobody_can_meet_together_are_refused() -> None:
    more = '\n[[fit]]\nfact = "full_hours"\nbelow = 1000\notherwise = { zh_CN = "多", en = "many" }\n'
    assert "nobody is both" in refused(DOCUMENT + more)
    flags = "".join(
        f'\n[[fit]]\nfact = "has_pv"\nis = {each}\notherwise = {{ zh_CN = "有", en = "is" }}\n'
        for each in ("true", "false")
    )
    assert refused(DOCUMENT + flags).startswith("lamp.toml:28: fit: has_pv is asked to be true")


def of(first: str, last: str | None = None, file: str = "lamp.toml") -> products.Filed:
    to = f"\nto = {last}" if last else ""
    return products.parsed(DOCUMENT.replace("from = 2026-01-01", f"from = {first}{to}"), file)


def test_versions_of_a_product_follow_one_another_without_overlap_or_gap() -> None:
    found = products.Products([of("2026-06-01"), of("2026-01-01", "2026-06-01")])
    assert [each.from_ for each in found.documents("lamp")] == [date(2026, 1, 1), date(2026, 6, 1)]
    assert [each.from_ for each in found.in_force(date(2026, 5, 31))] == [date(2026, 1, 1)]
    with pytest.raises(Invalid, match=r"b\.toml:5: lamp from 2026-06-01 overlaps that of a\.toml"):
        products.Products([of("2026-01-01", None, "a.toml"), of("2026-06-01", None, "b.toml")])
    with pytest.raises(Invalid, match=r"b\.toml:5: lamp from 2026-06-01 leaves a gap"):
        products.Products([of("2026-01-01", "2026-05-01", "a.toml"), of("2026-06-01", None, "b.toml")])
    with pytest.raises(NotFound, match="did you mean 'lamp'"):
        found.documents("lampe")


def test_a_wrong_file_leaves_the_products_before_in_force(tmp_path: Path) -> None:
    folder = tmp_path / "products"
    folder.mkdir()
    own = folder / "lamp.toml"
    own.write_text(DOCUMENT, "utf-8")
    current = Current(products.read, tmp_path, ["products"])
    assert "lamp" in current.value.ids
    own.write_text(DOCUMENT.replace("45.00", "-45.00"), "utf-8")
    assert not current.refresh()
    assert current.refused is not None
    assert f"{own}:9:" in current.refused
    assert current.value.documents("lamp")[0].price == Decimal("45.00")


def test_a_stations_own_document_stands_in_place_of_ours(tmp_path: Path) -> None:
    folder = tmp_path / "products"
    folder.mkdir()
    text = DOCUMENT.replace('"lamp"', '"led"')
    (folder / "own.toml").write_text(text, "utf-8")
    found = products.read(tmp_path)
    assert [each.name.en for each in found.documents("led")] == ["Lamp"]
    assert len(found.answering(Aim.LIGHTING, date(2026, 11, 1))) == 1


def test_sizes_go_to_the_step_and_stop_at_the_most() -> None:
    up = Size(by="kvar", step=Decimal(5), least=Decimal(10), most=Decimal(100))
    assert up.of(Decimal("10.1")) == 15
    assert up.of(Decimal(4)) is None
    assert up.of(Decimal(1000)) == 100
    down = up.model_copy(update={"round": "down"})
    assert down.of(Decimal("14.9")) == 10
    assert down.of(Decimal("9.9")) is None


def test_payback_takes_upkeep_off_and_may_never_come() -> None:
    lamp = products.parsed(DOCUMENT.replace("life_years", "upkeep = 1.00\nlife_years"), "lamp.toml").document
    assert lamp.payback_years(Decimal(10), Decimal(160)) == Decimal("3.00")
    assert lamp.payback_years(Decimal(10), Decimal(10)) is None


def test_the_command_lists_and_judges(tmp_path: Path) -> None:
    listed = CliRunner().invoke(app, ["products", "list", "--json"])
    assert listed.exit_code == 0
    assert '"shunt-capacitor"' in listed.stdout
    good, bad = tmp_path / "lamp.toml", tmp_path / "lamp2.toml"
    good.write_text(DOCUMENT, "utf-8")
    assert "lamp is sound" in CliRunner().invoke(app, ["products", "check", str(good)]).stdout
    bad.write_text(DOCUMENT.replace("2026-01-01", "2026-02-01"), "utf-8")
    error = CliRunner().invoke(app, ["products", "check", str(bad)]).exception
    assert isinstance(error, Invalid)
    assert f"{bad}:5: lamp from 2026-02-01 overlaps" in str(error)
