"""From an overload outlook to who shifts how many kW."""
