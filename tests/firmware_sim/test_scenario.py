"""Scenarios: what is wrong is told in one line, and what a village prints can be run."""

from pathlib import Path

import pytest

from firmware_sim import fleet
from firmware_sim.scenario import ScenarioError, load, parse
from firmware_sim.village import village
from tests.firmware_sim.texts import MODBUS_LINE, ONE_LINE

SCENARIOS = Path(__file__).parents[2] / "firmware_sim" / "scenarios"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("seed = 7", "seed = ", "not valid TOML"),
        ("seed = 7", "sead = 7", "sead: no such key; did you mean 'seed'?"),
        ('load = "shop"', 'load = "palace"', "meter shop: there is no load 'palace'; known: factory, farm"),
        ('load = "shop"', 'load = "shopp"', "there is no load 'shopp'; did you mean 'shop'? known: "),
        ('load = "shop"', 'behaviour = ["echo"]', "no behaviour 'echo'; did you mean 'echo-aa'? known: "),
        (
            'model = "dlt645-1997-1p"',
            'model = "dlt"',
            "meter old: there is no model 'dlt'; known: ",
        ),
        ('address = "202600010002"', 'address = "202600010001"', "meters house and shop share the address"),
        ('id = "shop"', 'id = "house"', "meter 'house' is there 2 times"),
        ('address = "202600010001"', 'address = "12"', "meter[2].address"),
        ('address = "202600010001"', 'address = "999999999999"', "is the broadcast"),
        ('address = "202600010001"', "unit = 3", "meter house: a DL/T 645 meter has an address"),
        (
            'kind = "dlt645-tcp"',
            'kind = "modbus-tcp"',
            "put it on a line of kind dlt645-tcp or dlt645-serial",
        ),
        ('load = "shop"', 'phase = "A"', "has three phases; leave `phase` out"),
        ('role = "area"', 'role = "area"\nload = "shop"', "an area meter sees its customers' load"),
        ('load = "shop"', 'load = {file = "no.csv", scale = 0}', "load"),
        ("seed = 7", 'seed = 7\n[station]\ntimezone = "Moon"', "station.timezone: 'Moon' is no zone"),
    ],
)
def test_a_mistake_is_told_in_one_line(old: str, new: str, told: str) -> None:
    assert old in ONE_LINE
    with pytest.raises(ScenarioError, match=r"^here\.toml: ") as caught:
        parse(ONE_LINE.replace(old, new, 1), "here.toml")
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_modbus_meter_has_a_unit() -> None:
    with pytest.raises(ScenarioError, match="a Modbus meter has a unit"):
        parse(MODBUS_LINE.replace("unit = 2", 'address = "202600010002"'))


def test_a_curve_file_that_is_not_there_names_the_meter(tmp_path: Path) -> None:
    text = ONE_LINE.replace('load = "shop"', 'load = {file = "no.csv"}')
    with pytest.raises(ScenarioError, match=r"meter shop: .*no\.csv: there is no such file"):
        fleet.build(parse(text, folder=tmp_path))


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"none\.toml: cannot be read"):
        load(tmp_path / "none.toml")


@pytest.mark.parametrize("name", ["village.toml", "one-line.toml"])
def test_the_scenarios_that_come_along_are_sound(name: str) -> None:
    assert fleet.build(load(SCENARIOS / name))


def test_the_village_that_comes_along_is_the_one_the_command_prints() -> None:
    assert (SCENARIOS / "village.toml").read_text(encoding="utf-8") == village(6, 10, 7)


def test_a_village_has_every_kind_of_line_and_of_customer() -> None:
    made = parse(village(6, 10, 7))
    assert [line.kind for line in made.lines] == ["dlt645-tcp"] * 4 + ["dlt645-serial", "modbus-tcp"]
    assert len(made.meters) == 60
    assert {meter.load for meter in made.meters if meter.role == "customer"} == {
        "household", "shop", "farm", "factory",
    }  # fmt: skip
    assert {meter.model for meter in made.meters} == {
        "dlt645-2007-3p", "dlt645-2007-1p", "dlt645-1997-1p", "eastron-sdm630", "chint-dtsu666",
    }  # fmt: skip
    assert all(meter.aux_supply for meter in made.meters if meter.role == "area")


def test_the_same_seed_makes_the_same_village_and_another_does_not() -> None:
    assert village(3, 20, 1) == village(3, 20, 1)
    assert village(3, 20, 1).split("\n", 2)[2] != village(3, 20, 2).split("\n", 2)[2]


def test_an_impossible_village_is_refused() -> None:
    with pytest.raises(ValueError, match=r"1\.\.500 areas"):
        village(0, 10, 7)
