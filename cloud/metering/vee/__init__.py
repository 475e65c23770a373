"""Validation, estimation, editing: raw stays, flags say what is doubtful, final says what is used and why."""

from cloud.metering.vee import days, exception_store  # whoever knows a part of it knows all of its tables

__all__ = ["days", "exception_store"]
