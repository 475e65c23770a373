"""What a technician runs beside a line: one file a verb of `wattpost edge`, and parts that they share."""
