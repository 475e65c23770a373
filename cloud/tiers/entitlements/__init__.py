"""What a tier is promised, and what it got."""
