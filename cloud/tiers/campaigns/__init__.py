"""Offers to groups of customers who agreed to get them, and whether they changed anything."""
