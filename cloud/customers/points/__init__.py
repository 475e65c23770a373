"""The registry of metering points: brought in from files, looked at over time, asked over HTTP."""
