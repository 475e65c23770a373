"""What a customer's load looks like: shapes of days, a typical day, what temperature does to it; pure."""
