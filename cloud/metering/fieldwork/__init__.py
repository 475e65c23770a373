"""What fitters and readers do at metering points: exchange, ratio change, move, seals, hand-read values."""
