"""What a made-up village does otherwise than the rules that ship: limits for so few, prices nobody published.

Agency purchase is priced by each month's notice; without any no bill of a business could be reckoned. These
are samples, say so where a bill names its source, and are no price of any province.
"""

import re
from importlib.resources import files
from pathlib import Path

LEARN_FROM = 10
SAMPLE = """\
[[components]]
from = {first}
{to}source = "示例数据，并非公布的电价 (a sample, no published price)"
floating = {{ purchase = 0.402, loss = 0.0145 }}
fixed = {{ distribution = {distribution}, system_operation = 0.0815 }}
funds = 0.0452

"""
PRICED = {
    "hubei-industry": ((("2024-05-01", "2026-01-01"), ("2026-02-01", "")), 0.1263),
    "jiangsu-industry": ((("2025-06-01", ""),), 0.1986),
}
"""By tariff the months without a notice, [from, to), and what distribution costs in them."""


def write(folder: Path) -> None:
    """Into a new folder, which the settings name as `policies_dir`."""
    (folder / "tariffs").mkdir(mode=0o700, parents=True)
    shipped = files("cloud.policies")
    text = (shipped / "mismatch.toml").read_text(encoding="utf-8")
    text = re.sub(r"^learn_from = \d+", f"learn_from = {LEARN_FROM}", text, flags=re.MULTILINE)
    (folder / "mismatch.toml").write_text(text, encoding="utf-8")
    for name, (months, distribution) in PRICED.items():
        text = (shipped / "tariffs" / f"{name}.toml").read_text(encoding="utf-8")
        blocks = "".join(
            SAMPLE.format(first=first, to=f"to = {to}\n" if to else "", distribution=distribution)
            for first, to in months
        )
        (folder / "tariffs" / f"{name}.toml").write_text(
            text.replace("[[plan]]", blocks + "[[plan]]", 1), encoding="utf-8"
        )
