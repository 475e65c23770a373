"""Indicators of every point by day and by month: kept, brought up to date, shown."""
