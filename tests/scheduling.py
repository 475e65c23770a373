"""What the workers of a run share out: single tests, but whole what shares one costly thing.

Read off the files, for the mark `xdist_group` of pytest-xdist 3.8 has no effect under pytest 9.2, whose node
ids take no suffix. What is of many tests begins first, so that it is not what everybody waits for at the end.
"""

import re
from functools import cache
from pathlib import Path

from xdist.scheduler.loadscope import LoadScopeScheduling  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[1]
SHARES = re.compile(r'scope="(module|session)"')
TOGETHER = {
    "tests/cloud/web/load/test_console.py": "analysed",
    "tests/cloud/web/load/test_own.py": "analysed",
    "tests/proof/test_proof.py": "proof",
    "tests/system/test_command_pages.py": "pages",
    "tests/system/test_demo.py": "demo",
    "tests/system/test_pages.py": "pages",
    "tests/system/test_station.py": "station",
}
"""File and group: what is shared comes from elsewhere, or two at once would be too much for the machine."""


class Together(LoadScopeScheduling):  # type: ignore[misc]
    """One worker takes all tests of a group; every other test is on its own."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid.partition("::")[0]) or nodeid


@cache
def group_of(file: str) -> str | None:
    """The group of its own fixtures' making, or the one that is named above."""
    if file in TOGETHER:
        return TOGETHER[file]
    return file if SHARES.search((ROOT / file).read_text(encoding="utf-8")) else None
