"""Writes a document of tables as TOML, so that people edit what they know from gateway.toml."""

import json
from collections.abc import Iterator, Mapping
from typing import Any


def text(document: Mapping[str, Any]) -> str:
    """Plain values first, then tables, then lists of tables, as TOML needs them."""
    return "\n".join(_lines(document, ())).strip("\n") + "\n"


def _lines(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    for key, value in table.items():
        if not _is_table(value) and not _is_tables(value):
            yield f"{_key(key)} = {_value(value)}"
    for key, value in table.items():
        here = (*path, key)
        if _is_table(value):
            yield from ("", f"[{_dotted(here)}]")
            yield from _lines(value, here)
        elif _is_tables(value):
            for each in value:
                yield from ("", f"[[{_dotted(here)}]]")
                yield from _lines(each, here)


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping)


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, Mapping) for each in value)


def _dotted(path: tuple[str, ...]) -> str:
    return ".".join(_key(key) for key in path)


def _key(key: str) -> str:
    bare = key.replace("_", "").replace("-", "")
    return key if bare.isascii() and bare.isalnum() else _value(key)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_value(each) for each in value) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
