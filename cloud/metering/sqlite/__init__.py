"""The store of raw readings in one SQLite file."""
