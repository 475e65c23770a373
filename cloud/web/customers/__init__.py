"""Pages about customers: who they are, what they are promised and offered, and what came of it."""
