"""Readings out to the world and in from it: files in the formats others speak; missing stays missing."""
