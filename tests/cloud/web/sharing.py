"""A village that costs seconds to make is made once for all workers of a run, and copied from then on."""

import fcntl
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

Pattern = tuple[Path, dict[str, str]]
"""A folder with a whole village that nobody has open, and its passwords."""


def shared(paths: pytest.TempPathFactory, name: str, make: Callable[[Path], dict[str, str]]) -> Pattern:
    """`make` fills the folder and gives the passwords; who comes second waits for who came first."""
    root = paths.getbasetemp()
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root
    folder, told = root / f"pattern-{name}", root / f"pattern-{name}.json"
    with (root / f"pattern-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not told.exists():
            folder.mkdir()
            passwords = make(folder)
            told.write_text(json.dumps(passwords))
    return folder, json.loads(told.read_text())
