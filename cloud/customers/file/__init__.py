"""What is held of a customer and for how long: contracts, grades, needs, consents, whom to call."""
