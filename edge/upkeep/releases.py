"""The releases of a gateway: one folder each, `current` leads to the one in use, one before it is kept.

    /opt/wattpost/releases/1.4.0/   a virtual environment of its own
    /opt/wattpost/current           -> releases/1.4.0
    /opt/wattpost/pending           while it is on trial: new release, previous release, hash of the bundle
    /opt/wattpost/starts            how often it was started meanwhile; `guard` counts
    /opt/wattpost/last              what became of the last update, in words, and the hash of its bundle

The trial ends with the cloud's first `Stored`, or with the previous release back in its place. The same files
are read by `guard`, a shell script that ends the trial of a release which cannot even start. A full disk
hinders neither end: `last` is written if it can be.
"""

import logging
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

CURRENT: Final = "current"
PENDING: Final = "pending"
STARTS: Final = "starts"
LAST: Final = "last"


@dataclass(frozen=True, slots=True)
class Trial:
    """A release that has yet to prove itself, and the one to go back to."""

    version: str
    previous: str
    sha256: str = ""


class Releases:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def current(self) -> str:
        """The release in use; empty when none is installed this way."""
        link = self._folder / CURRENT
        return link.readlink().name if link.is_symlink() else ""

    @property
    def trial(self) -> Trial | None:
        try:
            version, previous, *rest = (self._folder / PENDING).read_text().split("\n")
        except (FileNotFoundError, ValueError):
            return None
        return Trial(version, previous, rest[0] if rest else "")

    @property
    def last(self) -> str:
        """What became of the last update, in words; empty when there was none."""
        return self._last()[0]

    def end_of(self, sha256: str) -> str:
        """The same of this very bundle; empty when the last update was another one."""
        words, bundle = self._last()
        return words if bundle == sha256 else ""

    def _last(self) -> tuple[str, str]:
        try:
            words, bundle, *_ = *(self._folder / LAST).read_text(errors="replace").split("\n"), ""
        except FileNotFoundError:
            return "", ""
        return words, bundle

    def path(self, version: str) -> Path:
        return self._folder / "releases" / version

    def stage(self, version: str, install: Callable[[Path], None]) -> None:
        """Install into a folder of its own; one that was left half done is made anew."""
        target = self.path(version)
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            install(target)
        except BaseException:
            shutil.rmtree(target, ignore_errors=True)
            raise

    def begin_trial(self, version: str, sha256: str = "") -> None:
        """Switch to a staged release. The trial is on disk first, for a crash in between."""
        self._write(STARTS, "0\n")
        self._write(PENDING, f"{version}\n{self.current}\n{sha256}\n")
        self._point(version)
        self.note(f"begun {version}: it is in place, on trial", sha256)

    def note(self, text: str, sha256: str = "") -> None:
        """What is to be said of the last update, unless something better comes to be known."""
        self._write(LAST, f"{text}\n{sha256}\n")

    def use(self, version: str) -> None:
        """Lead `current` to a release, without a trial: a person stands by, and ends any that goes on."""
        self._point(version)
        self._end_trial()

    def confirm(self) -> None:
        """The release in use has proved itself; older ones but the previous are removed."""
        trial = self.trial
        if trial is None:
            return
        self._end_trial(trial, f"confirmed {trial.version}")
        self._sweep({trial.version, trial.previous})

    def roll_back(self, why: str) -> bool:
        """The previous release back in its place; False when it is not there any more: the new one stays."""
        trial = self.trial
        if trial is None:
            return False
        if not trial.previous or not self.path(trial.previous).is_dir():
            self._end_trial(trial, f"kept {trial.version}, for there is no release to go back to: {why}")
            return False
        if self.current != trial.previous:
            self._point(trial.previous)
        self._end_trial(trial, f"rolled back {trial.version}: {why}")
        return True

    def abandon(self, why: str) -> None:
        """The trial of a release that is not in use: what is in use stays."""
        if trial := self.trial:
            self._end_trial(trial, f"rolled back {trial.version}: {why}")

    def _end_trial(self, trial: Trial | None = None, words: str = "") -> None:
        if trial:
            try:
                self.note(words, trial.sha256)
            except OSError as error:
                log.error("%s; this could not be written down: %s", words, error)  # noqa: TRY400
        for name in (PENDING, STARTS):
            with suppress(FileNotFoundError):
                (self._folder / name).unlink()
        _sync(self._folder)

    def _point(self, version: str) -> None:
        fresh = self._folder / f"{CURRENT}.new"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(Path("releases") / version)
        fresh.replace(self._folder / CURRENT)
        _sync(self._folder)

    def _write(self, name: str, text: str) -> None:
        fresh = self._folder / f"{name}.new"
        with fresh.open("w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._folder / name)
        _sync(self._folder)

    def _sweep(self, kept: set[str]) -> None:
        for each in (self._folder / "releases").iterdir():
            if each.name not in kept:
                shutil.rmtree(each, ignore_errors=True)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
