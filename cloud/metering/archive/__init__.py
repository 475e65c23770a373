"""Closed days as Parquet files: raw, flags, method, final and hourly; a month each once it is over.

Readers go through the manifest in the records database and never by what lies in the folder.
"""
