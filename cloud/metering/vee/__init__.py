"""Validation, estimation, editing: raw stays, flags say what is doubtful, final says what is used and why."""
