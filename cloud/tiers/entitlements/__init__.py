"""What each account is promised, why, how it is applied, and whether it was delivered."""
