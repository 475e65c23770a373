"""A mistake in a TOML file is told with its line."""

import pytest

from cloud.kit.toml_lines import line_of

TEXT = """\
id = "x"

[steps]
cycle = "month"
limits = [
    { kwh = [1] },
]

[[plan]]
id = "one"

[[plan.windows]]
peak = ["08:00-10:00"]

[[plan]]
id = "two"

[[plan.windows]]
months = [1]
[[plan.windows]]
valley = ["00:00-08:00"]
"""


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (("id",), 1),
        (("steps", "cycle"), 4),
        (("steps", "limits", 0, "kwh"), 5),
        (("steps", "missing"), 3),
        (("plan", 0), 9),
        (("plan", 0, "windows", 0, "peak", 0), 13),
        (("plan", 1, "id"), 16),
        (("plan", 1, "windows", 1, "valley"), 21),
        (("nowhere",), 1),
        ((), 1),
    ],
)
def test_the_line_of_the_nearest_key_or_table(place: tuple[str | int, ...], line: int) -> None:
    assert line_of(TEXT, place) == line
