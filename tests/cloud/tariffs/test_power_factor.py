"""The adjustment for power factor: every cell of the three columns, and one step beyond each end."""

from decimal import Decimal

import pytest

from cloud.tariffs.power_factor import Standard, adjustment, cos_hundredths

PRINTED: dict[Standard, dict[int, str]] = {
    Standard.HIGH: {
        100: "-0.75", 95: "-0.75", 94: "-0.60", 93: "-0.45", 92: "-0.30", 91: "-0.15", 90: "0",
        89: "0.5", 88: "1.0", 87: "1.5", 86: "2.0", 85: "2.5", 84: "3.0", 83: "3.5", 82: "4.0", 81: "4.5",
        80: "5.0", 79: "5.5", 78: "6.0", 77: "6.5", 76: "7.0", 75: "7.5", 74: "8.0", 73: "8.5", 72: "9.0",
        71: "9.5", 70: "10.0", 69: "11", 68: "12", 67: "13", 66: "14", 65: "15", 64: "17", 63: "19",
    },
    Standard.USUAL: {
        100: "-1.10", 94: "-1.10", 93: "-0.95", 92: "-0.80", 91: "-0.65", 90: "-0.5", 89: "-0.4", 88: "-0.3",
        87: "-0.2", 86: "-0.1", 85: "0", 84: "0.5", 83: "1.0", 82: "1.5", 81: "2.0", 80: "2.5", 79: "3.0",
        78: "3.5", 77: "4.0", 76: "4.5", 75: "5.0", 74: "5.5", 73: "6.0", 72: "6.5", 71: "7.0", 70: "7.5",
        69: "8.0", 68: "8.5", 67: "9.0", 66: "9.5", 65: "10.0", 64: "11", 63: "12", 62: "13", 61: "14",
        60: "15", 59: "17", 58: "19",
    },
    Standard.FARM: {
        100: "-1.30", 92: "-1.30", 91: "-1.15", 90: "-1.0", 89: "-0.9", 88: "-0.8", 87: "-0.7", 86: "-0.6",
        85: "-0.5", 84: "-0.4", 83: "-0.3", 82: "-0.2", 81: "-0.1", 80: "0", 79: "0.5", 78: "1.0", 77: "1.5",
        76: "2.0", 75: "2.5", 74: "3.0", 73: "3.5", 72: "4.0", 71: "4.5", 70: "5.0", 69: "5.5", 68: "6.0",
        67: "6.5", 66: "7.0", 65: "7.5", 64: "8.0", 63: "8.5", 62: "9.0", 61: "9.5", 60: "10.0", 59: "11",
        58: "12", 57: "13", 56: "14", 55: "15", 54: "17", 53: "19",
    },
}  # fmt: skip
CELLS = [(standard, cos, percent) for standard, column in PRINTED.items() for cos, percent in column.items()]


@pytest.mark.parametrize(("standard", "cos", "percent"), CELLS)
def test_every_cell_of_the_printed_columns(standard: Standard, cos: int, percent: str) -> None:
    assert adjustment(standard, cos) == Decimal(percent)


@pytest.mark.parametrize("standard", list(Standard))
def test_worse_never_costs_less(standard: Standard) -> None:
    found = [adjustment(standard, cos) for cos in range(100, -1, -1)]
    assert found == sorted(found)


@pytest.mark.parametrize("wrong", [-1, 101])
def test_what_is_no_power_factor_is_refused(wrong: int) -> None:
    with pytest.raises(ValueError, match="hundredths"):
        adjustment(Standard.HIGH, wrong)


@pytest.mark.parametrize(
    ("active", "reactive", "cos"),
    [
        ("1000", "0", 100),
        ("1000", "484.32", 90),  # tan of acos 0.9
        ("1000", "1000", 71),
        ("0", "10", None),
        # 0.905 lies half way and goes up: 905² + q² = 1000²
        ("0.905", "0.425411", 91),
    ],
)
def test_the_factor_of_a_month_comes_from_its_energies(active: str, reactive: str, cos: int | None) -> None:
    assert cos_hundredths(Decimal(active), Decimal(reactive)) == cos
