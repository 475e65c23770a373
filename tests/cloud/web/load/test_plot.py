"""Where lines, bands and columns stand: gaps break them, the axis is round, nothing leaves the sheet."""

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.web.load.plot import DESK, PHONE, Form, Limit, Mark, Plot, Series, Sheet, as_data, plot, plots

VALUES = st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6), st.just(math.nan)), min_size=1, max_size=60)


def sheet(values: list[float | None], form: Form = Form.LINE, **more: object) -> Sheet:
    upper = [None if value is None else value + 1 for value in values] if form is Form.BAND else ()
    marks = tuple(Mark(number + 0.5, f"1/{number}") for number in range(len(values)))
    series = (Series("load", values, "a", form, upper),)
    return Sheet(len(values), "kW", series, marks, [f"day {n}" for n in range(len(values))], **more)  # type: ignore[arg-type]


def points(piece: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in piece.split())]


def test_a_gap_breaks_the_line_and_a_lonely_value_is_a_dot() -> None:
    drawn = plot(sheet([1.0, 2.0, None, 3.0, math.nan, 2.0, 1.0]), DESK).drawn[0]
    assert [len(points(piece)) for piece in drawn.pieces] == [2, 2]
    assert [dot.value for dot in drawn.dots] == [1.0, 2.0, 3.0, 2.0, 1.0]
    many = plot(sheet([1.0] * 50 + [None, 7.0, None] + [1.0] * 50), DESK).drawn[0]
    assert [dot.value for dot in many.dots] == [7.0]


def test_a_gap_in_columns_is_no_column_and_zero_is_one() -> None:
    drawn = plot(sheet([2.0, None, 0.0], Form.COLUMN), DESK).drawn[0]
    assert [(box.value, box.name) for box in drawn.boxes] == [(2.0, "day 0"), (0.0, "day 2")]


def test_negative_columns_hang_below_zero() -> None:
    made = plot(sheet([2.0, -1.0], Form.COLUMN), DESK)
    up, down = made.drawn[0].boxes
    assert up.y + up.height == pytest.approx(down.y, abs=0.11)
    assert next(value for _, value in made.ticks) <= -1.0


def test_a_limit_is_inside_the_sheet_even_when_nothing_reaches_it() -> None:
    made = plot(sheet([10.0, 12.0], limits=(Limit("100 %", 100.0),)), DESK)
    ((y, limit),) = made.limits
    assert limit.value == 100.0
    assert 0 <= y < made.drawn[0].dots[0].y


def test_ticks_are_round_and_begin_at_zero_unless_told_otherwise() -> None:
    ticks = [value for _, value in plot(sheet([93.0, 97.0]), DESK).ticks]
    assert ticks == [0.0, 50.0, 100.0]
    assert next(value for _, value in plot(sheet([93.0, 97.0], whole=False), DESK).ticks) == 93.0


def test_nothing_known_still_makes_a_sheet() -> None:
    made = plot(sheet([None, math.nan]), PHONE)
    assert made.drawn[0].pieces == () == made.drawn[0].dots
    assert len(made.ticks) >= 2


def test_labels_never_touch_and_the_newest_stays() -> None:
    for made in plots(sheet([1.0] * 60)):
        texts = [text for _, text, _ in made.marks]
        assert texts[-1] == "1/59"
        gaps = [right - left for (left, *_), (right, *_) in zip(made.marks, made.marks[1:], strict=False)]
        assert min(gaps) > 7 * 4


@pytest.mark.parametrize("form", Form)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(values=VALUES)
def test_nothing_leaves_the_sheet(form: Form, values: list[float | None]) -> None:
    for made in plots(sheet(values, form)):
        for x, y in placed(made):
            assert made.size.left - 0.2 <= x <= made.right + 0.2
            assert 19.8 <= y <= made.floor + 0.2
        steps = [value for _, value in made.ticks]
        assert 2 <= len(steps) <= 8
        assert steps == sorted(set(steps))


def placed(made: Plot) -> list[tuple[float, float]]:
    found = []
    for each in made.drawn:
        found += [pair for piece in each.pieces for pair in points(piece)]
        found += [(dot.x, dot.y) for dot in each.dots]
        found += [(box.x, box.y) for box in each.boxes]
        found += [(box.x + box.width, box.y + box.height) for box in each.boxes]
    return found


def test_what_the_browser_gets_keeps_gaps() -> None:
    data = as_data(sheet([1.0, None, math.nan, 2.0]), "Day")
    assert data["series"][0]["values"] == [1.0, None, None, 2.0]
    assert data["unit"] == "kW"
    assert data["position"] == "Day"
