"""One desk for everything about a customer: what is known, asked for and answered, in one place."""
