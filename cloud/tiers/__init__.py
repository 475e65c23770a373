"""Who gets which service, why, what it is worth, and whether it was delivered."""
