"""Takes a signed update in steps that can each fail without harm: fetch, verify, install beside, try, switch.

The release in use is touched by none of them but the last. Then it is on trial: without a `Stored` of the
cloud in time the previous one comes back.
"""

import logging
import shutil
import subprocess
import tempfile
import urllib.request
import venv
from collections.abc import Sequence
from contextlib import closing
from http.client import HTTPException
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from edge.clock import Clock
from edge.settings import UpdateSettings
from edge.upkeep.bundle import MAX_BUNDLE_BYTES, Bundle, UpdateRefused, later, unpack, verified
from edge.upkeep.releases import Releases

log = logging.getLogger(__name__)

FETCH_S: Final = 30.0
INSTALL_S: Final = 600.0
ROOM_BYTES: Final = 64 << 20
"""Left free beside four times the bundle: the outbox shares the disk, and readings go before updates."""
_FETCHED: Final = "update-"
_CHUNK: Final = 1 << 16


class Updater:
    def __init__(self, settings: UpdateSettings, config: Path) -> None:
        """`config` is the settings file that the new release must be able to read."""
        self._settings, self._config = settings, config
        self.releases = Releases(settings.folder)

    def take(self, url: str, sha256: str, signature: str) -> str:
        """Fetch, install and switch; the version that is on trial now. The caller ends the program."""
        self._sweep()
        with tempfile.TemporaryDirectory(prefix=_FETCHED, dir=self._settings.folder) as folder:
            path = Path(folder) / "bundle.tar"
            fetch(url, path)
            return self.take_file(path, sha256, signature)

    def _sweep(self) -> None:
        """What was being fetched when the power went."""
        for left in self._settings.folder.glob(f"{_FETCHED}*"):
            shutil.rmtree(left, ignore_errors=True)

    def take_file(self, path: Path, sha256: str, signature: str) -> str:
        bundle = verified(path, sha256, signature, self._settings.key_file.read_text())
        current = self.releases.current
        if not current:
            raise UpdateRefused(
                f"{self._settings.folder} holds no release; set this gateway up with `wattpost edge install`"
            )
        if self.releases.trial is not None:
            raise UpdateRefused(f"release {current} is still on trial; wait until it is confirmed")
        if not later(bundle.version, current):
            raise UpdateRefused(f"{bundle.version} is not later than {current}, which is in use")
        self._check_room(path)
        begun = f"begun {bundle.version}: it was not in place yet when the program ended"
        self.releases.note(begun, bundle.sha256)
        self.releases.stage(bundle.version, lambda target: self._install(bundle, target))
        self.releases.begin_trial(bundle.version, bundle.sha256)
        log.warning("release %s is in place of %s, on trial", bundle.version, current)
        return bundle.version

    def _check_room(self, path: Path) -> None:
        free = shutil.disk_usage(self._settings.folder).free
        wanted = 4 * path.stat().st_size + ROOM_BYTES
        if free < wanted:
            room = f"{free >> 20} MiB are free in {self._settings.folder}, and {wanted >> 20} MiB are wanted"
            raise UpdateRefused(f"{room}; free some space first")

    def _install(self, bundle: Bundle, target: Path) -> None:
        venv.create(target, with_pip=True, symlinks=True)
        wheels = target / "wheels"
        wheels.mkdir()
        files = unpack(bundle, wheels)
        python = target / "bin" / "python"
        _run(
            [python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", *files],
            "cannot be installed",
        )
        shutil.rmtree(wheels)
        program = target / "bin" / "wattpost"
        _run([program, "edge", "check", "--config", self._config], "cannot read the settings of this gateway")


class TrialWatch:
    """Ends the trial of the release in use: with the cloud's first `Stored`, or when its time is over."""

    def __init__(self, releases: Releases, clock: Clock, confirm_s: float) -> None:
        self._releases, self._clock = releases, clock
        self._trial = releases.trial
        if self._trial is not None and self._trial.version != releases.current:
            releases.abandon("power went before the switch")
            self._trial = None
        self._until_s = clock.monotonic_s() + confirm_s
        self._confirm_s = confirm_s

    @property
    def on_trial(self) -> bool:
        return self._trial is not None

    def stored(self) -> None:
        """The cloud has settled a batch: this release polls, keeps, sends and listens."""
        if self._trial is not None:
            log.info("release %s is confirmed: the cloud has stored what it sent", self._trial.version)
            self._releases.confirm()
            self._trial = None

    def overdue(self) -> bool:
        """True once, when the time is over: the previous release is in its place again, end the program."""
        if self._trial is None or self._clock.monotonic_s() < self._until_s:
            return False
        why = f"the cloud stored nothing within {self._confirm_s:.0f} s"
        is_back = self._releases.roll_back(why)
        kept = "rolled back" if is_back else "kept, for there is none to go back to"
        log.error("release %s is %s: %s", self._trial.version, kept, why)
        self._trial = None
        return is_back


def fetch(url: str, target: Path) -> None:
    """A file by https, bounded in size. What it is worth, its hash and signature tell."""
    place = _place(url)
    try:
        with closing(urllib.request.urlopen(url, timeout=FETCH_S)) as source, target.open("wb") as file:  # noqa: S310
            while chunk := source.read(_CHUNK):
                file.write(chunk)
                if file.tell() > MAX_BUNDLE_BYTES:
                    raise UpdateRefused(f"{place} is larger than {MAX_BUNDLE_BYTES >> 20} MiB")
    except (OSError, HTTPException, ValueError) as error:
        raise UpdateRefused(f"{place} cannot be fetched ({error}); try again later") from None


def _place(url: str) -> str:
    """Of a URL what may be shown: neither user, password nor what is asked for, which may hold a key."""
    try:
        parts = urlsplit(url)
        place = f"{parts.scheme}://{parts.hostname}{parts.path}"[:120]
    except ValueError:
        parts, place = None, "this URL"
    if parts is None or parts.scheme != "https" or not parts.hostname:
        raise UpdateRefused(f"{place}: updates are fetched by https only")
    return place


def _run(command: Sequence[str | Path], failure: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UpdateRefused(f"the new release {failure}: {error}") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise UpdateRefused(f"the new release {failure}: {said[-1] if said else 'it said nothing'}")
