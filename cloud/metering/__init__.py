"""Readings: taken in, kept, given out within a Scope."""
