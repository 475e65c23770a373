"""The store of raw readings in an InfluxDB: line protocol in, InfluxQL out, what it cannot say beside it."""
