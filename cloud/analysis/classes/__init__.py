"""What class a customer behaves like: features of a month, models that never judge by a label they saw."""
