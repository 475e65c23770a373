"""Peers whose import names clash with ours or each other's live in environments of their own.

Each has a hashed lock in tests/system/peers/<name>/, or in tests/bench/peers/<name>/ where it is only
measured against; it is installed once under .venv-peers/ and kept until the lock changes.
"""

import fcntl
import hashlib
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_CACHE = _ROOT / ".venv-peers"


def peer_python(name: str) -> Path:
    """The interpreter of that peer's environment, made when it is lacking.

    Raises subprocess.CalledProcessError when it cannot be installed.
    """
    locks = (_ROOT / "tests" / room / "peers" / name / "requirements.lock" for room in ("system", "bench"))
    lock = next(each for each in locks if each.exists())
    place = _CACHE / name
    stamp = place / "installed"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest() + sys.version
    _CACHE.mkdir(exist_ok=True)
    with (_CACHE / f"{name}.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # several test processes may want it at once
        if not stamp.exists() or stamp.read_text() != wanted:
            _install(place, lock)
            stamp.write_text(wanted)
    return place / "bin" / "python"


def _install(place: Path, lock: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=True, capture_output=True)
    pip = [str(place / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--require-hashes", "-r", str(lock)], check=True, capture_output=True)
