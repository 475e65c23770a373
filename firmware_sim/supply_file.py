"""The file by which a gateway with a battery sees whether the mains is there: "1" or "0".

It is the form of /sys/class/power_supply/*/online.
"""

from pathlib import Path


class SupplyFile:
    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, lit: bool) -> None:
        """Replace the file as a whole: a reader never sees it half written or empty."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_name(self.path.name + ".new")
        fresh.write_text("1\n" if lit else "0\n", encoding="ascii")
        fresh.replace(self.path)
