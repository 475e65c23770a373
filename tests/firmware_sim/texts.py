"""Scenario texts that the tests of this folder share."""

NOON_MS = 1_795_320_000_000
"""2026-11-22T12:00:00+08:00, a Sunday."""

AREA_METER, HOUSE, SHOP, OLD = "202600010000", "202600010001", "202600010002", "000000060507"

ONE_LINE = """
seed = 7

[[area]]
id = "A01"

[[line]]
name = "bus"
kind = "dlt645-tcp"
delay_ms = 0

[[meter]]
id = "area"
address = "202600010000"
model = "dlt645-2007-3p"
area = "A01"
line = "bus"
role = "area"
aux_supply = true

[[meter]]
id = "house"
address = "202600010001"
model = "dlt645-2007-1p"
area = "A01"
line = "bus"
phase = "B"

[[meter]]
id = "shop"
address = "202600010002"
model = "dlt645-2007-3p"
area = "A01"
line = "bus"
load = "shop"

[[meter]]
id = "old"
address = "000000060507"
model = "dlt645-1997-1p"
area = "A01"
line = "bus"
phase = "C"
"""

ONE_METER = """
seed = 7

[[area]]
id = "A01"

[[line]]
name = "bus"
kind = "dlt645-tcp"
delay_ms = 0

[[meter]]
id = "house"
address = "202600010001"
model = "dlt645-2007-1p"
area = "A01"
line = "bus"
"""

MODBUS_LINE = """
seed = 7

[[area]]
id = "A06"

[[line]]
name = "modbus"
kind = "modbus-tcp"
delay_ms = 0

[[meter]]
id = "area"
unit = 1
model = "eastron-sdm630"
area = "A06"
line = "modbus"
role = "area"
aux_supply = true

[[meter]]
id = "workshop"
unit = 2
model = "chint-dtsu666"
area = "A06"
line = "modbus"
load = "factory"
"""
