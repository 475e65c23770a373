"""Sentences for the terminal: the words that the pages have, in the language of --language or of LANG."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated
from unicodedata import east_asian_width

import typer

if TYPE_CHECKING:
    from datetime import tzinfo

    from cloud.web.language import Words


class Tongue(StrEnum):
    ZH = "zh_CN"
    EN = "en"


Language = Annotated[
    Tongue | None, typer.Option("--language", "--lang", help="Of what is said; else that of LANG.")
]


def words_of(language: Tongue | None, zone: "tzinfo | None" = None) -> "Words":
    """The zone is the station's; the terminal's pages of figures need none."""
    from zoneinfo import ZoneInfo

    from cloud.settings import spoken
    from cloud.web.language import Words

    own = zone if isinstance(zone, ZoneInfo) else ZoneInfo("Asia/Shanghai")
    return Words(language.value if language else spoken(), own)


def width(text: str) -> int:
    """Columns on a terminal: a Chinese sign takes two."""
    return sum(2 if east_asian_width(each) in "WF" else 1 for each in text)


def left(text: str, columns: int) -> str:
    return text + " " * (columns - width(text))


def right(text: str, columns: int) -> str:
    return " " * (columns - width(text)) + text
