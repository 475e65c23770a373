"""The monthly energy report (用能月报): one account's closed month, issued in numbered revisions."""
