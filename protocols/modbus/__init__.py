"""Modbus as meters use it: register words to numbers, and few requests for many points."""
