"""The completeness ledger: what should have come and what came, per meter and day; gaps and re-reads."""
