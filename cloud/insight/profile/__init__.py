"""Each customer's load profile: fitted and kept monthly, its days encoded nightly."""
