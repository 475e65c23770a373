"""A policy in force while its files may change: a wrong file is refused, the old one keeps running."""

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from cloud.kit.errors import Invalid

log = logging.getLogger(__name__)

P = TypeVar("P")
Stamp = tuple[tuple[str, int, int], ...]


class Current(Generic[P]):
    """`read` gives the policy out of the station's folder; `names` are the files or folders it is made of.

    Take `value` once at the beginning of a piece of work. Invalid at the first reading: there is no old one.
    """

    def __init__(self, read: Callable[[Path | None], P], folder: Path | None, names: Sequence[str]) -> None:
        self._read, self._folder, self.names = read, folder, tuple(names)
        self._turn = threading.Lock()
        self._stamp = self._stamped()
        self._value = read(folder)
        self.refused: str | None = None
        """Why the files as they are now are not in force; None when they are."""

    @property
    def value(self) -> P:
        return self._value

    def refresh(self) -> bool:
        """Read again where a file changed; True when a new policy came into force."""
        with self._turn:
            stamp = self._stamped()
            if stamp == self._stamp:
                return False
            self._stamp = stamp
            try:
                self._value = self._read(self._folder)
            except Invalid as error:
                self.refused = str(error)
            else:
                self.refused = None
        if self.refused is not None:
            log.error("policy refused, the one before keeps running: %s", self.refused)
            return False
        log.info("policy %s is read anew", ", ".join(self.names))
        return True

    def _stamped(self) -> Stamp:
        found = (path for name in self.names for path in _files(self._folder, name))
        return tuple(sorted((str(path), *_state(path)) for path in found))


def fixed(value: P) -> Current[P]:
    """A policy that never changes."""
    return Current(lambda _: value, None, ())


def _files(folder: Path | None, name: str) -> Sequence[Path]:
    if folder is None:
        return ()
    file, several = folder / f"{name}.toml", folder / name
    return [*([file] if file.is_file() else []), *(several.glob("*.toml") if several.is_dir() else [])]


def _state(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size
