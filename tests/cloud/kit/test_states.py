"""A state machine is its table: what stands there happens, anything else is refused in one line."""

from enum import StrEnum

import pytest

from cloud.kit.errors import Conflict
from cloud.kit.states import Machine


class Door(StrEnum):
    OPEN = "open"
    SHUT = "shut"


class Hand(StrEnum):
    PUSH = "push"
    PULL = "pull"


DOOR = Machine("the door", {(Door.SHUT, Hand.PULL): Door.OPEN, (Door.OPEN, Hand.PUSH): Door.SHUT})


def test_what_the_table_says_happens() -> None:
    assert DOOR.move(Door.SHUT, Hand.PULL) is Door.OPEN
    assert DOOR.events(Door.OPEN) == (Hand.PUSH,)


def test_anything_else_is_refused() -> None:
    with pytest.raises(Conflict, match=r"^the door is open: pull is not possible$"):
        DOOR.move(Door.OPEN, Hand.PULL)
