"""The words of the pages: gettext catalogues compiled in memory, numbers and times as CLDR writes them.

A page is made in one language for one station zone; every time shown is the station's, never the browser's.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import dates, numbers
from babel.messages import mofile, pofile
from babel.messages.catalog import Catalog
from babel.support import Translations

DEFAULT = "zh_CN"
LANGUAGES = {"zh_CN": "中文", "en": "English"}
CATALOGUES = Path(__file__).parent / "words"
NONE = "–"
JUST = timedelta(seconds=2)


def mark(msgid: str) -> str:
    """Names a text that is translated later, so that the catalogue test finds it."""
    return msgid


def known(language: str | None) -> str:
    """That language when there is a catalogue for it, else the default."""
    return language if language in LANGUAGES else DEFAULT


def catalogue(language: str) -> Catalog:
    """All texts of a language: each part of the pages has a file of its own, and no text stands in two."""
    whole = Catalog(locale=language, domain="messages")
    for path in sorted((CATALOGUES / language / "LC_MESSAGES").glob("*.po")):
        with path.open("rb") as lines:
            part = pofile.read_po(lines, locale=language, domain="messages", abort_invalid=True)
        if not whole.mime_headers or path.stem == "messages":
            whole.mime_headers = part.mime_headers
        for message in part:
            if not message.id:
                continue
            if message.id in whole:
                raise ValueError(f"{path}: {message.id!r} is translated in another file already")
            whole[message.id] = message
    return whole


@cache
def translations(language: str) -> Translations:
    """The compiled catalogue of a language; no build step and no compiled file on disk."""
    compiled = BytesIO()
    mofile.write_mo(compiled, catalogue(language))
    compiled.seek(0)
    return Translations(compiled, domain="messages")


@dataclass(frozen=True, slots=True)
class Words:
    """One language and one station zone."""

    language: str
    zone: ZoneInfo

    @property
    def tag(self) -> str:
        """As HTML's lang attribute wants it."""
        return "zh-CN" if self.language == "zh_CN" else self.language

    def text(self, msgid: str, **values: object) -> str:
        translated = translations(self.language).ugettext(msgid)
        return translated % values if values else translated

    def many(self, singular: str, plural: str, count: int, **values: object) -> str:
        found = translations(self.language).ungettext(singular, plural, count)
        return found % {"num": self.number(count), **values}

    def number(self, value: float | None, digits: int = 0) -> str:
        """A number with exactly that many digits after the point; a dash when there is none."""
        if value is None:
            return NONE
        pattern = "#,##0" + ("." + "0" * digits if digits else "")
        return numbers.format_decimal(value, format=pattern, locale=self.language)

    def percent(self, share: float | None) -> str:
        return NONE if share is None else numbers.format_percent(share, locale=self.language)

    def time(self, at: datetime | None) -> str:
        return NONE if at is None else dates.format_time(at, "HH:mm", tzinfo=self.zone, locale=self.language)

    def clock(self, at: datetime | None) -> str:
        return (
            NONE if at is None else dates.format_time(at, "HH:mm:ss", tzinfo=self.zone, locale=self.language)
        )

    def day(self, day: date) -> str:
        return dates.format_skeleton("MMMEd", day, locale=self.language)

    def dated(self, day: date) -> str:
        """With its year, for days that may be far off."""
        return dates.format_skeleton("yMMMd", day, locale=self.language)

    def month(self, first: date) -> str:
        """The month that begins so, with its year."""
        return dates.format_skeleton("yMMMM", first, locale=self.language)

    def moment(self, at: datetime | None, now: datetime) -> str:
        """The time alone for the station's today, with its day for any other, and its year."""
        if at is None:
            return NONE
        then, today = at.astimezone(self.zone).date(), now.astimezone(self.zone).date()
        if then == today:
            return self.time(at)
        # day and time apart: babel has no skeleton for both that every language knows
        skeleton = "MMMd" if then.year == today.year else "yMMMd"
        return f"{dates.format_skeleton(skeleton, then, locale=self.language)} {self.time(at)}"

    def age(self, at: datetime | None, now: datetime) -> str:
        """How long ago; never in the future, whatever a gateway's clock says."""
        if at is None:
            return NONE
        passed = now - at
        if passed < JUST:
            return self.text("just now")
        return dates.format_timedelta(-passed, add_direction=True, locale=self.language)

    def field(self, at: datetime | None) -> str:
        """As a browser's date-and-time field wants it."""
        return "" if at is None else at.astimezone(self.zone).strftime("%Y-%m-%dT%H:%M")

    def listed(self, parts: list[str]) -> str:
        return "、".join(parts) if self.language == "zh_CN" else ", ".join(parts)
