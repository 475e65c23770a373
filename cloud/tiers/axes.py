"""The six separate axes of a tier (客户分级): never mixed into one score."""

from enum import StrEnum


class Axis(StrEnum):
    """`class` as contracted, `grade` as declared, `need` declared or observed with consent; `shape` group of
    days, `value` and `credit` decided month by month. The subject of each is an account (用电户)."""

    CLASS = "class"
    GRADE = "grade"
    NEED = "need"
    SHAPE = "shape"
    VALUE = "value"
    CREDIT = "credit"


class Value(StrEnum):
    A = "A"
    B = "B"
    C = "C"
    D = "D"


class Credit(StrEnum):
    """`unknown`: no bills are known to judge by."""

    GOOD = "good"
    WATCH = "watch"
    RISK = "risk"
    UNKNOWN = "unknown"
