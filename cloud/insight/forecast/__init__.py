"""The day-ahead forecast of a station: made each night, kept in few rows, scored against what came."""
