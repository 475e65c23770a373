"""Reasons, promises and advice in few words, for an operator who looks at one customer."""

from collections.abc import Mapping, Sequence
from typing import Any

from cloud.desk.outs import TermOut
from cloud.web.language import Words, mark

MOST = 3
TERMS = {
    "manager": mark("Who answers for it"),
    "order_priority": mark("Order of repair"),
    "on_site_min.city": mark("On site in town, min"),
    "on_site_min.country": mark("On site in the country, min"),
    "interval_s": mark("Read every, s"),
    "reach": mark("Notices go as far as"),
    "instalments": mark("Instalments at most"),
}


def reasons(axis: str, found: Sequence[Mapping[str, Any]], words: Words) -> list[str]:  # noqa: ARG001
    """The first reasons of a standing, a line each."""
    return [_reason(each, words) for each in found[:MOST]]


def _reason(reason: Mapping[str, Any], words: Words) -> str:
    shown = (f"{key} {_plain(value, words)}" for key, value in reason.items() if value not in (None, {}, ""))
    return " · ".join(shown)


def change(axis: str, found: Mapping[str, Any] | None, words: Words) -> str | None:  # noqa: ARG001
    """What would move it."""
    return None if not found else _reason(found, words)


def terms(found: Mapping[str, TermOut], words: Words) -> list[tuple[str, str, str]]:
    """(name, value, the rule that gave it) of what matters most."""
    return [
        (words.text(name), _plain(found[key].value, words), found[key].rule or "")
        for key, name in TERMS.items()
        if key in found
    ]


def promises(found: Mapping[str, Mapping[str, int]], words: Words) -> list[tuple[str, list[tuple[str, str]]]]:
    """(part, months in each state)."""
    return [
        (part, [(state, words.number(count)) for state, count in sorted(states.items())])
        for part, states in sorted(found.items())
    ]


def advice(kind: str, words: Words) -> str:  # noqa: ARG001
    return kind


def _plain(value: Any, words: Words) -> str:
    if isinstance(value, float):
        return words.number(value, 2)
    return str(value)
