"""What the nights would have made of the imported past, so that the load pages show something from the start.

The commands anyone would type before the service runs: validate, archive and load, of the newest days.
"""

import subprocess
from datetime import date, timedelta

from cloud.demo.programs import ROOT, ProgramError, python
from cloud.demo.station import Place

MOST_DAYS = 7
"""More would keep people waiting at the start; the service does the rest in its own time."""


def look_back(place: Place, last: date, days: int) -> None:
    """Of at most so many closed days up to `last`; what the commands say is in past.log."""
    first = last - timedelta(days=min(days, MOST_DAYS) - 1)
    span = ("--from", first.isoformat(), "--to", last.isoformat())
    with place.log("past").open("ab") as log:
        for command in (("validate", *span), ("archive", *span), ("load",)):
            done = subprocess.run(
                python("cloud", *command, "--config", str(place.cloud_toml)),
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False,
            )  # fmt: skip
            if done.returncode:
                raise ProgramError(f"the past days could not be analysed: see {place.log('past')}")
