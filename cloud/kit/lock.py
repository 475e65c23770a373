"""One process at a time on a file or folder: a lock that ends with its process, however that ends."""

import fcntl
import os
from pathlib import Path

from cloud.kit.errors import Conflict, Invalid


class ProcessLock:
    def __init__(self, path: Path, what: str) -> None:
        """Take the lock at `path` or raise Conflict saying who uses `what`."""
        try:
            self._file = path.open("a+", encoding="ascii")
        except OSError as error:
            raise Invalid(f"{path} cannot be opened: {error.strerror}; it has to be this user's") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            owner = self._file.read(20).strip() or "unknown"
            self._file.close()
            raise Conflict(
                f"{what} is in use by another wattpost process ({owner}): stop that one first"
            ) from None
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        self._file.close()
