"""The papers of a made-up station: one scenario turned into registry, customers and gateway settings."""

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PHASES = {"A": "l1", "B": "l2", "C": "l3"}
TRANSFORMERS_KVA = (30.0, 50.0, 80.0, 100.0, 160.0, 200.0, 250.0, 315.0, 400.0, 500.0, 630.0)
ROOM = (0.75, 1.6, 2.5)
"""One transformer of three is small for what hangs on it: its outlook tells of overload."""
MISPLACED = 1
"""Which of the shops is on a household's contract, where there are so many."""
CLASSES = {"household": "household", "shop": "business", "factory": "large_industry", "farm": "farm"}


@dataclass(frozen=True, slots=True)
class Paces:
    """How often meters are polled and health is told, and how long a meter may think on these quick lines."""

    interval_s: int = 5
    timeout_s: float = 0.3
    health_s: float = 2.0
    batch_age_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Station:
    """A scenario document, and the questions the rest of the demo asks of it."""

    scenario: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> "Station":
        return cls(tomllib.loads(path.read_text(encoding="utf-8")))

    @property
    def gateways(self) -> list[str]:
        return [gateway["id"] for gateway in self.scenario["gateway"] if "area" in gateway]

    @property
    def areas(self) -> list[str]:
        return [area["id"] for area in self.scenario["area"]]

    @property
    def meters(self) -> list[str]:
        return [meter["id"] for meter in self.scenario["meter"]]

    @property
    def _gateway_of(self) -> dict[str, str]:
        return {entry["area"]: entry["id"] for entry in self.scenario["gateway"] if "area" in entry}

    def meters_of(self, gateway: str) -> list[Mapping[str, Any]]:
        area = next(area for area, each in self._gateway_of.items() if each == gateway)
        return [meter for meter in self.scenario["meter"] if meter["area"] == area]

    def registry(self, interval_s: int) -> dict[str, Any]:
        """What `wattpost cloud import registry` takes."""
        gateway_of = self._gateway_of
        names = {area["id"]: area["name"] for area in self.scenario["area"]}
        return {
            "area": [
                {"id": area["id"], "name": area["name"], "feeder": area["feeder"]}
                for area in self.scenario["area"]
            ],
            "gateway": [{"id": gateway, "name": names[area]} for area, gateway in gateway_of.items()],
            "meter": [_registered(meter, gateway_of, interval_s) for meter in self.scenario["meter"]],
        }

    def class_of(self, meter: Mapping[str, Any]) -> str:
        """As contracts say it. One shop has a household's: its use tells of it."""
        shops = [each["id"] for each in self.scenario["meter"] if each.get("load") == "shop"]
        if meter["id"] in shops[MISPLACED : MISPLACED + 1]:
            return CLASSES["household"]
        return CLASSES[meter["load"]]

    def capacities(self) -> dict[str, float]:
        """kVA of each area's transformer: usual sizes, of three one too small and two with room."""
        wanted = 4.0 * len(self.meters) / len(self.areas)
        return {area: _size(wanted * ROOM[at % len(ROOM)]) for at, area in enumerate(self.areas)}

    def customers(self, since: str) -> dict[str, Any]:
        """What `wattpost cloud import customers` takes: one made-up customer for each customer's meter."""
        meters = [meter for meter in self.scenario["meter"] if meter.get("role") != "area"]
        return {
            "customer": [
                {"id": f"C-{meter['id']}", "name": meter["customer"], "language": "zh_CN"} for meter in meters
            ],
            "account": [
                {
                    "no": account_no(meter["id"]),
                    "customer": f"C-{meter['id']}",
                    "address": f"示例村 {meter['id']}",
                    "class": self.class_of(meter),
                }
                for meter in meters
            ],
            "service": [
                {"account": account_no(meter["id"]), "meter": meter["id"], "start": since, "proven_at": since}
                for meter in meters
            ],
        }

    def gateway_toml(self, gateway: str, ready: Mapping[str, Any], place: "Place", paces: Paces) -> str:
        """gateway.toml of one gateway; `ready` is the simulator's word on where its lines are."""
        uplink = next(entry for entry in ready["gateways"] if entry["id"] == gateway)
        host, _, port = uplink["uplink"].rpartition(":")
        endpoints = {line["name"]: line for line in ready["lines"]}
        meters = self.meters_of(gateway)
        parts = [
            _table(
                "",
                {
                    "gateway": gateway,
                    "data_dir": str(place.root / gateway),
                    "interval_s": paces.interval_s,
                    "health_s": paces.health_s,
                    "supply_file": uplink.get("supply_file"),
                },
            ),
            _table(
                "[broker]", {"host": host, "port": int(port), "password_file": str(place.password(gateway))}
            ),
            _table("[outbox]", {"batch_age_s": paces.batch_age_s}),
            _table("[orders]", {"relay": True}),
            _table("[orders.passwords]", {"02": str(place.meter_password)}),
        ]
        for name in dict.fromkeys(meter["line"] for meter in meters):
            line = endpoints[name]
            parts.append(
                _table(
                    "[[line]]",
                    {
                        "name": name,
                        "kind": line["kind"],
                        "endpoint": line["endpoint"],
                        "timeout_s": paces.timeout_s,
                    },
                )
            )
            parts += [_table("[[line.meter]]", _polled(meter)) for meter in meters if meter["line"] == name]
        return "\n".join(parts)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the demo keeps its files; all of it goes with the folder."""

    root: Path

    @property
    def scenario(self) -> Path:
        return self.root / "scenario.toml"

    @property
    def cloud_toml(self) -> Path:
        return self.root / "cloud.toml"

    @property
    def policies(self) -> Path:
        return self.root / "policies"

    @property
    def cloud_data(self) -> Path:
        return self.root / "cloud"

    def gateway_toml(self, gateway: str) -> Path:
        return self.root / f"{gateway}.toml"

    def password(self, gateway: str) -> Path:
        return self.root / f"{gateway}.password"

    @property
    def meter_password(self) -> Path:
        return self.root / "meter.password"

    def accepted(self, gateway: str) -> Path:
        return self.root / f"{gateway}.accepted.jsonl"

    def log(self, name: str) -> Path:
        return self.root / f"{name}.log"


def _size(kva: float) -> float:
    return next((size for size in TRANSFORMERS_KVA if size >= kva), TRANSFORMERS_KVA[-1])


def account_no(meter: str) -> str:
    """A made-up account number (户号)."""
    return "90" + meter.replace("A", "").replace("-", "").zfill(8)


def _registered(meter: Mapping[str, Any], gateway_of: Mapping[str, str], interval_s: int) -> dict[str, Any]:
    return {
        "id": meter["id"],
        "address": str(meter.get("address", meter.get("unit"))),
        "model": meter["model"],
        "area": meter["area"],
        "gateway": gateway_of[meter["area"]],
        "line": meter["line"],
        "phase": PHASES.get(meter.get("phase", "")),
        "role": meter.get("role", "customer"),
        "interval_s": interval_s,
    }


def _polled(meter: Mapping[str, Any]) -> dict[str, Any]:
    where = {key: meter[key] for key in ("address", "unit") if key in meter}
    return {"id": meter["id"], **where, "model": meter["model"]}


def _table(head: str, values: Mapping[str, Any]) -> str:
    return "\n".join([*([head] if head else []), *_lines(values.items())]) + "\n"


def _lines(items: Iterable[tuple[str, Any]]) -> Iterable[str]:
    """TOML and JSON write numbers and strings the same way; None is left out."""
    return (f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in items if value is not None)
