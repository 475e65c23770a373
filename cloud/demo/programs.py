"""The programs of a station as child processes: started, asked whether they are ready, and ended by pid."""

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

ROOT = Path(__file__).parents[2]
"""Where the packages lie, so that a child finds them whether installed or run from a checkout."""
POLL_S = 0.05


class ProgramError(Exception):
    """A child did not do what it was started for; the text says which, and the end of its log."""


@dataclass(slots=True)
class Program:
    """One child, started from the folder of the packages; its talk goes to `log`."""

    name: str
    command: Sequence[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    _began: int = 0
    _sink: BinaryIO | None = field(default=None, repr=False)

    def start(self, *, read_stdout: bool = False) -> None:
        if self._sink is None:
            self._sink = self.log.open("ab")
        self._began = self.log.stat().st_size
        self.process = subprocess.Popen(
            self.command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if read_stdout else self._sink,
            stderr=self._sink,
            start_new_session=True,  # a Ctrl-C at the terminal is ours to hand on, in order
        )

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def first_line(self) -> dict[str, Any]:
        """The JSON object by which a program says that it is ready."""
        assert self.process is not None
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.strip():
            raise ProgramError(self.told())
        ready: dict[str, Any] = json.loads(line)
        return ready

    def signal(self, number: int) -> None:
        if self.process is not None and self.running:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(number)

    def kill(self) -> None:
        """End it as a power cut would; it has no say."""
        self.signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    def stop(self, patience_s: float = 8.0) -> int:
        """Ask it to end, then end it; its exit code."""
        if self.process is None:
            return 0
        self.signal(signal.SIGTERM)
        try:
            code = self.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.kill()
            code = self.process.returncode
        if self.process.stdout is not None:
            self.process.stdout.close()
        if self._sink is not None:
            self._sink.close()
            self._sink = None
        return code

    def said(self, words: str) -> bool:
        """Whether it has said so since its last start."""
        return words.encode() in self.log.read_bytes()[self._began :]

    def told(self) -> str:
        """What it said last, for a person."""
        lines = self.log.read_text(errors="replace").strip().splitlines()[-4:]
        return f"{self.name} ended early:\n  " + "\n  ".join(lines or ["(no word)"])


def wait_until(true: Callable[[], bool], seconds: float, what: str, watched: Sequence[Program] = ()) -> None:
    """Look until `true`; ProgramError when it takes longer, or when a watched program ends meanwhile."""
    end = time.monotonic() + seconds
    while not true():
        for program in watched:
            if not program.running:
                raise ProgramError(program.told())
        if time.monotonic() > end:
            raise ProgramError(f"{what} did not happen within {seconds:.0f} s")
        time.sleep(POLL_S)


def python(module: str, *args: str) -> list[str]:
    """The command that runs a module of ours with this very interpreter."""
    return [sys.executable, "-m", module, *args]


def tool(module: str, *args: str) -> str:
    """What a short command of ours prints."""
    command = python(module, *args)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        raise ProgramError(f"{module} {args[0]}: {done.stderr.strip()}")
    return done.stdout
