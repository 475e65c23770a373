"""Keep and forget: backups that are tried, a station moved to bigger engines, a customer's person erased."""
