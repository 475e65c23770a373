"""What a policy was given since stations have files of their own: where one lacks it, what ships holds.

A new version starts with the files of the one before; `wattpost cloud policy check` names what they lack.
"""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

ADDED: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "alerts": (
        ("kinds", "voltage_limit"),
        ("kinds", "power_factor_limit"),
        ("kinds", "demand_limit"),
        ("kinds", "curtailment"),
    ),
    "entitlements": (("watch",), ("remind",)),
    "notices": (
        ("severity", "reminder"),
        ("severity", "report"),
        ("severity", "limit"),
        ("severity", "limit_over"),
    ),
}
"""By policy tables and keys, each with those it stands in."""


def completed(name: str, content: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """A station's own file as it is taken, and what of it is as it ships ("kinds.demand_limit")."""
    missing = [place for place in ADDED.get(name, ()) if _lacks(content, place)]
    if not missing:
        return content, []
    shipped = tomllib.loads((files("cloud.policies") / f"{name}.toml").read_text(encoding="utf-8"))
    for place in missing:
        content = _with(content, shipped, place)
    return content, [".".join(place) for place in missing]


def taken(path: Path) -> list[str]:
    """What of a station's sound file is as it ships."""
    return completed(path.stem, tomllib.loads(path.read_text(encoding="utf-8")))[1]


def _lacks(content: Mapping[str, Any], place: tuple[str, ...]) -> bool:
    """Where the table around it is missing too, or is none, the file is wrong, and is refused for that."""
    for step in place[:-1]:
        found = content.get(step)
        if not isinstance(found, dict):
            return False
        content = found
    return place[-1] not in content


def _with(content: dict[str, Any], shipped: Mapping[str, Any], place: tuple[str, ...]) -> dict[str, Any]:
    first, *rest = place
    if rest:
        return content | {first: _with(content[first], shipped[first], tuple(rest))}
    return content | {first: shipped[first]}
