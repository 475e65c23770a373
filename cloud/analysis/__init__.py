"""Arithmetic over arrays of readings: pure, compiled where it must be fast; nothing here knows a database."""
