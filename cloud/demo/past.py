"""What the nights would have made of the imported past, so that the pages show something from the start.

The commands anyone would type before the service runs: validate, archive and load. Between them the station's
own jobs and people act at instants of that past (`months_ago`): no result is written by hand.
"""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from cloud.demo.programs import ROOT, ProgramError, python
from cloud.demo.station import Place, Station

Say = Callable[[str], object]
BACK = timedelta(days=14)
"""So long ago the campaign began that runs still."""


@dataclass(frozen=True, slots=True)
class Span:
    """The closed days of the past, both included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1


def look_back(place: Place, span: Span, year: int, now: datetime, say: Say) -> None:
    """`year`: so many days before are known of the first area. What the commands say is in past.log;
    ProgramError: one of them failed."""
    from cloud.demo.months_ago import lately, long_ago
    from cloud.demo.then import Told

    if year:
        before = Span(span.first - timedelta(days=year), span.first - timedelta(days=1))
        _close(place, before, say, "--area", Station.read(place.scenario).areas[0])
    told = Told(place.log("past"), say)
    middle = span.last - BACK
    if middle - span.first >= BACK:
        _close(place, Span(span.first, middle), say)
        long_ago(place, span.first, middle, told)
        span = Span(middle + timedelta(days=1), span.last)
    _close(place, span, say)
    lately(place, now, told)


def _close(place: Place, span: Span, say: Say, *of: str) -> None:
    what = " of ".join([f"{span.days} days", *of[1:]])
    say(f"checking, archiving and analysing {what}: {span.first} to {span.last}")
    between = ("--from", span.first.isoformat(), "--to", span.last.isoformat())
    with place.log("past").open("ab") as log:
        for command, more in (("validate", of), ("archive", of), ("load", ())):
            done = subprocess.run(
                python("cloud", command, *between, *more, "--config", str(place.cloud_toml)),
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False,
            )  # fmt: skip
            if done.returncode:
                raise ProgramError(f"the past days could not be analysed: see {place.log('past')}")
