"""The scenarios, by what they are about. Each module has a list `SCENARIOS`."""
